//! Another policy in the place of a recorded one: on the recorded snapshot, with the recorded parameters as far as it takes
//! them, and a memory that it carries from turn to turn itself.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::codes::{Codes, values};
use super::outcome::Outcome;
use super::recorded;
use crate::audit::{Record, Slot};
use crate::policy::{EvaluationInput, Need, NeedsError, ParamValue, Policy, Queue, check_params};

/// Another policy.
#[derive(Debug)]
pub(super) struct StandIn {
    policy: Arc<Policy>,
    /// Parameters in place of recorded ones.
    params: Map<String, Value>,
    /// Its memory for each binding and slot.
    memories: HashMap<(String, String), Vec<u8>>,
}

/// What came of asking it.
#[derive(Debug)]
pub(super) enum Stood {
    /// It was evaluated.
    Came(Outcome),
    /// It does not take these parameters.
    Unfit(String),
    /// It wants what the record does not hold.
    NotRecorded(Vec<String>),
}

impl StandIn {
    pub(super) fn new(policy: Arc<Policy>, params: Map<String, Value>) -> Self {
        Self { policy, params, memories: HashMap::new() }
    }

    pub(super) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Whether it is asked with the recorded parameters alone.
    pub(super) fn has_recorded_params(&self) -> bool {
        self.params.is_empty()
    }

    /// Its answer in the place of this slot.
    pub(super) fn answer(&mut self, record: &Record, slot: &Slot, codes: &mut Codes) -> Stood {
        let params = match self.params(slot) {
            Ok(params) => params,
            Err(what) => return Stood::Unfit(what),
        };
        let needs = match codes.needs(&self.policy, &params) {
            Ok(needs) => needs,
            Err(error @ NeedsError::Faulted { .. }) => return Stood::Came(Outcome::without_needs(error)),
            Err(error) => return Stood::Unfit(error.to_string()),
        };
        let given: Vec<Arc<[Need]>> = record.slots.iter().filter_map(|slot| codes.needs_of(slot)).collect();
        let missing = recorded::missing(&record.snapshot, &needs, &given);
        if !missing.is_empty() {
            return Stood::NotRecorded(missing);
        }
        let place = (record.binding.clone(), slot.slot.clone());
        let memory = match self.memories.get(&place) {
            Some(memory) => memory.clone(),
            None => self.inherited(slot, codes),
        };
        let made = self.policy.evaluate(&EvaluationInput {
            snapshot: &record.snapshot,
            needs: &needs,
            params: &params,
            memory: &memory,
            queue: Queue::Last,
        });
        let after = made.outcome.as_ref().ok().and_then(|answer| answer.memory.clone());
        self.memories.insert(place, after.unwrap_or(memory));
        Stood::Came(Outcome::of(made))
    }

    /// Its memory is as the record left it: it ran itself then.
    pub(super) fn follow(&mut self, record: &Record, slot: &Slot) {
        let memory = slot.memory_after.as_ref().unwrap_or(&slot.memory_before).clone();
        self.memories.insert((record.binding.clone(), slot.slot.clone()), memory);
    }

    /// What it begins with: the recorded memory where another version of it with the same format wrote that, else nothing.
    fn inherited(&self, slot: &Slot, codes: &Codes) -> Vec<u8> {
        let mine = self.policy.manifest();
        let is_its = |writer: &Arc<Policy>| {
            let writer = writer.manifest();
            writer.name == mine.name && writer.memory_format == mine.memory_format
        };
        if codes.of(slot).is_ok_and(|writer| is_its(&writer)) { slot.memory_before.clone() } else { Vec::new() }
    }

    /// The recorded parameters that it knows, with those that were given in their place; defaults for the rest.
    fn params(&self, slot: &Slot) -> Result<Vec<ParamValue>, String> {
        let specs = &self.policy.manifest().parameters;
        if *self.policy.digest() == slot.policy.digest && self.params.is_empty() {
            return Ok(values(slot));
        }
        let mut given = Map::new();
        for (name, value) in &slot.params {
            if specs.iter().any(|spec| spec.name == *name)
                && let Some(value) = plain(value)
            {
                given.insert(name.clone(), value);
            }
        }
        given.extend(self.params.clone());
        check_params(specs, &given).map_err(|complaints| {
            let complaints: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            complaints.join("; ")
        })
    }
}

/// A recorded value as an operator would write it. Durations are numbers of milliseconds.
fn plain(value: &ParamValue) -> Option<Value> {
    Some(match value {
        ParamValue::Unset => return None,
        ParamValue::Flag(flag) => (*flag).into(),
        ParamValue::Int(int) => (*int).into(),
        ParamValue::Num(num) => (*num).into(),
        ParamValue::Text(text) | ParamValue::Json(text) => text.clone().into(),
        ParamValue::DurationMs(ms) => (*ms).into(),
        ParamValue::Flags(flags) => flags.clone().into(),
        ParamValue::Ints(ints) => ints.clone().into(),
        ParamValue::Nums(nums) => nums.clone().into(),
        ParamValue::Texts(texts) => texts.clone().into(),
        ParamValue::DurationsMs(ms) => ms.clone().into(),
    })
}

/// The slots of a turn in whose place a policy of one of these names is put: of the active ones those that have the name
/// `slot`; else those whose policy bears one of the names; else the first.
pub(super) fn places<'r>(record: &'r Record, names: &[&str], slot: Option<&str>) -> Vec<&'r Slot> {
    let active = || record.slots.iter().filter(|slot| !slot.shadow);
    if let Some(wanted) = slot {
        return active().filter(|slot| slot.slot == wanted).collect();
    }
    let named: Vec<&Slot> = active().filter(|slot| names.contains(&slot.policy.name.as_str())).collect();
    if named.is_empty() { active().take(1).collect() } else { named }
}
