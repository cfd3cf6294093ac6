//! Stage 7 for single instances: what may be taken away at once, and how often.

use super::compose::Composed;
use super::decide::{Question, takes_away};
use super::decision::{ActionKind, InstanceAction};
use super::gates::Standing;
use super::past::{Past, TooMany, narrow};
use super::restraint::Restraint;
use super::settings::Mode;
use crate::snapshot::{Instance, Phase, VictimAbility};

/// What is still free to be used by actions of this turn.
struct Room {
    ready: u32,
    unavailable: u32,
    counting: u32,
    used: u32,
    limit: Option<u32>,
}

/// The actions that may be done, and the ids of the instances that may be removed: these then lower the count.
pub(super) fn bound_actions<'a>(
    q: &Question<'a>,
    past: &Past,
    standing: &Standing<'_>,
    composed: &Composed<'a>,
    notes: &mut Vec<Restraint>,
) -> (Vec<InstanceAction>, Vec<&'a str>) {
    let (mut actions, mut removals) = (Vec::new(), Vec::new());
    if composed.actions.is_empty() {
        return (actions, removals);
    }
    let count = |matches: fn(&Phase) -> bool| {
        narrow(q.snapshot.instances.iter().filter(|instance| matches(&instance.phase)).count())
    };
    let (desired, window) = (q.snapshot.target.desired, q.settings.actions_max);
    let ready = count(|phase| *phase == Phase::Ready);
    let mut room = Room {
        ready,
        unavailable: desired.saturating_sub(ready),
        counting: count(|phase| phase.counts()),
        used: past.actions_within(window.window_ms),
        limit: window.limit.allows(desired),
    };
    for (kind, instance) in &composed.actions {
        let forbidden = standing
            .stop
            .clone()
            .or_else(|| senseless(*kind, instance))
            .or_else(|| gated(q, standing, *kind, instance))
            .or_else(|| room.lacks(q, *kind, instance));
        if let Some(restraint) = forbidden {
            notes.push(restraint);
            continue;
        }
        room.take(*kind, instance);
        match kind {
            ActionKind::Remove => removals.push(instance.id.as_str()),
            kind => actions.push(InstanceAction { kind: *kind, instance: instance.id.clone() }),
        }
    }
    (actions, removals)
}

/// What an action makes no sense for.
fn senseless(kind: ActionKind, instance: &Instance) -> Option<Restraint> {
    let fits = match kind {
        ActionKind::Restart => {
            matches!(instance.phase, Phase::Unknown | Phase::Starting | Phase::Ready | Phase::Unready | Phase::Failed)
        }
        ActionKind::Replace | ActionKind::Remove => {
            !matches!(instance.phase, Phase::Draining | Phase::Stopping | Phase::Stopped)
        }
        ActionKind::Start => instance.phase == Phase::Stopped,
    };
    let id = instance.id.clone();
    (!fits).then_some(Restraint::PhaseWrong { kind, instance: id, phase: instance.phase })
}

fn gated(q: &Question<'_>, standing: &Standing<'_>, kind: ActionKind, instance: &Instance) -> Option<Restraint> {
    let id = || instance.id.clone();
    if let Some(change) = standing.in_flight {
        let stuck = change.is_stuck(q.snapshot.now_ms);
        if takes_away(kind) || !(stuck || q.snapshot.target.abilities.supersede) {
            return Some(Restraint::ActionInFlight { kind, instance: id(), key: change.key.clone() });
        }
    }
    if !takes_away(kind) {
        return None;
    }
    if instance.protected {
        return Some(Restraint::Protected { kind, instance: id() });
    }
    if q.gates.event_turn {
        return Some(Restraint::ActionEventTurn { kind, instance: id() });
    }
    if q.settings.mode == Mode::RaiseOnly {
        return Some(Restraint::ActionRaisesOnly { kind, instance: id() });
    }
    if kind == ActionKind::Remove && q.snapshot.target.abilities.victims != VictimAbility::Exact {
        return Some(Restraint::VictimNotOurs { instance: id() });
    }
    let replaces = matches!(kind, ActionKind::Replace | ActionKind::Remove);
    let TooMany { since_ms, lost, of } = standing.too_many.filter(|_| replaces)?;
    Some(Restraint::ActionTooManyLost { kind, instance: id(), lost, of, since_ms })
}

impl Room {
    /// What is used up. An instance that is not ready is away already: acting on it takes nothing more away.
    fn lacks(&self, q: &Question<'_>, kind: ActionKind, instance: &Instance) -> Option<Restraint> {
        let id = || instance.id.clone();
        let (settings, desired) = (q.settings, q.snapshot.target.desired);
        if let Some(limit) = self.limit.filter(|limit| self.used >= *limit) {
            let (used, window_ms) = (self.used, settings.actions_max.window_ms);
            return Some(Restraint::ActionRate { kind, instance: id(), used, limit, window_ms });
        }
        if kind == ActionKind::Start {
            let above = self.counting >= desired;
            return above.then(|| Restraint::StartAboveDesired { instance: id(), desired });
        }
        if instance.phase != Phase::Ready {
            return None;
        }
        if self.unavailable >= settings.unavailable_max {
            let (unavailable, max) = (self.unavailable, settings.unavailable_max);
            return Some(Restraint::UnavailableMax { kind, instance: id(), unavailable, max });
        }
        let (ready, min) = (self.ready, settings.ready_min);
        (ready <= min).then(|| Restraint::ReadyMin { kind, instance: id(), ready, min })
    }

    fn take(&mut self, kind: ActionKind, instance: &Instance) {
        self.used = self.used.saturating_add(1);
        if kind == ActionKind::Start {
            self.counting = self.counting.saturating_add(1);
        } else if instance.phase == Phase::Ready {
            self.unavailable = self.unavailable.saturating_add(1);
            self.ready = self.ready.saturating_sub(1);
        }
    }
}
