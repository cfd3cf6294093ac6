//! What stands in the way of a change: said by the cycle ([`Gates`]), or read from the snapshot and the past.

use std::cell::OnceCell;

use serde::{Deserialize, Serialize};

use super::compose::Composed;
use super::decide::Question;
use super::past::{Past, TooMany, narrow};
use super::restraint::{Direction, Quantity, Restraint};
use super::settings::{Behavior, Mode};
use crate::policy::ProposalKind;
use crate::snapshot::{Freshness, InFlight, Inventory, Phase, Reading, Snapshot, Subject, VictimAbility};

/// What the cycle knows beyond the snapshot that may stand in the way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gates {
    /// Everything stops: `trimtab freeze`, or a freeze window of the configuration.
    pub freeze: Option<Freeze>,
    /// This target is left alone.
    pub pause: Option<Pause>,
    /// A person said how many there are to be.
    pub pin: Option<Pin>,
    /// Names of all acting bindings of this target, where there are two or more.
    pub conflict: Vec<String>,
    /// The turn was begun by an event, mostly on a cached observation: it never lowers and takes nothing away that lives.
    pub event_turn: bool,
    /// The backend was asked in this turn: then the turn of an event may make what is missing.
    pub seen_anew: bool,
    /// What the group of bindings has left.
    pub budget: Option<Budget>,
    /// This host's first turn of this target.
    pub started: bool,
    /// The host's clock was set: the monotonic and the wall clock disagree since the last turn.
    pub clock_jumped: bool,
    /// A longer time than this between two turns is an outage; `None`: it is never one. The cycle gives a few times the
    /// binding's `every`.
    pub gap_ms_max: Option<u64>,
}

/// Everything stops.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Freeze {
    /// Why, for a person.
    pub why: String,
    /// When it ends by itself.
    pub until_ms: Option<u64>,
}

/// One target is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pause {
    /// Who said so.
    pub by: String,
    /// When it ends by itself.
    pub until_ms: Option<u64>,
}

/// A count that a person pinned. Held within the range, the steps, the budget and the cooldown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pin {
    /// So many.
    pub replicas: u32,
    /// Who said so.
    pub by: String,
    /// When it ends by itself.
    pub until_ms: Option<u64>,
}

/// What a group of bindings may still add.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// The group's name.
    pub group: String,
    /// Replicas that it may still add in this turn.
    pub left: u32,
}

impl Gates {
    /// The pause, where it has not ended at `now_ms`.
    #[must_use]
    pub fn pause_in_force(&self, now_ms: u64) -> Option<&Pause> {
        self.pause.as_ref().filter(|pause| !ended(pause.until_ms, now_ms))
    }

    /// The freeze, where it has not ended at `now_ms`.
    #[must_use]
    pub fn freeze_in_force(&self, now_ms: u64) -> Option<&Freeze> {
        self.freeze.as_ref().filter(|freeze| !ended(freeze.until_ms, now_ms))
    }

    /// The pin, where it has not ended at `now_ms`.
    #[must_use]
    pub fn pin_in_force(&self, now_ms: u64) -> Option<&Pin> {
        self.pin.as_ref().filter(|pin| !ended(pin.until_ms, now_ms))
    }
}

fn ended(until_ms: Option<u64>, now_ms: u64) -> bool {
    until_ms.is_some_and(|until_ms| now_ms >= until_ms)
}

/// What stands in the way in this turn.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    snapshot: &'a Snapshot,
    mode: Mode,
    event_turn: bool,
    coverage_min: f64,
    /// Nothing at all changes.
    pub(super) stop: Option<Restraint>,
    /// The change in flight.
    pub(super) in_flight: Option<&'a InFlight>,
    /// Too many were lost.
    pub(super) too_many: Option<TooMany>,
    /// The count that a person pinned.
    pub(super) pin: Option<&'a Pin>,
    /// Instances that must not go.
    pub(super) protected: u32,
    /// For how long no policy has answered.
    pub(super) unanswered_ms: u64,
    jumped_ms: Option<u64>,
    /// The count follows from what a person or the operator said, not from readings.
    certain: bool,
    /// What is missing among the readings, once somebody asks.
    missing: OnceCell<Option<Missing<'a>>>,
}

/// A move of one number, as gates look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'w> {
    pub(super) what: &'w Quantity,
    pub(super) direction: Direction,
    pub(super) held: u64,
    pub(super) wished: u64,
}

/// What is missing among the readings.
#[derive(Debug)]
enum Missing<'a> {
    Reading(&'a Reading),
    Coverage { reading: &'a str, fresh: u32, of: u32 },
}

impl<'a> Standing<'a> {
    pub(super) fn of(q: &Question<'a>, past: &Past, composed: &Composed<'_>, unanswered_ms: u64) -> Self {
        let Question { snapshot, settings, gates, .. } = *q;
        let pin = gates.pin_in_force(snapshot.now_ms);
        let fixed = settings.fallback.is_some_and(|fallback| matches!(fallback.behavior, Behavior::Fixed(_)));
        Self {
            snapshot,
            mode: settings.mode,
            event_turn: gates.event_turn,
            coverage_min: settings.coverage_min,
            stop: stop(q),
            in_flight: snapshot.in_flight.as_ref(),
            too_many: past.too_many_lost(),
            pin,
            protected: protected(snapshot),
            unanswered_ms,
            jumped_ms: past.jumped_ms(),
            certain: pin.is_some() || (fixed && composed.fallback(q, unanswered_ms).is_some()),
            missing: OnceCell::new(),
        }
    }

    /// Whether somebody has stopped this target: all is frozen, it is paused, or two bindings act on it.
    pub(super) fn is_stopped(q: &Question<'_>) -> bool {
        matches!(
            stop(q),
            Some(Restraint::Off | Restraint::Frozen { .. } | Restraint::Paused { .. } | Restraint::Conflict { .. })
        )
    }

    /// What forbids this move whoever wants it, corrections too.
    pub(super) fn forbids(&self, way: &Way<'_>) -> Option<Restraint> {
        if let Some(stop) = &self.stop {
            return Some(stop.clone());
        }
        let Way { held, wished, .. } = *way;
        let what = || way.what.clone();
        let figure = *way.what != Quantity::Replicas;
        if let Some(change) = self.in_flight.filter(|_| figure || way.direction == Direction::Down) {
            return Some(in_flight(change, way));
        }
        if way.direction == Direction::Up {
            return None;
        }
        if self.event_turn {
            return Some(Restraint::EventTurn { what: what(), held, wished });
        }
        if self.mode == Mode::RaiseOnly {
            return Some(Restraint::RaisesOnly { what: what(), held, wished });
        }
        self.too_many.filter(|_| !figure).map(|many| too_many(many, way))
    }

    /// What forbids the count to become `value`, whoever wants it.
    pub(super) fn forbids_count(&self, value: u32) -> Option<Restraint> {
        let target = &self.snapshot.target;
        let kind = ProposalKind::Scale;
        if !target.abilities.kinds.iter().any(|able| able == kind.as_str()) {
            return Some(Restraint::BackendCannot { slot: "(the host)".to_owned(), kind });
        }
        if value < target.desired {
            let blind = target.abilities.victims == VictimAbility::None && self.protected > 0;
            let (held, wished, protected) = (target.desired, value, self.protected);
            return blind.then_some(Restraint::ProtectedCount { held, wished, protected });
        }
        let change = self.in_flight.filter(|change| !change.is_stuck(self.snapshot.now_ms))?;
        if change.is_raise() && value <= change.to_count {
            let (wished, coming, key) = (value, change.to_count, change.key.clone());
            return Some(Restraint::AlreadyComing { wished, coming, key });
        }
        let (held, wished) = (target.desired.into(), value.into());
        let way = Way { what: &Quantity::Replicas, direction: Direction::Up, held, wished };
        (!target.abilities.supersede).then(|| in_flight(change, &way))
    }

    /// What of the facts is too doubtful to lower by. Corrections, a person's pin and a fixed fallback do not need them.
    pub(super) fn doubts(&self, way: &Way<'_>) -> Option<Restraint> {
        let skipped = self.certain && *way.what == Quantity::Replicas;
        if way.direction == Direction::Up || skipped {
            return None;
        }
        let Way { held, wished, .. } = *way;
        let what = way.what.clone();
        let missing = self.missing.get_or_init(|| missing(self.snapshot, self.coverage_min));
        match (missing, self.jumped_ms) {
            (Some(Missing::Reading(reading)), _) => {
                let (reading, freshness) = (reading.name.as_ref().to_owned(), reading.freshness);
                Some(Restraint::ReadingMissing { what, held, wished, reading, freshness })
            }
            (Some(Missing::Coverage { reading, fresh, of }), _) => {
                let (reading, min) = ((*reading).to_owned(), self.coverage_min);
                Some(Restraint::CoverageLow { what, held, wished, reading, fresh: *fresh, of: *of, min })
            }
            (None, Some(at_ms)) => Some(Restraint::ClockJumped { what, held, wished, at_ms }),
            (None, None) => None,
        }
    }
}

impl Way<'_> {
    /// The pause after earlier changes, if any of it is left.
    pub(super) fn cooling(&self, left_ms: u64) -> Option<Restraint> {
        let Way { direction, held, wished, .. } = *self;
        let what = self.what.clone();
        (left_ms > 0).then_some(Restraint::CoolingDown { what, direction, held, wished, left_ms })
    }
}

/// What stops everything about this target, the strongest first.
pub(super) fn stop(q: &Question<'_>) -> Option<Restraint> {
    let Question { snapshot, settings, gates, .. } = *q;
    if settings.mode == Mode::Off {
        return Some(Restraint::Off);
    }
    if let Some(freeze) = gates.freeze_in_force(snapshot.now_ms) {
        return Some(Restraint::Frozen { why: freeze.why.clone(), until_ms: freeze.until_ms });
    }
    if let Some(pause) = gates.pause_in_force(snapshot.now_ms) {
        return Some(Restraint::Paused { by: pause.by.clone(), until_ms: pause.until_ms });
    }
    if !gates.conflict.is_empty() {
        return Some(Restraint::Conflict { bindings: gates.conflict.clone() });
    }
    match &snapshot.inventory {
        Inventory::Complete => None,
        Inventory::Partial { why } => Some(Restraint::InventoryPartial { why: why.clone() }),
        Inventory::SuddenlyEmpty { before } => Some(Restraint::InventoryEmpty { before: *before }),
    }
}

fn in_flight(change: &InFlight, way: &Way<'_>) -> Restraint {
    let Way { held, wished, .. } = *way;
    let what = way.what.clone();
    Restraint::InFlight { what, held, wished, key: change.key.clone(), since_ms: change.since_ms }
}

pub(super) fn too_many(many: TooMany, way: &Way<'_>) -> Restraint {
    let Way { held, wished, .. } = *way;
    let TooMany { since_ms, lost, of } = many;
    Restraint::TooManyLost { what: way.what.clone(), held, wished, lost, of, since_ms }
}

/// Protected instances that are there.
pub(super) fn protected(snapshot: &Snapshot) -> u32 {
    narrow(snapshot.instances.iter().filter(|instance| instance.protected && instance.phase.counts()).count())
}

/// The first reading of the target that is not fresh, or the first of instances that covers too few of those that serve.
/// What the operator declared for the case of absence counts as read.
fn missing(snapshot: &Snapshot, coverage_min: f64) -> Option<Missing<'_>> {
    let is_read = |reading: &Reading| reading.freshness == Freshness::Fresh || reading.absent_as.is_some();
    let is_part = |subject: &Subject| matches!(subject, Subject::Instance | Subject::Node | Subject::Container);
    let mut serving: Vec<&str> = Vec::new();
    let mut begin = 0;
    while let Some(first) = snapshot.readings.get(begin) {
        let rest = snapshot.readings.iter().skip(begin);
        let same = |reading: &&Reading| reading.name == first.name && reading.subject == first.subject;
        let rows = rest.take_while(same).count();
        let mut group = snapshot.readings.iter().skip(begin).take(rows);
        begin = begin.saturating_add(rows);
        if !is_part(&first.subject) || first.owner.is_none() {
            if let Some(reading) = group.find(|reading| !is_read(reading)) {
                return Some(Missing::Reading(reading));
            }
            continue;
        }
        let (fresh, of) = if first.subject == Subject::Instance {
            if serving.is_empty() {
                let ready = snapshot.instances.iter().filter(|instance| instance.phase == Phase::Ready);
                serving.extend(ready.map(|instance| instance.id.as_str()));
                serving.sort_unstable();
            }
            let mut last = None;
            let covered = group.filter(|reading| {
                let owner = reading.owner.as_deref();
                let again = std::mem::replace(&mut last, owner) == owner;
                !again && is_read(reading) && owner.is_some_and(|owner| serving.binary_search(&owner).is_ok())
            });
            (covered.count(), serving.len())
        } else {
            (group.filter(|reading| is_read(reading)).count(), rows)
        };
        let (fresh, of) = (narrow(fresh), narrow(of));
        // A share that is no number is not covered.
        let covered = f64::from(fresh) >= coverage_min * f64::from(of);
        if !covered {
            return Some(Missing::Coverage { reading: &first.name, fresh, of });
        }
    }
    None
}
