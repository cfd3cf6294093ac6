//! Two policies on the same snapshots: what the records hold of either is used, all else is evaluated now.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Map;

use super::again::{counts, reference, why_not_evaluated};
use super::codes::Codes;
use super::error::ReplayError;
use super::figures::{Figures, Spread, differences, figures};
use super::outcome::Outcome;
use super::report::{Compared, ComparedRow, Reach, Rows, Said, Side, Voice};
use super::stand_in::{StandIn, Stood, places};
use super::walk::{Desk, Leash, Player, Stretch, walk};
use crate::audit::{Evaluation, Record, Slot};
use crate::policy::{Policy, Verdict};
use crate::snapshot::TargetId;

/// Holds two policies against each other; `None` means whichever was active in the turn.
///
/// # Errors
/// Where records cannot be read, or the host ends.
pub async fn compare(
    desk: &Desk,
    stretch: &Stretch,
    leash: &Leash,
    a: Option<Arc<Policy>>,
    b: Option<Arc<Policy>>,
) -> Result<Compared, ReplayError> {
    let (comparison, reach) = walk(desk, stretch, leash, Comparison::new(a, b)).await?;
    Ok(comparison.report(stretch.target.clone(), reach))
}

struct Comparison {
    a: Contestant,
    b: Contestant,
    compared: u64,
    agreed: u64,
    spreads: BTreeMap<String, Spread>,
    rows: Rows<ComparedRow>,
}

/// One of the two.
struct Contestant {
    /// `None`: whichever was active.
    stand_in: Option<StandIn>,
    side: Side,
}

impl Comparison {
    fn new(a: Option<Arc<Policy>>, b: Option<Arc<Policy>>) -> Self {
        Self {
            a: Contestant::new(a),
            b: Contestant::new(b),
            compared: 0,
            agreed: 0,
            spreads: BTreeMap::new(),
            rows: Rows::default(),
        }
    }

    fn report(self, target: TargetId, reach: Reach) -> Compared {
        let Self { a, b, compared, agreed, spreads, rows } = self;
        #[expect(clippy::cast_precision_loss, reason = "a percentage for a person")]
        let agreement_percent = (compared > 0).then(|| agreed as f64 * 100.0 / compared as f64);
        let Rows { rows, left_out, .. } = rows;
        let (a, b) = (a.side, b.side);
        Compared { target, a, b, reach, compared, agreed, agreement_percent, spreads, rows, rows_left_out: left_out }
    }

    /// Names of the slots in which the two meet: where a record holds an answer of either; else where a policy of either's
    /// name was active; else the first.
    fn meet<'r>(&self, record: &'r Record) -> Vec<&'r str> {
        let policies = || [&self.a, &self.b].into_iter().filter_map(Contestant::policy);
        let holds = |slot: &&Slot| policies().any(|policy| policy.digest() == slot.policy.digest);
        let mut slots: Vec<&str> = record.slots.iter().filter(holds).map(|slot| slot.slot.as_str()).collect();
        if slots.is_empty() {
            let names: Vec<&str> = policies().map(|policy| policy.manifest().name.as_str()).collect();
            slots = places(record, &names, None).into_iter().map(|slot| slot.slot.as_str()).collect();
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

impl Player for Comparison {
    fn play(&mut self, record: &Record, codes: &mut Codes) {
        for slot in self.meet(record) {
            let (a, a_figures) = self.a.say(record, slot, codes);
            let (b, b_figures) = self.b.say(record, slot, codes);
            let by = match (&a_figures, &b_figures) {
                (Some(a), Some(b)) => {
                    self.compared += 1;
                    let by = differences(a, b);
                    by.iter().for_each(|one| self.spreads.entry(one.what.clone()).or_default().add(one));
                    if by.is_empty() {
                        self.agreed += 1;
                        continue;
                    }
                    by
                }
                _ => Vec::new(),
            };
            let (binding, slot) = (record.binding.clone(), slot.to_owned());
            self.rows.push(ComparedRow { record: record.id.clone(), at_ms: record.at_ms, binding, slot, a, b, by });
        }
    }
}

impl Contestant {
    fn new(policy: Option<Arc<Policy>>) -> Self {
        let side = Side { policy: policy.as_deref().map(reference), ..Side::default() };
        Self { stand_in: policy.map(|policy| StandIn::new(policy, Map::new())), side }
    }

    fn policy(&self) -> Option<&Arc<Policy>> {
        self.stand_in.as_ref().map(StandIn::policy)
    }

    /// What it says in this slot, and which figures that comes to.
    fn say(&mut self, record: &Record, slot: &str, codes: &mut Codes) -> (Said, Option<Figures>) {
        let said = self.find(record, slot, codes);
        let policy = match self.policy() {
            Some(policy) => Some(Arc::clone(policy)),
            None => active(record, slot).and_then(|slot| codes.of(slot).ok()),
        };
        let figures = said
            .outcome
            .as_ref()
            .map(|outcome| figures(&outcome.evaluation, record.snapshot.target.desired, counts(policy.as_deref())));
        self.side.note(&said);
        (said, figures)
    }

    fn find(&mut self, record: &Record, slot: &str, codes: &mut Codes) -> Said {
        let Some(stand_in) = &mut self.stand_in else {
            return match active(record, slot) {
                None => Said::nothing("no policy was active here".to_owned()),
                Some(slot) => why_not_evaluated(slot).map_or_else(|| Said::recorded(slot), Said::nothing),
            };
        };
        let its = |one: &&Slot| one.slot == slot && one.policy.digest == stand_in.policy().digest();
        let own = record.slots.iter().filter(its).find(|slot| why_not_evaluated(slot).is_none());
        if let Some(own) = own {
            stand_in.follow(record, own);
            return Said::recorded(own);
        }
        let Some(place) = active(record, slot).or_else(|| record.slots.iter().find(|one| one.slot == slot)) else {
            return Said::nothing("there is no such slot".to_owned());
        };
        match stand_in.answer(record, place, codes) {
            Stood::Came(outcome) => Said { voice: Voice::Evaluated, outcome: Some(outcome), why: None },
            Stood::Unfit(why) => Said::nothing(why),
            Stood::NotRecorded(what) => Said::nothing(format!("not recorded: {}", what.join(", "))),
        }
    }
}

fn active<'r>(record: &'r Record, slot: &str) -> Option<&'r Slot> {
    record.slots.iter().find(|one| !one.shadow && one.slot == slot)
}

impl Said {
    fn recorded(slot: &Slot) -> Self {
        Self { voice: Voice::Recorded, outcome: Some(Outcome::recorded(slot)), why: None }
    }

    fn nothing(why: String) -> Self {
        Self { voice: Voice::Silent, outcome: None, why: Some(why) }
    }
}

impl Side {
    fn note(&mut self, said: &Said) {
        match said.voice {
            Voice::Recorded => self.recorded += 1,
            Voice::Evaluated => self.evaluated += 1,
            Voice::Silent => self.silent += 1,
        }
        match said.outcome.as_ref().map(|outcome| &outcome.evaluation) {
            None => {}
            Some(Evaluation::Answered(answer)) => match answer.verdict {
                Verdict::Proposals(_) => self.answers += 1,
                Verdict::Refused(_) => self.refusals += 1,
            },
            Some(Evaluation::Faulted(_) | Evaluation::Quarantined { .. }) => self.faults += 1,
        }
    }
}
