//! What a turn came to, counted. Per target nothing is looked up and nothing locked: a chunk is counted in numbers of its own,
//! which are handed in at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::evaluate::CameTo;
use super::{Case, Spent};
use crate::policy::{Fault, Verdict};
use crate::snapshot::Freshness;
use crate::telemetry::measures::{self, Batch, Evaluated, Scale};

/// Counts what the policies of a chunk were shown, what they came to, and what held their wishes back.
pub(super) fn chunk(cases: &[Case]) {
    let mut policies: BTreeMap<(&str, bool), Evaluated> = BTreeMap::new();
    let mut restraints: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut seen = Seen::default();
    for seat in cases.iter().flat_map(|case| &case.seats) {
        if let Some(snapshot) = &seat.snapshot {
            snapshot.readings.iter().for_each(|reading| seen.count(reading, snapshot.now_ms));
        }
        for answer in &seat.answers {
            let slot = answer.binding.slots.get(answer.slot);
            let policy = slot.map_or("", |slot| slot.policy.manifest().name.as_str());
            count(policies.entry((policy, answer.is_shadow())).or_default(), &answer.came_to);
        }
        for restraint in seat.ruling.iter().flat_map(|ruling| &ruling.restraints) {
            *restraints.entry(restraint.code()).or_default() += 1;
        }
    }
    for ((policy, is_shadow), evaluated) in &policies {
        // What only watches must not look like the one that acts.
        let name = if *is_shadow { format!("{policy} (shadow)") } else { (*policy).to_owned() };
        measures::evaluated(&name, evaluated);
    }
    restraints.iter().for_each(|(word, times)| measures::restrained(word, *times));
    seen.hand_in();
}

fn count(policy: &mut Evaluated, came_to: &CameTo) {
    let mut failed = |code| {
        *policy.faults.entry(code).or_default() += 1;
        code
    };
    let outcome = match came_to {
        CameTo::Quarantined { .. } => "quarantined",
        CameTo::Lost => failed("lost"),
        CameTo::Evaluated(evaluation) => {
            let outcome = match &evaluation.outcome {
                Err(fault) => failed(Fault::code(fault)),
                Ok(answer) => match answer.verdict {
                    Verdict::Proposals(_) => "answered",
                    Verdict::Refused(_) => "refused",
                },
            };
            policy.took.observe(Duration::from_nanos(evaluation.spent.wall_ns));
            outcome
        }
    };
    *policy.outcomes.entry(outcome).or_default() += 1;
}

/// Readings that policies were shown.
struct Seen {
    fresh: u64,
    stale: u64,
    absent: u64,
    ages: Batch,
}

impl Default for Seen {
    fn default() -> Self {
        Self { fresh: 0, stale: 0, absent: 0, ages: Batch::new(Scale::Age) }
    }
}

impl Seen {
    fn count(&mut self, reading: &crate::snapshot::Reading, now_ms: u64) {
        let count = match reading.freshness {
            Freshness::Fresh => &mut self.fresh,
            Freshness::Stale => &mut self.stale,
            Freshness::Absent => &mut self.absent,
        };
        *count = count.saturating_add(1);
        if let Some(latest_ms) = reading.latest_ms() {
            self.ages.observe(Duration::from_millis(now_ms.saturating_sub(latest_ms)));
        }
    }

    fn hand_in(&self) {
        for (freshness, count) in [("fresh", self.fresh), ("stale", self.stale), ("absent", self.absent)] {
            measures::readings(freshness, count);
        }
        measures::reading_ages(&self.ages);
    }
}

/// Counts a turn, and where its time went.
pub(super) fn turn(driver: &str, took: Duration, spent: &Spent) {
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
    measures::turn(driver, took, &stages);
}
