//! What is known of every target, for whoever looks on: shown after each turn, and copied by nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::{Notify, broadcast};

use super::fitting::LabelsView;
use super::live::{Happening, Live, LiveEvent};
use super::state::TargetState;
use super::{Case, SeatCase};
use crate::bounds::{Mode, Quiet, Range, Restraint};
use crate::drivers::ObservedTarget;
use crate::policy::{Identity, Refusal, RefusalKind};
use crate::snapshot::{Change, InFlight, Instance, Inventory, Target, TargetId};

/// All targets of a host as last observed.
///
/// Looking costs a lock and a counter. A turn replaces what it looked at; it copies the list (not what is in it) only where
/// somebody still holds the one from before.
#[derive(Debug, Default)]
pub struct Board {
    targets: Mutex<Views>,
    drivers: Mutex<BTreeMap<String, Seen>>,
    live: Live,
    /// Told after each turn.
    turned: Notify,
}

/// Whether a backend was seen at its last turn: when, or why not.
pub type Seen = Result<u64, String>;

/// Views by target, shared.
pub type Views = Arc<BTreeMap<TargetId, Arc<TargetView>>>;

/// One target as it stood after its last turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetView {
    /// As its driver saw it, with the desired count that the host keeps and the range in force.
    pub target: Target,
    /// Its instances.
    pub instances: Vec<Instance>,
    /// Whether that list is whole.
    pub inventory: Inventory,
    /// When.
    pub observed_ms: u64,
    /// When its driver told of it: earlier than that, where the turn of an event looked at what was known. `None` once a change
    /// has ended since.
    pub seen_ms: Option<u64>,
    /// The bindings that sit on it, the acting one first; none: it is left alone.
    pub seats: Vec<SeatView>,
    /// Names of all acting bindings where there are several: then it holds.
    pub conflict: Vec<String>,
    /// Fewest and most replicas that a person may pin it at; `None`: nothing acts on it.
    pub caps: Option<Range<u32>>,
    /// The change in flight.
    pub in_flight: Option<InFlight>,
    /// The last change that was begun.
    pub last_change: Option<Change>,
}

/// One binding on one target, as its last turn left it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeatView {
    /// Its name.
    pub binding: String,
    /// Its mode.
    pub mode: Mode,
    /// Whether it acts on this target.
    pub acts: bool,
    /// When it had its last turn.
    pub turn_ms: u64,
    /// Id of that turn's record.
    pub record: String,
    /// Why nothing was done, where nothing was.
    pub quiet: Option<Quiet>,
    /// What held its wishes back.
    pub restraints: Vec<Restraint>,
    /// The change of count that it would have made, where it only looks on: from, to.
    pub withheld: Option<(u32, u32)>,
    /// How the target's labels stand with it; missing: it has none that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Box<LabelsView>>,
    /// Its policies.
    pub slots: Vec<SlotView>,
}

/// One policy of a binding on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotView {
    /// The slot's name.
    pub slot: String,
    /// What becomes of its answers: they count (`active`), count while the active one is in quarantine (`stand-in`), or are
    /// recorded only (`shadow`).
    pub role: &'static str,
    /// The policy's name.
    pub policy: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// SHA-256 of its bytes.
    pub digest: Arc<str>,
    /// Whether it failed in this turn.
    pub failed: bool,
    /// Why it did not answer in this turn, where it refused.
    pub refused: Option<Box<Refusal>>,
    /// Since when it has failed at every turn.
    pub faulting_since_ms: Option<u64>,
    /// Turns in a row in which it has failed.
    pub faults: u32,
    /// Until when it is not asked, having failed too often.
    pub quarantined_until_ms: Option<u64>,
    /// Of a shadow: turns in a row in which it agreed with the active one.
    pub agreed: Option<u32>,
}

impl Board {
    /// All targets, as last shown.
    #[must_use]
    pub fn targets(&self) -> Views {
        Arc::clone(&self.targets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One of them.
    #[must_use]
    pub fn target(&self, id: &TargetId) -> Option<Arc<TargetView>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).get(id).map(Arc::clone)
    }

    /// The backends, and whether each was seen.
    #[must_use]
    pub fn drivers(&self) -> BTreeMap<String, Seen> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows whether a backend was seen.
    pub(super) fn saw(&self, driver: &str, seen: Seen) {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).insert(driver.to_owned(), seen);
        self.turned.notify_one();
    }

    /// Waits for the end of a turn, of whatever backend; of several that ended meanwhile, once. One may wait.
    pub async fn turned(&self) {
        self.turned.notified().await;
    }

    /// What has happened after event `number` as far as it is kept, oldest first, and what happens from now on.
    #[must_use]
    pub fn events(&self, number: u64) -> (Vec<Arc<LiveEvent>>, broadcast::Receiver<Arc<LiveEvent>>) {
        self.live.after(number)
    }

    /// Tells whoever follows along.
    pub fn tell(&self, at_ms: u64, what: Happening) {
        self.live.tell(at_ms, what);
    }

    /// Shows what a turn came to, and forgets targets of the driver that are `gone`.
    pub(super) fn show(&self, views: Vec<TargetView>, gone: &BTreeSet<TargetId>) {
        if views.is_empty() && gone.is_empty() {
            return;
        }
        views.iter().for_each(|view| self.tell_of(view));
        let mut shown = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let targets = Arc::make_mut(&mut shown);
        for view in views {
            targets.insert(view.target.id.clone(), Arc::new(view));
        }
        for id in gone {
            targets.remove(id);
        }
    }

    /// Tells what a turn came to, beside changes: what failed, and what is new against the turn before.
    fn tell_of(&self, view: &TargetView) {
        let before = self.target(&view.target.id);
        // Bindings that were not due say what they said before.
        for seat in view.seats.iter().filter(|seat| seat.turn_ms == view.observed_ms) {
            let before = before.iter().flat_map(|before| &before.seats).find(|before| before.binding == seat.binding);
            for slot in &seat.slots {
                let mut kept = before.into_iter().flat_map(|before| &before.slots);
                let kept = kept.find(|kept| (&kept.slot, kept.role) == (&slot.slot, slot.role));
                self.tell_of_slot(view, seat, slot, kept);
            }
            if let Some((from, to)) = seat.withheld.filter(|_| before.is_none_or(|it| it.withheld != seat.withheld)) {
                let (target, binding) = (view.target.id.clone(), seat.binding.clone());
                self.tell(view.observed_ms, Happening::Withheld { target, binding, from, to });
            }
        }
    }

    fn tell_of_slot(&self, view: &TargetView, seat: &SeatView, slot: &SlotView, before: Option<&SlotView>) {
        let (target, binding) = (view.target.id.clone(), seat.binding.clone());
        if slot.failed {
            let failed = Happening::Failed {
                target,
                binding,
                slot: slot.slot.clone(),
                role: slot.role,
                digest: slot.digest.as_ref().to_owned(),
                quarantined_until_ms: slot.quarantined_until_ms,
            };
            return self.tell(view.observed_ms, failed);
        }
        let Some(refusal) = &slot.refused else { return };
        let same = before.and_then(|before| before.refused.as_ref()).is_some_and(|before| before.kind == refusal.kind);
        // A policy that abstains where it does not apply is no news, nor is one that only watches.
        if same || slot.agreed.is_some() || refusal.kind == RefusalKind::NotApplicable {
            return;
        }
        let (kind, text) = (refusal.kind.as_str().to_owned(), refusal.text.clone());
        self.tell(view.observed_ms, Happening::Refused { target, binding, slot: slot.slot.clone(), kind, text });
    }

    /// Targets of a driver that are shown and not among these.
    pub(super) fn gone(&self, driver: &str, there: &BTreeSet<&TargetId>) -> BTreeSet<TargetId> {
        let shown = self.targets();
        shown.keys().filter(|id| id.driver() == driver && !there.contains(id)).cloned().collect()
    }

    /// Shows that a change has ended.
    pub(super) fn ended(&self, target: &TargetId, state: &TargetState) {
        let in_flight = state.flight.as_ref().map(|flight| flight.change.clone());
        let mut shown = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.contains_key(target)
            && let Some(view) = Arc::make_mut(&mut shown).get_mut(target)
        {
            let view = Arc::make_mut(view);
            view.in_flight = in_flight;
            // What was seen before is not how it stands.
            view.seen_ms = None;
        }
    }
}

impl TargetView {
    /// Policies that failed too often and are not asked at `now_ms`, as `binding/slot`; those that watch are not among them.
    #[must_use]
    pub fn quarantined(&self, now_ms: u64) -> Vec<String> {
        let away = |slot: &&SlotView| slot.agreed.is_none() && slot.quarantined_until_ms.is_some_and(|ms| now_ms < ms);
        let of = |seat: &SeatView| {
            let slots = seat.slots.iter().filter(away);
            slots.map(|slot| format!("{}/{}", seat.binding, slot.slot)).collect::<Vec<_>>()
        };
        self.seats.iter().flat_map(of).collect()
    }

    /// A target on which no binding sits.
    pub(super) fn unbound(observed: ObservedTarget, observed_ms: u64) -> Self {
        let ObservedTarget { target, instances, inventory, .. } = observed;
        Self {
            target,
            instances,
            inventory,
            observed_ms,
            seen_ms: Some(observed_ms),
            seats: Vec::new(),
            conflict: Vec::new(),
            caps: None,
            in_flight: None,
            last_change: None,
        }
    }

    /// A target after its turn. `before`: what was shown of it; bindings that were not due keep what it says of them.
    pub(super) fn after(case: Case, backend_counts: bool, now_ms: u64, before: Option<&Self>) -> (Self, TargetState) {
        let Case { observed, state, mut seats, conflict, waiting, seen_ms, .. } = case;
        let mut view = Self { seen_ms, ..Self::unbound(observed, now_ms) };
        if let Some(snapshot) = seats.first().and_then(|seat| seat.snapshot.as_ref()) {
            view.target.limits = snapshot.target.limits.clone();
        }
        if !backend_counts {
            view.target.desired = state.desired.unwrap_or(view.target.desired);
        }
        view.conflict = conflict;
        let acting = seats.iter().find(|seat| seat.acts).map(|seat| seat.binding.caps);
        view.caps = acting.or_else(|| before.and_then(|before| before.caps).filter(|_| !waiting.is_empty()));
        view.in_flight = state.flight.as_ref().map(|flight| flight.change.clone());
        view.last_change = state.changes.last().cloned();
        view.seats = seats.iter_mut().map(|seat| SeatView::after(seat, &state, now_ms)).collect();
        let kept = before.into_iter().flat_map(|before| &before.seats);
        let kept = kept.filter(|kept| waiting.contains(&kept.binding));
        let kept: Vec<SeatView> = kept.cloned().collect();
        view.seats.extend(kept);
        view.seats.sort_by_key(|seat| !seat.acts);
        (view, state)
    }
}

impl SeatView {
    fn after(seat: &mut SeatCase, state: &TargetState, now_ms: u64) -> Self {
        let ruling = seat.ruling.take();
        let failed = |at: usize| seat.answers.iter().any(|answer| answer.slot == at && answer.failed());
        let refused = |at: usize| {
            let answer = seat.answers.iter().find(|answer| answer.slot == at)?;
            answer.refusal().cloned().map(Box::new)
        };
        let slots = seat.binding.slots.iter().enumerate().map(|(at, slot)| {
            let kept = state.slot(&seat.binding, slot);
            let Identity { name, version, digest } = slot.policy.identity().clone();
            SlotView {
                slot: slot.name.clone(),
                role: slot.role.word(),
                policy: name,
                version,
                digest,
                failed: failed(at),
                refused: refused(at),
                faulting_since_ms: kept.and_then(|kept| kept.faulting_since_ms),
                faults: kept.map_or(0, |kept| kept.faults),
                quarantined_until_ms: kept.and_then(|kept| kept.quarantined_until_ms),
                agreed: slot.role.is_shadow().then(|| kept.map_or(0, |kept| kept.agreed)),
            }
        });
        Self {
            binding: seat.binding.name.clone(),
            mode: seat.binding.settings.mode,
            acts: seat.acts,
            turn_ms: now_ms,
            record: std::mem::take(&mut seat.record_id),
            quiet: ruling.as_ref().and_then(|ruling| ruling.quiet).filter(|_| seat.act.is_none()),
            withheld: ruling.as_ref().and_then(|ruling| {
                let count = ruling.withheld.as_ref()?.replicas()?;
                Some((count.from, count.to))
            }),
            slots: slots.collect(),
            restraints: ruling.map(|ruling| ruling.restraints).unwrap_or_default(),
            labels: seat.labels.take(),
        }
    }
}
