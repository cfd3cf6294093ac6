//! Driver `swarm`: services of a Docker Swarm, told and asked through one of its managers.
//!
//! Swarm keeps the desired count, makes, replaces and places the tasks, and chooses which goes. So this driver only sets the
//! count and the size that a service asks for, guarded by the service's version, and follows what Swarm makes of it. A service
//! is one target, its tasks are the instances. Services in global mode and jobs have no count to set and are left out.
//!
//! Nothing is written but `Replicas` and `Resources`: labels, image, networks and all else go back as they were read, so that
//! `docker stack deploy` finds the service as it knows it.

mod act;
mod config;
mod engine;
mod measure;
mod observe;
mod progress;
mod raw;
mod size;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use async_trait::async_trait;

pub use self::config::SwarmConfig;

use self::engine::Engine;
use self::measure::Meters;
use self::size::Size;
use super::{Driver, DriverError, Observation, Step, StepState};
use crate::bounds::Decision;
use crate::snapshot::TargetId;

/// The driver.
#[derive(Debug)]
pub struct SwarmDriver {
    name: String,
    config: SwarmConfig,
    engine: Engine,
    desk: Mutex<Desk>,
    meters: Mutex<Meters>,
}

/// What is known only as long as the host runs, by the service's own id. Nothing depends on it but patience with rollbacks.
#[derive(Debug, Default)]
struct Desk {
    /// Resizes that were asked for.
    asked: HashMap<String, Asked>,
    /// Sizes that Swarm rolled back.
    refused: HashMap<String, (Size, Instant)>,
    /// Updates that Swarm gave up and that were spoken of: in which state, and when they began.
    told: HashMap<String, String>,
    /// Services that are left alone and were spoken of.
    left: BTreeSet<String>,
}

/// A resize that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    /// The decision's key.
    key: String,
    size: Size,
}

impl SwarmDriver {
    /// Makes the driver. Connects when it is first used, so that a manager that is away keeps no host from starting.
    ///
    /// # Errors
    /// Where the settings are wrong, all complaints in one.
    pub fn new(name: &str, config: SwarmConfig) -> Result<Self, DriverError> {
        let complaints = config.complaints();
        if !complaints.is_empty() {
            return Err(DriverError::Refused { driver: name.to_owned(), what: complaints.join("; ") });
        }
        if let Some(why) = config.unused() {
            tracing::warn!(driver = name, host = config.host, why, "not all that is configured is used");
        }
        let engine = Engine::new(name, &config);
        Ok(Self { name: name.to_owned(), config, engine, desk: Mutex::default(), meters: Mutex::default() })
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meters(&self) -> MutexGuard<'_, Meters> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, what: String) -> DriverError {
        DriverError::Refused { driver: self.name.clone(), what }
    }
}

#[async_trait]
impl Driver for SwarmDriver {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "swarm"
    }

    fn keeps_desired(&self) -> bool {
        true
    }

    async fn observe(&self, now_ms: u64) -> Result<Observation, DriverError> {
        let seen = self.engine.look(&self.config.labels).await?;
        self.notice(&seen.services);
        let mut observation = observe::observation(&self.name, &self.config, &seen);
        self.measure(now_ms, &mut observation).await;
        Ok(observation)
    }

    async fn take(&self, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        let target = decision.target();
        if target.driver() != self.name {
            return Err(self.refused(format!("{target} is not one of its targets")));
        }
        if wall_ms() > decision.lease_expires_ms() {
            return Err(DriverError::LeaseEnded);
        }
        match step {
            Step::SetCount => self.set_count(decision).await,
            Step::Resize => self.resize(decision).await,
            other => Ok(StepState::Impossible {
                why: format!("Swarm makes, replaces and removes tasks itself; {} is not ours to take", other.as_str()),
            }),
        }
    }

    async fn address(&self, target: &TargetId, instance: &str) -> Result<Option<String>, DriverError> {
        let (tasks, nodes) = self.engine.tasks_and_nodes(target.name()).await?;
        let task = tasks.iter().find(|task| task.id.as_deref() == Some(instance));
        Ok(task.and_then(|task| observe::address(task, &nodes)))
    }

    async fn check(&self) -> Result<(), DriverError> {
        self.engine.check().await?;
        self.check_engines().await.map_err(|what| self.refused(what))
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
