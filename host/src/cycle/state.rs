//! What the host keeps of one target between turns and over restarts.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::budget::Held;
use super::fitting::KeptLabels;
use super::seats::{Role, Slot, short};
use super::{Binding, CycleError};
use crate::bounds::{Mode, Past, Settings};
use crate::drivers::{ObservedTarget, Plan};
use crate::snapshot::{Change, InFlight, TargetId, TargetIdError};
use crate::store::Store;

/// A state in which only time goes by is written so often. After a start the host's clock is as old at most.
const KEPT_EVERY_MS: u64 = 5 * 60 * 1000;

/// Most past changes kept for policies to see.
const CHANGES_MAX: usize = 32;

/// Number of the stored form. A higher one is refused: the host would misread what it must not forget.
pub(super) const STATE_FORMAT: u32 = 1;

/// Everything that outlives a turn. Written in the same commit as the record of the turn that changed it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TargetState {
    /// Number of the stored form.
    pub format: u32,
    /// The desired count, where the backend keeps none. `None` until the target is first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<u32>,
    /// Instances seen last time; a list that is suddenly empty is told by it.
    #[serde(default)]
    pub seen: u32,
    /// Since when the list of instances has been empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_since_ms: Option<u64>,
    /// The change in flight and its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flight: Option<Flight>,
    /// The last changes, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// When a person last said that all is well again.
    #[serde(default, skip_serializing_if = "never")]
    pub cleared_ms: u64,
    /// Per binding: windows, and what its policies remember. Boxed, for a map has room for eleven, and mostly there is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seats: BTreeMap<String, Box<SeatState>>,
    /// The same of bindings while they only decide and record: what they act on knows nothing of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rehearsals: BTreeMap<String, Box<SeatState>>,
    /// The labels that last made sense, by binding; none: the binding's own settings hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: KeptLabels,
    /// What it holds of its group's budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn never(at_ms: &u64) -> bool {
    *at_ms == 0
}

/// A change in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// What policies and bounds see of it.
    pub change: InFlight,
    /// Id of its record.
    pub record: String,
    /// What was going to be done.
    pub plan: Plan,
}

/// What one binding keeps for one target.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SeatState {
    /// Windows and cooldowns.
    #[serde(default)]
    pub past: Past,
    /// Per slot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<String, Box<SlotState>>,
    /// Per version that stands in or watches; gone with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, Box<SlotState>>,
}

/// What one policy slot keeps for one target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotState {
    /// Number of the format of the memory, from the manifest of the version that wrote it.
    #[serde(default)]
    pub memory_format: u32,
    /// The policy's memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "hex::serde")]
    pub memory: Vec<u8>,
    /// Digest of the version that faults are counted for.
    #[serde(default)]
    pub digest: String,
    /// Since when it has faulted at every turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faulting_since_ms: Option<u64>,
    /// Until when it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined_until_ms: Option<u64>,
    /// Length of that quarantine; the next is twice as long.
    #[serde(default)]
    pub quarantine_ms: u64,
    /// Turns in a row in which it has faulted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub faults: u32,
    /// Of a version that watches: turns in a row in which it agreed with the active one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub agreed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Faults for so long put a policy in quarantine for its binding and target.
const FAULTING_MS_MAX: u64 = 60_000;
/// The first quarantine, and the longest.
const QUARANTINE_MS_MIN: u64 = 60_000;
const QUARANTINE_MS_MAX: u64 = 60 * 60 * 1000;

impl SlotState {
    /// The memory that a policy of this format inherits.
    #[must_use]
    pub fn memory_for(&self, format: u32) -> &[u8] {
        if self.memory_format == format { &self.memory } else { &[] }
    }

    /// A new version begins with a clean slate.
    pub fn meet(&mut self, digest: &str) {
        if self.digest != digest {
            digest.clone_into(&mut self.digest);
            self.agreed = 0;
            self.clear();
        }
    }

    /// Forgets its faults: it is asked again at once.
    pub fn clear(&mut self) {
        self.faulting_since_ms = None;
        self.quarantined_until_ms = None;
        self.quarantine_ms = 0;
        self.faults = 0;
    }

    /// Whether all that differs from what was `before` is that it agreed more often.
    fn is_later_only(&self, before: &Self) -> bool {
        self.agreed >= before.agreed && *self == Self { agreed: self.agreed, ..before.clone() }
    }

    /// Whether it is not to be asked now.
    #[must_use]
    pub fn is_quarantined(&self, now_ms: u64) -> bool {
        self.quarantined_until_ms.is_some_and(|until_ms| now_ms < until_ms)
    }

    /// Notes an answer.
    pub fn answered(&mut self, format: u32, memory: Option<Vec<u8>>) {
        self.clear();
        if let Some(memory) = memory {
            self.memory_format = format;
            self.memory = memory;
        }
    }

    /// Notes a fault; returns until when the policy is now in quarantine, if this fault put it there. Durations decide,
    /// never counts of turns. A trial after a quarantine that faults again doubles it at once.
    pub fn faulted(&mut self, now_ms: u64) -> Option<u64> {
        self.faults = self.faults.saturating_add(1);
        let since_ms = *self.faulting_since_ms.get_or_insert(now_ms);
        let tried_again = self.quarantined_until_ms.is_some();
        if !tried_again && now_ms.saturating_sub(since_ms) < FAULTING_MS_MAX {
            return None;
        }
        self.quarantine_ms = self.quarantine_ms.saturating_mul(2).clamp(QUARANTINE_MS_MIN, QUARANTINE_MS_MAX);
        let until_ms = now_ms.saturating_add(self.quarantine_ms);
        self.quarantined_until_ms = Some(until_ms);
        Some(until_ms)
    }
}

impl SeatState {
    /// What a policy keeps.
    #[must_use]
    pub fn of(&self, slot: &Slot) -> Option<&SlotState> {
        match slot.beside_key() {
            None => self.slots.get(&slot.name).map(Box::as_ref),
            Some(key) => self.beside.get(&key).map(Box::as_ref),
        }
    }

    /// The same, to be changed.
    pub(super) fn of_mut(&mut self, slot: &Slot) -> &mut SlotState {
        match slot.beside_key() {
            None => self.slots.entry(slot.name.clone()).or_default(),
            Some(key) => self.beside.entry(key).or_default(),
        }
    }

    /// The memory that a policy is given: its own; where it has none of its format, what it learned while it watched, or of a
    /// version that stands in, what the slot remembers.
    #[must_use]
    pub fn memory_for(&self, slot: &Slot) -> &[u8] {
        let format = slot.policy.manifest().memory_format;
        let own = self.of(slot).filter(|kept| kept.memory_format == format);
        let other = || match slot.role {
            Role::Active { .. } => self.beside.get(&format!("{}~{}", slot.name, short(slot.policy.digest()))),
            Role::StandIn => self.slots.get(&slot.name),
            Role::Shadow { .. } => None,
        };
        own.or_else(|| other().map(Box::as_ref)).map_or(&[], |kept| kept.memory_for(format))
    }

    /// Forgets versions that neither stand in nor watch any more.
    pub(super) fn keep_beside(&mut self, slots: &[Slot]) {
        if !self.beside.is_empty() {
            let keys: Vec<String> = slots.iter().filter_map(Slot::beside_key).collect();
            self.beside.retain(|key, _| keys.contains(key));
        }
    }
}

impl TargetState {
    /// What a policy of a binding keeps.
    #[must_use]
    pub fn slot(&self, binding: &Binding, slot: &Slot) -> Option<&SlotState> {
        self.seat(binding)?.of(slot)
    }

    /// What a binding keeps, as it is seated.
    #[must_use]
    pub fn seat(&self, binding: &Binding) -> Option<&SeatState> {
        let seats = if rehearses(binding) { &self.rehearsals } else { &self.seats };
        seats.get(&binding.name).map(Box::as_ref)
    }

    /// The same, to be changed.
    pub(super) fn seat_mut(&mut self, binding: &Binding) -> &mut SeatState {
        let seats = if rehearses(binding) { &mut self.rehearsals } else { &mut self.seats };
        seats.entry(binding.name.clone()).or_default()
    }

    /// Names of the bindings that keep something.
    pub(super) fn seated(&self) -> impl Iterator<Item = &String> {
        self.seats.keys().chain(self.rehearsals.keys())
    }

    /// A person says that all is well again: policies in quarantine are asked, and what was lost until now stops nothing.
    /// Heard once.
    pub(super) fn clear(&mut self, at_ms: u64) {
        if self.cleared_ms >= at_ms {
            return;
        }
        self.cleared_ms = at_ms;
        for seat in self.seats.values_mut().chain(self.rehearsals.values_mut()) {
            seat.past.clear_lost();
            seat.slots.values_mut().chain(seat.beside.values_mut()).for_each(|slot| slot.clear());
        }
    }

    /// Takes in a target: on first sight what is there is what is desired, or what its driver was told to begin with, or the
    /// fewest allowed.
    pub(super) fn meet(&mut self, observed: &ObservedTarget, settings: Option<&Settings>) {
        self.format = STATE_FORMAT;
        if self.desired.is_none() {
            let there = observed.instances.iter().filter(|instance| instance.phase.counts()).count();
            let there = u32::try_from(there).unwrap_or(u32::MAX);
            let least = settings.map_or(0, |settings| settings.replicas.min);
            let first = [there, observed.target.desired, least].into_iter().find(|count| *count > 0);
            self.desired = Some(first.unwrap_or(0));
        }
    }

    /// Takes in what is there now. A change that was given up ends as soon as nothing of it is left to wait for.
    pub(super) fn settle(&mut self, observed: &ObservedTarget, is_running: bool, now_ms: u64) {
        let empty_since_ms = *self.empty_since_ms.get_or_insert(now_ms);
        self.empty_since_ms = observed.instances.is_empty().then_some(empty_since_ms);
        let waits = |flight: &Flight| !super::reconcile::pending(&flight.plan, &observed.instances).is_empty();
        if !is_running && self.flight.as_ref().is_some_and(|flight| !waits(flight)) {
            self.flight = None;
        }
    }

    /// Notes how many were seen, where the list is `believed`: an empty one that is not must not look as if it had always
    /// been so.
    pub(super) fn saw(&mut self, observed: &ObservedTarget, believed: bool) {
        if believed {
            self.seen = u32::try_from(observed.instances.len()).unwrap_or(u32::MAX);
        }
    }

    /// Whether it must be written down at `now_ms`, `before` being what was there a turn ago and `written_ms` when it was last
    /// written: if anything but time went by, and now and then in any case.
    pub(super) fn must_be_kept(
        &self,
        target: &TargetId,
        before: Option<&Self>,
        written_ms: Option<u64>,
        now_ms: u64,
    ) -> bool {
        let (Some(before), Some(written_ms)) = (before, written_ms) else { return true };
        // Not all of a backend's targets in one turn.
        let mut hasher = DefaultHasher::new();
        target.hash(&mut hasher);
        let phase_ms = hasher.finish() % KEPT_EVERY_MS;
        let period = |at_ms: u64| at_ms.saturating_add(phase_ms) / KEPT_EVERY_MS;
        period(written_ms) != period(now_ms) || !self.is_later_only(before)
    }

    fn is_later_only(&self, before: &Self) -> bool {
        let Self {
            format,
            desired,
            seen,
            empty_since_ms,
            flight,
            changes,
            cleared_ms,
            seats,
            rehearsals,
            labels,
            held,
        } = self;
        let is_later = |seats: &BTreeMap<String, Box<SeatState>>, before: &BTreeMap<String, Box<SeatState>>| {
            seats.len() == before.len()
                && seats.iter().zip(before).all(|((name, seat), (other_name, other))| {
                    name == other_name
                        && seat.slots == other.slots
                        && are_later_only(&seat.beside, &other.beside)
                        && seat.past.is_later_only(&other.past)
                })
        };
        is_later(seats, &before.seats)
            && is_later(rehearsals, &before.rehearsals)
            && *labels == before.labels
            && *held == before.held
            && *format == before.format
            && *desired == before.desired
            && *seen == before.seen
            && *empty_since_ms == before.empty_since_ms
            && *flight == before.flight
            && *changes == before.changes
            && *cleared_ms == before.cleared_ms
    }

    /// Notes a change that was begun.
    pub fn changed(&mut self, change: Change) {
        self.changes.push(change);
        let surplus = self.changes.len().saturating_sub(CHANGES_MAX);
        self.changes.drain(..surplus);
    }

    /// The store's key of a target's state.
    #[must_use]
    pub fn key(target: &TargetId) -> String {
        format!("target/{target}")
    }
}

/// Whether a binding only decides and records.
fn rehearses(binding: &Binding) -> bool {
    binding.settings.mode == Mode::DryRun
}

fn are_later_only(now: &BTreeMap<String, Box<SlotState>>, before: &BTreeMap<String, Box<SlotState>>) -> bool {
    now.len() == before.len()
        && now.iter().zip(before).all(|((key, slot), (other, before))| key == other && slot.is_later_only(before))
}

/// Targets read at once.
const PAGE: usize = 1_000;

/// Reads what is kept of all targets of a driver.
pub(super) async fn load(store: &dyn Store, driver: &str) -> Result<HashMap<TargetId, TargetState>, CycleError> {
    let prefix = format!("target/{driver}/");
    let mut states = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(&prefix, after.as_deref(), PAGE).await?;
        for (key, kept) in &page {
            let (target, state) = parse(key, &kept.value)?;
            states.insert(target, state);
        }
        match page.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(states),
        }
    }
}

fn parse(key: &str, value: &[u8]) -> Result<(TargetId, TargetState), CycleError> {
    let name = key.strip_prefix("target/").unwrap_or(key);
    let unreadable = |what: String| CycleError::State { target: name.to_owned(), what };
    let target = name.parse().map_err(|error: TargetIdError| unreadable(error.to_string()))?;
    let state: TargetState = serde_json::from_slice(value).map_err(|error| unreadable(error.to_string()))?;
    if state.format > STATE_FORMAT {
        return Err(unreadable(format!("it was written by a newer trimtab (form {})", state.format)));
    }
    Ok((target, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: u64 = 1_795_309_200_000;

    fn kept(turns: u64, change: impl Fn(u64, &mut TargetState)) -> usize {
        let target: TargetId = "local/web".parse().unwrap();
        let mut before: Option<TargetState> = None;
        let mut written_ms = None;
        let mut written = 0;
        for turn in 0..turns {
            let now_ms = START_MS + turn * 15_000;
            let mut state = before.clone().unwrap_or_default();
            let seat = state.seats.entry("web".to_owned()).or_default();
            // The bounds' clock and a window: what changes in any turn.
            seat.past = serde_json::from_value(serde_json::json!({
                "now_ms": now_ms, "told_ms": now_ms, "lowest": [[now_ms, 3]], "highest": [[now_ms, 3]],
            }))
            .unwrap();
            change(turn, &mut state);
            if state.must_be_kept(&target, before.as_ref(), written_ms, now_ms) {
                written += 1;
                written_ms = Some(now_ms);
            }
            before = Some(state);
        }
        written
    }

    #[test]
    fn a_quiet_target_is_written_every_five_minutes() {
        assert!((12..=13).contains(&kept(240, |_, _| {})), "{}", kept(240, |_, _| {}));
    }

    #[test]
    fn whatever_else_changes_is_written_at_once() {
        assert_eq!(kept(16, |turn, state| state.desired = Some(u32::try_from(turn).unwrap())), 16);
        let remember = |turn: u64, state: &mut TargetState| {
            let slot = state.seats.get_mut("web").unwrap().slots.entry("tracking".to_owned()).or_default();
            slot.memory = turn.to_le_bytes().to_vec();
        };
        assert_eq!(kept(16, remember), 16);
        let fault = |turn: u64, state: &mut TargetState| {
            let told = serde_json::json!({ "now_ms": START_MS + turn, "unanswered_since_ms": START_MS + turn });
            state.seats.get_mut("web").unwrap().past = serde_json::from_value(told).unwrap();
        };
        assert_eq!(kept(16, fault), 16);
    }
}
