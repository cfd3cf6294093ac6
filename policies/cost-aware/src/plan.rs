//! How many of which size would carry the load.
//!
//! For `n` replicas of which `spare` may be lost, and a size of `c` CPU and `m` memory:
//!
//! * `(n − spare) · c ≥ cpu used / cpu_target · (1 + slack)`, and likewise for memory
//! * `m ≥ peak · (1 + headroom)`, and `(n − spare) · m ≥ memory used · (1 + headroom)`: with fewer replicas, each holds more
//! * `n` is at least `at_least`, the number of zones, and the bound; at most the bound

use std::fmt;

use trimtab_sdk::snapshot::Limits;
use trimtab_sdk::{Snapshot, replicas};

use crate::Parameters;
use crate::need::Need;
use crate::offer::{Offers, Size};

/// Where any size can be had: so many counts are tried, from the least up. More replicas only add to what each has of its own.
const COUNTS_MAX: u32 = 256;

/// So many replicas of that size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plan<'o> {
    pub(crate) count: u32,
    pub(crate) size: Size,
    pub(crate) name: Option<&'o str>,
}

impl Plan<'_> {
    /// What it costs an hour; `None` where nobody has said.
    pub(crate) fn cost(&self, offers: &Offers<'_>) -> Option<f64> {
        offers.price(self.size, self.name).map(|price| price * f64::from(self.count))
    }

    /// Whether it has at least as many replicas, and of each at least as much.
    pub(crate) fn takes_nothing_from(&self, other: &Plan<'_>) -> bool {
        self.count >= other.count && self.size.covers(other.size)
    }
}

/// What every plan must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'r> {
    fewest: u32,
    most: u32,
    spare: u32,
    limits: &'r Limits,
    parameters: &'r Parameters,
    need: &'r Need,
}

impl<'r> Rules<'r> {
    pub(crate) fn of(snapshot: &'r Snapshot<'_>, parameters: &'r Parameters, need: &'r Need) -> Self {
        let (target, limits) = (snapshot.target(), &snapshot.target().limits);
        let [at_least, spare] = [parameters.at_least, parameters.spare].map(|some| u32::try_from(some).unwrap_or(0));
        let zones = if parameters.spread { u32::try_from(target.zones.len()).unwrap_or(u32::MAX) } else { 0 };
        let wished = at_least.max(zones).max(spare.saturating_add(1)).max(1);
        // The operator's bound stands above what is wished for.
        let fewest = wished.max(limits.replicas_min).min(limits.replicas_max);
        Self { fewest, most: limits.replicas_max, spare, limits, parameters, need }
    }

    /// Most replicas.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// Whether the plan carries the load as it is.
    pub(crate) fn is_met_by(&self, plan: &Plan<'_>) -> bool {
        self.fewest_of(plan.size, 0.0).is_some_and(|fewest| plan.count >= fewest)
    }

    /// The fewest replicas of a size that carry the load and `slack` more; `None` where one of them is too small for what a
    /// replica keeps in memory, or more were needed than may be.
    pub(crate) fn fewest_of(&self, size: Size, slack: f64) -> Option<u32> {
        let (cpu, memory) = (size.cpu_millis as f64, size.memory_bytes as f64);
        let above_peak = 1.0 + self.parameters.headroom;
        if cpu <= 0.0 || memory < self.need.peak * above_peak {
            return None;
        }
        let more = 1.0 + slack;
        let wishes =
            [self.need.cpu * more / cpu, self.need.memory * more / memory, self.need.memory_used * above_peak / memory];
        let carriers = replicas(wishes.into_iter().fold(0.0, f64::max));
        let count = carriers.saturating_add(self.spare).max(self.fewest);
        (count <= self.most).then_some(count)
    }

    /// Every plan worth a thought; with `least`, only those that take nothing from it.
    pub(crate) fn plans<'o>(&self, offers: &Offers<'o>, least: Option<&Plan<'_>>) -> Vec<Plan<'o>> {
        let slack = self.parameters.slack;
        let named = offers.named().iter().filter(|offer| self.is_allowed(offer.size));
        let named = named.filter_map(|offer| {
            let count = self.fewest_of(offer.size, slack)?.max(least.map_or(0, |least| least.count));
            Some(Plan { count, size: offer.size, name: Some(offer.name) })
        });
        let mut plans: Vec<Plan<'o>> = named.collect();
        if matches!(offers, Offers::Free(_)) {
            let from = self.fewest.max(least.map_or(0, |least| least.count));
            let counts = from..=self.most.min(from.saturating_add(COUNTS_MAX - 1));
            plans.extend(counts.filter_map(|count| {
                let size = self.least_size(count, least)?;
                Some(Plan { count, size, name: None })
            }));
        }
        plans.retain(|plan| least.is_none_or(|least| plan.takes_nothing_from(least)));
        plans
    }

    /// The smallest size of which so many carry the load; `None` where the bounds have none.
    fn least_size(&self, count: u32, least: Option<&Plan<'_>>) -> Option<Size> {
        let carriers = f64::from(count.checked_sub(self.spare).filter(|carriers| *carriers > 0)?);
        let (need, more) = (self.need, 1.0 + self.parameters.slack);
        let above_peak = 1.0 + self.parameters.headroom;
        let memory = (need.memory * more).max(need.memory_used * above_peak) / carriers;
        let steps = [self.parameters.cpu_step, self.parameters.memory_step_mib];
        let [cpu_step, mib_step] = steps.map(|step| u64::try_from(step).unwrap_or(1).max(1));
        let floor = least.map_or(Size { cpu_millis: 0, memory_bytes: 0 }, |least| least.size);
        let fewest = self.limits.least;
        let size = Size {
            cpu_millis: in_steps(need.cpu * more / carriers, cpu_step)
                .max(floor.cpu_millis)
                .max(fewest.cpu_millis.unwrap_or(0)),
            memory_bytes: in_steps(memory.max(need.peak * above_peak), mib_step.saturating_mul(1 << 20))
                .max(floor.memory_bytes)
                .max(fewest.memory_bytes.unwrap_or(0)),
        };
        self.is_allowed(size).then_some(size)
    }

    /// Whether the bounds allow a size.
    fn is_allowed(&self, size: Size) -> bool {
        let Limits { least, most, .. } = self.limits;
        let within = |amount: u64, least: Option<u64>, most: Option<u64>| {
            amount >= least.unwrap_or(0) && amount <= most.unwrap_or(u64::MAX)
        };
        within(size.cpu_millis, least.cpu_millis, most.cpu_millis)
            && within(size.memory_bytes, least.memory_bytes, most.memory_bytes)
    }
}

/// Rounded up to whole steps, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates; bounds come after")]
fn in_steps(amount: f64, step: u64) -> u64 {
    let steps = (amount / step as f64 * (1.0 - 1e-9)).ceil().max(1.0);
    (steps as u64).saturating_mul(step)
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(out, "{} × {name}", self.count),
            None => write!(out, "{} × {}", self.count, self.size),
        }
    }
}
