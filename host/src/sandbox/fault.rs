//! How a guest can fail, and what a run spent.

use serde::{Deserialize, Serialize};

use crate::quantity::DurationMs;

/// How a guest failed. The host's own troubles are not faults; they are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// It ran past the wall-clock backstop. Depends on the machine: not replayable.
    #[error("ran past its deadline of {}", DurationMs(*deadline_ms))]
    Timeout {
        /// The backstop.
        deadline_ms: u64,
    },
    /// It used up its fuel.
    #[error("used up its fuel of {fuel}")]
    OutOfFuel {
        /// The budget.
        fuel: u64,
    },
    /// It asked for more memory, tables or instances than it may have, and then failed.
    #[error("ran out of memory: {what}, limit {limit}")]
    OutOfMemory {
        /// What it asked for.
        what: String,
        /// The limit that it met.
        limit: u64,
    },
    /// It recursed too deep. Depends on the build of the engine: not replayable.
    #[error("overflowed its stack")]
    StackOverflow,
    /// It trapped otherwise.
    #[error("trapped: {what}")]
    Trap {
        /// The trap, and the innermost frames.
        what: String,
    },
    /// It passed more across the boundary than it may.
    #[error("passed too much across the boundary: {what}")]
    BoundaryBudget {
        /// What was too much.
        what: String,
    },
    /// It answered what is not an answer: broken text, unknown discriminant, too many or too long values.
    #[error("gave a bad answer: {what}")]
    BadOutput {
        /// What is wrong with it.
        what: String,
    },
    /// It does not fit this host: contract version, imports, exports, feature.
    #[error("does not fit this host: {what}")]
    Incompatible {
        /// What does not fit, and the remedy.
        what: String,
    },
}

impl Fault {
    /// A short word for metrics, tests and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::OutOfFuel { .. } => "out-of-fuel",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::StackOverflow => "stack-overflow",
            Self::Trap { .. } => "trap",
            Self::BoundaryBudget { .. } => "boundary-budget",
            Self::BadOutput { .. } => "bad-output",
            Self::Incompatible { .. } => "incompatible",
        }
    }

    /// Whether the same input gives the same fault on any machine.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        !matches!(self, Self::Timeout { .. } | Self::StackOverflow)
    }
}

/// What one run spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Fuel, about one per instruction. The same on any machine.
    pub fuel: u64,
    /// Most linear memory that it held.
    pub memory_peak_bytes: u64,
    /// Wall-clock time of the whole run: instance, call, teardown.
    pub wall_ns: u64,
    /// Calls to the host (WASI).
    pub host_calls: u32,
}
