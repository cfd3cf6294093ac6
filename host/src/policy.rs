//! Policies: what they say of themselves, what they are asked, what they answer.
//!
//! The values here are the host's own; `contract_v1` is the only file that knows their WIT shapes. Nothing in this room is
//! trusted: a [`Proposal`] is a wish until `bounds` has made a decision of it.

mod contract_v1;
mod declared;
mod error;
mod loaded;
mod manifest;
mod misread;
mod output;
mod params;
mod project;
mod proposal;
mod schema;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(dead_code, reason = "tests use more of it than fuzzers do"))]
#[expect(clippy::unwrap_used, reason = "a test or a fuzzer without a module has nothing to do")]
pub(crate) mod probe;
#[cfg(test)]
mod tests;

pub use self::error::{NeedsError, PolicyError};
pub use self::loaded::{Evaluation, EvaluationInput, Identity, Policy};
pub use self::manifest::{Manifest, Need, NeedKind, ParamKind, ParamSpec, ParamValue};
pub use self::params::{ParamComplaint, check_params};
pub use self::proposal::{
    Answer, AttrValue, ContainerResources, Proposal, ProposalKind, Refusal, RefusalKind, Verdict,
};
pub use crate::sandbox::{Fault, Queue, Spent, Tier};

/// The contract that components are checked against before they are compiled, and that core modules are encoded by.
#[must_use]
pub fn world() -> crate::sandbox::World {
    contract_v1::world()
}
