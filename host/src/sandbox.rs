//! Running code that nobody trusts: the engine, components, instances, limits, faults. Knows no policy.
//!
//! A component comes in as bytes. A child process checks it and compiles it ([`Compiler`]), the artefact is kept in a
//! [`ArtefactCache`], and [`Sandbox::load`] makes a component of it. [`Guest`] runs it: each run has a fresh store and a fresh
//! instance, and ends in a value or a [`Fault`]; nothing of a run is left for the next.

mod cache;
mod compile;
mod component;
mod encode;
mod engine;
mod error;
mod fault;
mod instance;
mod limits;
mod permits;
mod preinitialise;
mod remedy;
mod self_test;
mod ticker;
mod wasi;

#[cfg(test)]
mod tests;

pub use self::cache::{Artefact, ArtefactCache, ArtefactFile, ArtefactIndex};
pub use self::compile::{CompileRequest, Compiler, WORKER_COMMAND, compile_worker};
pub use self::component::World;
pub use self::encode::{StringEncoding, state_string_encoding};
pub use self::engine::{Sandbox, THREAD_STACK_BYTES};
pub use self::error::SandboxError;
pub use self::fault::{Fault, Spent};
pub use self::instance::{Guest, GuestState, Moment, Ran};
pub use self::limits::{CompileLimits, SandboxConfig, Tier, TierLimits, TierSettings, UploadLimits};
pub use self::permits::{Permit, Permits, Queue};
pub use self::preinitialise::{StartUp, StartUpError, preinitialise};
pub use self::remedy::without_wasi;
/// A compiled component, as [`Sandbox::load`] gives it.
pub use wasmtime::component::Component;
