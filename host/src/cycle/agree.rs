//! Whether a version that watches says what the active one says.

use super::evaluate::{CameTo, SlotAnswer};
use crate::policy::Verdict;

/// Turns in a row in which a version that watches has agreed, after this one. A turn in which the active one did not answer,
/// or in which both decline, proves nothing: it counts neither way. A fault of the watching one starts anew.
pub(super) fn agreed(before: u32, answers: &[SlotAnswer], shadow: &SlotAnswer) -> u32 {
    let active = answers.iter().find(|answer| answer.is_active() && answer.name() == shadow.name());
    let Some(theirs) = active.and_then(verdict) else {
        // Even where there is nothing to compare with, a fault is one.
        return if verdict(shadow).is_some() { before } else { 0 };
    };
    match (verdict(shadow), theirs) {
        (Some(Verdict::Refused(_)), Verdict::Refused(_)) => before,
        (Some(ours), theirs) if ours.agrees_with(theirs) => before.saturating_add(1),
        _ => 0,
    }
}

fn verdict(answer: &SlotAnswer) -> Option<&Verdict> {
    match &answer.came_to {
        CameTo::Evaluated(evaluation) => evaluation.outcome.as_ref().ok().map(|answer| &answer.verdict),
        CameTo::Quarantined { .. } | CameTo::Lost => None,
    }
}
