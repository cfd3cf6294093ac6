//! The plant as it runs: its replicas, and how much demand they serve between two turns.

use super::plant::{Plant, float};
use super::trace::Trace;
use crate::bounds::{ActionKind, Decision};
use crate::snapshot::{Container, Instance, Phase, Resources};

/// The only container.
pub(super) const CONTAINER: &str = "main";

/// The replicas of a plant.
#[derive(Debug)]
pub(super) struct Fleet<'p> {
    plant: &'p Plant,
    members: Vec<Member>,
    container: Container,
    size_class: Option<String>,
    made: u64,
    backlog: f64,
    /// Row of the trace that was in force last.
    row: usize,
}

/// One replica.
#[derive(Debug)]
struct Member {
    id: String,
    stage: Stage,
    started_ms: u64,
    restarts: u32,
    /// Units of demand served since the last turn, and per second.
    served: f64,
    load: f64,
    /// Share of the last step in which it had all that it can do.
    busy: f64,
    /// Whether a step has been seen of it.
    is_known: bool,
    memory_bytes: u64,
    memory_peak_bytes: u64,
    /// The change that waits for it.
    change: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting { ready_ms: u64 },
    Ready,
    Leaving { gone_ms: u64 },
}

/// What happened between two moments. Integrals over seconds, but for the extremes and states at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Step {
    pub(super) seconds: f64,
    /// Units of demand that came.
    pub(super) demand: f64,
    /// Units that were served.
    pub(super) served: f64,
    /// Units that could not be served when they came.
    pub(super) unmet: f64,
    /// Units that could have been served.
    pub(super) capacity: f64,
    /// Seconds in which demand was unmet or waited.
    pub(super) short_seconds: f64,
    /// Replica-seconds that served, and that were paid for.
    pub(super) ready_seconds: f64,
    pub(super) paid_seconds: f64,
    /// Thousandths of a core, and bytes, set aside, times seconds.
    pub(super) cpu_millis_seconds: f64,
    pub(super) memory_bytes_seconds: f64,
    pub(super) cost: f64,
    /// Units that wait at its end, and at most.
    pub(super) backlog: f64,
    pub(super) backlog_max: f64,
    /// Replicas that were killed for want of memory at its end.
    pub(super) killed: u32,
}

/// What one replica did in the last step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Use {
    /// Units of demand per second.
    pub(super) load: f64,
    pub(super) cpu_millis: f64,
    pub(super) memory_bytes: f64,
    /// Of what it can do, 0 to 1; `None`: it does not serve.
    pub(super) utilization: Option<f64>,
    /// Share of the step in which it had all that it can do.
    pub(super) busy: f64,
}

impl<'p> Fleet<'p> {
    /// So many replicas that serve from the first moment.
    pub(super) fn new(plant: &'p Plant, replicas: u32, now_ms: u64) -> Self {
        let size = Resources { cpu_millis: Some(plant.cpu_millis), memory_bytes: Some(plant.memory_bytes) };
        let container = Container { name: CONTAINER.to_owned(), requests: size, limits: size };
        let size_class = plant.sizes.iter().find(|one| one.resources == size).map(|one| one.class.clone());
        let mut fleet = Self { plant, members: Vec::new(), container, size_class, made: 0, backlog: 0.0, row: 0 };
        for _ in 0..replicas {
            fleet.make(now_ms, 0, None);
        }
        for member in &mut fleet.members {
            member.stage = Stage::Ready;
            member.memory_bytes = plant.memory_base_bytes;
        }
        fleet
    }

    fn make(&mut self, now_ms: u64, start_up_ms: u64, change: Option<u64>) {
        self.made = self.made.saturating_add(1);
        self.members.push(Member {
            // Ids in the order of making are in the order of texts.
            id: format!("r{:07}", self.made),
            stage: Stage::Starting { ready_ms: now_ms.saturating_add(start_up_ms) },
            started_ms: now_ms,
            restarts: 0,
            served: 0.0,
            load: 0.0,
            busy: 0.0,
            is_known: false,
            memory_bytes: 0,
            memory_peak_bytes: 0,
            change,
        });
    }

    /// Units of demand per second that one replica serves now.
    pub(super) fn capacity_each(&self) -> f64 {
        let cpu = self.container.limits.cpu_millis.or(self.container.requests.cpu_millis);
        self.plant.capacity * float(cpu.unwrap_or(self.plant.cpu_millis)) / float(self.plant.cpu_millis)
    }

    /// Replicas that serve.
    pub(super) fn ready(&self) -> u32 {
        count(self.members.iter().filter(|member| member.stage == Stage::Ready))
    }

    /// Replicas that exist.
    pub(super) fn total(&self) -> u32 {
        count(self.members.iter())
    }

    pub(super) fn container(&self) -> &Container {
        &self.container
    }

    /// Price of an hour of one replica of the present size.
    pub(super) fn price_per_hour(&self) -> f64 {
        let named = self.size_class.as_ref().and_then(|class| self.plant.sizes.iter().find(|one| one.class == *class));
        if let Some(price) = named.and_then(|size| size.price_per_hour) {
            return price;
        }
        let now = self.container.requests;
        let cpu = float(now.cpu_millis.unwrap_or(self.plant.cpu_millis)) / float(self.plant.cpu_millis);
        let memory = float(now.memory_bytes.unwrap_or(self.plant.memory_bytes)) / float(self.plant.memory_bytes);
        self.plant.price_per_hour * (cpu + memory) / 2.0
    }

    /// Serves the demand from one moment to another, exactly: within a stretch in which neither the demand nor the replicas
    /// change, all rates are constant.
    pub(super) fn advance(&mut self, trace: &Trace, from_ms: u64, to_ms: u64) -> Step {
        let mut step = Step::default();
        let mut now_ms = from_ms;
        let price = self.price_per_hour() / 3600.0;
        let each = self.capacity_each();
        self.members.iter_mut().for_each(|member| member.busy = 0.0);
        while now_ms < to_ms {
            self.come_and_go(now_ms);
            while trace.stretch(self.row).is_some_and(|(_, until_ms)| until_ms <= now_ms) {
                self.row = self.row.saturating_add(1);
            }
            let (demand, until_ms) = trace.stretch(self.row).unwrap_or((0.0, to_ms));
            let next_ms = until_ms.min(to_ms).min(self.next_event_ms(now_ms).unwrap_or(to_ms));
            let seconds = float(next_ms.saturating_sub(now_ms)) / 1000.0;
            self.serve(&mut step, demand, each, seconds);
            let paid = f64::from(self.total()) * seconds;
            step.paid_seconds += paid;
            step.cost += paid * price;
            let set_aside = self.container.requests;
            step.cpu_millis_seconds += paid * float(set_aside.cpu_millis.unwrap_or(0));
            step.memory_bytes_seconds += paid * float(set_aside.memory_bytes.unwrap_or(0));
            now_ms = next_ms;
        }
        self.come_and_go(to_ms);
        step.backlog = self.backlog;
        self.settle(&mut step, to_ms);
        step
    }

    /// A stretch of constant demand and replicas.
    fn serve(&mut self, step: &mut Step, demand: f64, each: f64, seconds: f64) {
        let ready = self.ready();
        let capacity = f64::from(ready) * each;
        let missing = (demand - capacity).max(0.0) * seconds;
        let (served, short_seconds) = if self.plant.queue {
            let can = capacity * seconds;
            let there = self.backlog + demand * seconds;
            let served = there.min(can);
            let empty_after = if demand < capacity { self.backlog / (capacity - demand) } else { seconds };
            let waits = self.backlog > 0.0 || demand > capacity;
            self.backlog = (there - served).max(0.0);
            (served, if waits { empty_after.min(seconds) } else { 0.0 })
        } else {
            (demand.min(capacity) * seconds, if demand > capacity { seconds } else { 0.0 })
        };
        step.seconds += seconds;
        step.demand += demand * seconds;
        step.served += served;
        step.unmet += missing;
        step.capacity += capacity * seconds;
        step.short_seconds += short_seconds;
        step.ready_seconds += f64::from(ready) * seconds;
        step.backlog_max = step.backlog_max.max(self.backlog);
        for member in self.members.iter_mut().filter(|member| member.stage == Stage::Ready) {
            member.served += served / f64::from(ready);
            member.busy += short_seconds;
        }
    }

    /// What each replica did in the step, and what it came to of it.
    fn settle(&mut self, step: &mut Step, now_ms: u64) {
        let limit = self.container.limits.memory_bytes;
        let Plant { start_up_ms, memory_base_bytes, memory_per_load_bytes, .. } = *self.plant;
        for member in &mut self.members {
            member.load = if step.seconds > 0.0 { member.served / step.seconds } else { 0.0 };
            member.busy = if step.seconds > 0.0 { (member.busy / step.seconds).min(1.0) } else { 0.0 };
            member.is_known = true;
            member.served = 0.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "casts to whole numbers saturate"
            )]
            let by_load = (member.load * float(memory_per_load_bytes)) as u64;
            member.memory_bytes = memory_base_bytes.saturating_add(by_load);
            let most = limit.unwrap_or(u64::MAX);
            member.memory_peak_bytes = member.memory_peak_bytes.max(member.memory_bytes.min(most));
            if member.stage == Stage::Ready && member.memory_bytes > most {
                member.stage = Stage::Starting { ready_ms: now_ms.saturating_add(start_up_ms) };
                member.started_ms = now_ms;
                member.restarts = member.restarts.saturating_add(1);
                step.killed = step.killed.saturating_add(1);
            }
        }
    }

    fn come_and_go(&mut self, now_ms: u64) {
        self.members.retain(|member| !matches!(member.stage, Stage::Leaving { gone_ms } if gone_ms <= now_ms));
        for member in &mut self.members {
            if matches!(member.stage, Stage::Starting { ready_ms } if ready_ms <= now_ms) {
                member.stage = Stage::Ready;
                member.change = None;
            }
        }
    }

    fn next_event_ms(&self, now_ms: u64) -> Option<u64> {
        let event = |member: &Member| match member.stage {
            Stage::Starting { ready_ms: at_ms } | Stage::Leaving { gone_ms: at_ms } => Some(at_ms),
            Stage::Ready => None,
        };
        self.members.iter().filter_map(event).filter(|at_ms| *at_ms > now_ms).min()
    }

    /// Does what was decided; `change` is its number.
    pub(super) fn carry_out(&mut self, decision: &Decision, change: u64, now_ms: u64) {
        if let Some(count) = decision.replicas() {
            self.scale_to(count.to, decision.victims(), change, now_ms);
        }
        for wanted in decision.resize() {
            take(&mut self.container.requests, wanted.requests);
            take(&mut self.container.limits, wanted.limits);
            self.size_class = None;
        }
        let class = decision.size_class().and_then(|class| self.plant.sizes.iter().find(|one| one.class == class));
        if let Some(size) = class {
            (self.container.requests, self.container.limits) = (size.resources, size.resources);
            self.size_class = Some(size.class.clone());
        }
        for action in decision.actions() {
            match action.kind {
                ActionKind::Restart => self.restart(&action.instance, change, now_ms),
                ActionKind::Replace => {
                    self.leave(&action.instance, change, now_ms);
                    self.make(now_ms, self.plant.start_up_ms, Some(change));
                }
                // Nothing is ever stopped here, and a removal is a change of the count.
                ActionKind::Start | ActionKind::Remove => {}
            }
        }
    }

    fn scale_to(&mut self, to: u32, victims: &[String], change: u64, now_ms: u64) {
        let stays = |member: &&Member| !matches!(member.stage, Stage::Leaving { .. });
        let living = count(self.members.iter().filter(stays));
        for _ in living..to {
            self.make(now_ms, self.plant.start_up_ms, Some(change));
        }
        let surplus = usize::try_from(living.saturating_sub(to)).unwrap_or(usize::MAX);
        // Those that the bounds named, then the newest.
        let newest = self.members.iter().rev().filter(stays).map(|member| member.id.clone());
        let mut leavers: Vec<String> = victims.to_vec();
        leavers.extend(newest.filter(|id| !victims.contains(id)));
        for id in leavers.iter().take(surplus) {
            self.leave(id, change, now_ms);
        }
    }

    fn leave(&mut self, id: &str, change: u64, now_ms: u64) {
        let gone_ms = now_ms.saturating_add(self.plant.stop_ms);
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
            member.stage = Stage::Leaving { gone_ms };
            member.change = Some(change);
        }
    }

    fn restart(&mut self, id: &str, change: u64, now_ms: u64) {
        let ready_ms = now_ms.saturating_add(self.plant.start_up_ms);
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
            member.stage = Stage::Starting { ready_ms };
            member.started_ms = now_ms;
            member.restarts = member.restarts.saturating_add(1);
            member.change = Some(change);
        }
    }

    /// What that change waits for still, for a person.
    pub(super) fn pending(&self, change: u64) -> Vec<String> {
        let of_change = self.members.iter().filter(|member| member.change == Some(change));
        let told = of_change.filter_map(|member| match member.stage {
            Stage::Starting { .. } => Some(format!("{} to be ready", member.id)),
            Stage::Leaving { .. } => Some(format!("{} to end", member.id)),
            Stage::Ready => None,
        });
        told.collect()
    }

    /// The replicas as a snapshot shows them.
    pub(super) fn instances(&self, out: &mut Vec<Instance>) {
        out.clear();
        out.extend(self.members.iter().map(|member| Instance {
            id: member.id.clone(),
            name: member.id.clone(),
            node: None,
            zone: None,
            phase: match member.stage {
                Stage::Starting { .. } => Phase::Starting,
                Stage::Ready => Phase::Ready,
                Stage::Leaving { .. } => Phase::Draining,
            },
            started_ms: Some(member.started_ms),
            restarts: member.restarts,
            requests: self.container.requests,
            limits: self.container.limits,
            usage: self.usage(member),
            memory_peak_bytes: member.is_known.then_some(member.memory_peak_bytes),
            protected: false,
            address: None,
            handle: None,
            made_by: None,
        }));
    }

    fn usage(&self, member: &Member) -> Resources {
        if !member.is_known {
            return Resources::default();
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts to whole numbers saturate")]
        let cpu_millis = self.cpu_millis(member).round() as u64;
        Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(member.memory_bytes) }
    }

    /// A unit of demand costs as much CPU on every size.
    fn cpu_millis(&self, member: &Member) -> f64 {
        member.load / self.plant.capacity * float(self.plant.cpu_millis)
    }

    /// What each replica did in the last step; `None`: it is new.
    pub(super) fn uses(&self) -> impl Iterator<Item = (&str, Option<Use>)> {
        let each = self.capacity_each();
        self.members.iter().map(move |member| {
            let serves = member.stage == Stage::Ready && each > 0.0;
            let used = Use {
                load: member.load,
                cpu_millis: self.cpu_millis(member),
                memory_bytes: float(member.memory_bytes),
                utilization: serves.then(|| member.load / each),
                busy: member.busy,
            };
            (member.id.as_str(), member.is_known.then_some(used))
        })
    }

    /// The first look at the plant: what it would do if the demand of this moment went on, over no time at all.
    pub(super) fn first_look(&mut self, demand: f64) -> Step {
        let ready = f64::from(self.ready());
        let capacity = ready * self.capacity_each();
        let served = demand.min(capacity);
        let limit = self.container.limits.memory_bytes.unwrap_or(u64::MAX);
        for member in &mut self.members {
            member.load = served / ready.max(1.0);
            member.is_known = true;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "casts to whole numbers saturate"
            )]
            let by_load = (member.load * float(self.plant.memory_per_load_bytes)) as u64;
            member.memory_bytes = self.plant.memory_base_bytes.saturating_add(by_load).min(limit);
            member.memory_peak_bytes = member.memory_bytes;
        }
        Step { seconds: 1.0, demand, served, unmet: (demand - capacity).max(0.0), capacity, ..Step::default() }
    }
}

fn take(present: &mut Resources, wanted: Resources) {
    present.cpu_millis = wanted.cpu_millis.or(present.cpu_millis);
    present.memory_bytes = wanted.memory_bytes.or(present.memory_bytes);
}

fn count<'m>(members: impl Iterator<Item = &'m Member>) -> u32 {
    u32::try_from(members.count()).unwrap_or(u32::MAX)
}
