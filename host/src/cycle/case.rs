//! One target in a turn, from what is there to what is to be done.

use std::borrow::Cow;
use std::sync::Arc;

use super::evaluate::SlotAnswer;
use super::fitting::{Fitted, LabelsView};
use super::{Binding, Lease, TargetState, evaluate};
use crate::bounds::{
    self, ActionKind, Decision, Gates, Past, Question, Range, RepairQuestion, RepairRuling, Ruling, Settings, Vote,
};
use crate::drivers::ObservedTarget;
use crate::snapshot::{Inventory, Reading, Snapshot};

/// One target in a turn.
pub(super) struct Case {
    pub(super) observed: ObservedTarget,
    pub(super) state: TargetState,
    pub(super) seats: Vec<SeatCase>,
    pub(super) conflict: Vec<String>,
    /// Bindings that sit on it and are not due.
    pub(super) waiting: Vec<String>,
    /// What is to be noted of it.
    pub(super) remarks: Vec<String>,
    /// When its state was last written; this turn's, if it is.
    pub(super) written_ms: u64,
    /// When its driver told of it; `None`: its next turn must ask.
    pub(super) seen_ms: Option<u64>,
}

/// One binding of one target in a turn.
pub(super) struct SeatCase {
    pub(super) binding: Arc<Binding>,
    pub(super) acts: bool,
    /// How the target's labels stand with it.
    pub(super) labels: Option<Box<LabelsView>>,
    pub(super) readings: Vec<Reading>,
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) answers: Vec<SlotAnswer>,
    pub(super) ruling: Option<Ruling>,
    pub(super) repair: Option<RepairRuling>,
    /// What is to be done.
    pub(super) act: Option<Decision>,
    /// What the next turn has to know.
    pub(super) past: Past,
    /// Whether a change in flight is cancelled for one that is more urgent.
    pub(super) supersedes: bool,
    /// Id of its record in this turn, and key of the change that it begins, if it begins one.
    pub(super) record_id: String,
}

impl Case {
    /// Whether the list of instances is whole, and not suddenly empty.
    pub(super) fn is_list_believed(&self) -> bool {
        let told = self.seats.iter().filter_map(|seat| seat.snapshot.as_ref());
        told.map(|snapshot| &snapshot.inventory).all(Inventory::is_complete)
    }

    /// Whether so much of the target is lost at once that nothing is taken out of the registrars.
    pub(super) fn too_many_lost(&self) -> bool {
        self.seats.iter().any(|seat| seat.acts && seat.past.too_many_lost().is_some())
    }
}

impl SeatCase {
    pub(super) fn new(fitted: Fitted, acts: bool) -> Self {
        Self {
            binding: fitted.binding,
            acts,
            labels: fitted.labels,
            readings: Vec::new(),
            snapshot: None,
            answers: Vec::new(),
            ruling: None,
            repair: None,
            act: None,
            past: Past::default(),
            supersedes: false,
            record_id: String::new(),
        }
    }

    /// Asks the bounds: first for the repair, then for the policies' wishes. A raise covers the repair, for it makes whatever
    /// is missing on the way, and so does starting as many stopped instances as are missing: nobody who asks for that wants new
    /// ones beside them. Otherwise the repair goes first, and the wish comes again next turn.
    pub(super) fn rule(&mut self, past: &Past, gates: &Gates, lease: Lease, repairs: bool) {
        let Some(snapshot) = self.snapshot.as_deref() else { return };
        let votes: Vec<Vote> = evaluate::votes(&self.answers);
        let binding = Arc::clone(&self.binding);
        let settings = settings(&binding, gates, snapshot.now_ms);
        let settings = settings.as_ref();
        let repair = (repairs && self.acts).then(|| {
            bounds::repair(&RepairQuestion {
                snapshot,
                settings,
                past,
                gates,
                key: &self.record_id,
                lease_epoch: lease.epoch,
                lease_expires_ms: lease.expires_ms,
            })
        });
        let mut ruling = bounds::decide(&Question {
            snapshot,
            settings,
            votes: &votes,
            past: repair.as_ref().map_or(past, |repair| &repair.past),
            gates,
            key: &self.record_id,
            lease_epoch: lease.epoch,
            lease_expires_ms: lease.expires_ms,
        });
        let mut repair_decision = repair.as_ref().and_then(|repair| repair.decision.clone());
        let raises = ruling.decision.as_ref().and_then(Decision::replicas).is_some_and(|count| count.to > count.from);
        let starts = |wish: &Decision| repair_decision.as_ref().is_some_and(|repair| makes_whole(wish, repair));
        if raises || ruling.decision.as_ref().is_some_and(starts) {
            repair_decision = None;
        }
        if repair_decision.is_some() && ruling.decision.is_some() {
            ruling.past.undone(snapshot.now_ms);
        }
        self.past = ruling.past.clone();
        self.act = repair_decision.or_else(|| ruling.decision.clone()).filter(|_| self.acts);
        self.repair = repair;
        self.ruling = Some(ruling);
    }

    /// Where a change is still under way, it is cancelled first, and the next turn decides from what it left.
    pub(super) fn supersede(&mut self, is_running: bool) {
        self.supersedes = false;
        if !(self.acts && is_running && self.act.is_some()) {
            return;
        }
        self.act = None;
        self.supersedes = true;
        if let Some(snapshot) = &self.snapshot {
            self.past.undone(snapshot.now_ms);
        }
    }
}

/// Whether a wish starts as many instances as a repair would make.
fn makes_whole(wish: &Decision, repair: &Decision) -> bool {
    let missing = repair.replicas().map_or(0, |count| count.to.saturating_sub(count.from));
    let started = wish.actions().iter().filter(|action| action.kind == ActionKind::Start).count();
    missing > 0 && u32::try_from(started).is_ok_and(|started| started >= missing)
}

/// The bounds of this turn. A person's pin goes before what labels and the binding say of the range, and no further than the
/// caps.
fn settings<'b>(binding: &'b Binding, gates: &Gates, now_ms: u64) -> Cow<'b, Settings> {
    let own = &binding.settings;
    let range = own.replicas;
    match gates.pin_in_force(now_ms).map(|pin| pin.replicas).filter(|pin| !(range.min..=range.max).contains(pin)) {
        None => Cow::Borrowed(own),
        Some(pin) => {
            let replicas = Range { min: range.min.min(pin), max: range.max.max(pin) }.within(binding.caps);
            Cow::Owned(Settings { replicas, ..own.clone() })
        }
    }
}
