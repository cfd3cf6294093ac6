//! Driver `process`: copies of a command on this machine.
//!
//! Instances outlive the host. What makes that safe: the wish is on disk before anything is started; the launcher checks it
//! under a lock and notes the process before it becomes the command ([`launch`]); every process carries the host's and its
//! instance's name in its environment and cgroup, by which it is found again; a process is known by its number, its start time
//! and the boot, and is signalled only through a descriptor that was checked against these.
//!
//! Nothing retries in here. A crashed instance is shown as failed; `Start`, `Restart` or `Remove` is the host's to take. After
//! crashes repairs wait: [`ObservedTarget::back_off_until_ms`](super::ObservedTarget) says until when.

mod act;
mod back_off;
mod census;
mod cgroup;
mod config;
mod files;
mod health;
mod identity;
mod launch;
mod observe;
mod ports;
mod spawn;
mod sweep;
mod usage;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

pub use self::config::{
    Amounts, EnvVars, Health, HttpHealth, PortRange, ProcessConfig, RestartConfig, StopSignal, TcpHealth,
    WorkloadConfig,
};
pub use self::launch::launch;

pub(super) use self::files::BackOff;

use self::census::Census;
use self::cgroup::Cgroups;
use self::health::HealthBook;
use self::ports::Ports;
use self::usage::Meters;
use super::{Driver, DriverError, Observation, Step, StepState};
use crate::bounds::Decision;
use crate::snapshot::TargetId;

/// How long an observation waits at most until the first checks of adopted instances have decided: after a restart of the host,
/// instances that serve are seen to serve at the first look. A check ends within its own timeout, mostly a second; this bounds
/// the longer ones, to a third of what a list may take. Whatever is undecided then is shown as unknown, neither ready nor starting.
const FIRST_CHECKS_WAIT: Duration = Duration::from_secs(10);

/// The driver.
#[derive(Debug)]
pub struct ProcessDriver {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    config: ProcessConfig,
    state: PathBuf,
    /// This host's name in the environment of its children.
    host: String,
    launcher: PathBuf,
    cgroups: Cgroups,
    /// When this driver was opened: what runs since before then was adopted.
    opened_ticks: u64,
    desk: Mutex<Desk>,
}

/// What is known only as long as the host runs; all else is read anew each time.
#[derive(Debug)]
struct Desk {
    census: Census,
    health: HealthBook,
    ports: Ports,
    meters: Meters,
    /// Our own children, to be reaped; those of an earlier host are init's.
    children: HashMap<i32, std::process::Child>,
    /// How children ended that were reaped and not yet spoken of.
    ends: HashMap<i32, String>,
}

impl ProcessDriver {
    /// Opens the driver: makes its state folder, finds its name, looks at the machine's cgroups. Starts nothing.
    ///
    /// # Errors
    /// Where the settings are wrong (all complaints in one), or the state folder cannot be written.
    pub fn open(name: &str, config: ProcessConfig, data_dir: &Path) -> Result<Self, DriverError> {
        let complaints = config.complaints();
        if !complaints.is_empty() {
            return Err(DriverError::Refused { driver: name.to_owned(), what: complaints.join("; ") });
        }
        let state = config.state_dir.clone().unwrap_or_else(|| data_dir.join("process").join(name));
        let io = |what: String| {
            let driver = name.to_owned();
            move |source| DriverError::Io { driver, what, source }
        };
        let text = state.display().to_string();
        std::fs::create_dir_all(&state).map_err(io(format!("make its state folder {text}")))?;
        let host = files::host_identity(&state).map_err(io(format!("keep its identity in {text}")))?;
        let short: String = host.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let cgroups = if config.cgroups {
            Cgroups::detect(&config.cgroup_root, &short)
        } else {
            Cgroups::none("cgroups are off")
        };
        if let (true, Some(why)) = (config.cgroups, &cgroups.why_not) {
            tracing::warn!(driver = name, why, "instances run without limits");
        }
        let health = HealthBook::new().map_err(|error| DriverError::Refused {
            driver: name.to_owned(),
            what: format!("no HTTP client: {error}"),
        })?;
        let mut ports = Ports::default();
        for workload in config.workload.keys() {
            files::sweep(&state.join(workload)).map_err(io(format!("tidy the folder of {workload} in {text}")))?;
            ports.load(&state.join(workload)).map_err(io(format!("read the folder of {workload} in {text}")))?;
        }
        // A running program is found under this name even after its file was replaced by a newer one.
        let launcher = config.launcher.clone().unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
        let desk = Desk {
            census: Census::default(),
            health,
            ports,
            meters: Meters::default(),
            children: HashMap::new(),
            ends: HashMap::new(),
        };
        let (name, desk, opened_ticks) = (name.to_owned(), Mutex::new(desk), identity::boot_ticks());
        Ok(Self { inner: Arc::new(Inner { name, config, state, host, launcher, cgroups, opened_ticks, desk }) })
    }

    /// Files and `/proc` are read on a thread of their own, so that a slow disk holds up nobody else.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, DriverError> + Send + 'static,
    ) -> Result<T, DriverError> {
        let inner = Arc::clone(&self.inner);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(result) => result,
            Err(error) => Err(DriverError::Unreachable { driver: self.inner.name.clone(), what: error.to_string() }),
        }
    }
}

#[async_trait]
impl Driver for ProcessDriver {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn kind(&self) -> &'static str {
        "process"
    }

    fn keeps_desired(&self) -> bool {
        false
    }

    async fn observe(&self, now_ms: u64) -> Result<Observation, DriverError> {
        let (observation, mut unsettled) = self.on_thread(move |inner| inner.observe(now_ms)).await?;
        if unsettled.is_empty() {
            return Ok(observation);
        }
        let all = async {
            for verdict in &mut unsettled {
                // An error means that the check has ended: then it is not waited for.
                drop(verdict.wait_for(|verdict| verdict.settled).await);
            }
        };
        if tokio::time::timeout(FIRST_CHECKS_WAIT, all).await.is_err() {
            tracing::warn!(driver = self.name(), "the first health checks of adopted instances have not ended in time");
        }
        self.on_thread(move |inner| inner.observe(now_ms)).await.map(|(observation, _)| observation)
    }

    async fn take(&self, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        let (decision, step) = (decision.clone(), step.clone());
        self.on_thread(move |inner| inner.take(&decision, &step)).await
    }

    async fn address(&self, target: &TargetId, instance: &str) -> Result<Option<String>, DriverError> {
        let (target, instance) = (target.clone(), instance.to_owned());
        self.on_thread(move |inner| inner.address(&target, &instance)).await
    }

    async fn check(&self) -> Result<(), DriverError> {
        self.on_thread(Inner::check).await
    }
}

impl Inner {
    /// A thread that panicked while it held the desk leaves it usable: what is on it can all be found again.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dir(&self, workload: &str) -> PathBuf {
        self.state.join(workload)
    }

    fn refused(&self, what: impl Into<String>) -> DriverError {
        DriverError::Refused { driver: self.name.clone(), what: what.into() }
    }

    fn io(&self, what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DriverError {
        let (driver, what) = (self.name.clone(), what.into());
        move |source| DriverError::Io { driver, what, source }
    }

    /// Writes into the state folder, takes a census, and looks for the launcher and every program and user.
    fn check(&self) -> Result<(), DriverError> {
        let probe = self.state.join(".probe");
        std::fs::write(&probe, b"probe").map_err(self.io(format!("write into {}", self.state.display())))?;
        files::remove_if_there(&probe).map_err(self.io(format!("remove {}", probe.display())))?;
        self.desk().census.take(&self.host).map_err(self.io("read /proc"))?;
        std::fs::metadata(&self.launcher).map_err(self.io(format!("find its launcher {}", self.launcher.display())))?;
        for (name, workload) in &self.config.workload {
            spawn::ids(workload).map_err(|why| self.refused(format!("workload {name}: {why}")))?;
            spawn::find_program(workload).map_err(|why| self.refused(format!("workload {name}: {why}")))?;
        }
        Ok(())
    }
}
