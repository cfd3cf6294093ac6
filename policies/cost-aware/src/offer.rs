//! Which sizes can be had, and for how much.

use std::fmt;

use trimtab_sdk::snapshot::Container;
use trimtab_sdk::{Refusal, Resources, Snapshot, figure};

use crate::{Parameters, Price};

pub(crate) const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1_073_741_824.0;

/// What one replica has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) cpu_millis: u64,
    pub(crate) memory_bytes: u64,
}

/// A size that has a name and a price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Offer<'o> {
    pub(crate) name: &'o str,
    pub(crate) size: Size,
    /// Of one replica for one hour.
    pub(crate) per_hour: f64,
}

/// All that can be had.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Offers<'o> {
    /// The backend's sizes, of which one is taken by its name.
    Classes(Vec<Offer<'o>>),
    /// The operator's list, for a backend that gives any size.
    Listed(Vec<Offer<'o>>, Option<Rates>),
    /// Any size at all.
    Free(Rates),
}

/// Prices by what a size has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    per_core: f64,
    per_gib: f64,
}

impl Rates {
    fn of(parameters: &Parameters) -> Option<Self> {
        Some(Self { per_core: parameters.price_per_core?, per_gib: parameters.price_per_gib? })
    }

    fn price(self, size: Size) -> f64 {
        size.cpu_millis as f64 / 1000.0 * self.per_core + size.memory_bytes as f64 / GIB * self.per_gib
    }
}

impl<'o> Offers<'o> {
    /// What is on offer, and notes on sizes that are left out for want of a price or of their figures.
    ///
    /// # Errors
    /// `not-applicable` where no size has a price.
    pub(crate) fn of(
        snapshot: &'o Snapshot<'_>,
        parameters: &Parameters,
        prices: &[Price<'o>],
    ) -> Result<(Self, Option<String>), Refusal> {
        let rates = Rates::of(parameters);
        let sizes = &snapshot.target().abilities.sizes;
        if sizes.is_empty() {
            let listed = prices
                .iter()
                .filter_map(|price| Some(Offer { name: price.name, size: price.size?, per_hour: price.per_hour }));
            let listed: Vec<Offer<'o>> = listed.collect();
            return match (listed.is_empty(), rates) {
                (false, rates) => Ok((Self::Listed(listed, rates), None)),
                (true, Some(rates)) => Ok((Self::Free(rates), None)),
                (true, None) => Err(Refusal::not_applicable(
                    "no size has a price: give `prices` with cpu and memory, or `price_per_core` and `price_per_gib`",
                )),
            };
        }
        let (mut classes, mut unpriced) = (Vec::with_capacity(sizes.len()), String::new());
        for known in sizes {
            let entry = prices.iter().find(|price| price.name == known.class);
            let size = Size::both(&known.resources).or(entry.and_then(|price| price.size));
            let per_hour = entry
                .map(|price| price.per_hour)
                .or(known.price_per_hour.filter(|price| *price > 0.0))
                .or_else(|| Some(rates?.price(size?)));
            if let (Some(size), Some(per_hour)) = (size, per_hour) {
                classes.push(Offer { name: &known.class, size, per_hour });
            } else {
                unpriced += if unpriced.is_empty() { "left out without price, cpu or memory: " } else { ", " };
                unpriced += &known.class;
            }
        }
        if classes.is_empty() {
            return Err(Refusal::not_applicable(format!("no size has a price; {unpriced}")));
        }
        Ok((Self::Classes(classes), (!unpriced.is_empty()).then_some(unpriced)))
    }

    /// The sizes that have names.
    pub(crate) fn named(&self) -> &[Offer<'o>] {
        match self {
            Self::Classes(offers) | Self::Listed(offers, _) => offers,
            Self::Free(_) => &[],
        }
    }

    /// What a size is called here.
    pub(crate) fn name_of(&self, size: Size) -> Option<&'o str> {
        self.named().iter().find(|offer| offer.size == size).map(|offer| offer.name)
    }

    /// What one replica of a size costs an hour; `None` where nobody has said.
    pub(crate) fn price(&self, size: Size, name: Option<&str>) -> Option<f64> {
        let named = name.and_then(|name| self.named().iter().find(|offer| offer.name == name));
        match self {
            Self::Free(rates) | Self::Listed(_, Some(rates)) => {
                Some(named.map_or_else(|| rates.price(size), |offer| offer.per_hour))
            }
            Self::Classes(_) | Self::Listed(_, None) => named.map(|offer| offer.per_hour),
        }
    }
}

impl Size {
    /// What a container has: its requests, or its limits where there are none. `None` where one of the two is not set, or zero.
    pub(crate) fn of(container: &Container) -> Option<Self> {
        let Container { requests, limits, .. } = container;
        let or = |request: Option<u64>, limit: Option<u64>| request.filter(|some| *some > 0).or(limit);
        Self::both(&Resources {
            cpu_millis: or(requests.cpu_millis, limits.cpu_millis),
            memory_bytes: or(requests.memory_bytes, limits.memory_bytes),
        })
    }

    fn both(resources: &Resources) -> Option<Self> {
        let known = |amount: Option<u64>| amount.filter(|amount| *amount > 0);
        Some(Self { cpu_millis: known(resources.cpu_millis)?, memory_bytes: known(resources.memory_bytes)? })
    }

    /// Whether it has no less of either than the other.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.cpu_millis >= other.cpu_millis && self.memory_bytes >= other.memory_bytes
    }

    /// The figures of this size for a container: requests where it has any, and limits where it has any, which keep their proportion
    /// to the requests.
    pub(crate) fn instead_of(self, container: &Container) -> (Resources, Resources) {
        let Container { requests, limits, .. } = container;
        let (cpu_request, cpu_limit) = pair(self.cpu_millis, requests.cpu_millis, limits.cpu_millis);
        let (memory_request, memory_limit) = pair(self.memory_bytes, requests.memory_bytes, limits.memory_bytes);
        let resources = |cpu_millis, memory_bytes| Resources { cpu_millis, memory_bytes };
        (resources(cpu_request, memory_request), resources(cpu_limit, memory_limit))
    }
}

fn pair(new: u64, request: Option<u64>, limit: Option<u64>) -> (Option<u64>, Option<u64>) {
    let Some(request) = request.filter(|request| *request > 0) else {
        return (None, Some(new));
    };
    let scaled = limit.map(|limit| {
        let scaled = u128::from(limit) * u128::from(new) / u128::from(request);
        u64::try_from(scaled).unwrap_or(u64::MAX).max(new)
    });
    (Some(new), scaled)
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}m/{}Mi", self.cpu_millis, figure((self.memory_bytes as f64 / MIB).round()))
    }
}
