//! What a turn came to, counted.

use std::time::Duration;

use super::evaluate::CameTo;
use super::{Case, Spent};
use crate::policy::Verdict;
use crate::telemetry::measures;

/// Counts what the policies of a chunk came to, and what held their wishes back.
pub(super) fn chunk(cases: &[Case]) {
    for seat in cases.iter().flat_map(|case| &case.seats) {
        for answer in &seat.answers {
            let slot = answer.binding.slots.get(answer.slot);
            let name = slot.map_or("", |slot| slot.policy.manifest().name.as_str());
            let shadow;
            let policy = if answer.is_shadow() {
                shadow = format!("{name} (shadow)");
                shadow.as_str()
            } else {
                name
            };
            let (outcome, wall_ns) = match &answer.came_to {
                CameTo::Quarantined { .. } => ("quarantined", 0),
                CameTo::Lost => ("lost", 0),
                CameTo::Evaluated(evaluation) => {
                    let outcome = match &evaluation.outcome {
                        Err(fault) => fault.code(),
                        Ok(answer) => match answer.verdict {
                            Verdict::Proposals(_) => "answered",
                            Verdict::Refused(_) => "refused",
                        },
                    };
                    (outcome, evaluation.spent.wall_ns)
                }
            };
            measures::evaluation(policy, outcome, Duration::from_nanos(wall_ns));
        }
        for restraint in seat.ruling.iter().flat_map(|ruling| &ruling.restraints) {
            // Its word stands in its JSON form alone.
            let word = serde_json::to_value(restraint).ok();
            let word = word.as_ref().and_then(|restraint| restraint.get("restraint")?.as_str());
            measures::restraint(word.unwrap_or("unknown"));
        }
    }
}

/// Counts a turn, and where its time went.
pub(super) fn turn(driver: &str, spent: &Spent) {
    let stages = [
        ("observe", spent.observe),
        ("gather", spent.gather),
        ("look", spent.look),
        ("evaluate", spent.evaluate),
        ("decide", spent.decide),
        ("record", spent.record),
        ("commit", spent.commit),
        ("begin", spent.begin),
    ];
    measures::turn(driver, &stages);
}
