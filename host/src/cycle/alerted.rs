//! Alerts in a turn: policies that ask for them see those that are open; what they did about them is noted in the turn's own
//! commit.

use std::sync::Arc;

use super::evaluate::{CameTo, SlotAnswer};
use super::record::{self, Act};
use super::{Case, Cycle, CycleError, SeatCase};
use crate::alerts::{Alerts, Dealt, Handled, Handling, OpenAlerts};
use crate::bounds::{Decision, Origin, Quiet};
use crate::policy::{Answer, AttrValue, NeedKind, Verdict};
use crate::store::Write;

/// The attribute of an answer that tells which alerts it deals with: their ids, with spaces between.
const DEALT_WITH: &str = "alerts-dealt-with";

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
            let Some(snapshot) = &seat.snapshot else { continue };
            let answers: Vec<&Answer> = seat.answers.iter().filter_map(proposed).collect();
            let dealt = snapshot.alerts.iter().filter(|alert| answers.iter().any(|one| deals_with(one, &alert.id)));
            handlings.extend(dealt.map(|alert| Handling {
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
    seat.act.as_ref().is_some_and(is_wished) || (quiet == Some(Quiet::AsWished) && !seat.supersedes)
}

/// Whether policies wished for what is done. A repair goes before their wishes, and a person's pin in their place.
fn is_wished(act: &Decision) -> bool {
    act.origin() == Origin::Policy || (act.origin() != Origin::Repair && !act.actions().is_empty())
}

/// What a policy that asks for alerts proposed, if it proposed something.
fn proposed(answer: &SlotAnswer) -> Option<&Answer> {
    let slot = answer.binding.slots.get(answer.slot);
    let asked = slot.is_some_and(|slot| slot.needs.iter().any(|need| need.kind == NeedKind::Alerts));
    let CameTo::Evaluated(evaluation) = &answer.came_to else { return None };
    let answer = evaluation.outcome.as_ref().ok().filter(|_| asked)?;
    matches!(&answer.verdict, Verdict::Proposals(proposals) if !proposals.is_empty()).then_some(answer)
}

/// Whether an answer deals with this alert: one that it names, or any where it names none.
fn deals_with(answer: &Answer, alert: &str) -> bool {
    match answer.attrs.get(DEALT_WITH) {
        Some(AttrValue::Text(ids)) => ids.split(' ').any(|id| id == alert),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::{Gates, Past, Pin, Question, RepairQuestion, Settings, Vote, VoteAnswer, decide, repair};
    use crate::policy::{Proposal, ProposalKind};
    use crate::snapshot::{SNAPSHOT_FORMAT, Snapshot};

    #[test]
    fn an_answer_deals_with_what_it_names_or_with_all() {
        let answer = |named: Option<&str>| Answer {
            verdict: Verdict::Proposals(Vec::new()),
            memory: None,
            notes: Vec::new(),
            attrs: named.map(|ids| (DEALT_WITH.to_owned(), AttrValue::Text(ids.to_owned()))).into_iter().collect(),
        };
        assert!(deals_with(&answer(None), "ab"));
        assert!(deals_with(&answer(Some("cd ab")), "ab"));
        assert!(!deals_with(&answer(Some("cd abc")), "ab"));
        assert!(!deals_with(&answer(Some("")), "ab"), "none of them");
    }

    #[test]
    fn a_repair_or_a_pin_is_nobodys_wish() {
        let snapshot: Snapshot = serde_json::from_value(serde_json::json!({
            "format": SNAPSHOT_FORMAT,
            "now_ms": 1_000_000,
            "target": {
                "id": "local/web", "desired": 2, "total": 0, "ready": 0,
                "limits": { "replicas_min": 0, "replicas_max": 10 },
            },
        }))
        .unwrap();
        let (settings, past, votes) = (Settings::default(), Past::default(), Vec::new());
        let pinned = Gates { pin: Some(Pin { replicas: 5, by: "ada".to_owned(), until_ms: None }), ..Gates::default() };
        let (gates, key, lease_epoch, lease_expires_ms) = (&Gates::default(), "k1", 1, u64::MAX);
        let (snapshot, settings, past) = (&snapshot, &settings, &past);
        let asked = RepairQuestion { snapshot, settings, past, gates, key, lease_epoch, lease_expires_ms };
        assert!(!is_wished(&repair(&asked).decision.unwrap()));
        let gates = &pinned;
        let asked = Question { snapshot, settings, votes: &votes, past, gates, key, lease_epoch, lease_expires_ms };
        assert!(!is_wished(&decide(&asked).decision.unwrap()));
        let wish = Proposal { kind: ProposalKind::Scale, count: Some(4), ..Proposal::default() };
        let vote = Vote {
            slot: "story".to_owned(),
            granted: vec![ProposalKind::Scale],
            declared: vec![ProposalKind::Scale],
            answer: VoteAnswer::Proposals(vec![wish]),
        };
        let asked = Question { votes: &[vote], gates: &Gates::default(), ..asked };
        assert!(is_wished(&decide(&asked).decision.unwrap()));
    }
}
