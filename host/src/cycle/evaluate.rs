//! Runs the policies of a turn, side by side, off the runtime's own threads: a guest that spins holds a permit, not the host.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::seats::{Binding, Role, Slot};
use super::state::{SlotState, TargetState};
use super::{Case, SeatCase};
use crate::bounds::{Vote, VoteAnswer};
use crate::policy::{Evaluation, EvaluationInput, Queue, Refusal, Verdict};
use crate::snapshot::Snapshot;

/// Evaluations that one thread takes on at a time: enough that to take them costs nothing beside them, and so few that one thread
/// is not left with all that spend their whole budget.
const BATCH: usize = 4;

/// Time that all whose policies failed last time have together in one turn of a chunk of targets, a quarter of the smallest deadline:
/// what is under way when it ends may go on to its own deadline, and those that share the turn wait for that.
const TROUBLED: Duration = Duration::from_millis(100);

/// Time that all who watch have together in one turn of a chunk of targets: what is decided waits for them no longer.
const SHADOWS: Duration = Duration::from_millis(500);

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
    /// It was not asked, having failed too often, or last time and this turn had no time left for such.
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

    /// The slot's name.
    pub(super) fn name(&self) -> &str {
        self.binding.slots.get(self.slot).map_or("", |slot| slot.name.as_str())
    }

    /// Whether it is the active policy's.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.role(), Some(Role::Active { .. }))
    }

    /// Whether nothing of it is done.
    pub(super) fn is_shadow(&self) -> bool {
        self.role().is_some_and(Role::is_shadow)
    }

    fn role(&self) -> Option<Role> {
        self.binding.slots.get(self.slot).map(|slot| slot.role)
    }

    /// As the bounds take it in.
    fn vote(&self) -> Vote {
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

/// One vote of each slot, in the binding's order: the active policy's, or while that is in quarantine, the one's that stands
/// in for it. Shadows have none.
pub(super) fn votes(answers: &[SlotAnswer]) -> Vec<Vote> {
    let active = answers.iter().filter(|answer| answer.is_active());
    let vote = |own: &SlotAnswer| {
        let stands_in = |answer: &&SlotAnswer| answer.role() == Some(Role::StandIn) && answer.name() == own.name();
        let stand_in = || answers.iter().find(stands_in);
        let quarantined = matches!(own.came_to, CameTo::Quarantined { .. });
        quarantined.then(stand_in).flatten().unwrap_or(own).vote()
    };
    active.map(vote).collect()
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

/// Asks every policy of every seat that is not in quarantine; those that watch after all others, and only as many as there is
/// time for: what they have no time for is not recorded.
pub(super) async fn evaluate(cases: &mut [Case], now_ms: u64) {
    let (mut shadows, jobs): (Vec<_>, Vec<_>) = jobs(cases, now_ms).into_iter().partition(|job| job.answer.is_shadow());
    let (first, mut last): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.queue == Queue::Ordinary);
    for job in ask_all(first.into_iter(), None).await {
        place(cases, job);
    }
    if !last.is_empty() {
        turn_about(&mut last, now_ms);
        for mut job in ask_all(last.into_iter(), Some(Instant::now() + TROUBLED)).await {
            if matches!(job.answer.came_to, CameTo::Lost) {
                // For this turn only: it is asked again in the next, where others are left out.
                job.answer.came_to = CameTo::Quarantined { until_ms: now_ms };
            }
            place(cases, job);
        }
    }
    for case in cases.iter_mut() {
        let Case { state, seats, .. } = case;
        for seat in seats {
            add_lost(state, seat, now_ms);
        }
    }
    if !shadows.is_empty() {
        turn_about(&mut shadows, now_ms);
        for job in ask_all(shadows.into_iter(), Some(Instant::now() + SHADOWS)).await {
            if !matches!(job.answer.came_to, CameTo::Lost) {
                place(cases, job);
            }
        }
    }
    for seat in cases.iter_mut().flat_map(|case| &mut case.seats) {
        seat.answers.sort_by_key(|answer| answer.slot);
    }
}

/// Where there is not time for all, it is not always the same that are left out.
fn turn_about(jobs: &mut [Job], now_ms: u64) {
    let at = usize::try_from(now_ms.wrapping_mul(0x9E37_79B9) >> 8).unwrap_or(0) % jobs.len().max(1);
    jobs.rotate_left(at);
}

fn place(cases: &mut [Case], job: Job) {
    if let Some(seat) = cases.get_mut(job.case).and_then(|case| case.seats.get_mut(job.seat)) {
        seat.answers.push(job.answer);
    }
}

/// Whoever was asked and of whom nothing came back has lost his thread.
fn add_lost(state: &TargetState, seat: &mut SeatCase, now_ms: u64) {
    for (at, slot) in seat.binding.slots.iter().enumerate() {
        let asked = !slot.role.is_shadow() && is_wanted(state, &seat.binding, slot, now_ms);
        if asked && !seat.answers.iter().any(|answer| answer.slot == at) {
            let binding = Arc::clone(&seat.binding);
            seat.answers.push(SlotAnswer { slot: at, binding, memory: Vec::new(), came_to: CameTo::Lost });
        }
    }
}

/// Asks them side by side, as many as there is time for.
async fn ask_all(jobs: impl Iterator<Item = Job>, until: Option<Instant>) -> Vec<Job> {
    let mut waiting = jobs.peekable();
    let mut batches = Vec::new();
    while waiting.peek().is_some() {
        batches.push(waiting.by_ref().take(BATCH).collect::<Vec<Job>>());
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(batches.len());
    let batches = Arc::new(Mutex::new(batches.into_iter()));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let batches = Arc::clone(&batches);
            tokio::task::spawn_blocking(move || work(&batches, until))
        })
        .collect();
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap_or_default());
    }
    done
}

fn jobs(cases: &[Case], now_ms: u64) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (case_at, case) in cases.iter().enumerate() {
        for (seat_at, seat) in case.seats.iter().enumerate() {
            let Some(snapshot) = &seat.snapshot else { continue };
            for (slot_at, slot) in seat.binding.slots.iter().enumerate() {
                if !is_wanted(&case.state, &seat.binding, slot, now_ms) {
                    continue;
                }
                let kept = same_code(&case.state, &seat.binding, slot);
                let came_to = match kept.filter(|kept| kept.is_quarantined(now_ms)) {
                    Some(SlotState { quarantined_until_ms: Some(until_ms), .. }) => {
                        CameTo::Quarantined { until_ms: *until_ms }
                    }
                    _ => CameTo::Lost,
                };
                let troubled = kept.is_some_and(|kept| kept.faulting_since_ms.is_some());
                let seat_state = case.state.seat(&seat.binding);
                let memory = seat_state.map(|kept| kept.memory_for(slot).to_vec()).unwrap_or_default();
                let answer = SlotAnswer { slot: slot_at, binding: Arc::clone(&seat.binding), memory, came_to };
                jobs.push(Job {
                    case: case_at,
                    seat: seat_at,
                    answer,
                    snapshot: Arc::clone(snapshot),
                    queue: if troubled || slot.role.is_shadow() { Queue::Last } else { Queue::Ordinary },
                });
            }
        }
    }
    jobs
}

/// Whether a policy is to be asked at all: one that stands in only while the active one is in quarantine.
fn is_wanted(state: &TargetState, binding: &Binding, slot: &Slot, now_ms: u64) -> bool {
    let is_active = |other: &&Slot| matches!(other.role, Role::Active { .. }) && other.name == slot.name;
    slot.role != Role::StandIn
        || binding
            .slots
            .iter()
            .find(is_active)
            .is_some_and(|active| same_code(state, binding, active).is_some_and(|kept| kept.is_quarantined(now_ms)))
}

/// What is kept of a policy, if it was the same version that left it.
fn same_code<'a>(state: &'a TargetState, binding: &Binding, slot: &Slot) -> Option<&'a SlotState> {
    state.slot(binding, slot).filter(|kept| kept.digest == slot.policy.digest())
}

/// Takes on batch after batch until none is left. No more threads than processors do so: a guest's deadline goes on while its
/// thread waits for one.
fn work(batches: &Mutex<std::vec::IntoIter<Vec<Job>>>, until: Option<Instant>) -> Vec<Job> {
    let mut done = Vec::new();
    loop {
        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(batch) = next else { return done };
        // A batch that panics is lost: its slots count as failed, and the others go on.
        done.extend(std::panic::catch_unwind(AssertUnwindSafe(|| run(batch, until))).unwrap_or_default());
    }
}

fn run(mut batch: Vec<Job>, until: Option<Instant>) -> Vec<Job> {
    for job in &mut batch {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
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
