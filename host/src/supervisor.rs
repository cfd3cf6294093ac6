//! The host as a whole: builds the rooms from the configuration, keeps the pace, ends in order.
//!
//! Nothing starts half-built: what cannot be built is said before the first turn.

mod alerting;
mod automatic;
mod bind;
mod folder;
mod furnish;
mod hand;
mod hinted;
mod keys;
mod labels;
mod orders;
mod own;
mod pace;
mod policies;
mod pull;
mod pushed;
mod reload;
mod shadows;
mod steer_error;
mod steering;
mod tables;
mod take_down;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use self::bind::{Binder, Found};
#[cfg(any(test, fuzzing))]
pub(crate) use self::labels::fuzz;
pub use self::own::OwnBinding;
pub use self::policies::Activation;
pub use self::pull::AllowedPull;
pub use self::pushed::{PushError, PushIndex, PushedReading};
use self::reload::InForce;
pub use self::reload::{Loader, ReloadReport};
pub use self::shadows::{ShadowSeen, ShadowWanted};
pub use self::steer_error::SteerError;
pub use self::steering::Steering;
use self::steering::SteeringParts;
pub use self::tables::{Refusal, RefusedRow, TableChecked, TableSeen, check_tables};
use self::tables::{Rows, Tables};
use crate::access::TRAIL;
use crate::alerts::Alerts;
use crate::audit::{self, QuietForm, Trigger};
use crate::config::{self, Complaint, Complaints, Config, Quiet, SecretError};
use crate::cycle::{Binding, Clock, Cycle, CycleError, Lease, Parts, Patience, Shared, SystemClock, TurnReport};
use crate::drivers::{Driver, DriverError};
use crate::notices::{Notice, NoticeError};
use crate::registrars::RegistrarError;
use crate::registrars::embedded::EmbeddedRegistrar;
use crate::registry::{Registry, RegistryParts};
use crate::sandbox::{ArtefactCache, Compiler, Sandbox, SandboxError};
use crate::sources::{GatherLimits, Sources};
use crate::store::{MemoryStore, SqliteStore, Store, StoreError, Write};

/// Key of the count of hosts that have owned this store: part of every change's key.
const EPOCH: &str = "host/epoch";
/// How often it is looked whether records are to be dropped.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// Records dropped at once: writes wait for so long.
const RETENTION_ENTRIES_MAX: usize = 2_000;

/// A host, built and not yet running.
#[derive(Debug)]
pub struct Host {
    backends: Vec<Cycle>,
    embedded: Vec<Arc<EmbeddedRegistrar>>,
    steering: Steering,
    retention: audit::Retention,
    notices: Vec<Notice>,
}

/// Why a host could not be built.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the room that it names")]
pub enum HostError {
    #[error("failed to open the store")]
    Store(#[from] StoreError),
    #[error("failed to start the sandbox")]
    Sandbox(#[from] SandboxError),
    #[error("failed to start a driver")]
    Driver(#[from] DriverError),
    #[error("failed to start a registrar")]
    Registrar(#[from] RegistrarError),
    #[error("failed to start source {name}: {what}")]
    Source { name: String, what: String },
    #[error("failed to set up the table of bindings {name}: {what}")]
    Table { name: String, what: String },
    #[error("failed to take up notice {name}")]
    NoticeAddress { name: String, source: SecretError },
    #[error(transparent)]
    Notice(#[from] NoticeError),
    #[error(transparent)]
    Bindings(Complaints),
    #[error(transparent)]
    Cycle(#[from] CycleError),
}

impl Host {
    /// Builds all rooms. The data directory is locked from here on.
    ///
    /// # Errors
    /// What could not be built; nothing was started.
    pub async fn build(config: &Config) -> Result<Self, HostError> {
        Self::assemble(config, None).await
    }

    /// Builds all rooms over these backends, which bear the names of those that the configuration declares: for stories and
    /// benchmarks.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub async fn build_over(config: &Config, drivers: Vec<Arc<dyn Driver>>) -> Result<Self, HostError> {
        Self::assemble(config, Some(drivers)).await
    }

    async fn assemble(config: &Config, drivers: Option<Vec<Arc<dyn Driver>>>) -> Result<Self, HostError> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data_dir)?);
        let cache = Some(ArtefactCache::open(&config.data_dir)?);
        let registry = Arc::new(registry(config, Arc::clone(&store), cache)?);
        let sources: Arc<Sources> = Arc::new(config.sources.iter().map(furnish::source).collect::<Result<_, _>>()?);
        let own = own::load(store.as_ref(), config).await?.map_err(HostError::Bindings)?;
        let mut bindings = bind_all(&registry, &sources, config, &own).await?;
        let (rows, more) = {
            let binder = binder(&registry, &sources, config);
            tables::take_up_kept(store.as_ref(), config, &own, &binder).await?
        };
        bindings.extend(more);

        let notices = config.notices.iter().map(notice).collect::<Result<Vec<_>, _>>()?;
        let (registrars, embedded) = furnish::registrars(config).await?;

        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let steering = Steering::new(SteeringParts {
            registry,
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            bindings,
            in_force: InForce {
                config: config.clone(),
                own,
                rows,
                sources: Arc::clone(&sources),
                load: from_file(config),
            },
            steered: hand::load(store.as_ref()).await?,
            alerts: Arc::new(Alerts::load(Arc::clone(&store)).await?),
            tables: Tables::open(config)?,
        });
        let lease = Lease { epoch: next_epoch(store.as_ref()).await?, expires_ms: u64::MAX };
        let shared = Shared::default();
        // Only now: the data directory is this host's.
        let drivers = match drivers {
            Some(drivers) => drivers,
            None => config.drivers.iter().map(|named| furnish::driver(named, config)).collect::<Result<_, _>>()?,
        };
        let mut backends = Vec::with_capacity(drivers.len());
        for driver in drivers {
            let parts = Parts {
                driver,
                registrars: registrars.clone(),
                sources: Arc::clone(&sources),
                store: Arc::clone(&store),
                records: audit::Settings {
                    quiet: match config.quiet {
                        Quiet::Replayable => QuietForm::Replayable,
                        Quiet::Counted => QuietForm::Counted,
                    },
                },
                host: host_name(),
                clock: Arc::clone(&clock),
                patience: Patience::default(),
                gather_limits: GatherLimits::default(),
                lease,
                shared: shared.clone(),
            };
            let mut cycle = Cycle::take_up(parts).await?;
            cycle.steer(steering.said().subscribe(), Arc::clone(steering.board()));
            cycle.hear(Arc::clone(steering.alerts()));
            backends.push(cycle);
        }
        let retention = audit::Retention {
            age_ms: config.retention.age_ms,
            bytes_max: config.retention.size_bytes,
            entries_max: RETENTION_ENTRIES_MAX,
        };
        Ok(Self { backends, embedded, steering, retention, notices })
    }

    /// The balancers that run within this host.
    #[must_use]
    pub fn balancers(&self) -> &[Arc<EmbeddedRegistrar>] {
        &self.embedded
    }

    /// Where this host keeps its state.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        self.steering.store()
    }

    /// How it is steered while it runs.
    #[must_use]
    pub fn steering(&self) -> Steering {
        self.steering.clone()
    }

    /// Takes every binding through one turn, sees through what was begun, and ends.
    ///
    /// # Errors
    /// Where no turn could be made.
    pub async fn run_once(mut self) -> Result<TurnReport, HostError> {
        let mut total = TurnReport::default();
        for table in self.steering.tables().all() {
            self.steering.read_table(table).await;
        }
        let bindings = self.steering.bindings();
        let due: BTreeSet<String> = bindings.iter().map(|binding| binding.name.clone()).collect();
        for cycle in &mut self.backends {
            let report = cycle.turn(&bindings, &due, &Trigger::Manual { who: "run --once".to_owned() }).await?;
            while cycle.running() > 0 {
                cycle.next_finished().await?;
            }
            total.join(report);
        }
        self.end().await;
        Ok(total)
    }

    /// Runs until `shutdown`. Each backend has a task of its own; one that is slow or broken delays no other.
    pub async fn run(mut self, shutdown: CancellationToken) {
        for mut cycle in self.drive(shutdown).await {
            cycle.farewell().await;
        }
        self.end().await;
    }

    /// Runs until `shutdown`, then takes every target of the bindings down to nothing, by decisions that are recorded as any
    /// other. For hosts whose workloads must not outlive them, such as the demo's. Each backend has `patience` to end; returns
    /// what is left nevertheless, for a person.
    pub async fn run_and_take_down(mut self, shutdown: CancellationToken, patience: Duration) -> Vec<String> {
        let mut left = Vec::new();
        for mut cycle in self.drive(shutdown).await {
            let (bindings, clock) = (self.steering.bindings(), self.steering.clock());
            left.extend(take_down::take_down(&mut cycle, &bindings, clock.as_ref(), patience).await);
            cycle.farewell().await;
        }
        self.end().await;
        left
    }

    /// Keeps the pace until `shutdown`; returns the backends whose tasks did not break down.
    async fn drive(&mut self, shutdown: CancellationToken) -> Vec<Cycle> {
        for notice in std::mem::take(&mut self.notices) {
            let (_, coming) = self.steering.events(u64::MAX);
            tokio::spawn(notice.tell(coming, shutdown.clone()));
        }
        let mut tasks = JoinSet::new();
        for cycle in std::mem::take(&mut self.backends) {
            let orders = self.steering.orders(cycle.driver().name());
            tokio::spawn(hinted::listen(Arc::clone(cycle.driver()), self.steering.clone(), shutdown.clone()));
            tasks.spawn(pace::drive(cycle, self.steering.listen(), orders, shutdown.clone()));
        }
        let folder = folder::watch(&self.steering, &self.steering.in_force().lock().await.config, shutdown.clone());
        let retention = tokio::spawn(keep_house(self.steering.clone(), self.retention, shutdown.clone()));
        let automatic = tokio::spawn(automatic::keep_judging(self.steering.clone(), shutdown.clone()));
        let read = |table: &Arc<_>| {
            tokio::spawn(tables::keep_reading(self.steering.clone(), Arc::clone(table), shutdown.clone()))
        };
        let reading: Vec<JoinHandle<()>> = self.steering.tables().all().iter().map(read).collect();
        let mut ended = Vec::new();
        while let Some(one) = tasks.join_next().await {
            match one {
                Ok(backend) => ended.push(backend),
                Err(error) => tracing::error!(%error, "the task of a backend broke down; its targets stay as they are"),
            }
        }
        // A host without a backend, or whose backends all broke down, keeps house all the same.
        shutdown.cancelled().await;
        retention.abort();
        automatic.abort();
        reading.iter().for_each(JoinHandle::abort);
        folder.inspect(JoinHandle::abort);
        ended
    }

    async fn end(self) {
        for balancer in &self.embedded {
            balancer.shutdown().await;
        }
    }
}

/// Checks what [`Host::build`] would: loads every policy, holds parameters to manifests, needs to readings, readings to their
/// sources. Keeps nothing, locks nothing, starts nothing but the sandbox.
///
/// # Errors
/// Everything that is wrong.
pub async fn check(config: &Config) -> Result<(), HostError> {
    let registry = Arc::new(registry(config, Arc::new(MemoryStore::new()), None)?);
    let sources: Sources = config.sources.iter().map(furnish::source).collect::<Result<_, _>>()?;
    bind_all(&registry, &sources, config, &BTreeMap::new()).await?;
    Ok(())
}

fn registry(config: &Config, store: Arc<dyn Store>, cache: Option<ArtefactCache>) -> Result<Registry, HostError> {
    let sandbox = Sandbox::start(&config.sandbox)?;
    // The children of a unit test's binary would run its tests, and those of a fuzzer's would fuzz.
    let compiler =
        if cfg!(any(test, fuzzing)) { Compiler::in_process() } else { Compiler::new(None, sandbox.compile_limits())? };
    let policies_dir = config.policies_dir.clone().unwrap_or_else(|| folder_of(config));
    let registry = Registry::new(RegistryParts { sandbox, compiler, cache, store, policies_dir });
    // Keys that cannot be read are complained about where bindings are made, and the host does not start.
    registry.trust(keys::keyring(&config.policies).unwrap_or_default());
    Ok(registry)
}

fn binder<'a>(registry: &'a Arc<Registry>, sources: &'a Sources, config: &'a Config) -> Binder<'a> {
    let (keys, found) = (registry.keys(), Found::default());
    Binder { registry, sources, planned: None, config, keys, granting: None, found }
}

/// All bindings, or every complaint of all of them and of the drivers.
async fn bind_all(
    registry: &Arc<Registry>,
    sources: &Sources,
    config: &Config,
    own: &BTreeMap<String, config::Binding>,
) -> Result<Vec<Arc<Binding>>, HostError> {
    let mut complaints: Vec<Complaint> = furnish::driver_complaints(config);
    complaints.extend(keys::keyring(&config.policies).err().into_iter().flatten());
    match binder(registry, sources, config).all(&reload::wanted(config, own, &Rows::new()), &[]).await {
        Ok(bindings) if complaints.is_empty() => return Ok(bindings),
        Ok(_) => {}
        Err(found) => complaints.extend(found),
    }
    Err(HostError::Bindings(Complaints { file: config.file.display().to_string(), complaints }))
}

fn notice(at: &config::NoticeAt) -> Result<Notice, HostError> {
    let missing = |source| HostError::NoticeAddress { name: at.name.clone(), source };
    Ok(Notice::open(at.fetch().map_err(missing)?, &host_name())?)
}

/// Counts this owner of the store.
async fn next_epoch(store: &dyn Store) -> Result<u64, StoreError> {
    let kept = store.get(EPOCH).await?;
    let last = kept.and_then(|kept| String::from_utf8(kept.value).ok()?.parse::<u64>().ok()).unwrap_or(0);
    let epoch = last.saturating_add(1);
    store.write(vec![Write::Set { key: EPOCH.to_owned(), value: epoch.to_string().into_bytes() }]).await?;
    Ok(epoch)
}

/// Drops what has had its time: old records, pauses and pins that have ended, versions that nobody uses.
async fn keep_house(steering: Steering, retention: audit::Retention, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(RETENTION_EVERY) => {}
        }
        match audit::retain(steering.store().as_ref(), &retention, steering.clock().now_ms()).await {
            Ok(retained) => {
                tracing::debug!(?retained, "old records dropped");
                // Only where all records together could not make the logs small enough.
                if retained.by_size < retention.entries_max
                    && let Err(error) =
                        steering.store().trim_to_size(TRAIL, retention.bytes_max, retention.entries_max).await
                {
                    tracing::warn!(%error, "old changes could not be dropped");
                }
            }
            Err(error) => tracing::warn!(%error, "old records could not be dropped"),
        }
        if let Err(error) = steering.alerts().sweep(steering.clock().now_ms()).await {
            tracing::warn!(%error, "alerts that are over could not be dropped");
        }
        if let Err(error) = steering.sweep().await {
            tracing::warn!(%error, "pauses and pins that have ended could not be dropped");
        }
        steering.make_room().await;
    }
}

/// Reads the file again; the data directory stays where it is.
fn from_file(config: &Config) -> Loader {
    let (file, data_dir) = (config.file.clone(), config.data_dir.clone());
    Arc::new(move || Config::load(&file).map(|fresh| Config { data_dir: data_dir.clone(), ..fresh }))
}

fn folder_of(config: &Config) -> PathBuf {
    config.file.parent().map(PathBuf::from).unwrap_or_default()
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
