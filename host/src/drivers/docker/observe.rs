//! From what the engines have to targets and instances.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::models::ContainerInspectResponse;

use super::clone::{COMPOSE_NUMBER, INSTANCE, MADE_BY, TARGET, sizes_of};
use super::kept::{Kept, Sizes, Template};
use super::scan::{Scan, Seen, Standing, phase_of, unasked_since};
use super::{DockerWorkload, Inner, Place, podman};
use crate::drivers::{DriverError, Observation, ObservedTarget};
use crate::snapshot::{
    Abilities, Container, Instance, Inventory, Limits, Node, Phase, ResizeAbility, Resources, Target, TargetId,
    VictimAbility,
};

/// Most containers of one workload.
const INSTANCES_MAX: u32 = 1_000;
/// So much is shown of the name of a workload that cannot be read.
const NAME_CHARS: usize = 100;
/// What was to be made and is not seen so long after its image was there is not coming.
const MAKING_MAX: Duration = Duration::from_secs(60);
/// A container with this label, set to `true`, is not removed.
const PROTECTED: &str = "trimtab.protected";

impl Inner {
    pub(super) async fn observe(&self, now_ms: u64) -> Result<Observation, DriverError> {
        let scan = self.scan().await;
        if scan.hosts.is_empty() {
            let what =
                scan.silent.iter().map(|(host, why)| format!("host {host}: {why}")).collect::<Vec<_>>().join("; ");
            return Err(DriverError::Unreachable { driver: self.name.clone(), what });
        }
        self.take_note(&scan);
        let mut by_workload: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
        for seen in &scan.containers {
            by_workload.entry(seen.workload.clone()).or_default().push(seen);
        }
        let remembered: Vec<String> = {
            let desk = self.desk();
            desk.kept.iter().filter(|(_, kept)| kept.template.is_some()).map(|(name, _)| name.clone()).collect()
        };
        for name in remembered.into_iter().chain(self.config.workload.keys().cloned()) {
            by_workload.entry(name).or_default();
        }
        let mut observation = Observation { nodes: self.nodes(&scan), ..Observation::default() };
        observation.unreadable.extend(self.desk().broken.iter().cloned());
        observation.unreadable.extend(
            scan.unreadable
                .iter()
                .map(|(workload, name, why)| (format!("{}/{workload}/{name}", self.name), why.clone())),
        );
        for (workload, containers) in &by_workload {
            match self.observe_workload(workload, containers, &scan, now_ms).await {
                Ok(target) => observation.targets.push(target),
                Err(error) => {
                    // Its name may be what is wrong with it.
                    let workload: String = workload.escape_default().take(NAME_CHARS).collect();
                    let first = containers.first().map(|seen| format!(" (container {})", seen.name));
                    let name = format!("{}/{workload}{}", self.name, first.unwrap_or_default());
                    observation.unreadable.push((name, error.to_string()));
                }
            }
        }
        observation.targets.sort_by(|a, b| a.target.id.cmp(&b.target.id));
        Ok(observation)
    }

    /// Where everything is, for the steps that may follow.
    pub(super) fn take_note(&self, scan: &Scan) {
        let mut desk = self.desk();
        desk.places.retain(|_, place| scan.silent.contains_key(&place.host));
        let making_max = Duration::from_millis(self.config.pull_timeout.0).saturating_add(MAKING_MAX);
        desk.chosen.retain(|_, chosen| !scan.lost.contains(&chosen.host) && chosen.at.elapsed() < making_max);
        let mut numbers: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for seen in &scan.containers {
            let place = Place { host: seen.host.clone(), container: seen.id.clone() };
            desk.places.insert((seen.workload.clone(), seen.instance.clone()), place);
            desk.chosen.remove(&seen.instance);
            numbers.entry(seen.workload.clone()).or_default().extend(number_of(seen));
        }
        for (workload, found) in numbers {
            let known = desk.numbers.entry(workload).or_default();
            if scan.doubt().is_none() { *known = found } else { known.extend(found) }
        }
        for (host, system) in &scan.hosts {
            if let Some(system) = system {
                desk.systems.insert(host.clone(), system.clone());
            }
        }
    }

    async fn observe_workload(
        &self,
        workload: &str,
        containers: &[&Seen],
        scan: &Scan,
        now_ms: u64,
    ) -> Result<ObservedTarget, DriverError> {
        let id = TargetId::new(&self.name, workload).map_err(|error| self.refused(error.to_string()))?;
        self.remember(workload, containers, scan).await?;
        let kept = self.note_ends(workload, containers, scan, now_ms)?;
        let Some(template) = &kept.template else {
            return Err(self.refused("it has no container, and no template is remembered: start one with its labels"));
        };
        let mut instances: Vec<Instance> = containers.iter().map(|seen| self.instance(seen, &kept, now_ms)).collect();
        instances.extend(self.unseen(workload, scan));
        instances.sort_by(|a, b| a.id.cmp(&b.id));
        self.desk().last.insert(workload.to_owned(), instances.clone());
        let inventory = self.inventory(workload, scan);
        let target = self.target(id, &kept, template, &instances);
        let back_off_until_ms = kept.back_off.until_ms(now_ms);
        Ok(ObservedTarget { target, instances, inventory, back_off_until_ms })
    }

    /// Instances on engines that do not answer: whether they live nobody knows, until the engine is taken for gone.
    fn unseen(&self, workload: &str, scan: &Scan) -> Vec<Instance> {
        let desk = self.desk();
        let last = desk.last.get(workload).into_iter().flatten();
        let silent = |one: &&Instance| one.node.as_ref().is_some_and(|node| scan.silent.contains_key(node));
        let lost = |one: &Instance| one.node.as_ref().is_some_and(|node| scan.lost.contains(node));
        let phase = |one: &Instance| if lost(one) { Phase::Lost } else { Phase::Unknown };
        last.filter(silent).map(|one| Instance { phase: phase(one), ..one.clone() }).collect()
    }

    fn inventory(&self, workload: &str, scan: &Scan) -> Inventory {
        if let Some((host, why)) = scan.doubt() {
            return Inventory::Partial { why: format!("host {host} did not answer: {why}") };
        }
        let failed: Vec<_> = scan.unreadable.iter().filter(|(owner, ..)| owner == workload).collect();
        match failed.as_slice() {
            [] => Inventory::Complete,
            [(_, name, why), ..] => {
                Inventory::Partial { why: format!("{} of its containers cannot be read; {name}: {why}", failed.len()) }
            }
        }
    }

    /// Remembers what the workload is made after, where that has changed.
    async fn remember(&self, workload: &str, containers: &[&Seen], scan: &Scan) -> Result<(), DriverError> {
        let known = self.desk().kept.get(workload).and_then(|kept| kept.template.clone());
        if known.as_ref().is_some_and(|template| scan.silent.contains_key(&template.host)) {
            return Ok(());
        }
        let Some(seen) = template_among(self.workload(workload).template.as_deref(), containers, known.as_ref()) else {
            return Ok(());
        };
        let digests = known.as_ref().map(|template| template.digests.clone()).unwrap_or_default();
        let Some(mut fresh) = Template::of(&seen.host, &seen.details, digests) else { return Ok(()) };
        if known.as_ref() == Some(&fresh) {
            return Ok(());
        }
        if known.as_ref().is_none_or(|template| template.image != fresh.image) {
            fresh.digests = self.digests(&seen.host, &fresh.image).await?;
        }
        self.keep(workload, |kept| kept.template = Some(fresh))
    }

    async fn digests(&self, host: &str, image: &str) -> Result<Vec<String>, DriverError> {
        let engine = self.engine(host)?;
        let asked = engine.call(|client| async move { client.inspect_image(image).await }).await;
        match asked {
            Ok(image) => Ok(image.repo_digests.unwrap_or_default()),
            // Untagged and removed by force while its containers run: then no other engine can have it.
            Err(super::EngineError::Missing(_)) => Ok(Vec::new()),
            Err(error) => Err(engine.error(&format!("look at image {image}"), &error)),
        }
    }

    /// Counts each end that nobody asked for once, and forgets containers that are gone.
    fn note_ends(&self, workload: &str, containers: &[&Seen], scan: &Scan, now_ms: u64) -> Result<Kept, DriverError> {
        let away: BTreeSet<String> = {
            let desk = self.desk();
            let on_lost = desk.places.values().filter(|place| scan.lost.contains(&place.host));
            on_lost.map(|place| place.container.clone()).collect()
        };
        self.keep(workload, |kept| {
            if scan.doubt().is_none() {
                let present: BTreeSet<&str> = containers.iter().map(|seen| seen.id.as_str()).collect();
                let is_known = |id: &String| present.contains(id.as_str()) || away.contains(id);
                kept.counted.retain(|id, _| is_known(id));
                kept.stopped.retain(|id, _| is_known(id));
                kept.updated.retain(|id, _| is_known(id));
            }
            for seen in containers.iter().filter(|seen| seen.ours) {
                // The host was killed right after it had been made.
                if kept.container_of(&seen.instance).is_none() {
                    kept.note_made(&seen.instance, &seen.id);
                }
            }
            for seen in containers.iter().filter(|seen| seen.ours) {
                let (ended, how) = (end_or_start(&seen.details), end_of(&seen.details));
                let failed = phase_of(&seen.details, self.standing(seen, kept, now_ms)) == Phase::Failed;
                if failed && kept.counted.get(&seen.id) != Some(&ended) {
                    let instance = &seen.instance;
                    tracing::warn!(driver = self.name, workload, instance, how, "a container failed by itself");
                    kept.counted.insert(seen.id.clone(), ended);
                    kept.back_off.crashed(&self.config.restart, now_ms);
                }
            }
            kept.clone()
        })
    }

    fn standing(&self, seen: &Seen, kept: &Kept, now_ms: u64) -> Standing {
        let ready_timeout = self.workload(&seen.workload).ready_timeout.0;
        Standing {
            ours: seen.ours,
            stopped: is_stopped(kept, &seen.id, &seen.details),
            overdue: now_ms.saturating_sub(seen.created_ms) > ready_timeout,
            unasked: seen.unasked,
        }
    }

    fn instance(&self, seen: &Seen, kept: &Kept, now_ms: u64) -> Instance {
        let sizes = sizes_of(&podman::sized(kept, &seen.id, &seen.details));
        let state = seen.details.state.as_ref();
        let settings = self.workload(&seen.workload);
        let is_template = kept.template.as_ref().is_some_and(|template| template.container == seen.id);
        let told = seen.labels.get(PROTECTED).is_some_and(|value| value == "true");
        let engine = self.engines.get(&seen.host);
        let zone = engine.map(|engine| engine.config.zone.clone()).filter(|zone| !zone.is_empty());
        let restarts = seen.details.restart_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        Instance {
            id: seen.instance.clone(),
            name: seen.name.clone(),
            node: Some(seen.host.clone()),
            zone,
            phase: phase_of(&seen.details, self.standing(seen, kept, now_ms)),
            started_ms: state.and_then(|state| instant_ms(state.started_at.as_deref()?)),
            restarts,
            requests: sizes.requests,
            limits: sizes.limits,
            usage: Resources::default(),
            memory_peak_bytes: None,
            protected: told || (!seen.ours && !may_go(settings, is_template)),
            address: self.address_of(&seen.workload, &seen.host, &seen.details),
            handle: Some(format!("docker:{}/{}", seen.host, seen.id)),
            made_by: seen.labels.get(MADE_BY).filter(|_| seen.ours).cloned(),
        }
    }

    fn target(&self, id: TargetId, kept: &Kept, template: &Template, instances: &[Instance]) -> Target {
        let count = |test: &dyn Fn(&Instance) -> bool| {
            u32::try_from(instances.iter().filter(|instance| test(instance)).count()).unwrap_or(u32::MAX)
        };
        let sizes = sizes_in_force(kept, template);
        let labels = template.config.labels.clone().unwrap_or_default();
        let zones: BTreeSet<&str> = instances.iter().filter_map(|one| one.zone.as_deref()).collect();
        Target {
            id,
            kind: "containers".to_owned(),
            zones: zones.into_iter().map(str::to_owned).collect(),
            labels: labels
                .into_iter()
                .filter(|(key, _)| ![INSTANCE, TARGET, MADE_BY].contains(&key.as_str()))
                .collect(),
            desired: count(&|instance| instance.phase.counts()),
            total: count(&|_| true),
            ready: count(&|instance| instance.phase == Phase::Ready),
            containers: vec![Container { name: "main".to_owned(), requests: sizes.requests, limits: sizes.limits }],
            abilities: Abilities {
                victims: VictimAbility::Exact,
                resize: ResizeAbility::Live,
                supersede: true,
                kinds: ["scale", "restart", "replace", "remove", "start", "resize"].map(str::to_owned).to_vec(),
                sizes: Vec::new(),
            },
            limits: Limits {
                replicas_min: 0,
                replicas_max: INSTANCES_MAX,
                least: Resources::default(),
                most: Resources::default(),
            },
        }
    }

    /// The engines' machines. What is free on them is not told: an engine does not know what runs beside its containers.
    fn nodes(&self, scan: &Scan) -> Vec<Node> {
        let desk = self.desk();
        let node = |(host, engine): (&String, &std::sync::Arc<super::Engine>)| {
            let system = desk.systems.get(host);
            let positive =
                |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0);
            Node {
                id: host.clone(),
                zone: engine.config.zone.clone(),
                ready: scan.hosts.contains_key(host),
                schedulable: engine.config.schedulable,
                capacity: Resources {
                    cpu_millis: system
                        .and_then(|system| positive(system.ncpu))
                        .map(|cores| cores.saturating_mul(1_000)),
                    memory_bytes: system.and_then(|system| positive(system.mem_total)),
                },
                free: Resources::default(),
            }
        };
        self.engines.iter().map(node).collect()
    }

    /// Where a container is reached: at its engine's address by the port that it publishes there, or at its own.
    pub(super) fn address_of(&self, workload: &str, host: &str, details: &ContainerInspectResponse) -> Option<String> {
        let settings = self.workload(workload);
        let network = details.network_settings.as_ref()?;
        let exposed = details.config.as_ref().and_then(|config| config.exposed_ports.as_ref());
        let only = exposed.filter(|ports| ports.len() == 1).and_then(|ports| ports.first());
        let only = only.and_then(|port| port.strip_suffix("/tcp")?.parse::<u16>().ok());
        let port = settings.port.or(only)?;
        let engine = self.engines.get(host).and_then(|engine| engine.config.address.as_deref());
        let mode = details.host_config.as_ref().and_then(|config| config.network_mode.as_deref());
        if mode == Some("host") {
            return Some(join(engine.unwrap_or("127.0.0.1"), port));
        }
        if let Some(engine) = engine {
            let published = network.ports.as_ref()?.get(&format!("{port}/tcp"))?.as_ref()?;
            let published = published.iter().find_map(|one| one.host_port.as_deref()?.parse::<u16>().ok())?;
            return Some(join(engine, published));
        }
        let networks: BTreeMap<_, _> = network.networks.iter().flatten().collect();
        let wanted = |name: &str| settings.network.as_deref().is_none_or(|network| network == name);
        let mut found =
            networks.iter().filter(|(name, _)| wanted(name)).filter_map(|(_, one)| one.ip_address.as_deref());
        found.find(|address| !address.is_empty()).map(|address| join(address, port))
    }
}

/// The sizes that a new container gets.
pub(super) fn sizes_in_force(kept: &Kept, template: &Template) -> Sizes {
    let own = sizes_of(&template.host_config);
    let over = |new: Resources, old: Resources| Resources {
        cpu_millis: new.cpu_millis.or(old.cpu_millis),
        memory_bytes: new.memory_bytes.or(old.memory_bytes),
    };
    kept.resized.map_or(own, |resized| Sizes {
        requests: over(resized.requests, own.requests),
        limits: over(resized.limits, own.limits),
    })
}

/// The container that others are made after: the one that the operator named; the one remembered; the oldest that we did not
/// make. Only where nothing is remembered, one of ours.
fn template_among<'a>(named: Option<&str>, containers: &[&'a Seen], known: Option<&Template>) -> Option<&'a Seen> {
    let oldest = |test: &dyn Fn(&Seen) -> bool| {
        let those = containers.iter().filter(|seen| test(seen));
        those.min_by_key(|seen| (seen.created_ms, seen.id.as_str())).copied()
    };
    let by_name = named.and_then(|name| oldest(&|seen| seen.name == name));
    let same = || oldest(&|seen| known.is_some_and(|template| template.container == seen.id));
    let foreign = || oldest(&|seen| !seen.ours && !seen.copied);
    let any = || known.is_none().then(|| oldest(&|_| true)).flatten();
    by_name.or_else(same).or_else(foreign).or_else(any)
}

/// Whether a container that others made may be stopped and removed.
pub(super) fn may_go(settings: &DockerWorkload, is_template: bool) -> bool {
    if is_template { settings.remove_template } else { settings.remove_foreign }
}

/// Whether we told it to stop in this life of it.
pub(super) fn is_stopped(kept: &Kept, id: &str, details: &ContainerInspectResponse) -> bool {
    let since = details.state.as_ref().and_then(|state| state.started_at.as_ref());
    kept.stopped.get(id).is_some_and(|then| Some(then) == since)
}

/// What tells one end of a container from another: when it ended, or when it started if it runs and nothing says that it serves.
fn end_or_start(details: &ContainerInspectResponse) -> String {
    let ended = || details.state.as_ref()?.finished_at.clone();
    unasked_since(details).map(str::to_owned).or_else(ended).unwrap_or_default()
}

/// How it ended, for a person.
pub(super) fn end_of(details: &ContainerInspectResponse) -> String {
    if unasked_since(details).is_some() {
        return "it runs, and its health check has not said for ready_timeout whether it serves".to_owned();
    }
    let Some(state) = &details.state else { return "its end was not seen".to_owned() };
    let error = state.error.as_deref().filter(|error| !error.is_empty());
    let killed = if state.oom_killed == Some(true) { ", out of memory" } else { "" };
    let code = state.exit_code.unwrap_or_default();
    format!("exit code {code}{killed}{}", error.map(|error| format!(", {error}")).unwrap_or_default())
}

/// An engine's time; the year 1 is its word for never.
pub(super) fn instant_ms(text: &str) -> Option<u64> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().filter(|ms| *ms > 0)
}

fn number_of(seen: &Seen) -> Option<u32> {
    let by_compose = seen.labels.get(COMPOSE_NUMBER).and_then(|number| number.parse().ok());
    by_compose.or_else(|| seen.name.rsplit(['-', '_']).next()?.parse().ok())
}

fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
