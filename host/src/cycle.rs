//! One turn of one backend: the only place that draws the arrow.
//!
//! ```text
//! observe ─▶ gather ─▶ snapshot ─▶ evaluate ─▶ decide ─▶ record ─▶ act ─▶ close
//! ```
//!
//! A [`Cycle`] owns what the host keeps of one backend's targets. Turns and the ends of changes reach it one after the other,
//! so that no two of them ever disagree about a target. What a turn decided is durable before anything is done about it.

mod agree;
mod alerted;
mod ask;
mod board;
mod budget;
mod case;
mod clock;
mod evaluate;
mod execute;
mod finish;
mod fitting;
mod known;
mod leave;
mod live;
mod look;
mod measure;
mod mend;
mod plan;
mod reconcile;
mod record;
mod seats;
mod spent;
mod state;
mod steered;
mod trace;
mod zones;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub use self::board::{Board, SeatView, Seen, SlotView, TargetView, Views};
pub use self::budget::{Budgets, Held};
use self::case::{Case, SeatCase};
pub use self::clock::{Clock, SystemClock, TimerClock};
pub use self::execute::Patience;
pub use self::finish::Finished;
pub use self::fitting::{CapRule, Fitting, KeptLabels, LABEL_PREFIX, LabelsView, Measure, Tailor, Tailored};
pub use self::live::{Happening, LiveEvent};
pub use self::plan::plan;
pub use self::reconcile::{Standing, standing};
use self::record::Moment;
pub use self::seats::{Binding, Group, Probation, Promotion, Role, Selector, Slot};
use self::spent::Laps;
pub use self::spent::Spent;
#[cfg(any(test, fuzzing))]
pub(crate) use self::state::fuzz;
pub use self::state::{Flight, SeatState, SlotState, TargetState};
pub use self::steered::Steered;
pub use self::zones::zone_transitions;
use crate::alerts::Alerts;
use crate::audit::{AuditError, Recorder, Trigger};
use crate::bounds::{Budget, Gates};
use crate::drivers::{Driver, Observation, ObservedTarget};
use crate::registrars::Registrar;
use crate::snapshot::{Node, TargetId};
use crate::sources::{GatherLimits, History, Sources};
use crate::store::{Store, StoreError};
use crate::telemetry::measures;

/// Targets that are taken through a turn together. Bounds the memory of a turn, and is one commit.
const CHUNK: usize = 1024;

/// Turns further apart than four paces, and than this, are an outage: windows are then seeded anew.
const GAP_MS_MIN: u64 = 60_000;

/// What a cycle is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The backend.
    pub driver: Arc<dyn Driver>,
    /// All registrars; each knows which targets it serves.
    pub registrars: Vec<Arc<dyn Registrar>>,
    /// All sources.
    pub sources: Arc<Sources>,
    /// Where state is kept.
    pub store: Arc<dyn Store>,
    /// How records are kept.
    pub records: crate::audit::Settings,
    /// The host's name in records.
    pub host: String,
    /// The host's time.
    pub clock: Arc<dyn Clock>,
    /// Limits on waiting.
    pub patience: Patience,
    /// Limits on gathering.
    pub gather_limits: GatherLimits,
    /// Under which decisions are made.
    pub lease: Lease,
    /// What the cycles of one host share.
    pub shared: Shared,
}

/// What all cycles of one host share. Copies share the same.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// Numbers given out to records and changes: each once in the host, whichever backend it is of.
    pub keys: Arc<AtomicU64>,
    /// What targets hold of the budgets of their groups.
    pub budgets: Arc<Budgets>,
}

/// The right to act on the targets of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Grows with every owner; part of every change's key.
    pub epoch: u64,
    /// When it ends. With the embedded store, whose data directory is locked, never.
    pub expires_ms: u64,
}

/// One backend and what the host keeps of its targets.
#[derive(Debug)]
pub struct Cycle {
    parts: Parts,
    recorder: Recorder,
    history: History,
    states: HashMap<TargetId, TargetState>,
    running: HashMap<TargetId, CancellationToken>,
    /// Targets that had their first turn since the host started, and when their state was last written.
    met: HashMap<TargetId, u64>,
    /// Targets of which some registrar's entries could not be mended in their last turn.
    unmended: BTreeSet<TargetId>,
    /// Whether what an earlier host left open has been closed.
    reconciled: bool,
    watch: clock::Watch,
    /// Targets and bindings that have not had a turn since the clock jumped.
    jumped: BTreeSet<(TargetId, String)>,
    /// Targets that no binding selects any more.
    left: BTreeSet<TargetId>,
    /// What was last said of a target's labels, by binding: it is said again where it changes.
    told: HashMap<(TargetId, String), String>,
    turns: u64,
    finished: (mpsc::UnboundedSender<Finished>, mpsc::UnboundedReceiver<Finished>),
    /// What has ended and is not closed yet.
    ended: Vec<Finished>,
    /// What people said of targets; looked at when the bounds decide, so that a freeze counts within the turn.
    steered: watch::Receiver<Arc<Steered>>,
    /// Where targets are shown.
    board: Arc<Board>,
    /// Alerts that policies may ask for.
    alerts: Option<Arc<Alerts>>,
    /// The backend's nodes as last told, for turns that do not ask it.
    nodes: Vec<Node>,
}

/// Why and for whom a turn is made.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// All bindings there are: who else sits on a target matters.
    pub bindings: &'a [Arc<Binding>],
    /// Names of those whose targets have their turn.
    pub due: &'a BTreeSet<String>,
    /// Of their targets, only these; `None`: all.
    pub only: Option<&'a BTreeSet<TargetId>>,
    /// What began it.
    pub trigger: &'a Trigger,
    /// What is known does not do, whatever began it: it may just have changed.
    pub anew: bool,
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnReport {
    /// Targets looked at.
    pub targets: usize,
    /// Changes begun.
    pub begun: usize,
    /// Policies that failed.
    pub faults: usize,
    /// Targets that must have another turn at once: a change was cancelled for a more urgent one.
    pub again: bool,
    /// What went wrong, for a person; none of it stopped the others.
    pub troubles: Vec<String>,
    /// Where its time went.
    pub spent: Spent,
}

impl TurnReport {
    /// Takes in what the turn of another backend came to.
    pub fn join(&mut self, other: Self) {
        self.targets = self.targets.saturating_add(other.targets);
        self.begun = self.begun.saturating_add(other.begun);
        self.faults = self.faults.saturating_add(other.faults);
        self.again |= other.again;
        self.troubles.extend(other.troubles);
    }
}

/// Why a turn could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The state of the targets cannot be read or written: nothing is done.
    #[error("failed to keep the state of targets")]
    Store(#[from] StoreError),
    /// The records cannot be written: nothing is done.
    #[error("failed to keep the records")]
    Records(#[from] AuditError),
    /// What is kept of a target cannot be understood.
    #[error("the state kept of {target} cannot be read: {what}")]
    State {
        /// The target.
        target: String,
        /// What is wrong with it, and the remedy.
        what: String,
    },
}

impl Cycle {
    /// Takes up a backend: reads what is kept of its targets.
    ///
    /// # Errors
    /// Where the store fails or holds what cannot be understood.
    pub async fn take_up(parts: Parts) -> Result<Self, CycleError> {
        let states = state::load(parts.store.as_ref(), parts.driver.name()).await?;
        let cycle = Self {
            recorder: Recorder::new(parts.records, parts.lease.epoch),
            parts,
            history: History::default(),
            states,
            running: HashMap::new(),
            met: HashMap::new(),
            unmended: BTreeSet::new(),
            reconciled: false,
            watch: clock::Watch::default(),
            jumped: BTreeSet::new(),
            left: BTreeSet::new(),
            told: HashMap::new(),
            turns: 0,
            finished: mpsc::unbounded_channel(),
            steered: watch::channel(Arc::default()).1,
            board: Arc::default(),
            alerts: None,
            nodes: Vec::new(),
            ended: Vec::new(),
        };
        cycle.seed_budgets();
        Ok(cycle)
    }

    /// Listens to what people say of targets, and shows them on `board`. Without this, nobody says and sees anything.
    pub fn steer(&mut self, steered: watch::Receiver<Arc<Steered>>, board: Arc<Board>) {
        self.steered = steered;
        self.board = board;
        self.board.saw(self.parts.driver.name(), Err("it was not asked yet".to_owned()));
    }

    /// The backend.
    #[must_use]
    pub fn driver(&self) -> &Arc<dyn Driver> {
        &self.parts.driver
    }

    /// What is kept of a target.
    #[must_use]
    pub fn state(&self, target: &TargetId) -> Option<&TargetState> {
        self.states.get(target)
    }

    /// Changes that are being carried out now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Takes all targets of the bindings that are `due` through one turn. `bindings` are all that there are: who else sits on
    /// a target matters.
    ///
    /// # Errors
    /// Where the store fails: then nothing was done.
    pub async fn turn(
        &mut self,
        bindings: &[Arc<Binding>],
        due: &BTreeSet<String>,
        trigger: &Trigger,
    ) -> Result<TurnReport, CycleError> {
        self.turn_for(&Occasion { bindings, due, only: None, trigger, anew: false }).await
    }

    /// A turn of some targets only.
    ///
    /// # Errors
    /// As [`Self::turn`].
    pub async fn turn_for(&mut self, occasion: &Occasion<'_>) -> Result<TurnReport, CycleError> {
        let span = trace::turn(self.parts.driver.name(), self.turns.saturating_add(1), occasion.trigger);
        let made = self.make_turn(occasion).instrument(span.clone()).await;
        trace::came_to(&span, &made);
        made
    }

    async fn make_turn(&mut self, occasion: &Occasion<'_>) -> Result<TurnReport, CycleError> {
        let began = Instant::now();
        self.turns = self.turns.saturating_add(1);
        let mut report = TurnReport::default();
        self.close_ended().await?;

        let now_ms = self.parts.clock.now_ms();
        let mut laps = Laps::start();
        if self.watch.jumped(now_ms) {
            tracing::warn!("the clock was set, or this machine slept: nothing is lowered before fresh samples come");
            let seats = self.states.iter().flat_map(|(target, state)| state.seated().map(move |name| (target, name)));
            self.jumped = seats.map(|(target, name)| (target.clone(), name.clone())).collect();
        }
        let known = self.known(occasion, now_ms);
        // When each target of a turn that asks nobody was seen is told by what is shown of it.
        let asked_ms = known.is_none().then_some(now_ms);
        let observed = match known {
            Some(known) => Ok(known),
            None => self.observe(now_ms).instrument(tracing::info_span!("observe")).await,
        };
        let observation = match observed {
            Ok(observation) => observation,
            Err(error) => {
                tracing::warn!(driver = self.parts.driver.name(), %error, "could not observe: all its targets stay as they are");
                self.board.saw(self.parts.driver.name(), Err(error.to_string()));
                measures::backend_error(self.parts.driver.name());
                report.troubles.push(error.to_string());
                return Ok(report);
            }
        };
        for (name, why) in &observation.unreadable {
            tracing::warn!(driver = self.parts.driver.name(), name, why, "could not be read");
            report.troubles.push(format!("{name}: {why}"));
        }

        if !self.reconciled {
            self.reconcile(&observation, now_ms).await?;
            self.reconciled = true;
        }
        leave::tell(self, &observation.targets, occasion.bindings, now_ms, &mut report).await?;
        let gone = self.gone(&observation, occasion);
        // What was not asked about is not gone.
        if observation.unreadable.is_empty() && asked_ms.is_some() {
            self.let_go(&observation.targets, now_ms);
        }
        self.fit(&observation.targets, occasion).await;
        laps.lap(&mut report.spent.observe);
        let mut views = Vec::new();
        let mut cases = self.cases(observation.targets, occasion, now_ms, &mut views);
        for case in &mut cases {
            case.seen_ms = asked_ms.or_else(|| self.board.target(&case.observed.target.id)?.seen_ms);
        }
        self.gather(&mut cases, now_ms, &mut report).instrument(tracing::info_span!("gather")).await;
        laps.lap(&mut report.spent.gather);
        while !cases.is_empty() {
            let chunk = cases.split_off(cases.len().saturating_sub(CHUNK));
            let moment = Moment { now_ms, trigger: occasion.trigger, seen_anew: asked_ms.is_some() };
            self.turn_of(chunk, &observation.nodes, moment, &mut report, &mut views).await?;
        }
        self.board.show(views, &gone);
        if asked_ms.is_some() {
            self.board.saw(self.parts.driver.name(), Ok(now_ms));
            self.nodes = observation.nodes;
        }
        measure::turn(self.parts.driver.name(), began.elapsed(), &report.spent);
        Ok(report)
    }

    /// Writes down what was only counted so far. To be called before the host ends.
    pub async fn farewell(&mut self) {
        let rest = self.recorder.rest();
        if let Err(error) = self.parts.store.write(rest).await {
            tracing::warn!(%error, "the last counts of quiet turns are lost");
        }
    }

    /// Targets that are shown and are not there any more.
    fn gone(&self, observation: &Observation, occasion: &Occasion<'_>) -> BTreeSet<TargetId> {
        if occasion.only.is_some() || !observation.unreadable.is_empty() {
            // What could not be read may be one of them; and a turn of a few targets is not to go through all.
            return BTreeSet::new();
        }
        let there = observation.targets.iter().map(|observed| &observed.target.id).collect();
        self.board.gone(self.parts.driver.name(), &there)
    }

    /// Seats the bindings; targets that no due binding sits on are left alone, and those whose labels nobody has looked at yet.
    fn cases(
        &mut self,
        targets: Vec<ObservedTarget>,
        occasion: &Occasion<'_>,
        now_ms: u64,
        views: &mut Vec<TargetView>,
    ) -> Vec<Case> {
        let cleared = Arc::clone(&self.steered.borrow());
        let mut cases = Vec::with_capacity(targets.len());
        let no_labels = KeptLabels::new();
        for observed in targets {
            let id = &observed.target.id;
            let kept = self.states.get(id).map_or(&no_labels, |state| &state.labels);
            let seats::Seats { acting, dry, conflict, unready } =
                seats::seat(occasion.bindings, &observed.target, kept);
            if unready {
                continue;
            }
            let held = self.account(&observed, acting.as_ref());
            if acting.is_none() && dry.is_empty() {
                views.push(TargetView::unbound(observed, now_ms));
                continue;
            }
            if occasion.only.is_some_and(|only| !only.contains(id)) {
                continue;
            }
            let seated = acting.into_iter().map(|fitted| (fitted, true));
            let seated = seated.chain(dry.into_iter().map(|fitted| (fitted, false)));
            let (due, waiting): (Vec<_>, Vec<_>) =
                seated.partition(|(fitted, _)| occasion.due.contains(&fitted.binding.name));
            if due.is_empty() {
                continue;
            }
            let seats = due.into_iter().map(|(fitted, acts)| SeatCase::new(fitted, acts)).collect::<Vec<_>>();
            let waiting = waiting.into_iter().map(|(fitted, _)| fitted.binding.name.clone()).collect();
            let mut state = self.states.get(id).cloned().unwrap_or_default();
            if let Some(at_ms) = cleared.cleared.get(id) {
                state.clear(*at_ms);
            }
            state.meet(&observed, seats.first().map(|seat| &seat.binding.settings));
            state.held = held;
            let remarks = self.take_labels(id, &seats, &mut state);
            cases.push(Case { observed, state, seats, conflict, waiting, remarks, written_ms: 0, seen_ms: None });
        }
        cases
    }

    /// The rest of the arrow, for some of the targets.
    async fn turn_of(
        &mut self,
        mut cases: Vec<Case>,
        nodes: &[Node],
        moment: Moment<'_>,
        report: &mut TurnReport,
        views: &mut Vec<TargetView>,
    ) -> Result<(), CycleError> {
        let now_ms = moment.now_ms;
        let mut laps = Laps::start();
        let backend_counts = self.parts.driver.keeps_desired();
        let alerts = self.open_alerts(&cases, now_ms);
        let stage = tracing::info_span!("look", targets = cases.len()).entered();
        for case in &mut cases {
            case.state.settle(&case.observed, self.running.contains_key(&case.observed.target.id), now_ms);
            let (observed, state) = (&case.observed, &case.state);
            let facts = look::Facts { observed, state, nodes, alerts: &alerts, backend_counts, now_ms };
            for seat in &mut case.seats {
                seat.snapshot = Some(look::snapshot(&facts, &seat.binding, std::mem::take(&mut seat.readings)));
            }
        }
        drop(stage);
        laps.lap(&mut report.spent.look);
        let stage = tracing::info_span!("evaluate", targets = cases.len());
        evaluate::evaluate(&mut cases, now_ms).instrument(stage).await;
        laps.lap(&mut report.spent.evaluate);
        let stage = tracing::info_span!("decide", targets = cases.len()).entered();
        self.rule(&mut cases, moment);
        drop(stage);
        laps.lap(&mut report.spent.decide);
        let stage = tracing::info_span!("record", targets = cases.len()).entered();
        let opened = record::open(self, &mut cases, &moment);
        drop(stage);
        laps.lap(&mut report.spent.record);
        let committed = report.spent.commit;
        let begun = match opened {
            Ok((writes, begun)) => {
                let stage = tracing::info_span!("commit", writes = writes.len(), begun = begun.len());
                self.commit(&cases, writes, &begun, now_ms).instrument(stage).await.map(|()| begun)
            }
            Err(error) => Err(error),
        };
        let begun = begun.inspect_err(|_| self.give_back(&cases))?;
        laps.lap(&mut report.spent.commit);
        measures::store_written(report.spent.commit.saturating_sub(committed));

        report.targets = report.targets.saturating_add(cases.len());
        report.begun = report.begun.saturating_add(begun.len());
        for case in &cases {
            let failed = case.seats.iter().flat_map(|seat| &seat.answers);
            let failed = failed.filter(|answer| answer.failed() && !answer.is_shadow());
            report.faults = report.faults.saturating_add(failed.count());
            report.again |= case.seats.iter().any(|seat| seat.supersedes);
        }
        measure::chunk(&cases);
        let shown = self.board.targets();
        for case in cases {
            let target = case.observed.target.id.clone();
            if case.seats.iter().any(|seat| seat.supersedes)
                && let Some(cancel) = self.running.get(&target)
            {
                cancel.cancel();
            }
            let may_take_out = case.is_list_believed() && !case.too_many_lost();
            let before = shown.get(&target).map(|view| view.instances.as_slice());
            // What could not be mended then is not known to be as it was seen.
            let before = before.filter(|_| !self.unmended.contains(&target));
            let mended = mend::entries(&self.parts.registrars, &case.observed, &case.state, before, may_take_out).await;
            if mended {
                self.unmended.remove(&target)
            } else {
                self.unmended.insert(target.clone())
            };
            self.met.insert(target.clone(), case.written_ms);
            if !self.jumped.is_empty() {
                for seat in &case.seats {
                    self.jumped.remove(&(target.clone(), seat.binding.name.clone()));
                }
            }
            let before = shown.get(&target).map(Arc::as_ref);
            let (view, state) = TargetView::after(case, backend_counts, now_ms, before);
            views.push(view);
            self.states.insert(target, state);
        }
        drop(shown);
        for act in begun {
            let flight = self.states.get(act.decision.target()).and_then(|state| state.flight.as_ref());
            let kind = flight.map_or("unknown", |flight| flight.change.kind.as_str());
            measures::change_begun(self.parts.driver.name(), kind);
            self.begin(act);
        }
        laps.lap(&mut report.spent.begin);
        Ok(())
    }

    /// Lets the bounds decide for every binding of these targets, and chooses what is done.
    fn rule(&self, cases: &mut [Case], moment: Moment<'_>) {
        let steered = Arc::clone(&self.steered.borrow());
        for seat in cases.iter_mut().flat_map(|case| &mut case.seats) {
            let number = self.parts.shared.keys.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            seat.record_id = key(self.parts.lease.epoch, number);
        }
        self.rule_within_budgets(cases, |case, budget| self.rule_case(case, moment, &steered, budget.as_ref()));
    }

    fn rule_case(&self, case: &mut Case, moment: Moment<'_>, steered: &Steered, budget: Option<&Budget>) {
        let target = &case.observed.target.id;
        let _one = tracing::debug_span!("target", target_id = %target).entered();
        let started = !self.met.contains_key(target);
        let is_running = self.running.contains_key(target);
        let repairs = !self.parts.driver.keeps_desired();
        for seat in &mut case.seats {
            let gates = Gates {
                conflict: if seat.acts { case.conflict.clone() } else { Vec::new() },
                event_turn: matches!(moment.trigger, Trigger::Event { .. }),
                seen_anew: moment.seen_anew,
                started,
                clock_jumped: !self.jumped.is_empty()
                    && self.jumped.contains(&(target.clone(), seat.binding.name.clone())),
                gap_ms_max: Some(seat.binding.every_ms.saturating_mul(4).max(GAP_MS_MIN)),
                budget: budget.filter(|_| seat.acts).cloned(),
                ..steered.gates(target)
            };
            let past = case.state.seat(&seat.binding).map(|kept| kept.past.clone()).unwrap_or_default();
            seat.rule(&past, &gates, self.parts.lease, repairs);
            seat.supersede(is_running);
        }
    }

    /// Carries out what is recorded, off to the side.
    fn begin(&mut self, act: record::Act) {
        let target = act.decision.target().clone();
        let cancel = CancellationToken::new();
        self.running.insert(target.clone(), cancel.clone());
        let execution = execute::Execution {
            driver: Arc::clone(&self.parts.driver),
            registrars: self.parts.registrars.iter().filter(|one| one.serves(&target)).map(Arc::clone).collect(),
            clock: Arc::clone(&self.parts.clock),
            patience: self.parts.patience,
            deadline_ms: act.deadline_ms,
            cancel,
        };
        let sender = self.finished.0.clone();
        // It outlives the turn that began it, and is a part of its trace all the same.
        let span = trace::change(&act.decision);
        let carry_out = async move {
            // A library that panics costs this change its end, not the host its target.
            let run = std::panic::AssertUnwindSafe(execution.run(&act.decision, &act.plan)).catch_unwind();
            let reports = run.await.ok();
            // The cycle is gone only where the host ends; then the next start finds the open record.
            let _ = sender.send(Finished { target, record: act.record, reports });
        };
        tokio::spawn(carry_out.instrument(span));
    }
}

/// A key: unique within the data directory, short, fit for a host name. Its numbers are decimal: from turn to turn a record
/// keeps its words and states by how much its numbers grew, and a letter that changes would have it written whole.
fn key(epoch: u64, number: u64) -> String {
    format!("{epoch}x{number}")
}
