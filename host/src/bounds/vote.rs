//! What each policy of a binding came to, as the bounds take it in.

use serde::{Deserialize, Serialize};

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
