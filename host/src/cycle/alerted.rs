//! Alerts in a turn: policies that ask for them see those that are open; what they did about them is noted in the turn's own
//! commit.

use std::sync::Arc;

use super::evaluate::{CameTo, SlotAnswer};
use super::{Case, Cycle, SeatCase};
use crate::alerts::{Alerts, Handled, Handling, OpenAlerts};
use crate::bounds::Quiet;
use crate::policy::{NeedKind, Verdict};

impl Cycle {
    /// Shows policies these alerts from the next turn on. Without this there are none.
    pub fn hear(&mut self, alerts: Arc<Alerts>) {
        self.alerts = Some(alerts);
    }

    /// The alerts of this turn, if any of its policies asks for such.
    pub(super) fn open_alerts(&self, cases: &[Case], now_ms: u64) -> OpenAlerts {
        let asked = cases.iter().flat_map(|case| &case.seats).any(|seat| seat.binding.asks_for_alerts());
        match &self.alerts {
            Some(alerts) if asked => alerts.open(now_ms),
            _ => OpenAlerts::default(),
        }
    }
}

/// What was dealt with in these cases. A wish that was held back leaves the alert open: the next turn sees it again.
pub(super) fn handlings(cases: &[Case], now_ms: u64) -> Vec<Handling> {
    let mut handlings = Vec::new();
    for case in cases {
        for seat in case.seats.iter().filter(|seat| seat.acts && came_through(seat)) {
            let Some(snapshot) = seat.snapshot.as_ref().filter(|_| seat.answers.iter().any(proposed)) else { continue };
            handlings.extend(snapshot.alerts.iter().map(|alert| Handling {
                alert: alert.id.clone(),
                target: case.observed.target.id.clone(),
                handled: Handled { record: seat.record_id.clone(), binding: seat.binding.name.clone(), at_ms: now_ms },
            }));
        }
    }
    handlings
}

/// Whether what was wished is done, or is so already.
fn came_through(seat: &SeatCase) -> bool {
    let quiet = seat.ruling.as_ref().and_then(|ruling| ruling.quiet);
    seat.act.is_some() || (quiet == Some(Quiet::AsWished) && !seat.supersedes)
}

/// Whether a policy that asks for alerts proposed something.
fn proposed(answer: &SlotAnswer) -> bool {
    let slot = answer.binding.slots.get(answer.slot);
    let asked = slot.is_some_and(|slot| slot.needs.iter().any(|need| need.kind == NeedKind::Alerts));
    let CameTo::Evaluated(evaluation) = &answer.came_to else { return false };
    let verdict = evaluation.outcome.as_ref().ok().map(|answer| &answer.verdict);
    asked && matches!(verdict, Some(Verdict::Proposals(proposals)) if !proposals.is_empty())
}
