//! What memory tasks use, and the most that they used of late: without it the bounds lower no memory.
//!
//! A manager does not know it; the engine of a task's node does. Those that the settings name are asked, each for the tasks of its
//! own node, side by side and within a limit of time: what is not known in time is not known, and disturbs nothing else.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::{StreamExt as _, future, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::SwarmDriver;
use super::observe::CONTAINER;
use super::raw::{Raw, RawError};
use crate::drivers::Observation;
use crate::snapshot::{Instance, Phase};

/// Containers that one engine is asked about at once.
const AT_ONCE_MAX: usize = 16;
/// Time for all containers of all engines: a turn is not to wait longer for it.
const ALL_TIMEOUT: Duration = Duration::from_millis(1_000);
/// A peak counts for this long at least, and twice as long at most.
const PEAK_SPAN_MS: u64 = 10 * 60 * 1000;

/// What is remembered of measuring.
#[derive(Debug, Default)]
pub(super) struct Meters {
    /// By task.
    tasks: HashMap<String, Meter>,
    /// Swarm's id of the node that an engine is, by the engine's address.
    nodes: HashMap<String, String>,
    /// Engines that did not answer, and were spoken of.
    silent: BTreeSet<String>,
}

/// The memory of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meter {
    since_ms: u64,
    before_bytes: u64,
    bytes: u64,
}

/// What an engine measured of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Now, without the page cache that the kernel could drop at once.
    pub bytes: u64,
    /// The most since the container was started, cache included, where the kernel keeps it (cgroups v1).
    pub most_bytes: Option<u64>,
}

impl Memory {
    /// As the engine tells it. `None`: the container does not run.
    pub(super) fn of(stats: &Value) -> Option<Self> {
        let figure = |place: &str| stats.pointer(place).and_then(Value::as_u64).filter(|bytes| *bytes > 0);
        let usage = figure("/memory_stats/usage")?;
        // The name differs between cgroups v1 and v2.
        let cache = ["/memory_stats/stats/total_inactive_file", "/memory_stats/stats/inactive_file"];
        let cache = cache.into_iter().find_map(figure).unwrap_or_default();
        let most_bytes = figure("/memory_stats/max_usage");
        Some(Self { bytes: usage.checked_sub(cache).unwrap_or(usage), most_bytes })
    }
}

impl Meter {
    /// The first measurement: what it used before we looked counts, too, where it is known.
    fn new(now_ms: u64, memory: Memory) -> Self {
        Self { since_ms: now_ms, before_bytes: 0, bytes: memory.most_bytes.unwrap_or_default().max(memory.bytes) }
    }

    fn note(&mut self, now_ms: u64, memory: Memory) {
        if now_ms.saturating_sub(self.since_ms) > PEAK_SPAN_MS {
            (self.since_ms, self.before_bytes, self.bytes) = (now_ms, self.bytes, 0);
        }
        self.bytes = self.bytes.max(memory.bytes);
    }

    fn peak_bytes(self) -> u64 {
        self.bytes.max(self.before_bytes)
    }
}

impl Meters {
    /// Enters what was measured in these instances, and forgets tasks that are not among them.
    pub(super) fn enter(&mut self, now_ms: u64, instances: &mut [&mut Instance], told: &HashMap<String, Memory>) {
        self.tasks.retain(|task, _| instances.iter().any(|one| one.id == *task));
        for one in instances {
            if let Some(memory) = told.get(&one.id).copied() {
                one.usage.memory_bytes = Some(memory.bytes);
                let meter = self.tasks.entry(one.id.clone()).or_insert_with(|| Meter::new(now_ms, memory));
                meter.note(now_ms, memory);
            }
            one.memory_peak_bytes = self.tasks.get(&one.id).map(|meter| meter.peak_bytes());
        }
    }
}

/// A running task: its id, its node and its container.
type Running = (String, String, String);

impl SwarmDriver {
    /// Fills in what memory the tasks use.
    pub(super) async fn measure(&self, now_ms: u64, observation: &mut Observation) {
        let instances = observation.targets.iter().flat_map(|target| &target.instances);
        let running: Vec<Running> = instances.filter_map(running).collect();
        let end = Instant::now() + ALL_TIMEOUT;
        // Not mapped: the compiler cannot see that futures of a closure that borrows may be sent.
        let mut asked = Vec::new();
        for address in self.config.measured() {
            asked.push(self.ask(address, &running, end));
        }
        let told: HashMap<String, Memory> = future::join_all(asked).await.into_iter().flatten().collect();
        let mut instances: Vec<_> =
            observation.targets.iter_mut().flat_map(|target| target.instances.iter_mut()).collect();
        self.meters().enter(now_ms, &mut instances, &told);
    }

    /// Whether every engine that is to measure answers, and is in the swarm.
    pub(super) async fn check_engines(&self) -> Result<(), String> {
        for address in self.config.measured() {
            let node = async { node_of(&Raw::new(address, &self.config)?).await };
            let node = node.await.map_err(|error| format!("engines: {address} does not answer: {error}"))?;
            if node.is_empty() {
                return Err(format!("engines: {address} is no node of a swarm; leave it out"));
            }
        }
        Ok(())
    }

    /// What one engine tells of the tasks on its node.
    async fn ask(&self, address: &str, running: &[Running], end: Instant) -> Vec<(String, Memory)> {
        if running.is_empty() {
            return Vec::new();
        }
        let mut told = Vec::new();
        let failed = match self.ask_until(address, running, end, &mut told).await {
            Ok(true) => None,
            Ok(false) => Some(format!("it told of {} tasks in time", told.len())),
            Err(error) => Some(error.to_string()),
        };
        let mut meters = self.meters();
        match failed {
            None => drop(meters.silent.remove(address)),
            Some(why) => {
                // It may be another node when it comes back.
                meters.nodes.remove(address);
                if meters.silent.insert(address.to_owned()) {
                    tracing::warn!(
                        driver = self.name,
                        engine = address,
                        why,
                        "what memory tasks use is not known there"
                    );
                }
            }
        }
        told
    }

    /// Whether all was told in time.
    async fn ask_until(
        &self,
        address: &str,
        running: &[Running],
        end: Instant,
        told: &mut Vec<(String, Memory)>,
    ) -> Result<bool, RawError> {
        let raw = Raw::new(address, &self.config)?;
        let known = self.meters().nodes.get(address).cloned();
        let node = match known {
            Some(node) => node,
            None => match timeout_at(end, node_of(&raw)).await {
                Ok(node) => node?,
                Err(_) => return Ok(false),
            },
        };
        self.meters().nodes.insert(address.to_owned(), node.clone());
        let here: Vec<Running> = running.iter().filter(|(_, there, _)| *there == node).cloned().collect();
        let mut answers = stream::iter(here)
            .map(move |(task, _, container)| stats(raw.clone(), task, container))
            .buffer_unordered(AT_ONCE_MAX);
        loop {
            match timeout_at(end, answers.next()).await {
                Ok(Some((task, Ok(stats)))) => told.extend(Memory::of(&stats).map(|memory| (task, memory))),
                // It ended since the manager told of it.
                Ok(Some((_, Err(RawError::Answer { .. })))) => {}
                Ok(Some((_, Err(error)))) => return Err(error),
                Ok(None) => return Ok(true),
                Err(_) => return Ok(false),
            }
        }
    }
}

async fn stats(raw: Raw, task: String, container: String) -> (String, Result<Value, RawError>) {
    (task, raw.stats(&container).await)
}

fn running(instance: &Instance) -> Option<Running> {
    let container = instance.handle.as_deref()?.strip_prefix(CONTAINER)?;
    let runs = matches!(instance.phase, Phase::Ready | Phase::Unready);
    runs.then(|| Some((instance.id.clone(), instance.node.clone()?, container.to_owned())))?
}

/// Swarm's id of the node that an engine is; empty where it is none.
async fn node_of(raw: &Raw) -> Result<String, RawError> {
    let info = raw.info().await?;
    Ok(info.pointer("/Swarm/NodeID").and_then(Value::as_str).unwrap_or_default().to_owned())
}
