//! What a turn came to, made durable before anything is done about it: records and states of a whole chunk in one commit.

use std::sync::Arc;

use super::evaluate::{CameTo, SlotAnswer};
use super::plan::plan;
use super::state::{Flight, TargetState};
use super::{Case, Cycle, CycleError, Happening, SeatCase, agree, seats};
use crate::audit::{
    self, Decided, Evaluation, Note, PolicyRef, RECORD_FORMAT, Record, RecordId, Ruled, Slot, StepEntry, Trigger,
};
use crate::bounds::{ActionKind, Decision, Origin, Quiet};
use crate::drivers::Plan;
use crate::policy::{Answer, Fault, ProposalKind, Spent};
use crate::snapshot::{Change, InFlight, TargetId};
use crate::store::Write;

/// What is said of an evaluation whose thread was lost.
const LOST: &str = "its thread was lost";

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

/// When and why a turn is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    /// Its time.
    pub(super) now_ms: u64,
    /// What began it.
    pub(super) trigger: &'a Trigger,
    /// Whether the backend was asked in it.
    pub(super) seen_anew: bool,
}

/// Puts the records of these targets and their states into words, to be written in one [`commit`], and tells what is to be
/// done after it.
pub(super) fn open(
    cycle: &mut Cycle,
    cases: &mut [Case],
    moment: &Moment<'_>,
) -> Result<(Vec<Write>, Vec<Act>), CycleError> {
    let backend_counts = cycle.parts.driver.keeps_desired();
    let now_ms = moment.now_ms;
    let mut records: Vec<Record> = Vec::with_capacity(cases.len());
    let mut writes: Vec<Write> = Vec::with_capacity(cases.len().saturating_mul(2));
    let mut acts = Vec::new();
    for case in cases.iter_mut() {
        let target = case.observed.target.id.clone();
        for seat in &case.seats {
            note_answers(&mut case.state, seat, now_ms);
            records.extend(turn_record(cycle, &target, seat, moment));
            writes.extend(cancel_note(&case.state, &target, seat, now_ms));
            if let Some(decision) = &seat.act {
                let plan = plan(decision, &case.observed.instances, backend_counts);
                writes.extend(step_entries(&target, &seat.record_id, &plan, now_ms));
                acts.push(begin(&mut case.state, seat, decision, plan, now_ms, backend_counts));
            }
        }
        let remarks = std::mem::take(&mut case.remarks).into_iter();
        writes.extend(remarks.map(|text| audit::note(&target, &Note { at_ms: now_ms, text })));
        let believed = case.is_list_believed();
        case.state.saw(&case.observed, believed);
        let written_ms = cycle.met.get(&target).copied();
        if case.state.must_be_kept(&target, cycle.states.get(&target), written_ms, now_ms) {
            case.written_ms = now_ms;
            writes.push(case.state.write(&target)?);
        } else {
            case.written_ms = written_ms.unwrap_or(0);
        }
    }
    let mut all = cycle.recorder.turn(&records)?;
    all.extend(writes);
    Ok((all, acts))
}

/// Makes it durable: from here on the acts may begin.
pub(super) async fn commit(cycle: &mut Cycle, writes: Vec<Write>, acts: &[Act]) -> Result<(), CycleError> {
    if let Err(error) = cycle.parts.store.write(writes).await {
        cycle.recorder.failed();
        return Err(error.into());
    }
    for act in acts {
        let (target_id, key) = (act.decision.target(), act.decision.key());
        let (from, to) = act.decision.replicas().map_or((None, None), |count| (Some(count.from), Some(count.to)));
        let reason = act.decision.reason().to_owned();
        tracing::info!(%target_id, key, from, to, reason, "change begun");
        let begun = Happening::Begun { target: target_id.clone(), record: act.record.clone(), from, to, reason };
        cycle.board.tell(cycle.parts.clock.now_ms(), begun);
    }
    Ok(())
}

/// Says that the change in flight gives way, where it does: what takes its place is decided in the next turn.
fn cancel_note(state: &TargetState, target: &TargetId, seat: &SeatCase, at_ms: u64) -> Option<Write> {
    let flight = state.flight.as_ref().filter(|_| seat.supersedes)?;
    let count = seat.ruling.as_ref().and_then(|ruling| ruling.decision.as_ref()).and_then(Decision::replicas);
    let wanted = count.map_or_else(|| "a more urgent one".to_owned(), |count| format!("{} replicas", count.to));
    let InFlight { key, from_count, to_count, .. } = &flight.change;
    let text = format!("change {key} from {from_count} to {to_count} is cancelled first, for {wanted}");
    Some(audit::note(target, &Note { at_ms, text }))
}

/// What this turn of one binding came to, in words that outlive the host.
fn turn_record(cycle: &Cycle, target: &TargetId, seat: &SeatCase, moment: &Moment<'_>) -> Option<Record> {
    let snapshot = Arc::clone(seat.snapshot.as_ref()?);
    let ruling = seat.ruling.as_ref()?;
    let mut restraints = ruling.restraints.clone();
    restraints.extend(seat.repair.iter().flat_map(|repair| repair.restraints.iter().cloned()));
    Some(Record {
        format: RECORD_FORMAT,
        id: RecordId::from(seat.record_id.as_str()),
        target: target.clone(),
        turn: cycle.turns,
        at_ms: moment.now_ms,
        host: cycle.parts.host.clone(),
        trigger: moment.trigger.clone(),
        binding: seat.binding.name.clone(),
        config: seat.binding.digest.clone(),
        mode: seat.binding.settings.mode,
        snapshot,
        slots: seat.answers.iter().filter_map(slot_record).collect(),
        ruling: Ruled {
            wish: ruling.wish.clone(),
            travels: ruling.travels.clone(),
            restraints,
            decision: seat.act.as_ref().map(Decided::from),
            withheld: ruling.withheld.as_ref().map(Decided::from),
            quiet: if seat.act.is_some() { None } else { quiet(ruling.quiet, seat) },
        },
    })
}

/// Why nothing is done. That all is as the policies wish says nothing of a repair that is held back.
fn quiet(ruled: Option<Quiet>, seat: &SeatCase) -> Option<Quiet> {
    let repair = seat.repair.as_ref().and_then(|repair| repair.quiet);
    let held_back = repair.filter(|quiet| matches!(quiet, Quiet::Restrained | Quiet::Stopped));
    match ruled {
        Some(Quiet::AsWished | Quiet::Abstained) => held_back.or(ruled),
        _ => ruled,
    }
}

fn slot_record(answer: &SlotAnswer) -> Option<Slot> {
    let slot = answer.binding.slots.get(answer.slot)?;
    let manifest = slot.policy.manifest();
    let mut memory_after = None;
    let mut spent = Spent::default();
    let evaluation = match &answer.came_to {
        CameTo::Quarantined { until_ms } => Evaluation::Quarantined { until_ms: Some(*until_ms) },
        CameTo::Lost => Evaluation::Faulted(Fault::Trap { what: LOST.to_owned() }),
        CameTo::Evaluated(evaluation) => {
            spent = evaluation.spent;
            match &evaluation.outcome {
                Err(fault) => Evaluation::Faulted(fault.clone()),
                Ok(answer) => {
                    memory_after.clone_from(&answer.memory);
                    Evaluation::Answered(Answer { memory: None, ..answer.clone() })
                }
            }
        }
    };
    let names = manifest.parameters.iter().map(|parameter| parameter.name.clone());
    Some(Slot {
        slot: slot.name.clone(),
        policy: PolicyRef {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: slot.policy.digest().to_owned(),
        },
        shadow: slot.role.is_shadow(),
        tier: Some(slot.policy.tier()),
        params: names.zip(slot.params.iter().cloned()).collect(),
        memory_before: answer.memory.clone(),
        memory_after,
        evaluation,
        spent,
    })
}

/// Steps that are about to be taken.
fn step_entries(target: &TargetId, record: &str, plan: &Plan, now_ms: u64) -> Vec<Write> {
    let steps = plan.steps().zip(0_u32..);
    let entries = steps.map(|(step, number)| StepEntry {
        id: RecordId::from(record),
        at_ms: now_ms,
        number,
        step: step.clone(),
        result: None,
    });
    entries.map(|entry| audit::step(target, &entry)).collect()
}

/// Keeps windows, memory and faults. Memory is kept also where the proposal is not carried out; a fault keeps the old.
fn note_answers(state: &mut TargetState, seat: &SeatCase, now_ms: u64) {
    let kept = state.seat_mut(&seat.binding);
    kept.past.clone_from(&seat.past);
    for answer in &seat.answers {
        let Some(slot) = seat.binding.slots.get(answer.slot) else { continue };
        let memory = kept.of_mut(slot);
        memory.meet(slot.policy.digest());
        match &answer.came_to {
            CameTo::Quarantined { .. } => {}
            CameTo::Evaluated(evaluation) => match &evaluation.outcome {
                Ok(answer) => memory.answered(slot.policy.manifest().memory_format, answer.memory.clone()),
                Err(fault) => note_fault(memory, seat, slot, &fault.to_string(), now_ms),
            },
            CameTo::Lost => note_fault(memory, seat, slot, LOST, now_ms),
        }
        if slot.role.is_shadow() {
            memory.agreed = agree::agreed(memory.agreed, &seat.answers, answer);
        }
    }
    kept.keep_beside(&seat.binding.slots);
}

fn note_fault(memory: &mut super::state::SlotState, seat: &SeatCase, slot: &seats::Slot, fault: &str, now_ms: u64) {
    let (binding, role) = (&seat.binding.name, slot.role.word());
    let (slot, digest) = (&slot.name, &memory.digest);
    tracing::warn!(binding, slot, role, digest, fault, "a policy failed");
    if let Some(until_ms) = memory.faulted(now_ms) {
        let digest = &memory.digest;
        tracing::error!(binding, slot, role, digest, until_ms, "a policy that keeps failing is in quarantine");
    }
}

/// Takes a decision into the state: from here on it is what is desired, and under way.
fn begin(
    state: &mut TargetState,
    seat: &SeatCase,
    decision: &Decision,
    plan: Plan,
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
    // Clearing away what is left over changes nothing that a policy should see.
    if from_count != to_count || decision.replicas().is_none() {
        state.changed(Change { at_ms: now_ms, kind, from_count, to_count, by: by.to_owned() });
    }
    Act { record: seat.record_id.clone(), decision: decision.clone(), plan, deadline_ms }
}

fn kind_of(decision: &Decision) -> String {
    let kind = if decision.replicas().is_some() {
        ProposalKind::Scale
    } else if !decision.resize().is_empty() || decision.size_class().is_some() {
        ProposalKind::Resize
    } else {
        decision.actions().first().map_or(ProposalKind::Hold, |action| match action.kind {
            ActionKind::Restart => ProposalKind::Restart,
            ActionKind::Replace => ProposalKind::Replace,
            ActionKind::Start => ProposalKind::Start,
            ActionKind::Remove => ProposalKind::Remove,
        })
    };
    kind.as_str().to_owned()
}
