//! Recorded evaluations, made again: each with its own code, or another policy in the place of some.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::codes::{Codes, values};
use super::error::ReplayError;
use super::figures::{differences, figures};
use super::outcome::Outcome;
use super::report::{CameTo, Reach, Replayed, Row, Rows, Tally};
use super::stand_in::{StandIn, Stood, places};
use super::walk::{Desk, Leash, Player, Stretch, play_one, walk};
use crate::audit::{Evaluation, PolicyRef, Record, Slot};
use crate::policy::{EvaluationInput, Fault, Policy, ProposalKind, Queue};
use crate::snapshot::{Snapshot, TargetId};

/// Another policy in the recorded one's place.
#[derive(Debug, Clone)]
pub struct Instead {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Parameters in place of recorded ones; those recorded that it knows hold, too.
    pub params: Map<String, Value>,
    /// The slot that it is put into; `None`: those whose policy has its name, and where there are none, the first.
    pub slot: Option<String>,
}

/// Plays what is recorded of a target again.
///
/// # Errors
/// Where records cannot be read, or the host ends. Code that is not to be had is told in the report.
pub async fn replay(
    desk: &Desk,
    stretch: &Stretch,
    leash: &Leash,
    instead: Option<Instead>,
) -> Result<Replayed, ReplayError> {
    let (player, reach) = walk(desk, stretch, leash, Again::new(instead)).await?;
    Ok(player.report(stretch.target.clone(), reach))
}

/// Plays one record again; the report tells every evaluation of it.
///
/// # Errors
/// As [`replay`].
pub async fn replay_record(desk: &Desk, record: Record, leash: &Leash) -> Result<Replayed, ReplayError> {
    let target = record.target.clone();
    let (player, reach) = play_one(desk, record, leash, Again { in_full: true, ..Again::new(None) }).await?;
    Ok(player.report(target, reach))
}

struct Again {
    instead: Option<(StandIn, Option<String>)>,
    /// Whether also what is the same is told.
    in_full: bool,
    tally: Tally,
    rows: Rows<Row>,
}

impl Again {
    fn new(instead: Option<Instead>) -> Self {
        let instead = instead.map(|Instead { policy, params, slot }| (StandIn::new(policy, params), slot));
        Self { instead, in_full: false, tally: Tally::default(), rows: Rows::default() }
    }

    fn report(self, target: TargetId, reach: Reach) -> Replayed {
        let instead = self.instead.map(|(stand_in, _)| reference(stand_in.policy()));
        let Rows { rows, left_out, .. } = self.rows;
        Replayed { target, instead, reach, tally: self.tally, rows, rows_left_out: left_out }
    }

    fn note(&mut self, record: &Record, slot: &Slot, came_to: CameTo) {
        self.tally.add(&came_to);
        let is_plain = matches!(came_to, CameTo::Identical { .. } | CameTo::Agreed { .. });
        if is_plain && !self.in_full {
            return;
        }
        self.rows.push(Row {
            record: record.id.clone(),
            at_ms: record.at_ms,
            turn: record.turn,
            binding: record.binding.clone(),
            slot: slot.slot.clone(),
            shadow: slot.shadow,
            policy: slot.policy.clone(),
            came_to,
        });
    }
}

impl Player for Again {
    fn play(&mut self, record: &Record, codes: &mut Codes) {
        let Some((mut stand_in, wanted)) = self.instead.take() else {
            for slot in &record.slots {
                let came_to = again(&record.snapshot, slot, codes);
                self.note(record, slot, came_to);
            }
            return;
        };
        let names = [stand_in.policy().manifest().name.as_str()];
        for slot in places(record, &names, wanted.as_deref()) {
            let came_to = in_its_place(&mut stand_in, record, slot, codes);
            self.note(record, slot, came_to);
        }
        self.instead = Some((stand_in, wanted));
    }
}

/// The code that a slot names, asked once more what it was asked.
fn again(snapshot: &Snapshot, slot: &Slot, codes: &mut Codes) -> CameTo {
    if let Some(why) = why_not_evaluated(slot) {
        return CameTo::NotEvaluated { why };
    }
    let recorded = Outcome::recorded(slot);
    if let Some(fault) = recorded.passing_fault() {
        return CameTo::NotReplayable { fault: fault.clone() };
    }
    let policy = match codes.of(slot) {
        Ok(policy) => policy,
        Err(why) => return CameTo::NoCode { why },
    };
    if let Some(what) = other_limits(slot, &policy) {
        return CameTo::OtherLimits { what };
    }
    let params = values(slot);
    let replayed = match codes.needs(&policy, &params) {
        Err(error) => Outcome::without_needs(error),
        Ok(needs) => Outcome::of(policy.evaluate(&EvaluationInput {
            snapshot,
            needs: &needs,
            params: &params,
            memory: &slot.memory_before,
            queue: Queue::Last,
        })),
    };
    if let Some(fault) = replayed.passing_fault() {
        return CameTo::NotReplayable { fault: fault.clone() };
    }
    let parts = recorded.parts_unlike(&replayed);
    if parts.is_empty() {
        CameTo::Identical { outcome: recorded }
    } else {
        CameTo::Defect { parts, recorded, replayed }
    }
}

/// Another policy in the place of a slot. Where it ran itself, it must come to the same.
fn in_its_place(stand_in: &mut StandIn, record: &Record, slot: &Slot, codes: &mut Codes) -> CameTo {
    let policy = Arc::clone(stand_in.policy());
    if slot.policy.digest == policy.digest() && why_not_evaluated(slot).is_none() && stand_in.has_recorded_params() {
        stand_in.follow(record, slot);
        return again(&record.snapshot, slot, codes);
    }
    match stand_in.answer(record, slot, codes) {
        Stood::Unfit(why) => CameTo::Unfit { why },
        Stood::NotRecorded(what) => CameTo::NotRecorded { what },
        Stood::Came(replayed) => {
            if let Some(fault) = replayed.passing_fault() {
                return CameTo::NotReplayable { fault: fault.clone() };
            }
            let recorded = Outcome::recorded(slot);
            let present = record.snapshot.target.desired;
            let then = figures(&recorded.evaluation, present, counts(codes.of(slot).ok().as_deref()));
            let now = figures(&replayed.evaluation, present, counts(Some(&policy)));
            let by = differences(&then, &now);
            if by.is_empty() { CameTo::Agreed { replayed } } else { CameTo::Differed { by, recorded, replayed } }
        }
    }
}

/// Why nothing was evaluated in this slot; `None`: it was.
pub(super) fn why_not_evaluated(slot: &Slot) -> Option<String> {
    match &slot.evaluation {
        Evaluation::Quarantined { .. } => Some("it was in quarantine".to_owned()),
        // Every run takes time; where there was none, the host lost the thread that was to run it.
        Evaluation::Faulted(fault) if slot.spent.wall_ns == 0 => Some(fault.to_string()),
        Evaluation::Faulted(_) | Evaluation::Answered(_) => None,
    }
}

/// Where it took what it may not take today, or failed at a limit that is another one today.
fn other_limits(slot: &Slot, policy: &Policy) -> Option<String> {
    let limits = policy.limits();
    let beyond = [
        ("fuel", slot.spent.fuel, limits.fuel),
        ("bytes of memory", slot.spent.memory_peak_bytes, limits.memory_bytes_max),
    ];
    if let Some((what, took, most)) = beyond.into_iter().find(|(_, took, most)| took > most) {
        return Some(format!("it took {took} {what}, and may take {most} today"));
    }
    let met = match &slot.evaluation {
        Evaluation::Faulted(Fault::OutOfFuel { fuel }) if *fuel != limits.fuel => format!("{fuel} fuel"),
        Evaluation::Faulted(Fault::OutOfMemory { what, limit })
            if ![limits.memory_bytes_max, limits.table_elements_max].contains(limit) =>
        {
            format!("{limit} {what}")
        }
        _ => return None,
    };
    Some(format!("it failed at {met}, which is another limit today"))
}

/// Whether a `hold` of this policy votes for the present count, as the bounds have it.
pub(super) fn counts(policy: Option<&Policy>) -> bool {
    policy.is_none_or(|policy| {
        let kinds = &policy.manifest().kinds;
        !kinds.contains(&ProposalKind::Resize) || kinds.contains(&ProposalKind::Scale)
    })
}

/// A policy as records name it.
pub(super) fn reference(policy: &Policy) -> PolicyRef {
    let manifest = policy.manifest();
    PolicyRef { name: manifest.name.clone(), version: manifest.version.clone(), digest: policy.digest().to_owned() }
}
