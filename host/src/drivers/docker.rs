//! Driver `docker`: groups of containers on one Docker engine or several, by their labels.
//!
//! A workload is all containers that carry its label. Growth makes further ones after a template: the container of it that
//! trimtab did not make. What the template is made of is remembered on disk, so that a workload of which every container was
//! deleted can be made again. The engines keep no count; the store does.
//!
//! The list is the truth, and the engine's events are a hint: they say which containers to look at again, and sooner. A
//! container that nothing happened to is not asked about.
//!
//! What we make carries the id of its instance in a label, by which it is found again on whatever engine it is. The container's
//! own id is written down as well: another with the same labels was copied by hand, and is left alone, as is all that people made.

mod act;
mod clone;
mod config;
mod engine;
mod events;
mod kept;
mod observe;
mod place;
mod podman;
mod scan;
mod ssh;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bollard::models::SystemInfo;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::config::{DockerConfig, DockerHost, DockerWorkload};

use self::engine::{Engine, EngineError};
use self::kept::Kept;
use self::scan::{Looks, Unasked};
use super::{Driver, DriverError, Hint, Observation, Step, StepState};
use crate::bounds::Decision;
use crate::snapshot::{Instance, TargetId};

/// The driver.
#[derive(Debug)]
pub struct DockerDriver {
    inner: Arc<Inner>,
    /// Ends what listens to events.
    over: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    name: String,
    config: DockerConfig,
    state: PathBuf,
    engines: BTreeMap<String, Arc<Engine>>,
    /// Without a name of its own in the file, a workload is as all are.
    plain: DockerWorkload,
    desk: Mutex<Desk>,
    /// Told when the engines said something that is worth a turn.
    hinted: Notify,
}

/// What is known between two calls. All but `kept` can be found again.
#[derive(Debug, Default)]
struct Desk {
    kept: BTreeMap<String, Kept>,
    /// Files of the state folder that could not be read.
    broken: Vec<(String, String)>,
    looks: Looks,
    /// Where each instance is, since the last observation or step: workload and instance to engine and container.
    places: HashMap<(String, String), Place>,
    /// The instances of each workload as they were last seen.
    last: BTreeMap<String, Vec<Instance>>,
    /// Numbers that containers of a workload have.
    numbers: HashMap<String, BTreeSet<u32>>,
    /// What the engines' machines have.
    systems: BTreeMap<String, SystemInfo>,
    /// Where an instance is being made: kept until it is seen.
    chosen: HashMap<String, Chosen>,
    /// Images that are being pulled, by engine and image.
    pulling: HashMap<(String, String), JoinHandle<Result<(), EngineError>>>,
    /// Containers that are being stopped.
    stopping: HashMap<String, JoinHandle<Result<(), EngineError>>>,
    /// The change that last started an instance.
    started: HashMap<String, String>,
    /// Since when it is waited for an instance to serve.
    awaited: HashMap<String, Instant>,
    /// Since when each container runs unasked by its health check.
    unasked: Unasked,
    /// Whether somebody listens to the engines' events.
    listens: bool,
    /// What they said that nobody has asked for yet.
    hint: Hint,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    container: String,
}

/// Where an instance is being made.
#[derive(Debug, Clone)]
struct Chosen {
    workload: String,
    host: String,
    at: Instant,
}

impl DockerDriver {
    /// Opens the driver: reads what it remembers. Calls no engine yet.
    ///
    /// # Errors
    /// Where the settings are wrong (all complaints in one), or the state folder cannot be read.
    pub fn open(name: &str, config: DockerConfig, data_dir: &Path) -> Result<Self, DriverError> {
        let complaints = config.complaints();
        if !complaints.is_empty() {
            return Err(DriverError::Refused { driver: name.to_owned(), what: complaints.join("; ") });
        }
        let state = config.state_dir.clone().unwrap_or_else(|| data_dir.join("docker").join(name));
        let io = |what: &str| {
            let (driver, what) = (name.to_owned(), format!("{what} its state folder {}", state.display()));
            move |source| DriverError::Io { driver, what, source }
        };
        std::fs::create_dir_all(&state).map_err(io("make"))?;
        let (kept, broken) = kept::read_all(&state).map_err(io("read"))?;
        let timeout = Duration::from_millis(config.call_timeout.0);
        let engine = |(host, settings): (String, DockerHost)| {
            let engine = Engine::new(name, &host, settings, timeout);
            (host, Arc::new(engine))
        };
        let engines = config.hosts().into_iter().map(engine).collect();
        let desk = Mutex::new(Desk { kept, broken, ..Desk::default() });
        let (name, plain) = (name.to_owned(), DockerWorkload::default());
        let inner = Arc::new(Inner { name, config, state, engines, plain, desk, hinted: Notify::new() });
        Ok(Self { inner, over: CancellationToken::new() })
    }
}

impl Drop for DockerDriver {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

#[async_trait]
impl Driver for DockerDriver {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn kind(&self) -> &'static str {
        "docker"
    }

    fn keeps_desired(&self) -> bool {
        false
    }

    async fn observe(&self, now_ms: u64) -> Result<Observation, DriverError> {
        self.inner.listen(&self.over);
        self.inner.observe(now_ms).await
    }

    async fn take(&self, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        self.inner.take(decision, step).await
    }

    async fn address(&self, target: &TargetId, instance: &str) -> Result<Option<String>, DriverError> {
        self.inner.address(target, instance).await
    }

    async fn hint(&self) -> Hint {
        self.inner.hint().await
    }

    async fn check(&self) -> Result<(), DriverError> {
        self.inner.check().await
    }
}

impl Inner {
    /// A thread that panicked while it held the desk leaves it usable: what is on it can all be found again.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn workload(&self, name: &str) -> &DockerWorkload {
        self.config.workload.get(name).unwrap_or(&self.plain)
    }

    fn refused(&self, what: impl Into<String>) -> DriverError {
        DriverError::Refused { driver: self.name.clone(), what: what.into() }
    }

    fn engine(&self, host: &str) -> Result<&Arc<Engine>, DriverError> {
        self.engines.get(host).ok_or_else(|| self.refused(format!("there is no host {host} in the config any more")))
    }

    /// Changes what is kept of a workload, and writes it where it is another than before.
    fn keep<T>(&self, workload: &str, change: impl FnOnce(&mut Kept) -> T) -> Result<T, DriverError> {
        let mut desk = self.desk();
        let before = desk.kept.get(workload);
        let mut kept = before.cloned().unwrap_or_else(|| Kept::new(workload));
        let answer = change(&mut kept);
        if before != Some(&kept) {
            kept::write(&self.state, &kept).map_err(|source| DriverError::Io {
                driver: self.name.clone(),
                what: format!("keep what it knows of {workload} in {}", self.state.display()),
                source,
            })?;
            desk.kept.insert(workload.to_owned(), kept);
        }
        Ok(answer)
    }

    /// Asks every engine who it is. One that does not answer fails the check, and is named.
    async fn check(&self) -> Result<(), DriverError> {
        for engine in self.engines.values() {
            let asked = engine.call(|client| async move { client.ping().await }).await;
            asked.map_err(|error| engine.error(&format!("reach the engine at {}", engine.config.url), &error))?;
        }
        Ok(())
    }
}
