//! What is set aside for a container in one dimension, and how it changes.

use trimtab_sdk::snapshot::Container;
use trimtab_sdk::{Resources, figure};

use crate::Parameters;
use crate::histogram::Scheme;

pub(crate) const MIB: f64 = 1_048_576.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// In thousandths of a core.
    Cpu,
    /// In bytes.
    Memory,
}

/// Request and limit; unset, or zero, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) request: Option<u64>,
    pub(crate) limit: Option<u64>,
}

impl Dimension {
    pub(crate) const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn reading(self, parameters: &Parameters) -> &str {
        match self {
            Self::Cpu => &parameters.cpu_reading,
            Self::Memory => &parameters.memory_reading,
        }
    }

    /// `model/aggregations_config.go`: a hundredth of a core, and 10 MB.
    pub(crate) fn scheme(self) -> Scheme {
        Scheme::new(match self {
            Self::Cpu => 10.0,
            Self::Memory => 1.0e7,
        })
    }

    pub(crate) fn of(self, resources: &Resources) -> Option<u64> {
        match self {
            Self::Cpu => resources.cpu_millis,
            Self::Memory => resources.memory_bytes,
        }
    }

    pub(crate) fn put(self, resources: &mut Resources, amount: Option<u64>) {
        match self {
            Self::Cpu => resources.cpu_millis = amount,
            Self::Memory => resources.memory_bytes = amount,
        }
    }

    /// Least that is recommended, for all containers of an instance together.
    pub(crate) fn least(self, parameters: &Parameters) -> f64 {
        match self {
            Self::Cpu => parameters.least_cpu as f64,
            Self::Memory => parameters.least_memory_mib as f64 * MIB,
        }
    }

    /// Up to the next whole step.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates; bounds come after")]
    pub(crate) fn rounded_up(self, amount: f64, parameters: &Parameters) -> u64 {
        let step = match self {
            Self::Cpu => parameters.round_cpu as f64,
            Self::Memory => parameters.round_memory_mib as f64 * MIB,
        };
        // A billionth of a step is forgiven: 1000 × 1.15 is 1150 only nearly.
        let steps = (amount / step - 1e-9).ceil().max(1.0);
        (steps * step) as u64
    }

    #[inline(never)]
    pub(crate) fn show(self, amount: f64) -> String {
        match self {
            Self::Cpu => format!("{}m", figure(amount.round())),
            Self::Memory => format!("{}Mi", figure((amount / MIB).round())),
        }
    }
}

impl Room {
    /// `None` where neither is set: that may also mean that it is not known.
    pub(crate) fn of(dimension: Dimension, container: &Container) -> Option<Self> {
        let known = |resources| dimension.of(resources).filter(|amount| *amount > 0);
        let room = Self { request: known(&container.requests), limit: known(&container.limits) };
        (room.request.is_some() || room.limit.is_some()).then_some(room)
    }

    /// What changes: the request, or the limit where there is no request.
    pub(crate) fn base(self) -> u64 {
        self.request.or(self.limit).unwrap_or(1)
    }

    /// The figures to ask for. Where both are set and `keeps`, the limit keeps its proportion to the request, up to `most`.
    pub(crate) fn with_base(self, base: u64, keeps: bool, most: Option<u64>) -> Self {
        match (self.request, self.limit) {
            (Some(request), Some(limit)) if keeps => {
                let scaled = in_proportion(limit, base, request.max(1)).min(most.unwrap_or(u64::MAX));
                Self { request: Some(base), limit: Some(scaled.max(base)) }
            }
            (Some(_), _) => Self { request: Some(base), limit: None },
            (None, _) => Self { request: None, limit: Some(base) },
        }
    }
}

/// limit × base / request; beyond what 64 bits hold, as exactly as a float has it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and nothing is negative")]
fn in_proportion(limit: u64, base: u64, request: u64) -> u64 {
    limit
        .checked_mul(base)
        .map_or_else(|| (limit as f64 * (base as f64 / request as f64)) as u64, |product| product / request)
}
