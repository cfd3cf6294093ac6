//! What a turn came to, made durable before anything is done about it: records and states of a whole chunk in one commit.

use super::evaluate::{CameTo, SlotAnswer};
use super::plan::plan;
use super::state::{Flight, SeatState, TargetState};
use super::{Case, Cycle, CycleError, SeatCase};
use crate::audit::{SlotRecord, Trigger, TurnRecord};
use crate::bounds::{Decision, Origin};
use crate::drivers::Plan;
use crate::policy::ProposalKind;
use crate::snapshot::{Change, InFlight};
use crate::store::Write;

/// What is to be done, being on record.
pub(super) struct Act {
    /// The record's id.
    pub(super) record: String,
    /// The decision.
    pub(super) decision: Decision,
    /// Its steps.
    pub(super) plan: Plan,
    /// When it is stuck.
    pub(super) deadline_ms: u64,
}

/// Opens the records of these targets and keeps their states, in one commit; returns what is to be done.
pub(super) async fn open(
    cycle: &Cycle,
    cases: &mut [Case],
    now_ms: u64,
    trigger: Trigger,
) -> Result<Vec<Act>, CycleError> {
    let backend_counts = cycle.parts.driver.keeps_desired();
    let mut writes: Vec<Write> = Vec::with_capacity(cases.len().saturating_mul(2));
    let mut acts = Vec::new();
    for case in cases.iter_mut() {
        let mut begun = None;
        for seat in &case.seats {
            note_answers(&mut case.state, seat, now_ms);
            let plan = seat.act.as_ref().map(|decision| plan(decision, &case.observed.instances, backend_counts));
            if let (Some(decision), Some(plan)) = (&seat.act, &plan) {
                begun = Some(begin(&mut case.state, seat, decision, plan, now_ms, backend_counts));
            }
            writes.extend(turn_record(cycle, case_facts(case), seat, plan.as_ref(), now_ms, trigger));
        }
        case.state.seen = u32::try_from(case.observed.instances.len()).unwrap_or(u32::MAX);
        let target = &case.observed.target.id;
        if cycle.states.get(target) != Some(&case.state) {
            writes.push(case.state.write(target)?);
        }
        acts.extend(begun);
    }
    cycle.parts.store.write(writes).await?;
    for act in &acts {
        let (target_id, key, from_to) = (act.decision.target(), act.decision.key(), act.decision.replicas());
        let (from, to) = from_to.map_or((None, None), |count| (Some(count.from), Some(count.to)));
        tracing::info!(%target_id, key, from, to, reason = act.decision.reason(), "change begun");
    }
    Ok(acts)
}

/// What of a case goes into each of its records.
struct CaseFacts<'a> {
    target: &'a crate::snapshot::TargetId,
    conflict: &'a [String],
}

fn case_facts(case: &Case) -> CaseFacts<'_> {
    CaseFacts { target: &case.observed.target.id, conflict: &case.conflict }
}

fn turn_record(
    cycle: &Cycle,
    facts: CaseFacts<'_>,
    seat: &SeatCase,
    plan: Option<&Plan>,
    now_ms: u64,
    trigger: Trigger,
) -> Vec<Write> {
    let (Some(snapshot), Some(ruling)) = (seat.snapshot.as_deref(), &seat.ruling) else { return Vec::new() };
    let slots: Vec<SlotRecord<'_>> = seat.answers.iter().filter_map(slot_record).collect();
    cycle.parts.audit.turn(&TurnRecord {
        id: &seat.record_id,
        target: facts.target,
        binding: &seat.binding.name,
        binding_digest: &seat.binding.digest,
        at_ms: now_ms,
        turn: cycle.turns,
        host_epoch: cycle.parts.lease.epoch,
        trigger,
        snapshot,
        slots: &slots,
        repair: seat.repair.as_ref(),
        ruling,
        act: seat.act.as_ref().zip(plan),
        acts: seat.acts,
        superseding: seat.supersedes,
        conflict: facts.conflict,
    })
}

fn slot_record(answer: &SlotAnswer) -> Option<SlotRecord<'_>> {
    let slot = answer.binding.slots.get(answer.slot)?;
    let manifest = slot.policy.manifest();
    let (evaluation, quarantined_until_ms) = match &answer.came_to {
        CameTo::Evaluated(evaluation) => (Some(evaluation.as_ref()), None),
        CameTo::Quarantined { until_ms } => (None, Some(*until_ms)),
        CameTo::Lost => (None, None),
    };
    Some(SlotRecord {
        slot: &slot.name,
        policy: &manifest.name,
        version: &manifest.version,
        digest: slot.policy.digest(),
        params: &slot.params,
        memory: &answer.memory,
        quarantined_until_ms,
        evaluation,
    })
}

/// Keeps windows, memory and faults. Memory is kept also where the proposal is not carried out; a fault keeps the old.
fn note_answers(state: &mut TargetState, seat: &SeatCase, now_ms: u64) {
    let kept: &mut SeatState = state.seats.entry(seat.binding.name.clone()).or_default();
    kept.past.clone_from(&seat.past);
    for answer in &seat.answers {
        let Some(slot) = seat.binding.slots.get(answer.slot) else { continue };
        let memory = kept.slots.entry(slot.name.clone()).or_default();
        memory.meet(slot.policy.digest());
        match &answer.came_to {
            CameTo::Quarantined { .. } => {}
            CameTo::Evaluated(evaluation) => match &evaluation.outcome {
                Ok(answer) => memory.answered(slot.policy.manifest().memory_format, answer.memory.clone()),
                Err(fault) => note_fault(memory, seat, &slot.name, &fault.to_string(), now_ms),
            },
            CameTo::Lost => note_fault(memory, seat, &slot.name, "its thread was lost", now_ms),
        }
    }
}

fn note_fault(memory: &mut super::state::SlotState, seat: &SeatCase, slot: &str, fault: &str, now_ms: u64) {
    let binding = &seat.binding.name;
    let digest = &memory.digest;
    tracing::warn!(binding, slot, digest, fault, "a policy failed");
    if let Some(until_ms) = memory.faulted(now_ms) {
        let digest = &memory.digest;
        tracing::error!(binding, slot, digest, until_ms, "a policy that keeps failing is in quarantine");
    }
}

/// Takes a decision into the state: from here on it is what is desired, and under way.
fn begin(
    state: &mut TargetState,
    seat: &SeatCase,
    decision: &Decision,
    plan: &Plan,
    now_ms: u64,
    backend_counts: bool,
) -> Act {
    let present = seat.snapshot.as_ref().map_or(0, |snapshot| snapshot.target.desired);
    let count = decision.replicas();
    let (from_count, to_count) = count.map_or((present, present), |count| (count.from, count.to));
    // A repair goes towards what is desired, and does not change it.
    if let (Some(count), false, true) = (count, backend_counts, decision.origin() != Origin::Repair) {
        state.desired = Some(count.to);
    }
    let kind = kind_of(decision);
    let deadline_ms = now_ms.saturating_add(seat.binding.settings.change_deadline_ms);
    let change = InFlight {
        key: decision.key().to_owned(),
        kind: kind.clone(),
        from_count,
        to_count,
        since_ms: now_ms,
        deadline_ms,
        pending: Vec::new(),
    };
    state.flight = Some(Flight { change, record: seat.record_id.clone(), plan: plan.clone() });
    let by = match decision.origin() {
        Origin::Policy => "policy",
        Origin::Correction => "correction",
        Origin::Repair => "repair",
        Origin::Manual => "manual",
        Origin::Fallback => "fallback",
    };
    state.changed(Change { at_ms: now_ms, kind, from_count, to_count, by: by.to_owned() });
    Act { record: seat.record_id.clone(), decision: decision.clone(), plan: plan.clone(), deadline_ms }
}

fn kind_of(decision: &Decision) -> String {
    let kind = if decision.replicas().is_some() {
        ProposalKind::Scale
    } else if !decision.resize().is_empty() || decision.size_class().is_some() {
        ProposalKind::Resize
    } else {
        decision.actions().first().map_or(ProposalKind::Hold, |action| match action.kind {
            crate::bounds::ActionKind::Restart => ProposalKind::Restart,
            crate::bounds::ActionKind::Replace => ProposalKind::Replace,
            crate::bounds::ActionKind::Start => ProposalKind::Start,
            crate::bounds::ActionKind::Remove => ProposalKind::Remove,
        })
    };
    kind.as_str().to_owned()
}
