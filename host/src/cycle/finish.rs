//! The end of a change: its record is closed, and the target is free for the next.

use super::state::TargetState;
use super::{Cycle, CycleError, Happening};
use crate::audit::{self, Closing, RecordId, StepEntry};
use crate::drivers::{Outcome, StepEnd, StepReport};
use crate::snapshot::TargetId;
use crate::store::Write;
use crate::telemetry::measures;

/// A change whose carrying out has ended.
#[derive(Debug)]
pub struct Finished {
    /// Whose.
    pub target: TargetId,
    /// Id of its record.
    pub record: String,
    /// What each step came to; `None` where the carrying out itself broke down.
    pub reports: Option<Vec<StepReport>>,
}

/// What a change came to, told from its steps.
pub(super) fn outcome(reports: Option<&[StepReport]>) -> Outcome {
    let Some(reports) = reports else { return Outcome::Unknown };
    let any = |wanted: fn(&StepEnd) -> bool| reports.iter().any(|report| wanted(&report.end));
    if any(|end| matches!(end, StepEnd::Stuck { .. })) {
        Outcome::Stuck
    } else if any(|end| matches!(end, StepEnd::Cancelled)) {
        Outcome::Superseded
    } else if !any(|end| matches!(end, StepEnd::Failed { .. } | StepEnd::Impossible { .. })) {
        Outcome::Applied
    } else if any(|end| matches!(end, StepEnd::Done)) {
        Outcome::Partial
    } else {
        Outcome::Failed
    }
}

/// What came of the steps, and the end of the record.
fn closing(finished: &Finished, reports: &[StepReport], now_ms: u64, outcome: Outcome) -> Vec<Write> {
    let id = RecordId::from(finished.record.as_str());
    let steps = reports.iter().zip(0_u32..).map(|(report, number)| StepEntry {
        id: id.clone(),
        at_ms: report.ended_ms,
        number,
        step: report.step.clone(),
        result: Some(report.end.clone()),
    });
    let mut writes: Vec<Write> = steps.map(|entry| audit::step(&finished.target, &entry)).collect();
    let text = reports.iter().filter_map(|report| report.end.trouble(&report.step)).collect::<Vec<_>>().join("; ");
    writes.extend(audit::close(&finished.target, &Closing { id, at_ms: now_ms, outcome, text, replicas: None }));
    writes
}

impl Cycle {
    /// Waits until something that was begun has ended, and closes nothing yet: who drops this future has lost nothing.
    pub async fn ended(&mut self) {
        if self.ended.is_empty()
            && let Some(finished) = self.finished.1.recv().await
        {
            self.ended.push(finished);
        }
    }

    /// Waits until something that was begun has ended, and closes it. `None`: nothing is being done. Not to be dropped half-way:
    /// the end would be in the store, and the target never free for the next change. Wait by [`Cycle::ended`] where another
    /// event may come first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn next_finished(&mut self) -> Result<Option<TargetId>, CycleError> {
        if self.running.is_empty() {
            return Ok(None);
        }
        self.ended().await;
        let target = self.ended.first().map(|first| first.target.clone());
        self.close_ended().await?;
        Ok(target)
    }

    pub(super) async fn close_ended(&mut self) -> Result<(), CycleError> {
        while let Ok(finished) = self.finished.1.try_recv() {
            self.ended.push(finished);
        }
        if self.ended.is_empty() {
            return Ok(());
        }
        let all = std::mem::take(&mut self.ended);
        self.finish(all).await
    }

    /// Closes changes that have ended, in one commit.
    pub(super) async fn finish(&mut self, all: Vec<Finished>) -> Result<(), CycleError> {
        let now_ms = self.parts.clock.now_ms();
        let mut writes: Vec<Write> = Vec::new();
        let mut states = Vec::with_capacity(all.len());
        let mut ended = Vec::with_capacity(all.len());
        for finished in &all {
            let outcome = outcome(finished.reports.as_deref());
            let reports = finished.reports.as_deref().unwrap_or_default();
            tracing::info!(target_id = %finished.target, key = finished.record, %outcome, "change ended");
            ended.push((finished.target.clone(), finished.record.clone(), outcome));
            writes.extend(closing(finished, reports, now_ms, outcome));
            let mut state = self.states.get(&finished.target).cloned().unwrap_or_default();
            let flight = state.flight.as_ref().filter(|flight| flight.record == finished.record);
            let kind = flight.map_or("unknown", |flight| flight.change.kind.as_str());
            measures::change_ended(finished.target.driver(), kind, &outcome.to_string());
            // A change that is stuck stays in sight until nothing of it is left to wait for.
            if outcome != Outcome::Stuck && state.flight.as_ref().is_some_and(|flight| flight.record == finished.record)
            {
                state.flight = None;
            }
            writes.push(state.write(&finished.target)?);
            states.push((finished.target.clone(), state));
        }
        let written = self.parts.store.write(writes).await;
        for finished in all {
            self.running.remove(&finished.target);
        }
        written?;
        for (target, state) in &states {
            self.board.ended(target, state);
        }
        for (target, record, outcome) in ended {
            self.board.tell(now_ms, Happening::Ended { target, record, outcome });
        }
        self.states.extend(states);
        Ok(())
    }
}

impl TargetState {
    /// The write that keeps it.
    pub(super) fn write(&self, target: &TargetId) -> Result<Write, CycleError> {
        let value = serde_json::to_vec(self)
            .map_err(|error| CycleError::State { target: target.to_string(), what: error.to_string() })?;
        Ok(Write::Set { key: Self::key(target), value })
    }
}
