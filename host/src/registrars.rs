//! Where instances are entered to be given work: load balancers, DNS.
//!
//! Owns only the entries it made. If taking one out fails, the instance stays.

pub mod embedded;
pub mod envoy;
pub mod haproxy;
pub mod nginx;
pub mod traefik;

mod documents;
mod listener;
mod owned_file;
mod post;
mod roster;
mod sight;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::snapshot::TargetId;

/// Somewhere that instances are entered in.
#[async_trait]
pub trait Registrar: Send + Sync + Debug {
    /// The name in the config.
    fn name(&self) -> &str;

    /// The table key.
    fn kind(&self) -> &'static str;

    /// Whether instances of this target are entered here.
    fn serves(&self, target: &TargetId) -> bool;

    /// What is entered for this target: instance ids, ordered. Called each turn to repair entries lost by a restart.
    ///
    /// # Errors
    /// Where it could not be told.
    async fn entered(&self, target: &TargetId) -> Result<Vec<String>, RegistrarError>;

    /// Enters an instance, or mends its entry.
    ///
    /// # Errors
    /// Where it is not certain to be entered.
    async fn register(&self, target: &TargetId, instance: &str, address: &str) -> Result<(), RegistrarError>;

    /// Gives it no more work, and tells whether it has finished what it has. Asked again until it has.
    ///
    /// # Errors
    /// Where it may still be given work.
    async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError>;

    /// Gives it work again: a drain that a raise cancelled.
    ///
    /// # Errors
    /// Where it is not certain to be given work.
    async fn undrain(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError>;

    /// Takes it out.
    ///
    /// # Errors
    /// Where it may still be entered; the instance then stays.
    async fn deregister(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError>;

    /// Exercises the real thing without changing it.
    ///
    /// # Errors
    /// What does not work, and the remedy.
    async fn check(&self) -> Result<(), RegistrarError>;
}

/// How far a drain has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrainState {
    /// Nothing is left to finish.
    Drained,
    /// Something is.
    Waiting {
        /// What, for a person: `3 requests`.
        why: String,
    },
}

/// What went wrong at a registrar.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    /// It could not be reached or did not answer in time.
    #[error("registrar {registrar} did not answer: {what}")]
    Unreachable {
        /// Its name.
        registrar: String,
        /// What happened.
        what: String,
    },
    /// It said no.
    #[error("registrar {registrar} refused: {what}")]
    Refused {
        /// Its name.
        registrar: String,
        /// What it said.
        what: String,
    },
}
