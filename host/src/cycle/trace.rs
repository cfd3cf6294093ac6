//! Spans of a turn. Its stages are spans within it, by the names that the measures give them; a target has one of its own only
//! where somebody asks for `debug`, since there may be ten thousand. The keys are those of the log.

use tracing::Span;
use tracing::field::Empty;

use super::{CycleError, TurnReport};
use crate::audit::Trigger;
use crate::bounds::Decision;

/// A turn of one backend.
pub(super) fn turn(driver: &str, turn: u64, trigger: &Trigger) -> Span {
    let trigger = match trigger {
        Trigger::Pace => "pace",
        Trigger::Start => "start",
        Trigger::Event { .. } => "event",
        Trigger::Manual { .. } => "manual",
    };
    tracing::info_span!(parent: None, "turn", driver, turn, trigger, targets = Empty, begun = Empty, faults = Empty, error = Empty)
}

/// Notes what it came to.
pub(super) fn came_to(span: &Span, made: &Result<TurnReport, CycleError>) {
    if span.is_disabled() {
        return;
    }
    match made {
        Ok(report) => {
            span.record("targets", report.targets).record("begun", report.begun).record("faults", report.faults);
        }
        Err(error) => {
            span.record("error", tracing::field::display(error));
        }
    }
}

/// A change that is carried out: of those there are few at once.
pub(super) fn change(decision: &Decision) -> Span {
    let target = decision.target();
    tracing::info_span!("change", driver = target.driver(), target_id = %target, key = decision.key())
}
