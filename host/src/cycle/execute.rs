//! Carries out a plan, step by step, over one driver and the registrars.
//!
//! Nothing here decides: a step that fails ends its lane, growth that was not confirmed keeps shrinkage from beginning, and
//! what is left over is for the next turn to see.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::bounds::Decision;
use crate::causes::with_causes;
use crate::drivers::{Driver, Plan, Step, StepEnd, StepReport, StepState};
use crate::quantity::DurationMs;
use crate::registrars::{DrainState, Registrar};

/// Limits on waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// One call of a driver or registrar.
    pub call_ms: u64,
    /// Between two questions about a step that is under way.
    pub poll_ms: u64,
    /// One drain; after it the instance is taken out all the same, and the record says so.
    pub drain_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { call_ms: 30_000, poll_ms: 100, drain_ms: 60_000 }
    }
}

/// One plan being carried out.
#[derive(Debug)]
pub(super) struct Execution {
    /// The backend.
    pub driver: Arc<dyn Driver>,
    /// The registrars that serve this target.
    pub registrars: Vec<Arc<dyn Registrar>>,
    /// The host's time.
    pub clock: Arc<dyn Clock>,
    /// Limits on waiting.
    pub patience: Patience,
    /// When the change is stuck.
    pub deadline_ms: u64,
    /// Ends it at the next safe point; drains not yet followed by a stop are taken back.
    pub cancel: CancellationToken,
}

impl Execution {
    /// Carries out the plan; returns what each step came to, in the order in which they ended.
    pub(super) async fn run(&self, decision: &Decision, plan: &Plan) -> Vec<StepReport> {
        let mut reports = Vec::new();
        let mut all_confirmed = true;
        for stage in &plan.stages {
            if stage.shrinks && !all_confirmed {
                break;
            }
            let lanes = stage.lanes.iter().map(|lane| self.run_lane(decision, lane));
            for lane in join_all(lanes).await {
                all_confirmed &= lane.last().is_none_or(|report| report.end.goes_on());
                reports.extend(lane);
            }
            if self.cancel.is_cancelled() {
                break;
            }
        }
        reports
    }

    async fn run_lane(&self, decision: &Decision, lane: &[Step]) -> Vec<StepReport> {
        let mut reports: Vec<StepReport> = Vec::with_capacity(lane.len());
        for step in lane {
            let began_ms = self.clock.now_ms();
            let end = if self.cancel.is_cancelled() && !must_finish(step, &reports) {
                StepEnd::Cancelled
            } else {
                self.run_step(decision, step).await
            };
            tracing::debug!(target_id = %decision.target(), key = decision.key(), ?step, ?end, "step");
            let goes_on = end.goes_on();
            reports.push(StepReport { step: step.clone(), began_ms, ended_ms: self.clock.now_ms(), end });
            if !goes_on {
                break;
            }
        }
        if reports.last().is_some_and(|report| report.end == StepEnd::Cancelled) {
            self.take_back(decision, &reports).await;
        }
        reports
    }

    async fn run_step(&self, decision: &Decision, step: &Step) -> StepEnd {
        match step {
            Step::Register { instance } => self.register(decision, instance).await,
            Step::Drain { instance } => self.drain(decision, instance).await,
            Step::Deregister { instance } => self.deregister(decision, instance).await,
            Step::Create { .. }
            | Step::AwaitReady { .. }
            | Step::Stop { .. }
            | Step::Remove { .. }
            | Step::Start { .. }
            | Step::Restart { .. }
            | Step::Resize
            | Step::SetCount => self.take(decision, step).await,
        }
    }

    /// Takes a driver's step, and takes it again until it is no longer under way.
    async fn take(&self, decision: &Decision, step: &Step) -> StepEnd {
        loop {
            let call = tokio::time::timeout(self.call_limit(), self.driver.take(decision, step));
            let why = match call.await {
                Err(_) => {
                    return StepEnd::Failed { why: format!("no answer within {}", DurationMs(self.patience.call_ms)) };
                }
                Ok(Err(error)) => return StepEnd::Failed { why: with_causes(&error) },
                Ok(Ok(StepState::Done)) => return StepEnd::Done,
                Ok(Ok(StepState::Impossible { why })) => return StepEnd::Impossible { why },
                Ok(Ok(StepState::Waiting { why })) => why,
            };
            if self.clock.now_ms() > self.deadline_ms {
                return StepEnd::Stuck { why };
            }
            // A stop that was begun is seen through: half-stopped instances serve nobody.
            let waits_for_end = matches!(step, Step::Stop { .. } | Step::Remove { .. });
            if self.pause(!waits_for_end).await {
                return StepEnd::Cancelled;
            }
        }
    }

    async fn register(&self, decision: &Decision, instance: &str) -> StepEnd {
        if self.registrars.is_empty() {
            return StepEnd::Done;
        }
        let address = match self.driver.address(decision.target(), instance).await {
            Ok(Some(address)) => address,
            Ok(None) => return StepEnd::Impossible { why: format!("{instance} has no address to enter") },
            Err(error) => return StepEnd::Failed { why: with_causes(&error) },
        };
        for registrar in &self.registrars {
            let call = registrar.register(decision.target(), instance, &address);
            if let Err(why) = self.bounded(call).await {
                return StepEnd::Failed { why };
            }
        }
        StepEnd::Done
    }

    async fn drain(&self, decision: &Decision, instance: &str) -> StepEnd {
        let until_ms = self.clock.now_ms().saturating_add(self.patience.drain_ms);
        for registrar in &self.registrars {
            loop {
                let why = match self.bounded(registrar.drain(decision.target(), instance)).await {
                    Ok(DrainState::Drained) => break,
                    Ok(DrainState::Waiting { why }) => why,
                    Err(why) => return StepEnd::Failed { why },
                };
                if self.clock.now_ms() > until_ms {
                    return StepEnd::CutOff { why };
                }
                if self.pause(true).await {
                    return StepEnd::Cancelled;
                }
            }
        }
        StepEnd::Done
    }

    async fn deregister(&self, decision: &Decision, instance: &str) -> StepEnd {
        for registrar in &self.registrars {
            if let Err(why) = self.bounded(registrar.deregister(decision.target(), instance)).await {
                return StepEnd::Failed { why: format!("{why}; the instance stays") };
            }
        }
        StepEnd::Done
    }

    /// Gives work again to an instance whose lane was cancelled before it was told to stop.
    async fn take_back(&self, decision: &Decision, reports: &[StepReport]) {
        let Some(instance) = reports.iter().find_map(|report| match &report.step {
            Step::Drain { instance } => Some(instance.as_str()),
            _ => None,
        }) else {
            return;
        };
        for registrar in &self.registrars {
            if let Err(why) = self.bounded(registrar.undrain(decision.target(), instance)).await {
                tracing::warn!(target_id = %decision.target(), instance, why, "a cancelled drain could not be taken back");
            }
        }
        if reports.iter().any(|report| matches!(report.step, Step::Deregister { .. }) && report.end == StepEnd::Done) {
            self.register(decision, instance).await;
        }
    }

    async fn bounded<T, E: std::error::Error>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, String> {
        match tokio::time::timeout(self.call_limit(), call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(with_causes(&error)),
            Err(_) => Err(format!("no answer within {}", DurationMs(self.patience.call_ms))),
        }
    }

    fn call_limit(&self) -> Duration {
        Duration::from_millis(self.patience.call_ms)
    }

    /// Waits a little; tells whether the change was cancelled meanwhile.
    async fn pause(&self, may_cancel: bool) -> bool {
        let nap = tokio::time::sleep(Duration::from_millis(self.patience.poll_ms));
        if !may_cancel {
            nap.await;
            return false;
        }
        tokio::select! {
            () = nap => false,
            () = self.cancel.cancelled() => true,
        }
    }
}

/// Whether a cancelled lane must still take this step: from the stop on, an instance is seen out, and one that was created is
/// left to the next turn.
fn must_finish(step: &Step, before: &[StepReport]) -> bool {
    let stop_begun = before.iter().any(|report| matches!(report.step, Step::Stop { .. } | Step::Restart { .. }));
    stop_begun && !matches!(step, Step::Stop { .. })
}
