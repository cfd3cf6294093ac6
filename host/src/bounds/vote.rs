//! What each policy of a binding came to, as the bounds take it in.

use serde::{Deserialize, Serialize};

use super::restraint::{Quantity, Restraint};
use crate::policy::{Fault, Proposal, ProposalKind, Refusal};

/// What the policy of one slot came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    /// The slot's name in the binding.
    pub slot: String,
    /// Kinds that the manifest declares, cut to what the operator granted.
    pub granted: Vec<ProposalKind>,
    /// Kinds that the manifest declares.
    pub declared: Vec<ProposalKind>,
    /// What it came to.
    pub answer: VoteAnswer,
}

/// What a policy came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoteAnswer {
    /// It proposes; an empty list abstains.
    Proposals(Vec<Proposal>),
    /// It declines.
    Refused(Refusal),
    /// It failed.
    Faulted(Fault),
    /// It was not asked, having failed too often.
    Quarantined {
        /// When it is tried again; `None`: not before a person or a new version clears it.
        until_ms: Option<u64>,
    },
}

impl Vote {
    /// Why this vote forbids to lower `what` from `present` to `wished`.
    pub(super) fn blame(&self, what: Quantity, present: u64, wished: u64) -> Restraint {
        let slot = self.slot.clone();
        match &self.answer {
            VoteAnswer::Refused(Refusal { kind, text }) => {
                let (kind, text) = (kind.to_string(), text.clone());
                Restraint::LoweringRefused { what, present, wished, slot, kind, text }
            }
            VoteAnswer::Quarantined { until_ms } => {
                Restraint::LoweringQuarantined { what, present, wished, slot, until_ms: *until_ms }
            }
            VoteAnswer::Faulted(fault) => {
                Restraint::LoweringFaulted { what, present, wished, slot, fault: fault.to_string() }
            }
            VoteAnswer::Proposals(_) => Restraint::LoweringFaulted {
                what,
                present,
                wished,
                slot,
                fault: "it asked for an absurd number".to_owned(),
            },
        }
    }
}
