//! Stage 5 and 6: how far one change may go. These stages only ever move a number towards the present one.

use super::gates::Budget;
use super::past::Past;
use super::restraint::{Direction, Quantity, Restraint};
use super::settings::{Settings, StepLimit};

/// How far a change of the count may go from `present` in its direction, and what says so.
pub(super) fn furthest(past: &Past, settings: &Settings, present: u32, wished: u32) -> (u32, Option<Restraint>) {
    let Some(direction) = Direction::of(&present, &wished) else { return (wished, None) };
    let (limit, windows) = match direction {
        Direction::Up => (settings.step_up, &settings.windows_up),
        Direction::Down => (settings.step_down, &settings.windows_down),
    };
    let towards = |step: u32| match direction {
        Direction::Up => wished.min(present.saturating_add(step)),
        Direction::Down => wished.max(present.saturating_sub(step)),
    };
    let mut held = wished;
    let mut restraint = None;
    if let Some(step) = limit.allows(present)
        && towards(step) != held
    {
        held = towards(step);
        let (wished, held) = (u64::from(wished), u64::from(held));
        let (what, present) = (Quantity::Replicas, u64::from(present));
        restraint = Some(Restraint::Step { what, present, wished, held, step: u64::from(step) });
    }
    for window in windows {
        let tally = past.tally(window.window_ms);
        let used = match direction {
            Direction::Up => tally.added,
            Direction::Down => tally.taken,
        };
        let at_its_start = present.saturating_add(tally.taken).saturating_sub(tally.added);
        let Some(limit) = window.limit.allows(at_its_start) else { continue };
        let reach = towards(limit.saturating_sub(used));
        let nearer = match direction {
            Direction::Up => reach < held,
            Direction::Down => reach > held,
        };
        if nearer {
            held = reach;
            let window_ms = window.window_ms;
            restraint = Some(Restraint::StepWindow { present, wished, held, used, limit, window_ms });
        }
    }
    (held, restraint)
}

/// Stage 6. Caps raises; what is needed to reach the least is never withheld.
pub(super) fn within_budget(budget: Option<&Budget>, present: u32, min: u32, wished: u32) -> (u32, Option<Restraint>) {
    let Some(budget) = budget else { return (wished, None) };
    let held = wished.min(present.saturating_add(budget.left).max(min));
    if wished <= present || held == wished {
        return (wished, None);
    }
    let (group, left) = (budget.group.clone(), budget.left);
    (held, Some(Restraint::Budget { group, present, wished, held, left }))
}

/// How far a resize may go from `present`: `share` of it at most. From nothing there is no share, and no limit.
pub(super) fn furthest_figure(settings: &Settings, present: u64, wished: u64) -> u64 {
    let share = match Direction::of(&present, &wished) {
        Some(Direction::Up) => settings.resize_step.max,
        Some(Direction::Down) => settings.resize_step.min,
        None => None,
    };
    let Some(share) = share.filter(|_| present > 0) else { return wished };
    #[expect(clippy::cast_precision_loss, reason = "figures stay far below 2^53; above, the step is only less exact")]
    let step = floor_u64(present as f64 * share);
    wished.clamp(present.saturating_sub(step), present.saturating_add(step))
}

impl StepLimit {
    /// How much it allows to move from `base`; `None`: any number. Percent of nothing is counted as percent of one, so that
    /// a raise from zero is possible.
    #[must_use]
    pub fn allows(&self, base: u32) -> Option<u32> {
        let share = self.percent.map(|percent| ceil_u32(f64::from(base.max(1)) * percent / 100.0));
        match (self.count, share) {
            (Some(count), Some(share)) => Some(count.max(share)),
            (count, share) => count.or(share),
        }
    }
}

/// The next whole number, within what fits; what is no number is nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
pub(super) fn ceil_u32(number: f64) -> u32 {
    // 3 × 10 % of 10 is 3.0000000000000004: what is that close to a whole number is one.
    (number - 1e-9).ceil() as u32
}

/// The whole number before, within what fits; what is no number is nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn floor_u64(number: f64) -> u64 {
    (number + 1e-9).floor() as u64
}

/// The next whole number, within what fits; what is no number is nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
pub(super) fn ceil_u64(number: f64) -> u64 {
    (number - 1e-9).ceil() as u64
}
