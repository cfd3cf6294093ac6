//! Alerts in a turn: policies that ask for them see those that are open; what they did about them is noted in the turn's own
//! commit.

use std::sync::Arc;

use super::evaluate::{CameTo, SlotAnswer};
use super::record::{self, Act};
use super::{Case, Cycle, CycleError, SeatCase};
use crate::alerts::{Alerts, Dealt, Handled, Handling, OpenAlerts};
use crate::bounds::Quiet;
use crate::policy::{NeedKind, Verdict};
use crate::store::Write;

impl Cycle {
    /// Shows policies these alerts from the next turn on. Without this there are none.
    pub fn hear(&mut self, alerts: Arc<Alerts>) {
        self.alerts = Some(alerts);
    }

    /// Makes a turn durable, and with it which alerts its policies dealt with.
    pub(super) async fn commit(
        &mut self,
        cases: &[Case],
        mut writes: Vec<Write>,
        begun: &[Act],
        now_ms: u64,
    ) -> Result<(), CycleError> {
        let handlings = handlings(cases, now_ms);
        let alerts = self.alerts.clone().filter(|_| !handlings.is_empty());
        let mut dealt = match &alerts {
            Some(alerts) => Some(alerts.deal(handlings).await?),
            None => None,
        };
        writes.extend(dealt.iter_mut().flat_map(Dealt::writes));
        record::commit(self, writes, begun).await?;
        dealt.into_iter().for_each(Dealt::hold);
        Ok(())
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
fn handlings(cases: &[Case], now_ms: u64) -> Vec<Handling> {
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
