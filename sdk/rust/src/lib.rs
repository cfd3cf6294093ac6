//! Write an autoscaling policy for Trimtab.
//!
//! A policy is a pure function from a [`Snapshot`] of one workload to an [`Answer`]. Implement [`Policy`], name the type in
//! [`export!`], build for `wasm32-unknown-unknown`, and the host runs it in a sandbox, bounds what it asks for, and does it:
//!
//! ```
//! use trimtab_sdk::prelude::*;
//!
//! parameters! {
//!     /// What the operator sets.
//!     pub struct Parameters {
//!         /// Jobs that one replica works off in time.
//!         jobs_per_replica: f64 { default: 10, min: 0.1 },
//!     }
//! }
//!
//! struct WorkOff;
//!
//! impl Policy for WorkOff {
//!     type Parameters = Parameters;
//!     type Memory = ();
//!     const ABOUT: About = about!(Kind::Scale);
//!
//!     fn needs(_: &Parameters) -> Result<Needs<'_>, Refusal> {
//!         Ok(Needs::new().reading("jobs", Subject::Target).required())
//!     }
//!
//!     fn evaluate(snapshot: &Snapshot, parameters: &Parameters, _: &mut ()) -> Result<Answer, Refusal> {
//!         let (jobs, each) = (snapshot.reading("jobs").fresh()?.latest(), parameters.jobs_per_replica);
//!         let reason = format!("{} jobs at {} per replica", figure(jobs), figure(each));
//!         Ok(Proposal::scale(replicas(jobs / each)).because(reason).into())
//!     }
//! }
//!
//! trimtab_sdk::export!(WorkOff);
//!
//! // And its test, with the rehearsal bench:
//! let mut bench = trimtab_sdk::rehearsal::Rehearsal::<WorkOff>::new();
//! bench.play(Scene::new().reading("jobs", [31.0])).scales_to(4).says("31 jobs");
//! bench.play(Scene::new().stale("jobs", [31.0])).refuses(RefusalKind::ReadingMissing);
//! # use trimtab_sdk::rehearsal::Scene;
//! ```
//!
//! In reading order: what a policy is ([`Policy`], [`parameters!`], [`memory!`]), what it asks for ([`Needs`]), what it sees
//! ([`Snapshot`], [`reading::Reading`], [`Fact`], [`Samples`]), what it says ([`Answer`], [`Proposal`], [`Refusal`]), and
//! the bench to try it on ([`rehearsal`]). [`wire`] is the contract underneath.
//!
//! A policy must give the same answer to the same snapshot: no `HashMap` (its order is random), no statics.

mod answer;
mod export;
mod figure;
#[doc(hidden)]
pub mod guest;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod heap;
pub mod memory;
mod needs;
pub mod parameters;
mod policy;
pub mod reading;
#[cfg(not(target_arch = "wasm32"))]
pub mod rehearsal;
pub mod snapshot;
mod vocabulary;
pub mod wire;

pub use answer::{Answer, Draft, Proposal, Refusal, Resources, Value};
pub use figure::{Figure, figure, replicas};
pub use memory::{Memory, Stored};
pub use needs::Needs;
pub use parameters::ParameterSet;
pub use policy::{About, Policy};
pub use reading::{Fact, Owner, Samples, Texts};
pub use snapshot::Snapshot;
pub use vocabulary::{Kind, Maker, Phase, RefusalKind, Resizing, Subject, Victims};

/// What nearly every policy uses.
pub mod prelude {
    pub use crate::{
        About, Answer, Fact, Kind, Memory, Needs, ParameterSet, Phase, Policy, Proposal, Refusal, RefusalKind,
        Resources, Samples, Snapshot, Subject, about, figure, memory, parameters, replicas,
    };
}
