//! What the engines have: one list each, and a closer look at the containers of which something has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary, HealthStatusEnum, SystemInfo,
};
use bollard::query_parameters::ListContainersOptions;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::sync::Notify;

use super::Inner;
use super::clone::{INSTANCE, TARGET};
use super::config::{COMPOSE_PROJECT, COMPOSE_SERVICE, DockerConfig};
use super::engine::{Engine, EngineError, settled};
use super::kept::Kept;
use super::observe::instant_ms;
use crate::snapshot::Phase;

/// Containers that are looked at side by side on one engine.
const LOOKS_AT_ONCE: usize = 16;
/// A closer look that is older than this is taken again, though nothing seems to have changed.
const LOOK_AGE_MAX: Duration = Duration::from_secs(60);
/// The same where the engine's events are heard, which tell of every change: a stream may hang unnoticed.
const LOOK_AGE_HEARD: Duration = Duration::from_secs(10 * 60);
/// Most containers of one engine.
const CONTAINERS_MAX: usize = 20_000;
/// An id that Docker shows is as long.
const SHORT_ID: usize = 12;

/// One container of a workload.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub host: String,
    pub id: String,
    pub name: String,
    pub workload: String,
    /// The instance's id: ours, or the beginning of the engine's.
    pub instance: String,
    /// Whether we made it.
    pub ours: bool,
    /// Whether it only says that we made it: another container was written down for that instance, or another target is named.
    pub copied: bool,
    pub labels: BTreeMap<String, String>,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    /// Whether it has been running for longer than `ready_timeout` without a word of its health check.
    pub unasked: bool,
    pub details: Arc<ContainerInspectResponse>,
}

/// What one look at all engines came to.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub containers: Vec<Seen>,
    /// Engines that answered, and what they have.
    pub hosts: BTreeMap<String, Option<SystemInfo>>,
    /// Engines that did not, and why.
    pub silent: BTreeMap<String, String>,
    /// Those of the silent ones that are taken for gone, by `host_lost_after`.
    pub lost: BTreeSet<String>,
    /// Containers that could not be read: workload, name, and why.
    pub unreadable: Vec<(String, String, String)>,
}

/// Since when each container has been seen to run without a word of its health check. By our own watch: the engine's clock may
/// be another.
#[derive(Debug, Default)]
pub(super) struct Unasked {
    /// By container: its start, and when it was first seen.
    since: HashMap<String, (String, Instant)>,
}

impl Unasked {
    /// Takes note of a look at all engines.
    pub(super) fn note(&mut self, scan: &Scan, now: Instant) {
        let waits: HashMap<&str, &str> =
            scan.containers.iter().filter_map(|seen| Some((seen.id.as_str(), unasked_since(&seen.details)?))).collect();
        // What is on a silent engine nobody knows: it is judged by what it is when it is seen again.
        let there: HashSet<&str> = scan.containers.iter().map(|seen| seen.id.as_str()).collect();
        let away = |id: &str| !scan.silent.is_empty() && !there.contains(id);
        self.since.retain(|id, (start, _)| waits.get(id.as_str()) == Some(&start.as_str()) || away(id));
        for (id, start) in waits {
            self.since.entry(id.to_owned()).or_insert_with(|| (start.to_owned(), now));
        }
    }

    /// Whether a container has been waiting for its check for longer than this.
    pub(super) fn is_longer_than(&self, id: &str, time: Duration, now: Instant) -> bool {
        self.since.get(id).is_some_and(|(_, since)| now.saturating_duration_since(*since) > time)
    }
}

/// When a container started that runs and of which its check has said nothing yet.
pub(super) fn unasked_since(details: &ContainerInspectResponse) -> Option<&str> {
    let state = details.state.as_ref().filter(|state| state.status == Some(ContainerStateStatusEnum::RUNNING))?;
    let health = state.health.as_ref().and_then(|health| health.status);
    (health == Some(HealthStatusEnum::STARTING)).then(|| state.started_at.as_deref().unwrap_or_default())
}

/// What is remembered between two looks, so that what did not change is not asked for again.
#[derive(Default)]
pub(super) struct Looks {
    /// Who waits for the next thing that happens to a container.
    awaited: HashMap<String, Arc<Notify>>,
    known: HashMap<String, Known>,
    /// Containers that are being looked at: what happens to one meanwhile takes it off.
    looking: HashSet<String>,
    systems: HashMap<String, (Instant, SystemInfo)>,
    /// Engines whose events are heard.
    heard: HashSet<String>,
}

struct Known {
    host: String,
    /// What the list said of it then.
    sign: String,
    looked_at: Instant,
    details: Arc<ContainerInspectResponse>,
}

impl fmt::Debug for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment of containers may hold secrets.
        f.debug_struct("Looks").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Looks {
    /// Told when the next thing happens to this container; what happens before it is listened to counts, too.
    pub(super) fn next_news(&mut self, id: &str) -> Arc<Notify> {
        Arc::clone(self.awaited.entry(id.to_owned()).or_default())
    }

    /// Something happened to this container: it is looked at again.
    pub(super) fn forget(&mut self, id: &str) {
        if let Some(waiter) = self.awaited.remove(id) {
            waiter.notify_one();
        }
        self.known.remove(id);
        self.looking.remove(id);
    }

    /// The events of an engine are heard from now on; what happened before was not.
    pub(super) fn hear(&mut self, host: &str) {
        self.known.retain(|_, known| known.host != host);
        self.looking.clear();
        self.heard.insert(host.to_owned());
    }

    /// The events of an engine are not heard any more.
    pub(super) fn hear_no_more(&mut self, host: &str) {
        self.heard.remove(host);
    }

    /// The last closer look, where it still tells how the container is: nothing was said of it since.
    pub(super) fn of(&self, host: &str, id: &str, age_max: Duration) -> Option<Arc<ContainerInspectResponse>> {
        let known = self.known.get(id).filter(|_| self.heard.contains(host))?;
        (known.looked_at.elapsed() < age_max).then(|| Arc::clone(&known.details))
    }

    fn note(&mut self, host: &str, id: &str, sign: String, details: &Arc<ContainerInspectResponse>) {
        if self.looking.remove(id) {
            let (host, looked_at, details) = (host.to_owned(), Instant::now(), Arc::clone(details));
            self.known.insert(id.to_owned(), Known { host, sign, looked_at, details });
        }
    }
}

impl Scan {
    /// An engine of which nobody knows what it has now, and why.
    pub(super) fn doubt(&self) -> Option<(&String, &String)> {
        self.silent.iter().find(|(host, _)| !self.lost.contains(*host))
    }
}

impl Inner {
    /// Whether an engine has been silent for so long that its containers are taken for gone.
    pub(super) fn is_lost(&self, engine: &Engine) -> bool {
        let after = self.config.host_lost_after.map(|after| Duration::from_millis(after.0));
        after.zip(engine.silent_for()).is_some_and(|(after, silent)| silent >= after)
    }

    /// Looks at all engines side by side. Engines that do not answer keep nobody waiting longer than one call.
    pub(super) async fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        for (host, found) in join_all(self.engines.values().map(|engine| self.scan_one(engine))).await {
            match found {
                Ok((containers, unreadable, system)) => {
                    scan.containers.extend(containers);
                    scan.unreadable.extend(unreadable);
                    scan.hosts.insert(host, system);
                }
                Err(error) => drop(scan.silent.insert(host, error.to_string())),
            }
        }
        let lost =
            self.engines.values().filter(|engine| scan.silent.contains_key(&engine.name) && self.is_lost(engine));
        scan.lost = lost.map(|engine| engine.name.clone()).collect();
        unique(&mut scan.containers);
        let present: HashSet<&str> = scan.containers.iter().map(|seen| seen.id.as_str()).collect();
        let silent = |known: &Known| scan.silent.contains_key(&known.host);
        let desk = &mut *self.desk();
        let looks = &mut desk.looks;
        looks.known.retain(|id, known| present.contains(id.as_str()) || silent(known));
        looks.awaited.retain(|id, _| present.contains(id.as_str()) || !scan.silent.is_empty());
        let now = Instant::now();
        desk.unasked.note(&scan, now);
        for seen in &mut scan.containers {
            let ready_timeout = Duration::from_millis(self.workload(&seen.workload).ready_timeout.0);
            seen.unasked = desk.unasked.is_longer_than(&seen.id, ready_timeout, now);
        }
        scan
    }

    async fn scan_one(
        &self,
        engine: &Arc<Engine>,
    ) -> (String, Result<(Vec<Seen>, Vec<(String, String, String)>, Option<SystemInfo>), EngineError>) {
        let host = engine.name.clone();
        let listed = match list(engine, None).await {
            Ok(listed) if listed.len() <= CONTAINERS_MAX => listed,
            Ok(listed) => {
                let what = format!("{} containers are more than {CONTAINERS_MAX}", listed.len());
                return (host, Err(EngineError::Refused(what)));
            }
            Err(error) => return (host, Err(error)),
        };
        let mine = listed.into_iter().filter_map(|one| {
            let labels: BTreeMap<String, String> = one.labels.clone().unwrap_or_default().into_iter().collect();
            let workload = workload_of(&self.config, &labels)?;
            Some((workload, labels, one))
        });
        let looks = mine.map(|(workload, labels, one)| async move {
            let name = name_of(&one);
            match self.look_at(engine, &one).await {
                Ok(details) => Ok(Some(self.seen(engine, workload, labels, &one, details))),
                // It has gone since the list was made.
                Err(EngineError::Missing(_)) => Ok(None),
                Err(error) => Err((workload, name, error.to_string())),
            }
        });
        let found: Vec<_> = futures_util::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).collect().await;
        let (mut containers, mut unreadable) = (Vec::new(), Vec::new());
        for one in found {
            match one {
                Ok(seen) => containers.extend(seen),
                Err(failed) => unreadable.push(failed),
            }
        }
        let system = self.system(engine).await;
        (host, Ok((containers, unreadable, system)))
    }

    fn seen(
        &self,
        engine: &Engine,
        workload: String,
        labels: BTreeMap<String, String>,
        one: &ContainerSummary,
        details: Arc<ContainerInspectResponse>,
    ) -> Seen {
        let id = one.id.clone().unwrap_or_default();
        let target = format!("{}/{workload}", self.name);
        let maker = {
            let desk = self.desk();
            maker_of(&target, &id, &|label| labels.get(label).map(String::as_str), desk.kept.get(&workload))
        };
        Seen {
            host: engine.name.clone(),
            name: name_of(one),
            ours: matches!(maker, Maker::Us { .. }),
            copied: maker == Maker::Copied,
            instance: if let Maker::Us { instance } = maker { instance } else { short(&id) },
            created_ms: details.created.as_deref().and_then(instant_ms).unwrap_or_default(),
            unasked: false,
            id,
            workload,
            labels,
            details,
        }
    }

    /// The closer look that there is, or a new one where the list says that something has changed.
    async fn look_at(
        &self,
        engine: &Engine,
        one: &ContainerSummary,
    ) -> Result<Arc<ContainerInspectResponse>, EngineError> {
        let id = one.id.clone().unwrap_or_default();
        let sign = sign_of(one);
        {
            let mut desk = self.desk();
            let age_max = if desk.looks.heard.contains(&engine.name) { LOOK_AGE_HEARD } else { LOOK_AGE_MAX };
            let known = desk.looks.known.get(&id);
            let known = known.filter(|known| known.sign == sign && known.looked_at.elapsed() < age_max);
            if let Some(known) = known {
                return Ok(Arc::clone(&known.details));
            }
            desk.looks.looking.insert(id.clone());
        }
        let details = Arc::new(engine.call(|client| inspect(client, id.clone())).await?);
        self.desk().looks.note(&engine.name, &id, sign, &details);
        Ok(details)
    }

    /// A closer look at one container, noted only where a list has noted it before.
    pub(super) async fn look(&self, engine: &Engine, id: &str) -> Result<Arc<ContainerInspectResponse>, EngineError> {
        let sign = {
            let mut desk = self.desk();
            desk.looks.looking.insert(id.to_owned());
            // The next list compares with what it said last; until then this look is as good as one of its own.
            desk.looks.known.get(id).map(|known| known.sign.clone()).unwrap_or_default()
        };
        let details = Arc::new(engine.call(|client| inspect(client, id.to_owned())).await?);
        self.desk().looks.note(&engine.name, id, sign, &details);
        Ok(details)
    }

    async fn system(&self, engine: &Engine) -> Option<SystemInfo> {
        let known = self.desk().looks.systems.get(&engine.name).cloned();
        if let Some((at, system)) = known.as_ref()
            && at.elapsed() < LOOK_AGE_MAX
        {
            return Some(system.clone());
        }
        match engine.call(|client| async move { client.info().await }).await {
            Ok(system) => {
                self.desk().looks.systems.insert(engine.name.clone(), (Instant::now(), system.clone()));
                Some(system)
            }
            Err(error) => {
                tracing::debug!(host = engine.name, %error, "an engine did not say what it has");
                known.map(|(_, system)| system)
            }
        }
    }
}

/// The containers of an engine, stopped ones included; `label`: only those with it.
pub(super) async fn list(engine: &Engine, label: Option<String>) -> Result<Vec<ContainerSummary>, EngineError> {
    let filters = label.map(|label| HashMap::from([("label".to_owned(), vec![label])]));
    let options = ListContainersOptions { all: true, filters, ..ListContainersOptions::default() };
    let ask = |client: bollard::Docker| async move { settled(|| client.list_containers(Some(options.clone()))).await };
    engine.call(ask).await
}

pub(super) async fn inspect(
    client: bollard::Docker,
    id: String,
) -> Result<ContainerInspectResponse, bollard::errors::Error> {
    settled(|| client.inspect_container(&id, None)).await
}

pub(super) fn short(id: &str) -> String {
    id.chars().take(SHORT_ID).collect()
}

fn name_of(one: &ContainerSummary) -> String {
    let names = one.names.as_deref().unwrap_or_default();
    // Names with a further slash are links' to it.
    let own = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
    own.map_or_else(|| short(one.id.as_deref().unwrap_or_default()), str::to_owned)
}

/// What the list says of a container, without what changes by itself: `Up 3 minutes (healthy)` is `(healthy)`.
fn sign_of(one: &ContainerSummary) -> String {
    let status = one.status.as_deref().unwrap_or_default();
    let remark = status.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(remark, _)| remark);
    format!("{:?} {remark} {}", one.state, name_of(one))
}

/// Of two with one mark the older has it: the other was copied by hand.
fn unique(containers: &mut [Seen]) {
    containers.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
    let mut taken: HashSet<(String, String)> = HashSet::new();
    for seen in containers.iter_mut() {
        if !taken.insert((seen.workload.clone(), seen.instance.clone())) {
            seen.instance = short(&seen.id);
            (seen.ours, seen.copied) = (false, true);
        }
    }
}

/// Who made a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Maker {
    /// We did, as this instance.
    Us { instance: String },
    /// Somebody else did, and gave it labels that only we give.
    Copied,
    /// Somebody else.
    Others,
}

/// Told by its labels, and by what was written down when the instance was made. Where nothing was (the host was killed in between),
/// the labels do: the change's key in them is ours alone.
pub(super) fn maker_of<'a>(
    target: &str,
    id: &str,
    label: &dyn Fn(&str) -> Option<&'a str>,
    kept: Option<&Kept>,
) -> Maker {
    let (mark, owner) = (label(INSTANCE).filter(|mark| !mark.is_empty()), label(TARGET));
    match (mark, owner) {
        (None, None) => Maker::Others,
        (Some(mark), Some(owner)) if owner == target => {
            let made = kept.and_then(|kept| kept.container_of(mark));
            let is_it = made.is_none_or(|container| container == id);
            if is_it { Maker::Us { instance: mark.to_owned() } } else { Maker::Copied }
        }
        _ => Maker::Copied,
    }
}

/// The workload that a container is of, if it is of any.
pub(super) fn workload_of(config: &DockerConfig, labels: &BTreeMap<String, String>) -> Option<String> {
    let holds =
        |wanted: &BTreeMap<String, String>| wanted.iter().all(|(label, value)| labels.get(label) == Some(value));
    let named = config.workload.iter().filter(|(_, workload)| !workload.containers.is_empty());
    if let Some((name, _)) = named.into_iter().find(|(_, workload)| holds(&workload.containers)) {
        return Some(name.clone());
    }
    let label = config.workload_labels.iter().find(|label| labels.contains_key(*label))?;
    let name = labels.get(label).filter(|name| !name.is_empty())?;
    match labels.get(COMPOSE_PROJECT).filter(|_| label == COMPOSE_SERVICE) {
        Some(project) => Some(format!("{project}.{name}")),
        None => Some(name.clone()),
    }
}

/// What a phase is judged by, besides what the engine says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// We made it: then an end that nobody here asked for is a failure.
    pub ours: bool,
    /// We told it to stop.
    pub stopped: bool,
    /// It was made so long ago that it should have been started.
    pub overdue: bool,
    /// It runs, and its health check has said nothing for longer than it may.
    pub unasked: bool,
}

/// Where a container stands in its life.
pub(super) fn phase_of(details: &ContainerInspectResponse, standing: Standing) -> Phase {
    use ContainerStateStatusEnum as Status;
    let Some(state) = &details.state else { return Phase::Unknown };
    match state.status.unwrap_or(Status::EMPTY) {
        Status::EMPTY => Phase::Unknown,
        Status::CREATED if standing.overdue && standing.ours => Phase::Failed,
        // The operator made it, and has not started it.
        Status::CREATED if !standing.ours => Phase::Stopped,
        Status::CREATED => Phase::Pending,
        Status::RUNNING if standing.stopped => Phase::Stopping,
        Status::RUNNING => match state.health.as_ref().and_then(|health| health.status) {
            // An engine that was killed while it started a container runs it afterwards and never asks its check.
            Some(HealthStatusEnum::STARTING) if standing.unasked && standing.ours => Phase::Failed,
            Some(HealthStatusEnum::STARTING) => Phase::Starting,
            Some(HealthStatusEnum::UNHEALTHY) => Phase::Unready,
            _ => Phase::Ready,
        },
        Status::PAUSED | Status::RESTARTING => Phase::Unready,
        Status::REMOVING | Status::STOPPING => Phase::Stopping,
        Status::EXITED if standing.stopped => Phase::Stopped,
        Status::EXITED if standing.ours => Phase::Failed,
        // An end in order, or by the signals with which people and engines stop containers.
        Status::EXITED => match state.exit_code {
            Some(0 | 130 | 137 | 143) if state.oom_killed != Some(true) => Phase::Stopped,
            _ => Phase::Failed,
        },
        Status::DEAD => Phase::Failed,
    }
}
