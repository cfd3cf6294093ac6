//! On which engine a new container is made: pure, so that every rule of it is a row in a test.

use std::collections::BTreeMap;
use std::fmt;

/// What is known of an engine where a container may be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub name: String,
    pub zone: String,
    pub labels: BTreeMap<String, String>,
    pub schedulable: bool,
    pub reached: bool,
    /// Living instances of this workload there.
    pub of_workload: usize,
    /// Living instances of all workloads there.
    pub of_all: usize,
    /// What the engine's machine has.
    pub memory_bytes: u64,
    /// What the containers of our workloads may use of it; one without a limit counts as nothing.
    pub promised_bytes: u64,
    /// What the template needs and it has not.
    pub lacks: Option<Lack>,
}

/// What an engine has not that a copy of a template needs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// The image, which no registry is known to have.
    Image(String),
    /// A named volume: an empty one would be made.
    Volume(String),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(name) => write!(f, "has no image {name}, and no registry is known for it: load it there"),
            Self::Volume(name) => write!(
                f,
                "has no volume {name}, and would make an empty one: make it there, or set empty_volumes for the workload"
            ),
        }
    }
}

/// Why a new container is not put on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WhyNot {
    Silent,
    NotSchedulable,
    NoLabel(String, String),
    Lacks(Lack),
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("does not answer"),
            Self::NotSchedulable => f.write_str("is not schedulable"),
            Self::NoLabel(label, value) => write!(f, "has no label {label}={value}"),
            Self::Lacks(lack) => lack.fmt(f),
        }
    }
}

/// What a newcomer asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// Labels that the engine must have.
    pub labels: &'a BTreeMap<String, String>,
    /// Engines or zones that a policy prefers.
    pub prefers: &'a [String],
    /// What it may use.
    pub memory_bytes: u64,
}

/// Chooses, or says of each engine why not it. Preferred engines first, then those where it fits, then the fewest of the same
/// workload, zones before engines, then the most memory that nobody was promised.
pub(super) fn place<'a>(candidates: &'a [Candidate], wish: Wish<'_>) -> Result<&'a Candidate, String> {
    let zone_count =
        |zone: &str| -> usize { candidates.iter().filter(|one| one.zone == zone).map(|one| one.of_workload).sum() };
    let preferred = |one: &Candidate| wish.prefers.iter().any(|name| *name == one.name || *name == one.zone);
    let free = |one: &Candidate| one.memory_bytes.saturating_sub(one.promised_bytes);
    let fits = |one: &Candidate| free(one) >= wish.memory_bytes;
    let able = candidates.iter().filter(|one| why_not(one, wish).is_none());
    let best = able.min_by_key(|one| {
        let room = std::cmp::Reverse(free(one));
        (!preferred(one), !fits(one), zone_count(&one.zone), one.of_workload, room, one.of_all, &one.name)
    });
    best.ok_or_else(|| {
        let reasons = candidates.iter().filter_map(|one| Some(format!("{} {}", one.name, why_not(one, wish)?)));
        format!("no host can take it: {}", reasons.collect::<Vec<_>>().join(", "))
    })
}

pub(super) fn why_not(one: &Candidate, wish: Wish<'_>) -> Option<WhyNot> {
    let lacks = wish.labels.iter().find(|(label, value)| one.labels.get(*label) != Some(value));
    match lacks {
        _ if !one.reached => Some(WhyNot::Silent),
        _ if !one.schedulable => Some(WhyNot::NotSchedulable),
        Some((label, value)) => Some(WhyNot::NoLabel(label.clone(), value.clone())),
        None => one.lacks.clone().map(WhyNot::Lacks),
    }
}
