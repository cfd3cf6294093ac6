//! The loop: snapshot, policies, bounds, plant; turn after turn.

use super::feed::{Feed, Wiring};
use super::fleet::{CONTAINER, Fleet, Step};
use super::outage::Outage;
use super::plant::{Plant, PlantError};
use super::report::{Changed, Head, Ledger, Moved, Point, Report};
use super::slot::Slot;
use super::trace::Trace;
use crate::bounds::{ActionKind, Decision, Gates, Origin, Past, Question, Settings, Vote, VoteAnswer, decide};
use crate::cycle::{SlotState, zone_transitions};
use crate::policy::{EvaluationInput, NeedKind, ProposalKind, Queue, Verdict};
use crate::snapshot::{
    Abilities, Change, Container, InFlight, Inventory, Limits, ResizeAbility, Resources, SNAPSHOT_FORMAT, Snapshot,
    Target, TargetIdError, VictimAbility, ZoneTransitions,
};

/// Most turns of one run: a month at 15 s.
pub const TURNS_MAX: u64 = 200_000;
/// Past changes that policies see, as in a host.
const CHANGES_MAX: usize = 32;
/// Turns between two words about how far it has come.
const TOLD_EVERY: u64 = 64;

/// One run: who decides, over which demand, on which plant.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What the run is called in its report.
    pub contestant: &'a str,
    /// The policies, which vote together.
    pub slots: &'a [Slot],
    /// The bounds.
    pub settings: &'a Settings,
    /// Time between turns.
    pub every_ms: u64,
    /// How readings are fed: see [`super::wire`].
    pub wiring: &'a Wiring,
    /// The plant.
    pub plant: &'a Plant,
    /// The demand.
    pub trace: &'a Trace,
    /// Times in which readings are absent.
    pub outages: &'a [Outage],
}

/// Why there is no run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// The plant cannot be.
    #[error(transparent)]
    Plant(#[from] PlantError),
    /// Turns too close to each other.
    #[error(
        "{turns} turns over the trace {trace} are more than {TURNS_MAX}; take a longer --every, or a shorter trace"
    )]
    Long {
        /// The trace.
        trace: String,
        /// So many turns.
        turns: u64,
    },
    /// No time between turns.
    #[error("there is no time between turns; write --every 15s")]
    NoPace,
    /// Nobody decides.
    #[error("no policy decides; name one with --policy")]
    NoPolicy,
    /// The name of the target.
    #[error("the contestant's name makes no target")]
    Target(#[from] TargetIdError),
}

/// Plays the trace. Blocks and runs guests: on a thread with [`crate::sandbox::THREAD_STACK_BYTES`]. `progress` is told now
/// and then how many turns are done.
///
/// # Errors
/// Where the plant or the pace makes no sense.
pub fn run(run: &Run<'_>, mut progress: impl FnMut(u64)) -> Result<Report, RunError> {
    run.plant.check()?;
    if run.every_ms == 0 {
        return Err(RunError::NoPace);
    }
    if run.slots.is_empty() {
        return Err(RunError::NoPolicy);
    }
    let turns = run.turns();
    if turns > TURNS_MAX {
        return Err(RunError::Long { trace: run.trace.name().to_owned(), turns });
    }
    let mut stage = Stage::set(run)?;
    for turn in 0..turns {
        stage.turn(turn);
        if turn % TOLD_EVERY == 0 {
            progress(turn);
        }
    }
    progress(turns);
    Ok(stage.close())
}

impl Run<'_> {
    /// How many turns it has: one at the start, and one each time until the trace ends.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.trace.to_ms().saturating_sub(self.trace.from_ms()).div_ceil(self.every_ms.max(1))
    }
}

/// A run that goes on.
struct Stage<'a> {
    run: &'a Run<'a>,
    fleet: Fleet<'a>,
    feed: Feed<'a>,
    snapshot: Snapshot,
    past: Past,
    states: Vec<SlotState>,
    step: Step,
    ledger: Ledger,
    /// Zones that are asked for, and how far ahead.
    zones: Vec<(&'a str, u64)>,
    /// Number of the last change.
    change: u64,
}

impl<'a> Stage<'a> {
    fn set(run: &'a Run<'a>) -> Result<Self, RunError> {
        let from_ms = run.trace.from_ms();
        let demand = run.trace.stretch(run.trace.row_at(from_ms)).map_or(0.0, |(demand, _)| demand);
        let range = run.settings.replicas;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts to whole numbers saturate")]
        let enough = (demand / run.plant.capacity).ceil() as u32;
        let replicas = run.plant.replicas.unwrap_or_else(|| enough.max(range.min).min(range.max)).min(10_000);
        let mut fleet = Fleet::new(run.plant, replicas, from_ms);
        let step = fleet.first_look(demand);
        let zones = run.slots.iter().flat_map(|slot| &slot.needs);
        let zones = zones.filter(|need| need.kind == NeedKind::Transitions);
        Ok(Self {
            run,
            fleet,
            feed: Feed::new(run.wiring),
            snapshot: snapshot(run, replicas)?,
            past: Past::default(),
            states: run.slots.iter().map(|_| SlotState::default()).collect(),
            step,
            ledger: Ledger::new(usize::try_from(run.turns()).unwrap_or(0)),
            zones: zones.map(|need| (need.name.as_str(), need.look_back_ms)).collect(),
            change: 0,
        })
    }

    /// One turn, and the time until the next.
    fn turn(&mut self, turn: u64) {
        let after_ms = turn.saturating_mul(self.run.every_ms);
        let now_ms = self.run.trace.from_ms().saturating_add(after_ms);
        let next_ms = now_ms.saturating_add(self.run.every_ms).min(self.run.trace.to_ms());
        let out = self.run.outages.iter().any(|outage| outage.covers(after_ms));
        self.look(now_ms, out);
        self.decide(now_ms);
        self.feed.take_back(std::mem::take(&mut self.snapshot.readings));
        self.step = self.fleet.advance(self.run.trace, now_ms, next_ms);
        let rate = |sum: f64| if self.step.seconds > 0.0 { sum / self.step.seconds } else { 0.0 };
        let size = self.fleet.container().requests;
        let point = Point {
            at_ms: now_ms,
            demand: rate(self.step.demand),
            served: rate(self.step.served),
            unmet: rate(self.step.unmet),
            capacity: rate(self.step.capacity),
            backlog: self.step.backlog,
            desired: self.snapshot.target.desired,
            ready: rate(self.step.ready_seconds),
            cpu_millis: size.cpu_millis.unwrap_or(0),
            memory_bytes: size.memory_bytes.unwrap_or(0),
            out,
        };
        self.ledger.stepped(point, &self.step);
    }

    /// Brings the snapshot up to date.
    fn look(&mut self, now_ms: u64, out: bool) {
        let snapshot = &mut self.snapshot;
        snapshot.now_ms = now_ms;
        self.fleet.instances(&mut snapshot.instances);
        snapshot.target.total = self.fleet.total();
        snapshot.target.ready = self.fleet.ready();
        if let Some(container) = snapshot.target.containers.first_mut() {
            container.clone_from(self.fleet.container());
        }
        snapshot.readings = self.feed.measure(&self.fleet, &self.step, now_ms, out);
        if let Some(flight) = &mut snapshot.in_flight {
            flight.pending = self.fleet.pending(self.change);
            if flight.pending.is_empty() {
                snapshot.in_flight = None;
            }
        }
        snapshot.transitions.clear();
        for (zone, ahead_ms) in &self.zones {
            // A zone that this machine does not know is left out, as in a host: the policy sees that it is missing.
            let known: Option<ZoneTransitions> = zone_transitions(zone, now_ms, *ahead_ms).ok();
            let is_new = !snapshot.transitions.iter().any(|one| one.zone == *zone);
            snapshot.transitions.extend(known.filter(|_| is_new));
        }
    }

    /// Asks the policies and the bounds, and has the plant do what they came to.
    fn decide(&mut self, now_ms: u64) {
        let votes = self.ask(now_ms);
        let key = format!("backtest-{}", self.change + 1);
        let ruling = decide(&Question {
            snapshot: &self.snapshot,
            settings: self.run.settings,
            votes: &votes,
            past: &self.past,
            gates: &Gates::default(),
            key: &key,
            lease_epoch: 0,
            lease_expires_ms: u64::MAX,
        });
        for restraint in &ruling.restraints {
            self.ledger.restrained(restraint.code());
        }
        self.past = ruling.past;
        if let Some(decision) = &ruling.decision {
            self.carry_out(decision, now_ms);
        }
    }

    /// One vote of each slot, as in a host: a policy that keeps failing is not asked for a while.
    fn ask(&mut self, now_ms: u64) -> Vec<Vote> {
        let mut votes = Vec::with_capacity(self.run.slots.len());
        for (slot, state) in self.run.slots.iter().zip(&mut self.states) {
            let manifest = slot.policy.manifest();
            let answer = if state.is_quarantined(now_ms) {
                self.ledger.answers.quarantined += 1;
                VoteAnswer::Quarantined { until_ms: state.quarantined_until_ms }
            } else {
                let evaluation = slot.policy.evaluate(&EvaluationInput {
                    snapshot: &self.snapshot,
                    needs: &slot.needs,
                    params: &slot.params,
                    memory: state.memory_for(manifest.memory_format),
                    queue: Queue::Ordinary,
                });
                state.meet(slot.policy.digest());
                match evaluation.outcome {
                    Ok(answer) => {
                        state.answered(manifest.memory_format, answer.memory);
                        self.ledger.answers.note(&answer.verdict);
                        match answer.verdict {
                            Verdict::Proposals(proposals) => VoteAnswer::Proposals(proposals),
                            Verdict::Refused(refusal) => VoteAnswer::Refused(refusal),
                        }
                    }
                    Err(fault) => {
                        self.ledger.answers.note_fault(&fault);
                        // Whether that put it into quarantine is seen at the next turn.
                        let _ = state.faulted(now_ms);
                        VoteAnswer::Faulted(fault)
                    }
                }
            };
            let (granted, declared) = (slot.granted.clone(), manifest.kinds.clone());
            votes.push(Vote { slot: slot.name.clone(), granted, declared, answer });
        }
        votes
    }

    fn carry_out(&mut self, decision: &Decision, now_ms: u64) {
        self.change += 1;
        self.fleet.carry_out(decision, self.change, now_ms);
        let count = decision.replicas().map(|count| (count.from, count.to));
        let before = self.snapshot.target.desired;
        let (from, to) = count.unwrap_or((before, before));
        let kind = kind_of(decision).as_str().to_owned();
        let by = match decision.origin() {
            Origin::Policy => "policy",
            Origin::Correction => "correction",
            Origin::Repair => "repair",
            Origin::Manual => "manual",
            Origin::Fallback => "fallback",
        };
        let resize = !decision.resize().is_empty() || decision.size_class().is_some();
        let changed = Changed { count, resize, actions: decision.actions().len() as u64 };
        let why = decision.reason().to_owned();
        self.ledger.changed(changed, Moved { at_ms: now_ms, kind: kind.clone(), from, to, by, why });
        self.snapshot.target.desired = to;
        let changes = &mut self.snapshot.changes;
        changes.push(Change { at_ms: now_ms, kind: kind.clone(), from_count: from, to_count: to, by: by.to_owned() });
        changes.drain(..changes.len().saturating_sub(CHANGES_MAX));
        self.snapshot.in_flight = Some(InFlight {
            key: decision.key().to_owned(),
            kind,
            from_count: from,
            to_count: to,
            since_ms: now_ms,
            deadline_ms: now_ms.saturating_add(self.run.settings.change_deadline_ms),
            pending: Vec::new(),
        });
    }

    fn close(self) -> Report {
        let mut not_had: Vec<String> = Vec::new();
        for need in self.run.slots.iter().flat_map(|slot| &slot.needs) {
            let told = match need.kind {
                NeedKind::Nodes => "nodes".to_owned(),
                NeedKind::Alerts => "alerts".to_owned(),
                NeedKind::Label => format!("the label {}", need.name),
                NeedKind::Transitions if !self.snapshot.transitions.iter().any(|zone| zone.zone == need.name) => {
                    format!("the time zone {}", need.name)
                }
                _ => continue,
            };
            if !not_had.contains(&told) {
                not_had.push(told);
            }
        }
        self.ledger.close(Head {
            contestant: self.run.contestant,
            trace: self.run.trace.name(),
            from_ms: self.run.trace.from_ms(),
            to_ms: self.run.trace.to_ms(),
            every_ms: self.run.every_ms,
            wiring: self.run.wiring,
            not_had,
        })
    }
}

/// What the workload looks like before the first turn.
fn snapshot(run: &Run<'_>, replicas: u32) -> Result<Snapshot, TargetIdError> {
    let (least, most) = run.settings.least_and_most();
    let range = run.settings.replicas;
    Ok(Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms: run.trace.from_ms(),
        target: Target {
            id: "backtest/plant".parse()?,
            kind: "process-group".to_owned(),
            zones: Vec::new(),
            labels: std::collections::BTreeMap::new(),
            desired: replicas,
            total: replicas,
            ready: replicas,
            containers: vec![Container {
                name: CONTAINER.to_owned(),
                requests: Resources::default(),
                limits: Resources::default(),
            }],
            abilities: Abilities {
                victims: VictimAbility::Exact,
                resize: ResizeAbility::Live,
                sizes: run.plant.sizes.clone(),
                ..Abilities::default()
            },
            limits: Limits { replicas_min: range.min, replicas_max: range.max, least, most },
        },
        in_flight: None,
        instances: Vec::new(),
        nodes: Vec::new(),
        readings: Vec::new(),
        alerts: Vec::new(),
        changes: Vec::new(),
        transitions: Vec::new(),
        inventory: Inventory::Complete,
    })
}

fn kind_of(decision: &Decision) -> ProposalKind {
    if decision.replicas().is_some() {
        return ProposalKind::Scale;
    }
    if !decision.resize().is_empty() || decision.size_class().is_some() {
        return ProposalKind::Resize;
    }
    match decision.actions().first().map(|action| action.kind) {
        Some(ActionKind::Restart) => ProposalKind::Restart,
        Some(ActionKind::Replace) => ProposalKind::Replace,
        Some(ActionKind::Start) => ProposalKind::Start,
        Some(ActionKind::Remove) => ProposalKind::Remove,
        None => ProposalKind::Hold,
    }
}
