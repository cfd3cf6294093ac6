//! What the records tell of the demo so far: turns, decisions and what came of them, evaluations and their cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use super::setup::Setup;
use crate::audit::{Evaluation, Event, Record, Span, Turn, history};
use crate::snapshot::{Phase, ResizeAbility, TargetId};
use crate::store::Store;

/// How far back the live view reads: longer than a change takes.
const RECENT_MS: u64 = 15_000;
const ENTRIES_MAX: usize = 20_000;

/// The state at one turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Point {
    /// Seconds since the load began; negative before.
    pub(super) seconds: f64,
    /// Requests per second as they were measured.
    pub(super) requests_per_second: Option<f64>,
    pub(super) desired: u32,
    pub(super) ready: usize,
    /// Thousandths of a core, per instance.
    pub(super) cpu_limit_millis: Option<u64>,
    /// The instance that uses most, in thousandths of a core.
    pub(super) cpu_millis_most: Option<f64>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) seconds: f64,
    /// Its record.
    pub(super) id: String,
    /// Who wanted it: `policy`, `correction`, `repair` …
    pub(super) origin: String,
    /// From, to.
    pub(super) replicas: Option<(u32, u32)>,
    /// The new CPU limit in thousandths of a core.
    pub(super) cpu_limit_millis: Option<u64>,
    pub(super) reason: String,
    /// Every "no" of the bounds in that turn.
    pub(super) restraints: Vec<String>,
    /// What came of it; `None`: not known.
    pub(super) outcome: Option<String>,
    /// What went wrong with it; empty for nothing.
    pub(super) trouble: String,
    pub(super) took_ms: Option<u64>,
}

/// What one evaluation came to and cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    pub(super) policy: String,
    /// `answered`, `faulted` or `quarantined`.
    pub(super) came_to: &'static str,
    pub(super) fuel: u64,
    pub(super) micros: f64,
    pub(super) memory_peak_bytes: u64,
}

/// Reads the records of the demo's target.
#[derive(Debug)]
pub(super) struct Watch {
    store: Arc<dyn Store>,
    target: TargetId,
    began_ms: u64,
    /// By time and id.
    turns: BTreeMap<(u64, String), Turn>,
}

impl Watch {
    pub(super) fn new(store: Arc<dyn Store>, _: &Setup) -> Result<Self> {
        let target = Setup::TARGET.parse().map_err(|error| anyhow!("{error}"))?;
        Ok(Self { store, target, began_ms: now_ms(), turns: BTreeMap::new() })
    }

    /// Seconds count from here.
    pub(super) fn load_began(&mut self) {
        self.began_ms = now_ms();
    }

    pub(super) async fn read_recent(&mut self) -> Result<()> {
        self.read(now_ms().saturating_sub(RECENT_MS)).await
    }

    pub(super) async fn read_all(&mut self) -> Result<()> {
        self.read(0).await
    }

    async fn read(&mut self, from_ms: u64) -> Result<()> {
        let span = Span { from_ms, to_ms: u64::MAX, entries_max: ENTRIES_MAX };
        let events = history(self.store.as_ref(), &self.target, span).await.context("reading the records")?;
        for event in events {
            if let Event::Turn(turn) = event {
                self.turns.insert((turn.record.at_ms, turn.record.id.to_string()), *turn);
            }
        }
        Ok(())
    }

    pub(super) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// Whether the backend can change limits while instances run.
    pub(super) fn can_resize(&self) -> bool {
        self.turns.values().any(|turn| turn.record.snapshot.target.abilities.resize == ResizeAbility::Live)
    }

    pub(super) fn points(&self) -> Vec<Point> {
        self.turns.values().map(|turn| self.point(&turn.record)).collect()
    }

    pub(super) fn last(&self) -> Option<Point> {
        self.turns.values().next_back().map(|turn| self.point(&turn.record))
    }

    /// The "no"s of the newest turn.
    pub(super) fn held_back(&self) -> Vec<String> {
        let newest = self.turns.values().next_back();
        newest.map(|turn| turn.record.ruling.restraints.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    pub(super) fn decisions(&self) -> Vec<Step> {
        self.turns.values().filter_map(|turn| self.step(turn)).collect()
    }

    pub(super) fn costs(&self) -> Vec<Cost> {
        let costs = self.turns.values().flat_map(|turn| {
            let seconds = self.seconds(turn.record.at_ms);
            turn.record.slots.iter().map(move |slot| Cost {
                seconds,
                policy: slot.policy.name.clone(),
                came_to: match &slot.evaluation {
                    Evaluation::Answered(_) => "answered",
                    Evaluation::Faulted(_) => "faulted",
                    Evaluation::Quarantined { .. } => "quarantined",
                },
                fuel: slot.spent.fuel,
                micros: float(slot.spent.wall_ns) / 1_000.0,
                memory_peak_bytes: slot.spent.memory_peak_bytes,
            })
        });
        costs.collect()
    }

    fn point(&self, record: &Record) -> Point {
        let snapshot = &record.snapshot;
        let values = |name: &str| {
            let readings = snapshot.readings.iter().filter(move |reading| *reading.name == *name);
            readings.filter_map(crate::snapshot::Reading::latest).collect::<Vec<f64>>()
        };
        Point {
            seconds: self.seconds(record.at_ms),
            requests_per_second: values("requests_per_second").first().copied(),
            desired: snapshot.target.desired,
            ready: snapshot.instances.iter().filter(|instance| instance.phase == Phase::Ready).count(),
            cpu_limit_millis: snapshot.target.containers.first().and_then(|container| container.limits.cpu_millis),
            cpu_millis_most: values("cpu_millicores").into_iter().reduce(f64::max),
        }
    }

    fn step(&self, turn: &Turn) -> Option<Step> {
        let record = &turn.record;
        let decision = record.ruling.decision.as_ref()?;
        let closing = turn.closing.as_ref();
        Some(Step {
            seconds: self.seconds(record.at_ms),
            id: record.id.to_string(),
            origin: decision.origin.clone(),
            replicas: decision.replicas,
            cpu_limit_millis: decision.resize.first().and_then(|container| container.limits.cpu_millis),
            reason: decision.reason.clone(),
            restraints: record.ruling.restraints.iter().map(ToString::to_string).collect(),
            outcome: closing.map(|closing| closing.outcome.to_string()),
            trouble: closing.map(|closing| closing.text.clone()).unwrap_or_default(),
            took_ms: closing.map(|closing| closing.at_ms.saturating_sub(record.at_ms)),
        })
    }

    fn seconds(&self, at_ms: u64) -> f64 {
        let since = float(at_ms.max(self.began_ms) - self.began_ms) - float(self.began_ms.saturating_sub(at_ms));
        since / 1_000.0
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds and milliseconds of a demo stay far below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}
