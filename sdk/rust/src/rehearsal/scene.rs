//! One moment of one target, put together by hand.

use std::time::Duration;

use super::projection::{Given, Points, Whose};
use crate::needs::milliseconds;
use crate::vocabulary::Phase;
use crate::wire;

/// The time of a new scene: 2026-11-22, 12:00 UTC, in milliseconds since the Unix epoch.
pub const NOON_MS: u64 = 1_795_348_800_000;
const HOUR_MS: u64 = 3_600_000;

/// The facts of one moment. What is not given is absent, not zero; a policy sees of it what its needs ask for.
#[derive(Debug, Clone)]
pub struct Scene {
    pub(super) snapshot: wire::Snapshot,
    pub(super) labels: Vec<(String, String)>,
    pub(super) given: Vec<Given>,
    pub(super) step: Duration,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// An instance in that phase, started an hour before [`NOON_MS`], with nothing known of its resources.
#[must_use]
pub fn instance(id: impl Into<String>, phase: Phase) -> wire::Instance {
    let id = id.into();
    wire::Instance {
        name: id.clone(),
        id,
        node: None,
        phase: phase.number(),
        started_ms: Some(NOON_MS - HOUR_MS),
        restarts: 0,
        requests: UNKNOWN,
        limits: UNKNOWN,
        usage: UNKNOWN,
        protected: false,
        attrs: Vec::new(),
    }
}

const UNKNOWN: wire::Resources = wire::Resources { cpu_millis: None, memory_bytes: None };

impl Scene {
    /// One ready replica at noon, bounds of 0 to 1000 replicas, a backend that can scale and resize live.
    #[must_use]
    pub fn new() -> Self {
        let abilities = wire::Abilities {
            victims: 2,
            resize: 1,
            kinds: ["scale", "resize", "restart", "replace", "remove", "start", "redeploy"].map(str::to_owned).into(),
            sizes: Vec::new(),
            attrs: Vec::new(),
        };
        let limits =
            wire::Limits { replicas_min: 0, replicas_max: 1000, least: UNKNOWN, most: UNKNOWN, attrs: Vec::new() };
        let target = wire::Target {
            id: "rehearsal/web".to_owned(),
            backend: "rehearsal".to_owned(),
            kind: "process-group".to_owned(),
            zones: Vec::new(),
            labels: Vec::new(),
            desired: 0,
            total: 0,
            ready: 0,
            containers: Vec::new(),
            abilities,
            limits,
            attrs: Vec::new(),
        };
        let snapshot = wire::Snapshot {
            now_ms: NOON_MS,
            target,
            in_flight: None,
            instances: Vec::new(),
            nodes: Vec::new(),
            readings: super::projection::no_readings(),
            alerts: Vec::new(),
            changes: Vec::new(),
            transitions: Vec::new(),
            params: Vec::new(),
            memory: Vec::new(),
            attrs: Vec::new(),
        };
        Self { snapshot, labels: Vec::new(), given: Vec::new(), step: Duration::from_secs(15) }.replicas(1)
    }

    /// At another time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn at_ms(mut self, now_ms: u64) -> Self {
        self.snapshot.now_ms = now_ms;
        self
    }

    /// So long after [`NOON_MS`].
    #[must_use]
    pub fn later(self, span: Duration) -> Self {
        self.at_ms(NOON_MS.saturating_add(milliseconds(span)))
    }

    /// So many replicas, all ready: instances `i-0`, `i-1` …, in the place of those there were.
    #[must_use]
    pub fn replicas(mut self, count: u32) -> Self {
        let target = &mut self.snapshot.target;
        (target.desired, target.total, target.ready) = (count, count, count);
        self.snapshot.instances = (0..count).map(|index| instance(format!("i-{index}"), Phase::Ready)).collect();
        self
    }

    /// One more instance. Counts of the target stay as they are.
    #[must_use]
    pub fn instance(mut self, one: wire::Instance) -> Self {
        self.snapshot.instances.push(one);
        self
    }

    /// Changes every instance there is.
    #[must_use]
    pub fn each_instance(mut self, change: impl FnMut(&mut wire::Instance)) -> Self {
        self.snapshot.instances.iter_mut().for_each(change);
        self
    }

    /// Changes the instance of that id, if there is one.
    #[must_use]
    pub fn with_instance(mut self, id: &str, change: impl FnMut(&mut wire::Instance)) -> Self {
        self.snapshot.instances.iter_mut().filter(|one| one.id == id).for_each(change);
        self
    }

    /// Changes the target: counts, abilities, bounds.
    #[must_use]
    pub fn with_target(mut self, change: impl FnOnce(&mut wire::Target)) -> Self {
        change(&mut self.snapshot.target);
        self
    }

    /// One more container of the workload's template.
    #[must_use]
    pub fn container(mut self, name: &str, requests: wire::Resources, limits: wire::Resources) -> Self {
        let name = name.to_owned();
        self.snapshot.target.containers.push(wire::Container { name, requests, limits, attrs: Vec::new() });
        self
    }

    /// A label of the target.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes anything else: nodes, alerts, past changes, the change in flight, transitions of time zones.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut wire::Snapshot)) -> Self {
        change(&mut self.snapshot);
        self
    }

    /// The distance of samples that are given without times; 15 seconds at first. The last of them is taken now.
    #[must_use]
    pub fn step(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }

    /// A fresh reading of the target, oldest sample first.
    #[must_use]
    pub fn reading(self, name: &str, values: impl Into<Vec<f64>>) -> Self {
        self.give(name, Whose::Target, true, Points::Spaced(values.into()))
    }

    /// A fresh reading of the target with the times of its samples, in the order given.
    #[must_use]
    pub fn reading_at(self, name: &str, samples: impl Into<Vec<(u64, f64)>>) -> Self {
        self.give(name, Whose::Target, true, Points::Timed(samples.into()))
    }

    /// A reading of the target that is too old to act on.
    #[must_use]
    pub fn stale(self, name: &str, values: impl Into<Vec<f64>>) -> Self {
        self.give(name, Whose::Target, false, Points::Spaced(values.into()))
    }

    /// A fresh reading of the target whose samples are texts.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.give(name, Whose::Target, true, Points::Text(text.to_owned()))
    }

    /// A fresh reading of one instance.
    #[must_use]
    pub fn of_instance(self, id: &str, name: &str, values: impl Into<Vec<f64>>) -> Self {
        self.give(name, Whose::Instance(id.to_owned()), true, Points::Spaced(values.into()))
    }

    /// A reading of one instance that is too old to act on.
    #[must_use]
    pub fn stale_of_instance(self, id: &str, name: &str, values: impl Into<Vec<f64>>) -> Self {
        self.give(name, Whose::Instance(id.to_owned()), false, Points::Spaced(values.into()))
    }

    /// The same fresh reading for every instance there is now.
    #[must_use]
    pub fn of_each_instance(self, name: &str, values: impl Into<Vec<f64>>) -> Self {
        let values = values.into();
        let ids: Vec<String> = self.snapshot.instances.iter().map(|one| one.id.clone()).collect();
        ids.iter().fold(self, |scene, id| scene.of_instance(id, name, values.clone()))
    }

    /// A fresh reading of one node.
    #[must_use]
    pub fn of_node(self, id: &str, name: &str, values: impl Into<Vec<f64>>) -> Self {
        self.give(name, Whose::Node(id.to_owned()), true, Points::Spaced(values.into()))
    }

    /// A fresh reading of a container, pool, balancer or queue.
    #[must_use]
    pub fn of_named(self, owner: &str, name: &str, values: impl Into<Vec<f64>>) -> Self {
        self.give(name, Whose::Named(owner.to_owned()), true, Points::Spaced(values.into()))
    }

    fn give(mut self, name: &str, whose: Whose, fresh: bool, points: Points) -> Self {
        self.given.push(Given { name: name.to_owned(), whose, fresh, points });
        self
    }
}
