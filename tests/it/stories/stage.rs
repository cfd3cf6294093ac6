//! The stage of a story: one workload, its load, a balancer, and the host's real arrow, in a time that passes when the story
//! says so. What happens is told as a timeline from the host's own records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use trimtab::audit::{self, Evaluation, Event, Record, Span, Trigger, Turn};
use trimtab::bounds::Settings;
use trimtab::cycle::{Binding, Clock, Cycle, Lease, Parts, Patience, Shared, TimerClock};
use trimtab::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use trimtab::policy::Verdict;
use trimtab::snapshot::{Freshness, Phase, Samples, TargetId};
use trimtab::sources::memory::MemorySource;
use trimtab::sources::{GatherLimits, Source};
use trimtab::store::MemoryStore;

use super::balancer::Balancer;
use super::policy::{EVERY_MS, binding, target_tracking};

/// 2026-11-20, noon in UTC.
const NOON_MS: u64 = 1_795_176_000_000;
const NAME: &str = "web";
/// So often others run before a turn; the longest plan of a story has some dozens of steps, of a few awaits each.
const SETTLING_YIELDS: u32 = 2_000;

/// How a story is set up.
pub(super) struct Scene {
    pub(super) replicas: u32,
    pub(super) settings: Settings,
    /// From made to ready.
    pub(super) start_ms: u64,
    /// From told to stop to gone.
    pub(super) stop_ms: u64,
    /// How long a drain takes.
    pub(super) drain_ms: u64,
    /// Whether the load is measured at each instance.
    pub(super) per_instance: bool,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            replicas: 4,
            settings: Settings { stabilize_down_ms: 60_000, ..Settings::default() },
            start_ms: 20_000,
            stop_ms: 2_000,
            drain_ms: 0,
            per_instance: false,
        }
    }
}

/// What a turn was told as, and how often it was told so.
struct Last {
    words: String,
    more: u32,
    at_ms: u64,
}

pub(super) struct Stage {
    pub(super) driver: Arc<MemoryDriver>,
    pub(super) source: Arc<MemorySource>,
    pub(super) bindings: Vec<Arc<Binding>>,
    pub(super) target: TargetId,
    pub(super) clock: Arc<TimerClock>,
    balancer: Arc<Balancer>,
    store: Arc<MemoryStore>,
    cycle: Cycle,
    epoch: u64,
    load: Option<f64>,
    per_instance: bool,
    next_turn: Instant,
    again: bool,
    first: bool,
    told: String,
    last: Option<Last>,
    /// Records that were told, and those whose end was told.
    seen: BTreeSet<String>,
    ended: BTreeSet<String>,
    notes: usize,
}

impl Stage {
    pub(super) async fn set(scene: Scene) -> Self {
        let clock = Arc::new(TimerClock::starting_at(NOON_MS));
        let behavior = MemorySettings { keeps_desired: false, start_ms: scene.start_ms, stop_ms: scene.stop_ms };
        let driver = Arc::new(MemoryDriver::new("local", behavior));
        driver.set_now(NOON_MS);
        let mut workload = MemoryTarget::new(NAME, 0);
        workload.labels.insert("app".to_owned(), "web".to_owned());
        workload.replicas = scene.replicas;
        let target = driver.insert(workload).unwrap();
        // They have served for long when the story begins.
        for instance in driver.instances(NAME) {
            driver.edit_instance(NAME, &instance.id, |instance| {
                instance.phase = Phase::Ready;
                instance.started_ms = Some(NOON_MS - 3_600_000);
            });
        }
        let as_clock: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let balancer = Arc::new(Balancer::new(as_clock, scene.drain_ms));
        let source = Arc::new(MemorySource::new("meter"));
        let store = Arc::new(MemoryStore::new());
        let cycle = Cycle::take_up(parts(&driver, &balancer, &source, &store, &clock, 1)).await.unwrap();
        Self {
            driver,
            source,
            bindings: vec![binding("web", scene.settings, scene.per_instance)],
            target,
            clock,
            balancer,
            store,
            cycle,
            epoch: 1,
            load: None,
            per_instance: scene.per_instance,
            next_turn: Instant::now(),
            again: false,
            first: true,
            told: String::new(),
            last: None,
            seen: BTreeSet::new(),
            ended: BTreeSet::new(),
            notes: 0,
        }
    }

    /// The narrator speaks.
    pub(super) fn says(&mut self, what: &str) {
        self.flush();
        let at = since(self.clock.now_ms());
        self.told.push_str(&format!("\n{at}  — {what}\n"));
    }

    /// The load from now on, in requests per second; `None`: nobody measures it.
    pub(super) fn load(&mut self, load: f64) {
        self.load = Some(load);
    }

    /// The clock is set ahead; no timer fires, and nothing is measured meanwhile.
    pub(super) fn jump(&mut self, ms: u64) {
        self.clock.jump(ms);
    }

    /// The host ends, and starts again so much later; the world has gone on meanwhile.
    pub(super) async fn restart_after(&mut self, ms: u64) {
        self.flush();
        self.cycle.farewell().await;
        self.clock.jump(ms);
        self.epoch += 1;
        let parts = parts(&self.driver, &self.balancer, &self.source, &self.store, &self.clock, self.epoch);
        self.cycle = Cycle::take_up(parts).await.unwrap();
        self.next_turn = Instant::now();
        (self.again, self.first) = (false, true);
    }

    /// The bounds of a binding are edited.
    pub(super) fn rebind(&mut self, settings: Settings) {
        self.bindings = vec![binding("web", settings, self.per_instance)];
    }

    /// Replicas that are desired.
    pub(super) fn desired(&self) -> u32 {
        self.cycle.state(&self.target).and_then(|state| state.desired).unwrap()
    }

    /// One instance is forced into a phase.
    pub(super) fn force(&self, instance: &str, phase: Phase) {
        assert!(self.driver.edit_instance(NAME, instance, |instance| instance.phase = phase), "no {instance}");
    }

    /// All instances are ready from now on.
    pub(super) fn all_ready(&self) {
        for instance in self.driver.instances(NAME) {
            self.force(&instance.id, Phase::Ready);
        }
    }

    /// Lets time pass, second by second.
    pub(super) async fn pass(&mut self, seconds: u64) {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let second = Instant::now() + Duration::from_secs(1);
            self.driver.set_now(self.clock.now_ms());
            self.measure();
            if Instant::now() >= self.next_turn {
                self.next_turn = Instant::now() + Duration::from_millis(EVERY_MS);
                self.turn().await;
            }
            while self.cycle.running() > 0 {
                match tokio::time::timeout_at(second, self.cycle.next_finished()).await {
                    Err(_) => break,
                    Ok(finished) => drop(finished.unwrap()),
                }
                self.tell_ends().await;
                if self.cycle.running() == 0 && std::mem::take(&mut self.again) {
                    self.turn().await;
                }
            }
            tokio::time::sleep_until(second).await;
        }
    }

    /// What the records say of the last change that was decided.
    pub(super) async fn explain_last_change(&mut self) {
        self.flush();
        let all = self.events(0).await;
        let acting = all.into_iter().rfind(|event| matches!(event, Event::Turn(turn) if turn.record.acts()));
        let events: Vec<Event> = acting.into_iter().collect();
        self.quote(&audit::explain(&events, true).to_string());
    }

    /// What the records say of the newest turn.
    pub(super) async fn explain_last_turn(&mut self) {
        self.flush();
        let last = self.events(0).await.into_iter().rfind(|event| matches!(event, Event::Turn(_)));
        let events: Vec<Event> = last.into_iter().collect();
        self.quote(&audit::explain(&events, true).to_string());
    }

    /// The story.
    pub(super) fn end(mut self) -> String {
        self.flush();
        self.told
    }

    fn quote(&mut self, text: &str) {
        let digest: String = target_tracking().digest().chars().take(12).collect();
        self.told.push_str("\n          `trimtab explain` says:\n");
        for line in text.replace(&digest, "…").lines() {
            self.told.push_str(&format!("          | {line}\n"));
        }
    }

    fn measure(&self) {
        let Some(load) = self.load else { return };
        let now_ms = self.clock.now_ms();
        if !self.per_instance {
            return self.source.set("load", &self.target, None, now_ms, load);
        }
        let instances = self.driver.instances(NAME);
        let ready: Vec<_> = instances.iter().filter(|instance| instance.phase == Phase::Ready).collect();
        let share = load / ready.len() as f64;
        for instance in ready {
            self.source.set("load", &self.target, Some(&instance.id), now_ms, share);
        }
    }

    /// What is due at the time of the turn comes before it: otherwise a change would go on while the policies think, on
    /// threads of their own, and how far it came would be told by how busy the machine is.
    async fn settle(&self) {
        for _ in 0..SETTLING_YIELDS {
            tokio::task::yield_now().await;
        }
    }

    async fn turn(&mut self) {
        self.settle().await;
        let first = std::mem::take(&mut self.first);
        let trigger = if first { Trigger::Start } else { Trigger::Pace };
        let due = self.bindings.iter().map(|binding| binding.name.clone()).collect();
        let report = self.cycle.turn(&self.bindings, &due, &trigger).await.unwrap();
        self.again |= report.again;
        let now_ms = self.clock.now_ms();
        self.tell_ends().await;
        let mut words = Vec::new();
        for event in self.events(now_ms).await {
            match event {
                Event::Turn(turn) if self.seen.insert(turn.record.id.to_string()) => words.extend(told(&turn.record)),
                Event::Turn(_) => {}
                Event::NotRecorded { why, .. } => words.push(format!("not recorded: {why}")),
                Event::Counted(_) | Event::Note(_) => {}
            }
        }
        if words.is_empty() {
            words.push("no turn of it".to_owned());
        }
        if report.again {
            words.push("the change in flight is cancelled for a more urgent one".to_owned());
        }
        let asked = self.balancer.asked();
        if !asked.is_empty() && !first {
            words.push(format!("balancer: {}", asked.join(", ")));
        }
        let words = words.join("\n          ");
        match &mut self.last {
            Some(last) if last.words == words => {
                last.more += 1;
                last.at_ms = now_ms;
            }
            _ => {
                self.flush();
                self.told.push_str(&format!("{}  {words}\n", since(now_ms)));
                self.last = Some(Last { words, more: 0, at_ms: now_ms });
            }
        }
    }

    /// Changes that have ended, and what was noted of the target.
    async fn tell_ends(&mut self) {
        let mut lines = Vec::new();
        let events = self.events(0).await;
        let notes = events.iter().filter(|event| matches!(event, Event::Note(_))).count();
        for event in &events {
            let Event::Turn(turn) = event else { continue };
            if let Turn { record, closing: Some(closing), .. } = turn.as_ref()
                && self.ended.insert(record.id.to_string())
            {
                let text = if closing.text.is_empty() { String::new() } else { format!(": {}", closing.text) };
                lines.push(format!("{}  change {} ended: {}{text}", since(closing.at_ms), record.id, closing.outcome));
            }
        }
        for event in events.iter().filter(|event| matches!(event, Event::Note(_))).skip(self.notes) {
            let Event::Note(note) = event else { continue };
            lines.push(format!("{}  note: {}", since(note.at_ms), note.text));
        }
        self.notes = notes;
        if !lines.is_empty() {
            let asked = self.balancer.asked();
            if !asked.is_empty() {
                lines.push(format!("          balancer: {}", asked.join(", ")));
            }
            self.flush();
            self.told.push_str(&format!("{}\n", lines.join("\n")));
        }
    }

    async fn events(&self, from_ms: u64) -> Vec<Event> {
        let span = Span { from_ms, to_ms: u64::MAX, entries_max: 10_000 };
        audit::history(self.store.as_ref(), &self.target, span).await.unwrap()
    }

    fn flush(&mut self) {
        if let Some(Last { more, at_ms, .. }) = self.last.take()
            && more > 0
        {
            let turns = if more == 1 { "turn" } else { "turns" };
            self.told
                .push_str(&format!("          … and {more} {turns} more like it, until {}\n", since(at_ms).trim_end()));
        }
    }
}

fn parts(
    driver: &Arc<MemoryDriver>,
    balancer: &Arc<Balancer>,
    source: &Arc<MemorySource>,
    store: &Arc<MemoryStore>,
    clock: &Arc<TimerClock>,
    epoch: u64,
) -> Parts {
    Parts {
        driver: Arc::clone(driver) as _,
        registrars: vec![Arc::clone(balancer) as _],
        sources: Arc::new([("meter".to_owned(), Arc::clone(source) as Arc<dyn Source>)].into()),
        store: Arc::clone(store) as _,
        records: audit::Settings::default(),
        host: "here".to_owned(),
        clock: Arc::clone(clock) as _,
        patience: Patience::default(),
        gather_limits: GatherLimits::default(),
        lease: Lease { epoch, expires_ms: u64::MAX },
        shared: Shared::default(),
    }
}

/// One turn in words.
fn told(record: &Record) -> Vec<String> {
    let target = &record.snapshot.target;
    let decision = record.ruling.decision.as_ref();
    let count = match decision.and_then(|decision| decision.replicas) {
        Some((from, to)) => format!("{from} → {to}"),
        None => target.desired.to_string(),
    };
    let unready = if target.ready == target.desired { String::new() } else { format!(", {} ready", target.ready) };
    let mut lines = vec![format!("{}  {count}{unready}", load_of(record))];
    for slot in &record.slots {
        let words = match &slot.evaluation {
            Evaluation::Answered(answer) => match &answer.verdict {
                Verdict::Proposals(proposals) => {
                    let asked = proposals.iter().map(|one| {
                        let count = one.count.map_or_else(String::new, |count| format!(" to {count}"));
                        format!("{}{count}: {}", one.kind.as_str(), one.reason)
                    });
                    asked.collect::<Vec<_>>().join("; ")
                }
                Verdict::Refused(refusal) => format!("refuses: {}", refusal.text),
            },
            Evaluation::Faulted(fault) => format!("fails: {fault}"),
            Evaluation::Quarantined { .. } => "is in quarantine".to_owned(),
        };
        lines.push(format!("{}: {words}", slot.slot));
    }
    if let Some(decision) = decision
        && decision.origin != "policy"
    {
        lines.push(format!("{}: {}", decision.origin, decision.reason));
    }
    if let Some(flight) = &record.snapshot.in_flight {
        let stuck = if flight.is_stuck(record.at_ms) { ", stuck" } else { "" };
        let pending =
            if flight.pending.is_empty() { String::new() } else { format!(": {}", flight.pending.join(", ")) };
        let (from, to, since) = (flight.from_count, flight.to_count, since(flight.since_ms).trim_end().to_owned());
        lines.push(format!("in flight: {} {from} → {to} since {since}{stuck}{pending}", flight.kind));
    }
    lines.extend(
        record.ruling.restraints.iter().map(|restraint| format!("restrained: {}", with_times(&restraint.to_string()))),
    );
    lines
}

fn load_of(record: &Record) -> String {
    let numbers = record.snapshot.readings.iter().filter_map(|reading| match (&reading.samples, reading.freshness) {
        (Samples::Numbers { values, .. }, Freshness::Fresh) => values.last().copied(),
        _ => None,
    });
    let numbers: Vec<f64> = numbers.collect();
    if numbers.is_empty() { "load unknown".to_owned() } else { format!("load {:.0}", numbers.iter().sum::<f64>()) }
}

/// The time of a story: since noon.
fn since(at_ms: u64) -> String {
    let seconds = (at_ms - NOON_MS) / 1_000;
    if seconds < 3_600 {
        return format!("+{:02}:{:02}  ", seconds / 60, seconds % 60);
    }
    format!("+{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Milliseconds since the epoch, as times of the story.
fn with_times(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let number: String = word.chars().take_while(char::is_ascii_digit).collect();
        match number.parse::<u64>() {
            Ok(at_ms) if at_ms >= NOON_MS => {
                words.push(format!("{}{}", since(at_ms).trim_end(), &word[number.len()..]));
            }
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}
