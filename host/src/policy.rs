//! Policies: what they say of themselves, what they are asked, what they answer.
//!
//! The values here are the host's own; `contract_v1` is the only file that knows their WIT shapes. Nothing in this room is
//! trusted: a [`Proposal`] is a wish until `bounds` has made a decision of it.

mod manifest;
mod proposal;

pub use self::manifest::{Manifest, Need, NeedKind, ParamKind, ParamSpec, ParamValue};
pub use self::proposal::{
    Answer, AttrValue, ContainerResources, Proposal, ProposalKind, Refusal, RefusalKind, Verdict,
};
pub use crate::sandbox::{Fault, Spent};
