//! Runs the policies of a turn, side by side, off the runtime's own threads: a guest that spins holds a permit, not the host.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use super::Case;
use super::seats::Binding;
use crate::bounds::{Vote, VoteAnswer};
use crate::policy::{Evaluation, EvaluationInput, Queue, Refusal, Verdict};
use crate::snapshot::Snapshot;

/// Evaluations that one thread takes on at a time.
const BATCH: usize = 64;

/// What the policy of one slot came to.
pub(super) struct SlotAnswer {
    /// Index of the slot in its binding.
    pub(super) slot: usize,
    /// The binding.
    pub(super) binding: Arc<Binding>,
    /// The memory that it was given.
    pub(super) memory: Vec<u8>,
    /// What it came to.
    pub(super) came_to: CameTo,
}

/// What the policy of one slot came to.
pub(super) enum CameTo {
    /// It was asked.
    Evaluated(Box<Evaluation>),
    /// It was not asked, having failed too often.
    Quarantined {
        /// Until when.
        until_ms: u64,
    },
    /// It could not be asked: its thread was lost.
    Lost,
}

impl SlotAnswer {
    /// Whether the policy failed.
    pub(super) fn failed(&self) -> bool {
        match &self.came_to {
            CameTo::Evaluated(evaluation) => evaluation.outcome.is_err(),
            CameTo::Quarantined { .. } => false,
            CameTo::Lost => true,
        }
    }

    /// Why it did not answer, where it refused.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        let CameTo::Evaluated(evaluation) = &self.came_to else { return None };
        match &evaluation.outcome.as_ref().ok()?.verdict {
            Verdict::Refused(refusal) => Some(refusal),
            Verdict::Proposals(_) => None,
        }
    }

    /// As the bounds take it in.
    pub(super) fn vote(&self) -> Vote {
        let slot = self.binding.slots.get(self.slot);
        let answer = match &self.came_to {
            CameTo::Quarantined { until_ms } => VoteAnswer::Quarantined { until_ms: Some(*until_ms) },
            CameTo::Lost => VoteAnswer::Quarantined { until_ms: None },
            CameTo::Evaluated(evaluation) => match &evaluation.outcome {
                Err(fault) => VoteAnswer::Faulted(fault.clone()),
                Ok(answer) => match &answer.verdict {
                    Verdict::Proposals(proposals) => VoteAnswer::Proposals(proposals.clone()),
                    Verdict::Refused(refusal) => VoteAnswer::Refused(refusal.clone()),
                },
            },
        };
        Vote {
            slot: slot.map(|slot| slot.name.clone()).unwrap_or_default(),
            granted: slot.map(|slot| slot.granted.clone()).unwrap_or_default(),
            declared: slot.map(|slot| slot.policy.manifest().kinds.clone()).unwrap_or_default(),
            answer,
        }
    }
}

/// One evaluation to be made.
struct Job {
    case: usize,
    seat: usize,
    answer: SlotAnswer,
    snapshot: Arc<Snapshot>,
    /// Bindings that used up their budget last time queue last.
    queue: Queue,
}

/// Asks every policy of every seat that is not in quarantine.
pub(super) async fn evaluate(cases: &mut [Case], now_ms: u64) {
    let (first, last): (Vec<_>, Vec<_>) = jobs(cases, now_ms).into_iter().partition(|job| job.queue == Queue::Ordinary);
    let mut waiting = first.into_iter().chain(last).peekable();
    let mut batches = Vec::new();
    while waiting.peek().is_some() {
        batches.push(waiting.by_ref().take(BATCH).collect::<Vec<Job>>());
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(batches.len());
    let batches = Arc::new(Mutex::new(batches.into_iter()));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let batches = Arc::clone(&batches);
            tokio::task::spawn_blocking(move || work(&batches))
        })
        .collect();
    for worker in workers {
        for job in worker.await.unwrap_or_default() {
            if let Some(seat) = cases.get_mut(job.case).and_then(|case| case.seats.get_mut(job.seat)) {
                seat.answers.push(job.answer);
            }
        }
    }
    for seat in cases.iter_mut().flat_map(|case| &mut case.seats) {
        for slot in 0..seat.binding.slots.len() {
            if !seat.answers.iter().any(|answer| answer.slot == slot) {
                let binding = Arc::clone(&seat.binding);
                seat.answers.push(SlotAnswer { slot, binding, memory: Vec::new(), came_to: CameTo::Lost });
            }
        }
        seat.answers.sort_by_key(|answer| answer.slot);
    }
}

fn jobs(cases: &[Case], now_ms: u64) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (case_at, case) in cases.iter().enumerate() {
        for (seat_at, seat) in case.seats.iter().enumerate() {
            let Some(snapshot) = &seat.snapshot else { continue };
            for (slot_at, slot) in seat.binding.slots.iter().enumerate() {
                let kept = case.state.slot(&seat.binding, &slot.name);
                let same_code = kept.is_some_and(|kept| kept.digest == slot.policy.digest());
                let until_ms = kept.filter(|kept| same_code && kept.is_quarantined(now_ms));
                let came_to = match until_ms.and_then(|kept| kept.quarantined_until_ms) {
                    Some(until_ms) => CameTo::Quarantined { until_ms },
                    None => CameTo::Lost,
                };
                let troubled = kept.is_some_and(|kept| same_code && kept.faulting_since_ms.is_some());
                let format = slot.policy.manifest().memory_format;
                let memory = kept.map(|kept| kept.memory_for(format).to_vec()).unwrap_or_default();
                let answer = SlotAnswer { slot: slot_at, binding: Arc::clone(&seat.binding), memory, came_to };
                jobs.push(Job {
                    case: case_at,
                    seat: seat_at,
                    answer,
                    snapshot: Arc::clone(snapshot),
                    queue: if troubled { Queue::Last } else { Queue::Ordinary },
                });
            }
        }
    }
    jobs
}

/// Takes on batch after batch until none is left. No more threads than processors do so: a guest's deadline goes on while its
/// thread waits for one.
fn work(batches: &Mutex<std::vec::IntoIter<Vec<Job>>>) -> Vec<Job> {
    let mut done = Vec::new();
    loop {
        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(batch) = next else { return done };
        // A batch that panics is lost: its slots count as failed, and the others go on.
        done.extend(std::panic::catch_unwind(AssertUnwindSafe(|| run(batch))).unwrap_or_default());
    }
}

fn run(mut batch: Vec<Job>) -> Vec<Job> {
    for job in &mut batch {
        if matches!(job.answer.came_to, CameTo::Quarantined { .. }) {
            continue;
        }
        let Some(slot) = job.answer.binding.slots.get(job.answer.slot) else { continue };
        let input = EvaluationInput {
            snapshot: &job.snapshot,
            needs: &slot.needs,
            params: &slot.params,
            memory: &job.answer.memory,
            queue: job.queue,
        };
        job.answer.came_to = CameTo::Evaluated(Box::new(slot.policy.evaluate(&input)));
    }
    batch
}
