//! A backend in memory: targets and instances that live by the injected time, for benchmarks and stories.
//!
//! It does what a real backend does, and as slowly as it is told to: instances take time to start and to stop, calls fail when
//! told to, lists come back in part. It keeps a count of its calls, so that a story can tell one list from a thousand.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;

use super::{Driver, DriverError, Observation, ObservedTarget, Step, StepState};
use crate::bounds::{CountChange, Decision};
use crate::snapshot::{
    Abilities, Container, Instance, Inventory, Limits, Node, Phase, Resources, Target, TargetId, VictimAbility,
};

/// How the backend behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemorySettings {
    /// Whether it keeps the desired count, and makes and removes instances itself.
    pub keeps_desired: bool,
    /// From made to ready.
    pub start_ms: u64,
    /// From told to stop to gone.
    pub stop_ms: u64,
}

/// One target as it is put into the backend.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryTarget {
    /// Its name, without the driver's.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Instances that are ready from the beginning, and the count to begin with.
    pub replicas: u32,
    /// Requests of its one container, `main`.
    pub requests: Resources,
    /// Limits of it.
    pub limits: Resources,
    /// What the backend can do for it.
    pub abilities: Abilities,
}

impl MemoryTarget {
    /// A target with everything at its default.
    #[must_use]
    pub fn new(name: &str, replicas: u32) -> Self {
        Self {
            name: name.to_owned(),
            labels: BTreeMap::new(),
            replicas,
            requests: Resources::default(),
            limits: Resources::default(),
            abilities: Abilities::default(),
        }
    }
}

/// A failure that the backend is told to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The next so many observations fail.
    Observe {
        /// How many.
        times: u32,
    },
    /// The next so many steps of this word (`create`, `stop` …; empty for any) fail; `taken` says whether they are taken all the
    /// same, as when an answer is lost.
    Take {
        /// The step's word.
        step: String,
        /// How many.
        times: u32,
        /// Whether the step is taken nevertheless.
        taken: bool,
    },
    /// Of this target the next so many observations tell only half of the instances, and say so.
    Partial {
        /// The target's name.
        target: String,
        /// How many.
        times: u32,
    },
}

/// How often it was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Observations.
    pub observe: u64,
    /// Steps.
    pub take: u64,
    /// Instances made.
    pub created: u64,
    /// Instances gone.
    pub removed: u64,
}

/// The driver. Its time is that of the last observation or of [`set_now`](Self::set_now), whichever is later.
#[derive(Debug)]
pub struct MemoryDriver {
    name: String,
    settings: MemorySettings,
    world: Mutex<World>,
}

#[derive(Debug, Default)]
struct World {
    now_ms: u64,
    workloads: BTreeMap<String, Workload>,
    nodes: Vec<Node>,
    failures: VecDeque<Failure>,
    calls: Calls,
    called_at: Option<Instant>,
}

#[derive(Debug)]
struct Workload {
    target: Target,
    back_off_until_ms: Option<u64>,
    inventory: Inventory,
    instances: BTreeMap<String, Living>,
    made: u64,
}

#[derive(Debug)]
struct Living {
    instance: Instance,
    /// When the phase that it is in gives way to the next.
    until_ms: u64,
    /// Key of the change that last started it.
    start_key: Option<String>,
}

impl MemoryDriver {
    /// An empty backend of this name.
    #[must_use]
    pub fn new(name: &str, settings: MemorySettings) -> Self {
        Self { name: name.to_owned(), settings, world: Mutex::new(World::default()) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a target in, with its instances ready. One of the same name is replaced.
    ///
    /// # Errors
    /// Where the name cannot be a target's.
    pub fn insert(&self, spec: MemoryTarget) -> Result<TargetId, DriverError> {
        let id = TargetId::new(&self.name, &spec.name)
            .map_err(|error| DriverError::Refused { driver: self.name.clone(), what: error.to_string() })?;
        let mut world = self.world();
        let now_ms = world.now_ms;
        let target = Target {
            id: id.clone(),
            kind: "memory".to_owned(),
            zones: Vec::new(),
            labels: spec.labels,
            desired: spec.replicas,
            total: 0,
            ready: 0,
            containers: vec![Container { name: "main".to_owned(), requests: spec.requests, limits: spec.limits }],
            abilities: spec.abilities,
            limits: Limits {
                replicas_min: 0,
                replicas_max: u32::MAX,
                least: Resources::default(),
                most: Resources::default(),
            },
        };
        let mut workload = Workload {
            target,
            back_off_until_ms: None,
            inventory: Inventory::Complete,
            instances: BTreeMap::new(),
            made: 0,
        };
        for _ in 0..spec.replicas {
            let id = workload.next_id();
            workload.make(&id, None, now_ms, 0);
        }
        workload.advance(now_ms);
        world.workloads.insert(spec.name, workload);
        Ok(id)
    }

    /// Takes a target away, with all that it has.
    pub fn remove(&self, name: &str) {
        self.world().workloads.remove(name);
    }

    /// Sets the nodes.
    pub fn set_nodes(&self, nodes: Vec<Node>) {
        self.world().nodes = nodes;
    }

    /// Moves the time ahead, for steps that are taken between observations.
    pub fn set_now(&self, now_ms: u64) {
        self.world().tick(now_ms);
    }

    /// Tells it to fail. Failures that are told of first happen first.
    pub fn fail(&self, failure: Failure) {
        self.world().failures.push_back(failure);
    }

    /// Changes one instance by force: a crash, a lost node, another size. Tells whether it is there.
    pub fn edit_instance(&self, target: &str, instance: &str, edit: impl FnOnce(&mut Instance)) -> bool {
        let mut world = self.world();
        let found = world.workloads.get_mut(target).and_then(|workload| workload.instances.get_mut(instance));
        let Some(living) = found else { return false };
        edit(&mut living.instance);
        living.until_ms = u64::MAX;
        true
    }

    /// Changes what is said of a target: labels, count, abilities. Tells whether it is there.
    pub fn edit_target(&self, name: &str, edit: impl FnOnce(&mut Target)) -> bool {
        self.world().workloads.get_mut(name).map(|workload| edit(&mut workload.target)).is_some()
    }

    /// Sets until when repairs of a target wait.
    pub fn set_back_off(&self, name: &str, until_ms: Option<u64>) {
        if let Some(workload) = self.world().workloads.get_mut(name) {
            workload.back_off_until_ms = until_ms;
        }
    }

    /// Takes instances away behind everybody's back, the first so many by id.
    pub fn lose(&self, target: &str, count: usize) {
        if let Some(workload) = self.world().workloads.get_mut(target) {
            let ids: Vec<String> = workload.instances.keys().take(count).cloned().collect();
            ids.iter().for_each(|id| drop(workload.instances.remove(id)));
        }
    }

    /// The instances of a target now, ordered by id.
    #[must_use]
    pub fn instances(&self, target: &str) -> Vec<Instance> {
        let world = self.world();
        let instances = world.workloads.get(target).map(|workload| &workload.instances);
        instances.into_iter().flatten().map(|(_, living)| living.instance.clone()).collect()
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.world().calls
    }

    /// When it was last told to take a step, by the machine's own clock: for benchmarks.
    #[must_use]
    pub fn called_at(&self) -> Option<Instant> {
        self.world().called_at
    }

    fn unreachable(&self, what: &str) -> DriverError {
        DriverError::Unreachable { driver: self.name.clone(), what: what.to_owned() }
    }

    fn refused(&self, what: String) -> DriverError {
        DriverError::Refused { driver: self.name.clone(), what }
    }
}

#[async_trait]
impl Driver for MemoryDriver {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "memory"
    }

    fn keeps_desired(&self) -> bool {
        self.settings.keeps_desired
    }

    async fn observe(&self, now_ms: u64) -> Result<Observation, DriverError> {
        let mut world = self.world();
        world.calls.observe += 1;
        world.tick(now_ms);
        if world.fails(|failure| matches!(failure, Failure::Observe { .. })).is_some() {
            return Err(self.unreachable("it was told to fail"));
        }
        let partial = world.fails(|failure| matches!(failure, Failure::Partial { .. }));
        let halved = |name: &str| matches!(&partial, Some(Failure::Partial { target, .. }) if target == name);
        let targets = world.workloads.iter().map(|(name, workload)| workload.observed(halved(name))).collect();
        Ok(Observation { targets, nodes: world.nodes.clone(), unreadable: Vec::new() })
    }

    async fn take(&self, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        let mut world = self.world();
        world.calls.take += 1;
        world.called_at = Some(Instant::now());
        if world.now_ms > decision.lease_expires_ms() {
            return Err(DriverError::LeaseEnded);
        }
        let word = word(step);
        let lost =
            world.fails(|failure| matches!(failure, Failure::Take { step, .. } if step.is_empty() || step == word));
        if let Some(Failure::Take { taken: false, .. }) = lost {
            return Err(self.unreachable("it was told to fail"));
        }
        let state = self.apply(&mut world, decision, step);
        match lost {
            Some(_) => Err(self.unreachable("it was told to lose its answer")),
            None => state,
        }
    }

    async fn address(&self, target: &TargetId, instance: &str) -> Result<Option<String>, DriverError> {
        let world = self.world();
        let found = world.workloads.get(target.name()).and_then(|workload| workload.instances.get(instance));
        Ok(found.and_then(|living| living.instance.address.clone()))
    }

    async fn check(&self) -> Result<(), DriverError> {
        Ok(())
    }
}

impl MemoryDriver {
    fn apply(&self, world: &mut World, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        let now_ms = world.now_ms;
        let World { workloads, calls, .. } = world;
        let target = decision.target();
        let Some(workload) = workloads.get_mut(target.name()).filter(|_| target.driver() == self.name) else {
            return Err(self.refused(format!("there is no {target}")));
        };
        let missing = |instance: &str| self.refused(format!("there is no {target}/{instance}"));
        let state = match step {
            Step::Create { instance } => {
                if !workload.instances.contains_key(instance) {
                    workload.make(instance, Some(decision.key()), now_ms, self.settings.start_ms);
                    calls.created += 1;
                }
                StepState::Done
            }
            Step::AwaitReady { instance } => match workload.instances.get(instance).map(|living| living.instance.phase)
            {
                Some(Phase::Ready) => StepState::Done,
                Some(Phase::Pending | Phase::Starting | Phase::Unready | Phase::Unknown) => waiting("it is starting"),
                Some(phase) => StepState::Impossible { why: format!("it is {phase:?}").to_lowercase() },
                None => StepState::Impossible { why: "it does not exist".to_owned() },
            },
            Step::Stop { instance } => workload.stop(instance, now_ms, self.settings.stop_ms),
            Step::Remove { instance } => match workload.stop(instance, now_ms, self.settings.stop_ms) {
                StepState::Done => {
                    calls.removed += u64::from(workload.instances.remove(instance).is_some());
                    StepState::Done
                }
                state => state,
            },
            Step::Start { instance } | Step::Restart { instance } => {
                let restart = matches!(step, Step::Restart { .. });
                let living = workload.instances.get_mut(instance).ok_or_else(|| missing(instance))?;
                living.start_again(decision.key(), restart, now_ms, self.settings.start_ms)
            }
            Step::Resize => workload.resize(decision),
            Step::SetCount => match decision.replicas() {
                Some(CountChange { to, .. }) if self.settings.keeps_desired => {
                    workload.target.desired = to;
                    workload.follow(decision, now_ms, self.settings, calls);
                    StepState::Done
                }
                Some(_) => StepState::Impossible { why: "this backend keeps no count".to_owned() },
                None => return Err(self.refused("the decision changes no count".to_owned())),
            },
            Step::Register { .. } | Step::Drain { .. } | Step::Deregister { .. } => {
                StepState::Impossible { why: "this is a registrar's step".to_owned() }
            }
        };
        workload.advance(now_ms);
        Ok(state)
    }
}

impl World {
    fn tick(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let now_ms = self.now_ms;
        self.workloads.values_mut().for_each(|workload| workload.advance(now_ms));
    }

    /// Takes one use of the first failure that fits.
    fn fails(&mut self, fits: impl Fn(&Failure) -> bool) -> Option<Failure> {
        let index = self.failures.iter().position(fits)?;
        let failure = self.failures.get_mut(index)?;
        let (Failure::Observe { times } | Failure::Take { times, .. } | Failure::Partial { times, .. }) = failure;
        *times = times.saturating_sub(1);
        let spent = *times == 0;
        let taken = failure.clone();
        if spent {
            self.failures.remove(index);
        }
        Some(taken)
    }
}

impl Workload {
    fn next_id(&mut self) -> String {
        self.made += 1;
        format!("{}-{}", self.target.id.name(), self.made)
    }

    fn make(&mut self, id: &str, key: Option<&str>, now_ms: u64, start_ms: u64) {
        let container = self.target.containers.first();
        let instance = Instance {
            id: id.to_owned(),
            name: id.to_owned(),
            node: None,
            zone: None,
            phase: Phase::Starting,
            started_ms: Some(now_ms),
            restarts: 0,
            requests: container.map(|container| container.requests).unwrap_or_default(),
            limits: container.map(|container| container.limits).unwrap_or_default(),
            usage: Resources::default(),
            memory_peak_bytes: None,
            protected: false,
            address: Some(format!("{id}:80")),
            handle: None,
            made_by: key.map(str::to_owned),
        };
        let until_ms = now_ms.saturating_add(start_ms);
        self.instances.insert(id.to_owned(), Living { instance, until_ms, start_key: None });
    }

    /// Lets phases give way whose time has come.
    fn advance(&mut self, now_ms: u64) {
        for living in self.instances.values_mut().filter(|living| living.until_ms <= now_ms) {
            living.instance.phase = match living.instance.phase {
                Phase::Starting => Phase::Ready,
                Phase::Stopping => Phase::Stopped,
                phase => phase,
            };
        }
        if self.target.abilities.victims == VictimAbility::None {
            self.instances.retain(|_, living| living.instance.phase != Phase::Stopped);
        }
    }

    fn stop(&mut self, instance: &str, now_ms: u64, stop_ms: u64) -> StepState {
        let Some(living) = self.instances.get_mut(instance) else { return StepState::Done };
        match living.instance.phase {
            Phase::Stopped | Phase::Failed | Phase::Lost => StepState::Done,
            Phase::Stopping => waiting("it is stopping"),
            _ if stop_ms == 0 => {
                living.instance.phase = Phase::Stopped;
                StepState::Done
            }
            _ => {
                living.instance.phase = Phase::Stopping;
                living.until_ms = now_ms.saturating_add(stop_ms);
                waiting("it was told to stop")
            }
        }
    }

    fn resize(&mut self, decision: &Decision) -> StepState {
        let Some(container) = self.target.containers.first_mut() else {
            return StepState::Impossible { why: "it has no container".to_owned() };
        };
        for wanted in decision.resize() {
            overlay(&mut container.requests, wanted.requests);
            overlay(&mut container.limits, wanted.limits);
        }
        for living in self.instances.values_mut() {
            (living.instance.requests, living.instance.limits) = (container.requests, container.limits);
        }
        StepState::Done
    }

    /// What a backend that keeps the count does by itself: the victims first, then the newest.
    fn follow(&mut self, decision: &Decision, now_ms: u64, settings: MemorySettings, calls: &mut Calls) {
        let wanted = usize::try_from(self.target.desired).unwrap_or(usize::MAX);
        let living = self.instances.values().filter(|living| living.instance.phase.counts()).count();
        for _ in living..wanted {
            let id = self.next_id();
            self.make(&id, Some(decision.key()), now_ms, settings.start_ms);
            calls.created += 1;
        }
        let mut order: Vec<String> = decision.victims().to_vec();
        order.extend(self.instances.keys().rev().cloned());
        let counts = |workload: &Self, id: &String| {
            workload.instances.get(id).is_some_and(|living| living.instance.phase.counts())
        };
        for id in order {
            let left = self.instances.values().filter(|living| living.instance.phase.counts()).count();
            if left <= wanted {
                break;
            }
            if counts(self, &id) && self.stop(&id, now_ms, settings.stop_ms) == StepState::Done {
                self.instances.remove(&id);
                calls.removed += 1;
            }
        }
    }

    fn observed(&self, halved: bool) -> ObservedTarget {
        let mut instances: Vec<Instance> = self.instances.values().map(|living| living.instance.clone()).collect();
        let mut inventory = self.inventory.clone();
        if halved {
            instances.truncate(instances.len() / 2);
            inventory = Inventory::Partial { why: "it was told to tell half".to_owned() };
        }
        let count = |test: fn(&Instance) -> bool| {
            u32::try_from(instances.iter().filter(|instance| test(instance)).count()).unwrap_or(u32::MAX)
        };
        let mut target = self.target.clone();
        target.total = count(|_| true);
        target.ready = count(|instance| instance.phase == Phase::Ready);
        ObservedTarget { target, instances, inventory, back_off_until_ms: self.back_off_until_ms }
    }
}

impl Living {
    fn start_again(&mut self, key: &str, restart: bool, now_ms: u64, start_ms: u64) -> StepState {
        let begun = self.start_key.as_deref() == Some(key);
        if begun || (!restart && self.instance.phase.counts()) {
            return StepState::Done;
        }
        self.start_key = Some(key.to_owned());
        self.instance.restarts = self.instance.restarts.saturating_add(1);
        self.instance.phase = Phase::Starting;
        self.instance.started_ms = Some(now_ms);
        self.until_ms = now_ms.saturating_add(start_ms);
        StepState::Done
    }
}

fn overlay(kept: &mut Resources, wanted: Resources) {
    kept.cpu_millis = wanted.cpu_millis.or(kept.cpu_millis);
    kept.memory_bytes = wanted.memory_bytes.or(kept.memory_bytes);
}

fn waiting(why: &str) -> StepState {
    StepState::Waiting { why: why.to_owned() }
}

/// The step's word, as in its JSON form.
fn word(step: &Step) -> &'static str {
    match step {
        Step::Create { .. } => "create",
        Step::AwaitReady { .. } => "await-ready",
        Step::Register { .. } => "register",
        Step::Drain { .. } => "drain",
        Step::Deregister { .. } => "deregister",
        Step::Stop { .. } => "stop",
        Step::Remove { .. } => "remove",
        Step::Start { .. } => "start",
        Step::Restart { .. } => "restart",
        Step::Resize => "resize",
        Step::SetCount => "set-count",
    }
}
