//! Why a policy cannot be used.

use super::proposal::Refusal;
use crate::causes::on_one_line;
use crate::sandbox::Fault;

/// Why a policy was not loaded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// It does not fit this host, or failed when it was asked what it is.
    #[error("the policy {fault}")]
    Faulted {
        /// How.
        fault: Fault,
    },
    /// What it says of itself makes no sense.
    #[error("the policy's manifest is wrong: {what}")]
    Manifest {
        /// What is wrong with it.
        what: String,
    },
}

impl From<Fault> for PolicyError {
    fn from(fault: Fault) -> Self {
        Self::Faulted { fault }
    }
}

/// Why a policy did not say what it needs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NeedsError {
    /// It declines these parameters.
    #[error("the policy refuses its parameters ({}): {}", on_one_line(&refusal.kind), on_one_line(&refusal.text))]
    Refused {
        /// Its own words.
        refusal: Refusal,
    },
    /// It failed.
    #[error("the policy {fault} when asked what it needs")]
    Faulted {
        /// How.
        fault: Fault,
    },
    /// It wants what this host does not know.
    #[error("the policy needs {kind:?}, which this host does not know: use a newer trimtab")]
    UnknownKind {
        /// Its word for it.
        kind: String,
    },
    /// Its needs make no sense.
    #[error("the policy's needs are wrong: {what}")]
    Wrong {
        /// What is wrong with them.
        what: String,
    },
}

impl From<Fault> for NeedsError {
    fn from(fault: Fault) -> Self {
        Self::Faulted { fault }
    }
}
