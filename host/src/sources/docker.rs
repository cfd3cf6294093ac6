//! The source `docker`: what a container engine measures of each container.
//!
//! It knows an instance by its handle, `docker:<host>/<container's id>`, else by its id: the engine takes an id or a name. Each container
//! is asked once per turn, for one measurement and not two (`one-shot`), however many readings look at it; rates are taken between
//! the turns. A container that is not running tells nothing, and one that was restarted has no rates until the next turn.

mod engine;
mod stats;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use self::engine::Engine;
use self::stats::{QUERIES, Quantity, Stats};
use super::{Ask, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::{Instance, Phase, Samples, Subject};

/// Turns for which the counters of a container that is no longer asked about are kept.
const KEPT: Duration = Duration::from_secs(3_600);

/// `[source.NAME.docker]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerStatsConfig {
    /// Where the engine is: `unix:///path` or `tcp://host:port`.
    #[serde(default = "default_host")]
    pub host: String,
    /// Who vouches for an engine behind TLS, in PEM; with the next two.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The certificate, in PEM, that shows the engine who we are.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Containers asked about at once.
    #[serde(default = "default_at_once_max")]
    pub at_once_max: usize,
    /// Time for one container.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// Time for all containers of one reading; those not heard of then are left out.
    #[serde(default = "default_all_timeout_ms")]
    pub all_timeout_ms: u64,
}

impl Default for DockerStatsConfig {
    fn default() -> Self {
        Self {
            host: default_host(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            at_once_max: default_at_once_max(),
            timeout_ms: default_timeout_ms(),
            all_timeout_ms: default_all_timeout_ms(),
        }
    }
}

impl DockerStatsConfig {
    /// What its shape does not say: `key: what is wrong; the remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.host.starts_with("unix://") && !self.host.starts_with("tcp://") {
            complaints.push("host: does not begin with unix:// or tcp://".to_owned());
        }
        let files = [&self.ca_file, &self.cert_file, &self.key_file];
        let given = files.iter().filter(|file| file.is_some()).count();
        if given != 0 && given != files.len() {
            complaints
                .push("ca_file: of ca_file, cert_file and key_file some are missing; write all or none".to_owned());
        } else if given != 0 && !self.host.starts_with("tcp://") {
            complaints.push("ca_file: TLS is for engines at tcp://; remove the certificates".to_owned());
        }
        if self.at_once_max == 0 {
            complaints.push("at_once_max: is 0; at least 1 must be asked about".to_owned());
        }
        complaints
    }

    /// Has relative files start from this folder.
    pub fn root_at(&mut self, base: &Path) {
        for file in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *file = base.join(&*file);
        }
    }
}

fn default_host() -> String {
    "unix:///var/run/docker.sock".to_owned()
}

/// All at once, mostly: the engine measures what it is asked about together, once a second, and answers then. A hundred asked 32 at
/// a time took it four seconds, asked together one and a bit (Docker 20.10).
fn default_at_once_max() -> usize {
    256
}

/// No less than for all: that second, and some milliseconds for each of those that are measured before.
fn default_timeout_ms() -> u64 {
    4_000
}

fn default_all_timeout_ms() -> u64 {
    4_000
}

/// The engine's own measurements.
#[derive(Debug)]
pub struct DockerStatsSource {
    name: String,
    config: DockerStatsConfig,
    engine: Engine,
    /// By container. Locked while some are asked for, so that each is asked for once.
    known: Mutex<HashMap<String, Known>>,
}

/// What was told of one container.
#[derive(Debug, Clone)]
struct Known {
    now_ms: u64,
    asked: Instant,
    newest: Result<Arc<Stats>, String>,
    /// The one before, which rates start from.
    before: Option<Arc<Stats>>,
}

impl DockerStatsSource {
    /// A source that will ask this engine; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(name: &str, config: DockerStatsConfig) -> Result<Self, String> {
        if let Some(complaint) = config.complaints().into_iter().next() {
            return Err(complaint);
        }
        let engine = Engine::new(&config);
        Ok(Self { name: name.to_owned(), config, engine, known: Mutex::default() })
    }

    fn quantity(&self, spec: &ReadingSpec) -> Result<Quantity, SourceError> {
        let unsuited = |what: String| SourceError::Reading {
            reading: spec.name.as_ref().to_owned(),
            name: self.name.clone(),
            what,
        };
        if spec.subject != Subject::Instance {
            return Err(unsuited(format!("its subject is {}; set subject = \"instance\"", spec.subject)));
        }
        if spec.rate {
            return Err(unsuited(
                "`rate` is for sources that give counters; its rates are queries of their own".to_owned(),
            ));
        }
        let found = QUERIES.iter().find(|(query, _)| *query == spec.query);
        found.map(|(_, quantity)| *quantity).ok_or_else(|| {
            let known: Vec<&str> = QUERIES.iter().map(|(query, _)| *query).collect();
            unsuited(format!("there is no query {:?}; there are {}", spec.query, known.join(", ")))
        })
    }

    /// Asks about the containers that this turn has not yet been told of.
    async fn refresh(&self, known: &mut HashMap<String, Known>, ask: &Ask<'_>) -> Result<(), SourceError> {
        let unreachable = |what| SourceError::Unreachable { name: self.name.clone(), what };
        let wanted: Vec<String> = (ask.targets.iter())
            .flat_map(|asked| asked.instances)
            .filter(|instance| may_run(instance))
            .map(|instance| container(instance).to_owned())
            .filter(|id| known.get(id).is_none_or(|known| known.now_ms != ask.now_ms))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let until = Instant::now() + Duration::from_millis(self.config.all_timeout_ms);
        let engine = timeout_at(until, self.engine.connect()).await;
        let engine = engine.map_err(|_| unreachable("it did not answer in time".to_owned()))?.map_err(unreachable)?;
        let within = Duration::from_millis(self.config.timeout_ms);
        let mut asking = stream::iter(wanted.clone())
            .map(|id| {
                let engine = engine.clone();
                async move {
                    let told = engine::stats(&engine, &id, within).await;
                    (id, told)
                }
            })
            .buffer_unordered(self.config.at_once_max);
        let asked = Instant::now();
        let mut tell = |id: String, newest| {
            let before = known.remove(&id).and_then(|known| known.newest.ok().or(known.before));
            known.insert(id, Known { now_ms: ask.now_ms, asked, newest, before });
        };
        let mut missing: std::collections::HashSet<String> = wanted.into_iter().collect();
        while let Ok(Some((id, told))) = timeout_at(until, asking.next()).await {
            missing.remove(&id);
            tell(id, told.map(Arc::new));
        }
        for id in missing {
            tell(id, Err("it was not heard of in time".to_owned()));
        }
        known.retain(|_, known| known.asked.elapsed() < KEPT);
        Ok(())
    }
}

#[async_trait]
impl Source for DockerStatsSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "docker"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        self.quantity(spec).map(|_| ())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let quantity = self.quantity(ask.spec)?;
        let mut known = self.known.lock().await;
        self.refresh(&mut known, ask).await?;
        let mut measurement = Measurement::default();
        for asked in ask.targets {
            for instance in asked.instances.iter().filter(|instance| may_run(instance)) {
                let Some(told) = known.get(container(instance)) else { continue };
                let value = match &told.newest {
                    Ok(stats) => Ok(quantity.of(stats, told.before.as_deref())),
                    Err(why) => Err(why.clone()),
                };
                match value {
                    Ok(Some(value)) => measurement.rows.push(Row {
                        target: asked.target.id.clone(),
                        owner: Some(instance.id.clone()),
                        samples: Samples::one(ask.now_ms, value),
                    }),
                    Ok(None) => {}
                    Err(why) => measurement.failed.push((format!("{}/{}", asked.target.id, instance.id), why)),
                }
            }
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        let within = Duration::from_millis(self.config.timeout_ms);
        let asked = tokio::time::timeout(within, self.engine.check()).await;
        let answered = asked.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
        answered.map_err(|what| SourceError::Unreachable { name: self.name.clone(), what })
    }
}

/// How the engine calls an instance. The driver's handle names the host, too, of which an id has no part.
fn container(instance: &Instance) -> &str {
    let handle = instance.handle.as_deref().and_then(|handle| handle.strip_prefix("docker:"));
    handle.map_or(&instance.id, |place| place.rsplit_once('/').map_or(place, |(_, id)| id))
}

/// Whether there may be something to measure.
fn may_run(instance: &Instance) -> bool {
    !matches!(instance.phase, Phase::Pending | Phase::Stopped | Phase::Failed | Phase::Lost)
}
