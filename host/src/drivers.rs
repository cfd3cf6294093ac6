//! Backends: what runs the workloads.
//!
//! A driver observes, and takes one durable step of a [`Decision`] at a time. It never retries, chooses nothing that matters,
//! and cannot see a proposal or a registrar. To add one: a file with its config struct, an arm in the one list, a row in the
//! README, a server or fake in tests run through the shared checks.

pub mod docker;
pub mod memory;
pub mod process;
mod step;
pub mod swarm;

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;

pub use self::step::{Outcome, Plan, PlanStage, Step, StepEnd, StepReport, StepState};
use crate::bounds::Decision;
use crate::snapshot::{Instance, Inventory, Node, Target, TargetId};

/// A backend.
#[async_trait]
pub trait Driver: Send + Sync + Debug {
    /// The name in the config: `local` of `[driver.local.process]`. First part of its targets' ids.
    fn name(&self) -> &str;

    /// The table key: `process`.
    fn kind(&self) -> &'static str;

    /// Whether the backend keeps the desired count. Where it does not, the store does, and the host repairs towards it.
    fn keeps_desired(&self) -> bool;

    /// Tells everything there is, in one list. `now_ms` is the turn's time.
    ///
    /// # Errors
    /// Where nothing could be told; what could be told in part is marked in the [`Observation`] instead.
    async fn observe(&self, now_ms: u64) -> Result<Observation, DriverError>;

    /// Takes one step, once. The step is recorded before this call; taking it again after a crash must do no harm: its
    /// instance's id is the key.
    ///
    /// # Errors
    /// Where the backend refused, failed or did not answer in time. Then whether the step was taken may be unknown.
    async fn take(&self, decision: &Decision, step: &Step) -> Result<StepState, DriverError>;

    /// Where an instance is reached, `host:port`, once it is ready; `None` if it is not reached over the network.
    ///
    /// # Errors
    /// Where it could not be told.
    async fn address(&self, target: &TargetId, instance: &str) -> Result<Option<String>, DriverError>;

    /// Waits until the backend says by itself that something has happened to some of the targets. Only a hint to look sooner:
    /// whatever it misses, the next list shows. May be dropped while it waits, and loses nothing then. Backends that say nothing
    /// by themselves never return.
    async fn hint(&self) -> Hint {
        std::future::pending().await
    }

    /// Exercises the real thing without changing it.
    ///
    /// # Errors
    /// What does not work, and the remedy.
    async fn check(&self) -> Result<(), DriverError>;
}

/// What a backend said by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hint {
    /// The targets that it is about.
    pub targets: BTreeSet<TargetId>,
    /// What happened, for records and people; of several, the first.
    pub what: String,
}

impl Hint {
    /// Takes in what was said later.
    pub fn join(&mut self, later: Self) {
        if self.what.is_empty() {
            self.what = later.what;
        }
        self.targets.extend(later.targets);
    }
}

/// Everything that one driver saw.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// Its targets, ordered by id. Targets that failed to be read are in `unreadable` instead.
    pub targets: Vec<ObservedTarget>,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Names and reasons of what could not be read; others are not disturbed.
    pub unreadable: Vec<(String, String)>,
}

/// One target as its driver saw it.
#[derive(Debug, Clone)]
pub struct ObservedTarget {
    /// The workload. `limits` are placeholders until the binding is known; where the backend keeps no `desired`, the store
    /// does, and here stands the count to begin with before it has one.
    pub target: Target,
    /// Its instances, ordered by id.
    pub instances: Vec<Instance>,
    /// Whether the list is whole.
    pub inventory: Inventory,
    /// After crashes: when its instances may be started or made again by a repair. Sooner, such a step waits.
    pub back_off_until_ms: Option<u64>,
}

/// What went wrong at a backend.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The backend could not be reached or did not answer in time.
    #[error("{driver} did not answer: {what}")]
    Unreachable {
        /// The driver's name.
        driver: String,
        /// What happened.
        what: String,
    },
    /// The backend said no.
    #[error("{driver} refused: {what}")]
    Refused {
        /// The driver's name.
        driver: String,
        /// What it said.
        what: String,
    },
    /// The operating system failed us.
    #[error("{driver} could not {what}")]
    Io {
        /// The driver's name.
        driver: String,
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The lease under which the decision was made has ended.
    #[error("the lease of this decision has ended")]
    LeaseEnded,
}
