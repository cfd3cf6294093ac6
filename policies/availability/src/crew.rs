//! The instances, sorted by what is to be done about them, and since when.

use std::time::Duration;

use trimtab_sdk::snapshot::{Instance, Node};
use trimtab_sdk::{Phase, Snapshot};

use crate::Parameters;
use crate::past::{Past, WATCHES_MAX, Watch, mark_of};

/// After a try in vain the patience is at least this, and doubles with each further one.
const PATIENCE_AFTER_TRY_MS: u64 = 10_000;
/// Doublings at most: 32 times the patience.
const DOUBLINGS_MAX: u32 = 5;

/// How an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It serves.
    Well,
    /// It starts, and has the time for it.
    Coming,
    /// It starts for too long.
    Late,
    /// It runs, served once, and does not now.
    Unready,
    /// It is stopped.
    Stopped,
    /// It ended in error.
    Failed,
    /// It is out of sight, and its node is not known to be.
    Lost,
    /// It is out of sight, and so is its node.
    Away,
    /// It is on its way out.
    Leaving,
    /// The backend does not say.
    Unknown,
}

/// One instance.
#[derive(Debug)]
pub(crate) struct Member<'s> {
    pub(crate) instance: &'s Instance,
    pub(crate) state: State,
    /// For how long it is seen so.
    pub(crate) for_ms: u64,
    /// How long that is borne, tries in vain included.
    pub(crate) patience_ms: u64,
    pub(crate) tries: u32,
}

/// All instances.
#[derive(Debug)]
pub(crate) struct Crew<'s> {
    pub(crate) members: Vec<Member<'s>>,
}

impl State {
    fn of(instance: &Instance, nodes: &[Node], late: bool) -> Self {
        match instance.phase() {
            Phase::Ready => Self::Well,
            Phase::Draining | Phase::Stopping => Self::Leaving,
            Phase::Stopped => Self::Stopped,
            Phase::Failed => Self::Failed,
            Phase::Lost if is_node_lost(instance, nodes, true) => Self::Away,
            Phase::Lost => Self::Lost,
            _ if is_node_lost(instance, nodes, false) => Self::Away,
            Phase::Unready => Self::Unready,
            Phase::Pending | Phase::Starting if late => Self::Late,
            Phase::Pending | Phase::Starting => Self::Coming,
            _ => Self::Unknown,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Coming => 1,
            Self::Late => 2,
            Self::Unready => 3,
            Self::Stopped => 4,
            Self::Failed => 5,
            Self::Lost => 6,
            Self::Away => 7,
            Self::Leaving => 8,
            Self::Unknown => 9,
        }
    }

    /// Whether it is not there to be counted, and may be made anew.
    pub(crate) fn is_gone(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed | Self::Lost | Self::Away)
    }

    /// What it is, for a person.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Well => "healthy",
            Self::Coming => "starting",
            Self::Late => "starting for too long",
            Self::Unready => "unready",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Away => "away with its node",
            Self::Leaving => "leaving",
            Self::Unknown => "in a state that the backend does not tell",
        }
    }

    fn patience(self, parameters: &Parameters) -> Duration {
        match self {
            Self::Unready => parameters.unready_for,
            Self::Failed => parameters.failed_for,
            Self::Lost | Self::Away => parameters.lost_for,
            _ => Duration::ZERO,
        }
    }
}

impl<'s> Crew<'s> {
    /// Looks at all instances, and notes in `past` since when they are as they are.
    pub(crate) fn meet(snapshot: &'s Snapshot<'_>, parameters: &Parameters, past: &mut Past) -> Self {
        let before = std::mem::take(&mut past.watches);
        let (nodes, now_ms) = (snapshot.nodes(), snapshot.now_ms());
        let members = snapshot.instances().iter().map(|instance| {
            let known = before.iter().find(|watch| watch.who == mark_of(&instance.id));
            let (state, watch) = watched(instance, nodes, known, now_ms, parameters);
            let is_news = !matches!(state, State::Well | State::Leaving) || watch.tries > 0;
            if is_news && past.watches.len() < WATCHES_MAX {
                past.watches.push(watch);
            }
            let (since_ms, patience_ms) = match state {
                State::Coming | State::Late => (begun_ms(instance, &watch), millis(parameters.starting_for)),
                _ => (watch.since_ms, patience_ms(state.patience(parameters), watch.tries)),
            };
            let for_ms = now_ms.saturating_sub(since_ms);
            Member { instance, state, for_ms, patience_ms, tries: watch.tries }
        });
        Self { members: members.collect() }
    }

    pub(crate) fn healthy(&self) -> u32 {
        self.count(|state| state == State::Well)
    }

    /// Those that count towards what is desired: they serve, or are there and may serve soon.
    pub(crate) fn present(&self) -> u32 {
        self.count(|state| matches!(state, State::Well | State::Coming | State::Late | State::Unready | State::Unknown))
    }

    pub(crate) fn count(&self, is_meant: impl Fn(State) -> bool) -> u32 {
        u32::try_from(self.members.iter().filter(|one| is_meant(one.state)).count()).unwrap_or(u32::MAX)
    }
}

impl Member<'_> {
    pub(crate) fn is_due(&self) -> bool {
        self.for_ms >= self.patience_ms
    }

    /// Its trouble in words, with the numbers that make it due.
    pub(crate) fn trouble(&self) -> String {
        let (id, word) = (&self.instance.id, self.state.word());
        format!("`{id}` is {word}, seen for {} s (patience {} s)", self.for_ms / 1000, self.patience_ms / 1000)
    }
}

/// How one instance stands, and what is to be remembered of it.
fn watched(
    instance: &Instance,
    nodes: &[Node],
    known: Option<&Watch>,
    now_ms: u64,
    parameters: &Parameters,
) -> (State, Watch) {
    let fresh = Watch { who: mark_of(&instance.id), since_ms: now_ms, state: u8::MAX, ..Watch::default() };
    let mut watch = known.copied().unwrap_or(fresh);
    watch.since_ms = watch.since_ms.min(now_ms);
    let starting = [State::Coming.number(), State::Late.number()].contains(&watch.state);
    let late = starting || instance.started_ms.is_some();
    let late = late && millis(parameters.starting_for) <= now_ms.saturating_sub(begun_ms(instance, &watch));
    let state = State::of(instance, nodes, late);
    if watch.asked_ms > 0 {
        // What was asked for is seen in the instance, or was not done: the bounds hold back at times. Where neither shows for
        // long, it was in vain.
        let base_ms = patience_ms(state.patience(parameters), watch.tries.max(1));
        let seen = watch.mark != looks(instance) || watch.state != state.number();
        if seen || now_ms.saturating_sub(watch.asked_ms) >= base_ms {
            watch = Watch { tries: watch.tries.saturating_add(1), asked_ms: 0, since_ms: now_ms, ..watch };
        }
    }
    // Too late is not another trouble than starting: its time runs on.
    if watch.state != state.number() && !(starting && state == State::Late) {
        watch.since_ms = now_ms;
    }
    watch.state = state.number();
    if state == State::Well && now_ms.saturating_sub(watch.since_ms) >= millis(parameters.forget_after) {
        watch.tries = 0;
    }
    (state, watch)
}

impl Past {
    /// Notes that something is asked for this instance.
    pub(crate) fn note_asked(&mut self, instance: &Instance, now_ms: u64) {
        let who = mark_of(&instance.id);
        if let Some(watch) = self.watches.iter_mut().find(|watch| watch.who == who)
            && watch.asked_ms == 0
        {
            (watch.asked_ms, watch.mark) = (now_ms.max(1), looks(instance));
        }
    }
}

/// When it began to start: its own word, or since when it is seen to.
fn begun_ms(instance: &Instance, watch: &Watch) -> u64 {
    instance.started_ms.unwrap_or(watch.since_ms)
}

/// Whether its node is out of sight. `missing`: a node that the list does not have counts as such.
fn is_node_lost(instance: &Instance, nodes: &[Node], missing: bool) -> bool {
    if nodes.is_empty() {
        return false;
    }
    match instance.node.and_then(|index| nodes.get(usize::try_from(index).ok()?)) {
        Some(node) => !node.ready,
        None => missing,
    }
}

/// What a restart changes of an instance.
fn looks(instance: &Instance) -> u64 {
    instance.started_ms.unwrap_or(0).rotate_left(16) ^ u64::from(instance.restarts)
}

fn patience_ms(patience: Duration, tries: u32) -> u64 {
    let patience_ms = millis(patience);
    match tries {
        0 => patience_ms,
        tries => patience_ms.max(PATIENCE_AFTER_TRY_MS).saturating_mul(1 << tries.min(DOUBLINGS_MAX)),
    }
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
