//! Stages 2 to 8 for the count of replicas.

use super::compose::Composed;
use super::decide::Question;
use super::decision::Origin;
use super::gates::{Standing, Way};
use super::past::Past;
use super::restraint::{Direction, Quantity, Restraint, Stage};
use super::steps::{furthest, within_budget};
use super::travel::Travel;

/// The count, on its way. All that holds it back holds it at `hold`: the present value, or where that is outside the
/// range, what corrects it.
struct Count<'q, 'a, 'n> {
    q: &'q Question<'a>,
    past: &'q Past,
    present: u32,
    value: u32,
    hold: u32,
    travel: Travel,
    notes: &'n mut Vec<Restraint>,
}

/// What becomes of the count, and who wanted it.
pub(super) fn bound_count(
    q: &Question<'_>,
    past: &Past,
    standing: &Standing<'_>,
    composed: &Composed<'_>,
    removals: u32,
    travels: &mut Vec<Travel>,
    notes: &mut Vec<Restraint>,
) -> (u32, Origin) {
    let present = q.snapshot.target.desired;
    let (wished, origin) = wished(q, standing, composed, notes);
    let votes = composed.count_votes.iter().map(|(slot, count)| ((*slot).to_owned(), u64::from(*count)));
    let travel = Travel {
        what: Quantity::Replicas,
        present: Some(u64::from(present)),
        votes: votes.collect(),
        wish: wished.map(u64::from),
        stages: Vec::new(),
        to: Some(u64::from(wished.unwrap_or(present))),
    };
    let value = wished.unwrap_or(present);
    let mut count = Count { q, past, present, value, hold: present, travel, notes };
    if origin == Origin::Policy {
        count.blame(composed);
        count.tolerance();
    }
    if origin != Origin::Manual {
        count.stabilization();
        count.removals(composed, removals);
    }
    count.range();
    count.steps();
    count.budget();
    count.gates(standing);
    let Count { value, hold, mut travel, .. } = count;
    travel.to = Some(u64::from(value));
    travels.push(travel);
    let corrects = hold != present && (present.min(hold)..=present.max(hold)).contains(&value);
    (value, if corrects { Origin::Correction } else { origin })
}

/// A person's pin comes before the policies, and they before the fallback.
fn wished(
    q: &Question<'_>,
    standing: &Standing<'_>,
    composed: &Composed<'_>,
    notes: &mut Vec<Restraint>,
) -> (Option<u32>, Origin) {
    if let Some(pin) = standing.pin {
        if let Some(wished) = composed.count.filter(|wished| *wished != pin.replicas) {
            let (pinned, by, until_ms) = (pin.replicas, pin.by.clone(), pin.until_ms);
            notes.push(Restraint::Pinned { pinned, wished, by, until_ms });
        }
        return (Some(pin.replicas), Origin::Manual);
    }
    match composed.fallback(q, standing.unanswered_ms) {
        Some(count) => (Some(count), Origin::Fallback),
        None => (composed.count, Origin::Policy),
    }
}

impl Count<'_, '_, '_> {
    fn set(&mut self, stage: Stage, value: u32) {
        self.value = value;
        self.travel.pass(stage, Some(u64::from(value)));
    }

    /// A refusal, a fault or a quarantine forbids lowering, however votes are combined.
    fn blame(&mut self, composed: &Composed<'_>) {
        if self.value < self.present
            && let Some(vote) = composed.blame
        {
            let (present, wished) = (u64::from(self.present), u64::from(self.value));
            self.notes.push(vote.blame(Quantity::Replicas, present, wished));
            self.set(Stage::Compose, self.present);
        }
    }

    fn tolerance(&mut self) {
        let tolerance = self.q.settings.tolerance;
        let distance = f64::from(self.value.abs_diff(self.present));
        if self.value != self.present && distance < tolerance * f64::from(self.present) {
            let (present, wished) = (self.present, self.value);
            self.notes.push(Restraint::WithinTolerance { present, wished, tolerance });
            self.set(Stage::Tolerance, self.present);
        }
    }

    /// Up no higher than the lowest wish of its window, down no lower than the highest of its own.
    fn stabilization(&mut self) {
        let Some(direction) = Direction::of(&self.present, &self.value) else { return };
        let (lowest, highest) = self.past.count_extremes();
        let narrow = |wish: Option<u64>| wish.map_or(self.present, |wish| u32::try_from(wish).unwrap_or(u32::MAX));
        let (held, window_ms) = match direction {
            Direction::Up => (self.value.min(narrow(lowest)).max(self.present), self.q.settings.stabilize_up_ms),
            Direction::Down => (self.value.max(narrow(highest)).min(self.present), self.q.settings.stabilize_down_ms),
        };
        if held != self.value {
            let (wished, held_at) = (u64::from(self.value), u64::from(held));
            let what = Quantity::Replicas;
            self.notes.push(Restraint::Stabilized { what, direction, wished, held: held_at, window_ms });
            self.set(Stage::Stabilization, held);
        }
    }

    /// Removals lower the count where the count itself stays: they name broken instances, and no average delays them.
    fn removals(&mut self, composed: &Composed<'_>, removals: u32) {
        if removals == 0 || self.value != self.present {
            return;
        }
        let value = self.present.saturating_sub(removals);
        self.set(Stage::Stabilization, value);
        self.blame(composed);
    }

    fn range(&mut self) {
        let range = self.q.settings.replicas;
        let (min, max) = (range.min.min(range.max), range.max);
        self.hold = self.present.clamp(min, max);
        let held = self.value.clamp(min, max);
        let (what, wished) = (Quantity::Replicas, u64::from(self.value));
        if held != self.value && self.value != self.present {
            self.notes.push(if held < self.value {
                Restraint::AboveMax { what, wished, max: u64::from(max) }
            } else {
                Restraint::BelowMin { what, wished, min: u64::from(min) }
            });
        }
        self.set(Stage::Range, held);
    }

    fn steps(&mut self) {
        let (held, restraint) = furthest(self.past, self.q.settings, self.present, self.value);
        self.notes.extend(restraint);
        self.hold = furthest(self.past, self.q.settings, self.present, self.hold).0;
        self.set(Stage::Steps, held);
    }

    fn budget(&mut self) {
        let range = self.q.settings.replicas;
        let (budget, min) = (self.q.gates.budget.as_ref(), range.min.min(range.max));
        let (held, restraint) = within_budget(budget, self.present, min, self.value);
        self.notes.extend(restraint);
        self.set(Stage::Budget, held);
    }

    /// Gates hold a change; those that are about the policies' knowledge let a correction through.
    fn gates(&mut self, standing: &Standing<'_>) {
        let Some(direction) = Direction::of(&self.present, &self.value) else { return };
        let way = Way { what: &Quantity::Replicas, direction, held: self.present.into(), wished: self.value.into() };
        if let Some(restraint) = standing.forbids(&way).or_else(|| standing.forbids_count(self.value)) {
            self.notes.push(restraint);
            return self.set(Stage::Gates, self.present);
        }
        let floor = standing.protected.min(self.present);
        if self.value < floor {
            let (held, wished, protected) = (floor, self.value, standing.protected);
            self.notes.push(Restraint::ProtectedCount { held, wished, protected });
            self.hold = self.hold.max(floor);
            self.set(Stage::Gates, floor);
        }
        if self.value == self.hold || self.value == self.present {
            return;
        }
        let way = Way { what: &Quantity::Replicas, direction, held: self.hold.into(), wished: self.value.into() };
        let left_ms = self.past.count_cooldown_ms(self.q.settings, direction);
        if let Some(restraint) = standing.doubts(&way).or_else(|| way.cooling(left_ms)) {
            self.notes.push(restraint);
            self.set(Stage::Gates, self.hold);
        }
    }
}
