//! The rule for one dimension, after `asgard.workers.autoscaler` (`DecisionComponent`): change only if
//! `|use / set aside − target| > margin`; then `new = use / target` (Asgard's `usage × allocated / target`, with usage as
//! a share of what is allocated). Around it, what Asgard lacks: a floor above use, throttling, rounding before the
//! comparison, and no lowering while an instance is not seen.

use std::fmt;

use trimtab_sdk::snapshot::{Container, Limits};
use trimtab_sdk::{Resources, figure};

use crate::Parameters;
use crate::use_by_instance::Usage;

const MIB: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    Cpu,
    Memory,
}

/// What is set aside for a container in one dimension; CPU in thousandths of a core, memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) request: Option<u64>,
    pub(crate) limit: Option<u64>,
}

/// What one dimension came to.
#[derive(Debug)]
pub(crate) enum Verdict {
    Change(Room, String),
    Hold(Held),
}

/// Why a dimension stays as it is.
#[derive(Debug, PartialEq)]
pub(crate) enum Held {
    NothingSetAside,
    NoSample(String),
    WithinMargin {
        share: f64,
        target: f64,
    },
    Unseen {
        missing: u32,
    },
    Floor {
        floor: String,
        present: String,
    },
    Bound {
        present: String,
        bound: String,
    },
    Rounding {
        present: String,
    },
    /// As Asgard only.
    Dropped,
}

impl Dimension {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn put(self, resources: &mut Resources, figure: Option<u64>) {
        match self {
            Self::Cpu => resources.cpu_millis = figure,
            Self::Memory => resources.memory_bytes = figure,
        }
    }

    pub(crate) fn of(self, resources: &Resources) -> Option<u64> {
        match self {
            Self::Cpu => resources.cpu_millis,
            Self::Memory => resources.memory_bytes,
        }
    }

    /// A thousandth of a core, or a MiB.
    pub(crate) fn unit(self) -> u64 {
        match self {
            Self::Cpu => 1,
            Self::Memory => MIB,
        }
    }

    fn step(self, parameters: &Parameters) -> u64 {
        let step = match self {
            Self::Cpu => parameters.round_cpu,
            Self::Memory => parameters.round_memory_mib,
        };
        u64::try_from(step).unwrap_or(1).max(1).saturating_mul(self.unit())
    }

    pub(crate) fn show(self, amount: f64) -> String {
        match self {
            Self::Cpu => format!("{}m", figure(amount)),
            Self::Memory => format!("{}Mi", figure(amount / MIB as f64)),
        }
    }
}

impl Room {
    /// `None` where nothing, or zero, is set aside: no share can be taken of it.
    pub(crate) fn of(dimension: Dimension, container: &Container) -> Option<Self> {
        let known = |resources| dimension.of(resources).filter(|amount| *amount > 0);
        let room = Self { request: known(&container.requests), limit: known(&container.limits) };
        (room.request.is_some() || room.limit.is_some()).then_some(room)
    }

    /// The base of the share: the request, or the limit where there is no request.
    pub(crate) fn base(self) -> u64 {
        self.request.or(self.limit).unwrap_or(1)
    }

    /// The same room with another base: where both are set, the limit keeps its proportion to the request.
    pub(crate) fn with_base(self, base: u64, most: Option<u64>) -> Self {
        match (self.request, self.limit) {
            (Some(request), Some(limit)) => {
                let scaled = u128::from(limit) * u128::from(base) / u128::from(request.max(1));
                let scaled = u64::try_from(scaled).unwrap_or(u64::MAX).min(most.unwrap_or(u64::MAX));
                Self { request: Some(base), limit: Some(scaled.max(base)) }
            }
            (Some(_), None) => Self { request: Some(base), limit: None },
            (None, _) => Self { request: None, limit: Some(base) },
        }
    }
}

impl Held {
    /// Whether nothing can be said, as against a wish to stay.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::NoSample(_))
    }
}

/// A hundred-millionth of the share is forgiven: 0.55 − 0.5 is above 0.05 in floating point.
const FORGIVEN: f64 = 1e-8;

pub(crate) fn decide(
    dimension: Dimension,
    present: Room,
    usage: &Usage,
    throttled: Option<f64>,
    limits: &Limits,
    parameters: &Parameters,
) -> Verdict {
    let target = match dimension {
        Dimension::Cpu => parameters.cpu_target,
        Dimension::Memory => parameters.memory_target,
    };
    let base = present.base();
    let allocated = base as f64;
    let share = usage.current / allocated;
    let throttled = throttled.filter(|share| *share > parameters.throttled_above);
    if (share - target).abs() <= parameters.margin + FORGIVEN && throttled.is_none() {
        return Verdict::Hold(Held::WithinMargin { share, target });
    }
    let by_rule = usage.current / target;
    // Use is cut off at the limit while it is throttled, so that the rule alone would see too little demand.
    let wish = throttled.map_or(by_rule, |share| by_rule.max(allocated * (1.0 + share.min(1.0))));
    let lowers = wish < allocated;
    if lowers && usage.missing > 0 {
        return Verdict::Hold(Held::Unseen { missing: usage.missing });
    }
    let peak = match dimension {
        Dimension::Cpu => usage.current,
        Dimension::Memory => usage.peak.max(usage.current),
    };
    let floor = peak * (1.0 + parameters.headroom);
    if lowers && floor >= allocated {
        return Verdict::Hold(Held::Floor { floor: dimension.show(floor), present: dimension.show(allocated) });
    }
    let (least, most) = (dimension.of(&limits.least), dimension.of(&limits.most));
    let step = dimension.step(parameters);
    let new = clamped(rounded(wish.max(floor), floor, step), least, most);
    let is_no_change = if lowers { new >= base } else { new <= base };
    if is_no_change {
        let bound = if lowers { least } else { most };
        return Verdict::Hold(match bound.filter(|bound| *bound == new) {
            Some(bound) => Held::Bound { present: dimension.show(allocated), bound: dimension.show(bound as f64) },
            None => Held::Rounding { present: dimension.show(allocated) },
        });
    }
    if lowers && (new as f64) < floor {
        return Verdict::Hold(Held::Floor { floor: dimension.show(floor), present: dimension.show(allocated) });
    }
    let mut reason = format!(
        "{}: {}% of {} used ({} on the {} of {}), target {}%",
        dimension.word(),
        figure(share * 100.0),
        dimension.show(allocated),
        dimension.show(usage.current),
        parameters.aggregate,
        usage.measured,
        figure(target * 100.0),
    );
    if let Some(share) = throttled {
        reason += &format!(", throttled in {}% of periods", figure(share * 100.0));
    }
    if floor > wish {
        reason += &format!(", floor {}", dimension.show(floor));
    }
    reason += &format!(": {}", dimension.show(new as f64));
    Verdict::Change(present.with_base(new, most), reason)
}

/// The nearest multiple of the step, at least one, and not below the floor.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates; bounds come after")]
fn rounded(wish: f64, floor: f64, step: u64) -> u64 {
    let step_size = step as f64;
    let steps = (wish / step_size).round().max((floor / step_size).ceil()).max(1.0);
    (steps as u64).saturating_mul(step)
}

/// Held to the bounds; as in Asgard, the least wins where they contradict.
fn clamped(amount: u64, least: Option<u64>, most: Option<u64>) -> u64 {
    amount.min(most.unwrap_or(u64::MAX)).max(least.unwrap_or(0))
}

impl fmt::Display for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingSetAside => out.write_str("neither request nor limit is set to take a share of"),
            Self::NoSample(reading) => write!(out, "no instance has a fresh sample of `{reading}`"),
            Self::WithinMargin { share, target } => {
                write!(out, "{}% used is within the margin of {}%", figure(share * 100.0), figure(target * 100.0))
            }
            Self::Unseen { missing } => write!(out, "not lowered while {missing} instances have no fresh sample"),
            Self::Floor { floor, present } => write!(out, "not lowered from {present}: the floor above use is {floor}"),
            Self::Bound { present, bound } => {
                write!(out, "stays at {present}: the bound is {bound}")
            }
            Self::Rounding { present } => {
                write!(out, "stays at {present}: the change is lost in rounding")
            }
            Self::Dropped => out.write_str("use is nothing, and Asgard then sends a change without a figure"),
        }
    }
}
