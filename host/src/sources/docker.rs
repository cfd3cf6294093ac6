//! The source `docker`: what a container engine measures of each container.
//!
//! It knows an instance by its handle, `docker:<host>/<container's id>`, else by its id: the engine takes an id or a name. Where
//! there are several engines, it asks that of the host, or of the instance's node. Each container
//! is asked once per turn, for one measurement and not two (`one-shot`), however many readings look at it; rates are taken between
//! the turns. A container that is not running tells nothing, and one that was restarted has no rates until the next turn.

mod engine;
mod stats;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
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
/// Engines of one source.
const HOSTS_MAX: usize = 256;

/// `[source.NAME.docker]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DockerStatsConfig {
    /// The engines, by the names that the driver gives their hosts; none: the one of this machine.
    pub host: BTreeMap<String, StatsHost>,
    /// Containers of one engine asked about at once.
    pub at_once_max: usize,
    /// Time for one container.
    pub timeout_ms: u64,
    /// Time for all containers of one reading; those not heard of then are left out.
    pub all_timeout_ms: u64,
}

/// `[source.NAME.docker.host.HOST]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatsHost {
    /// Where the engine is: `unix:///path` or `tcp://host:port`.
    pub url: String,
    /// Who vouches for an engine behind TLS, in PEM; with the next two.
    pub ca_file: Option<PathBuf>,
    /// The certificate, in PEM, that shows the engine who we are.
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub key_file: Option<PathBuf>,
}

impl Default for DockerStatsConfig {
    fn default() -> Self {
        Self {
            host: BTreeMap::new(),
            at_once_max: default_at_once_max(),
            timeout_ms: default_timeout_ms(),
            all_timeout_ms: default_all_timeout_ms(),
        }
    }
}

impl Default for StatsHost {
    fn default() -> Self {
        Self { url: "unix:///var/run/docker.sock".to_owned(), ca_file: None, cert_file: None, key_file: None }
    }
}

impl DockerStatsConfig {
    /// With the one engine at this address, without TLS.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        let host = StatsHost { url: url.into(), ..StatsHost::default() };
        Self { host: BTreeMap::from([("local".to_owned(), host)]), ..Self::default() }
    }

    /// What its shape does not say: `key: what is wrong; the remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = Vec::new();
        for (name, host) in &self.host {
            complaints.extend(host.complaints().into_iter().map(|complaint| format!("host.{name}.{complaint}")));
        }
        if self.host.len() > HOSTS_MAX {
            complaints.push(format!("host: there are {}; at most {HOSTS_MAX} in one source", self.host.len()));
        }
        if self.at_once_max == 0 {
            complaints.push("at_once_max: is 0; at least 1 must be asked about".to_owned());
        }
        complaints
    }

    /// Has relative files start from this folder.
    pub fn root_at(&mut self, base: &Path) {
        for host in self.host.values_mut() {
            for file in [&mut host.ca_file, &mut host.cert_file, &mut host.key_file].into_iter().flatten() {
                *file = base.join(&*file);
            }
        }
    }
}

impl StatsHost {
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.url.starts_with("unix://") && !self.url.starts_with("tcp://") {
            complaints.push("url: does not begin with unix:// or tcp://".to_owned());
        }
        let files = [&self.ca_file, &self.cert_file, &self.key_file];
        let given = files.iter().filter(|file| file.is_some()).count();
        if given != 0 && given != files.len() {
            complaints
                .push("ca_file: of ca_file, cert_file and key_file some are missing; write all or none".to_owned());
        } else if given != 0 && !self.url.starts_with("tcp://") {
            complaints.push("ca_file: TLS is for engines at tcp://; remove the certificates".to_owned());
        }
        complaints
    }
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
    engines: BTreeMap<String, Engine>,
    /// By engine and container. Locked while some are asked for, so that each is asked for once.
    known: Mutex<HashMap<Place, Known>>,
}

/// The engine's name, and the container's id there.
type Place = (String, String);
/// What an engine told of each container that it was asked about.
type Told = Vec<(String, Result<Stats, String>)>;

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
    /// A source that will ask these engines; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(name: &str, config: DockerStatsConfig) -> Result<Self, String> {
        if let Some(complaint) = config.complaints().into_iter().next() {
            return Err(complaint);
        }
        let hosts = match config.host.is_empty() {
            true => BTreeMap::from([("local".to_owned(), StatsHost::default())]),
            false => config.host.clone(),
        };
        let engine = |(name, host)| (name, Engine::new(host, config.timeout_ms));
        let engines = hosts.into_iter().map(engine).collect();
        Ok(Self { name: name.to_owned(), config, engines, known: Mutex::default() })
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

    /// Where an instance is measured.
    ///
    /// # Errors
    /// Why nobody can be asked.
    fn place(&self, instance: &Instance) -> Result<Place, String> {
        // The driver's handle names the host, too, of which an id has no part.
        let handle = instance.handle.as_deref().and_then(|handle| handle.strip_prefix("docker:"));
        let (host, id) = match handle.map(|place| place.rsplit_once('/').ok_or(place)) {
            Some(Ok((host, id))) => (Some(host), id),
            Some(Err(id)) => (instance.node.as_deref(), id),
            None => (instance.node.as_deref(), instance.id.as_str()),
        };
        let mut names = self.engines.keys();
        let named = match (names.next(), names.next()) {
            // Whatever the driver calls its host, there is one.
            (Some(only), None) => Some(only),
            _ => host.and_then(|host| self.engines.get_key_value(host)).map(|(name, _)| name),
        };
        let unknown = || match host {
            Some(host) => format!("it is on host {host}; write [source.{}.docker.host.{host}]", self.name),
            None => "nobody says on which host it is".to_owned(),
        };
        named.map(|name| (name.clone(), id.to_owned())).ok_or_else(unknown)
    }

    /// Asks about the containers that this turn has not yet been told of. An engine that tells nothing costs its own containers,
    /// and is an error where no other was asked.
    async fn refresh(&self, known: &mut HashMap<Place, Known>, ask: &Ask<'_>) -> Result<(), SourceError> {
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let instances = ask.targets.iter().flat_map(|asked| asked.instances);
        for place in instances.filter(|instance| may_run(instance)).filter_map(|instance| self.place(instance).ok()) {
            if known.get(&place).is_none_or(|known| known.now_ms != ask.now_ms) {
                wanted.entry(place.0).or_default().push(place.1);
            }
        }
        let (asked, until) = (Instant::now(), Instant::now() + Duration::from_millis(self.config.all_timeout_ms));
        let asking = wanted.into_iter().filter_map(|(name, ids)| {
            let engine = self.engines.get(&name)?;
            Some(async move { (name, self.ask(engine, &ids, until).await, ids) })
        });
        let mut answered = join_all(asking).await;
        if let [(_, Err(what), _)] = answered.as_slice() {
            return Err(SourceError::Unreachable { name: self.name.clone(), what: what.clone() });
        }
        for (name, told, ids) in answered.drain(..) {
            let told = told.unwrap_or_else(|what| {
                ids.into_iter().map(|id| (id, Err(format!("host {name} tells nothing: {what}")))).collect()
            });
            for (id, newest) in told {
                let place = (name.clone(), id);
                let before = known.remove(&place).and_then(|known| known.newest.ok().or(known.before));
                known.insert(place, Known { now_ms: ask.now_ms, asked, newest: newest.map(Arc::new), before });
            }
        }
        known.retain(|_, known| known.asked.elapsed() < KEPT);
        Ok(())
    }

    /// What an engine says of these containers by then, each of them.
    async fn ask(&self, engine: &Engine, ids: &[String], until: Instant) -> Result<Told, String> {
        let client = timeout_at(until, engine.connect()).await;
        let client = client.map_err(|_| "it did not answer in time".to_owned())??;
        let within = Duration::from_millis(self.config.timeout_ms);
        let mut asking = stream::iter(ids.to_vec())
            .map(|id| {
                let client = client.clone();
                async move {
                    let told = engine::stats(&client, &id, within).await;
                    (id, told)
                }
            })
            .buffer_unordered(self.config.at_once_max);
        let mut told: Told = Vec::with_capacity(ids.len());
        let mut missing: HashSet<&String> = ids.iter().collect();
        while let Ok(Some((id, stats))) = timeout_at(until, asking.next()).await {
            missing.remove(&id);
            told.push((id, stats));
        }
        told.extend(missing.into_iter().map(|id| (id.clone(), Err("it was not heard of in time".to_owned()))));
        Ok(told)
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
                let value = match self.place(instance) {
                    Ok(place) => {
                        let Some(told) = known.get(&place) else { continue };
                        let newest = told.newest.as_ref().map_err(Clone::clone);
                        newest.map(|stats| quantity.of(stats, told.before.as_deref()))
                    }
                    Err(why) => Err(why),
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
        let asking = self.engines.iter().map(async |(name, engine)| {
            let asked = tokio::time::timeout(within, engine.check()).await;
            let answered = asked.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
            answered.map_err(|what| format!("host {name}: {what}"))
        });
        let answered: Result<(), String> = join_all(asking).await.into_iter().collect();
        answered.map_err(|what| SourceError::Unreachable { name: self.name.clone(), what })
    }
}

/// Whether there may be something to measure.
fn may_run(instance: &Instance) -> bool {
    !matches!(instance.phase, Phase::Pending | Phase::Stopped | Phase::Failed | Phase::Lost)
}
