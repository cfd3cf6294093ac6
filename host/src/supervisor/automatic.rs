//! What nobody has to ask for: a version that watched and agreed long enough takes the active one's place, and a version that
//! was activated on probation and fails is gone back from. Both by the same planned change as a person's, told as loudly.
//!
//! It looks at the board after each turn, beside the turns: none waits for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::policies::Activation;
use super::steer_error::SteerError;
use super::steering::Steering;
use crate::access::{Change, Identity, Permission};
use crate::cycle::{Binding, Promotion, Role, SeatView, Slot, SlotView, Views};
use crate::registry::Active;

/// Turns in a row in which a version on probation may fail on a target. Quarantine, which comes by durations, ends it too.
const FAULTS_MAX: u32 = 3;

/// Who promotes.
const PROMOTION: &str = "automatic promotion";
/// Who goes back.
const ROLLBACK: &str = "automatic rollback";

/// A version, and for whom: `None` for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Concern {
    name: String,
    digest: String,
    binding: Option<String>,
}

/// Judges after each turn, until `shutdown`.
pub(super) async fn keep_judging(steering: Steering, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = steering.board().turned() => steering.judge().await,
        }
    }
}

impl Steering {
    /// Promotes what has agreed long enough, and goes back from what fails on probation.
    async fn judge(&self) {
        let bindings = self.bindings();
        let (failing, agreeing) = {
            // Held no longer than needed: a turn copies the list where somebody holds it.
            let shown = if slots(&bindings, is_on_trial).next().is_some() { self.targets() } else { return };
            let seats = by_binding(&shown);
            (failing(&bindings, &seats, self.clock().now_ms()), agreeing(&bindings, &seats))
        };
        for concern in &failing {
            let done = self.fall_back(concern).await;
            self.complain_of(concern, ROLLBACK, done);
        }
        for (concern, promotion) in agreeing {
            let done = self.promote(&concern, promotion).await;
            self.complain_of(&concern, PROMOTION, done);
        }
    }

    async fn promote(&self, concern: &Concern, promotion: Promotion) -> Result<(), SteerError> {
        let Concern { name, digest, binding } = concern;
        let before = self.registry().active(name).await?;
        let watches = |active: &Active| {
            active.shadows.iter().any(|shadow| shadow.digest == *digest && shadow.binding == *binding)
        };
        if !before.as_ref().is_some_and(watches) {
            // A person was faster.
            return Ok(());
        }
        let after = promotion.after;
        tracing::warn!(policy = name, digest, binding, after, "a version agreed long enough, and is promoted");
        let rollback_on_fault = promotion.rollback_on_fault.then_some(true);
        let binding = binding.as_deref();
        let activation = Activation { name, digest, binding, who: PROMOTION, rollback_on_fault };
        let active = self.activate_as(&activation).await?;
        self.keep_change(name, PROMOTION, before.as_ref(), &active).await
    }

    async fn fall_back(&self, concern: &Concern) -> Result<(), SteerError> {
        let Concern { name, digest, binding } = concern;
        let before = self.registry().active(name).await?;
        let on_probation =
            |active: &Active| active.probations.iter().any(|one| one.digest == *digest && one.binding == *binding);
        if !before.as_ref().is_some_and(on_probation) {
            return Ok(());
        }
        tracing::error!(policy = name, digest, binding, "a version on probation fails: going back to the one before");
        let active = self.rollback(name, binding.as_deref(), ROLLBACK).await?;
        self.keep_change(name, ROLLBACK, before.as_ref(), &active).await
    }

    /// Keeps it in the log of changes, beside those that people made.
    pub(super) async fn keep_change(
        &self,
        name: &str,
        who: &str,
        before: Option<&Active>,
        after: &Active,
    ) -> Result<(), SteerError> {
        let brief = |active: &Active| json!({ "default": active.default, "bindings": active.bindings });
        let object = format!("policy {name}");
        let change = Change::new(self.clock().now_ms(), &Identity::host(), Permission::PolicyActivate, object);
        let change = Change { who: who.to_owned(), ..change }.to(&brief(after));
        let change = before.iter().fold(change, |change, before| change.from(&brief(before)));
        self.store().write(vec![change.write()]).await?;
        Ok(())
    }

    fn complain_of(&self, concern: &Concern, who: &str, done: Result<(), SteerError>) {
        if let Err(error) = done {
            let Concern { name, digest, binding } = concern;
            tracing::error!(policy = name, digest, binding, who, %error, "it could not be done; it is tried after the next turn");
            self.tell(format!("the {who} of version {digest} of {name} could not be done: {error}"));
        }
    }
}

/// Whether anything of a slot is to be judged.
fn is_on_trial(slot: &Slot) -> Option<()> {
    matches!(slot.role, Role::Active { probation: Some(_) } | Role::Shadow { promotion: Some(_) }).then_some(())
}

/// What the targets of each binding show.
type Seats<'a> = HashMap<&'a str, Vec<&'a SeatView>>;

fn by_binding(shown: &Views) -> Seats<'_> {
    let mut seats = Seats::new();
    for seat in shown.values().flat_map(|view| &view.seats) {
        seats.entry(seat.binding.as_str()).or_default().push(seat);
    }
    seats
}

/// Versions on probation that fail somewhere.
fn failing(bindings: &[Arc<Binding>], seats: &Seats<'_>, now_ms: u64) -> BTreeSet<Concern> {
    let probation = |slot: &Slot| match slot.role {
        Role::Active { probation: Some(probation) } if now_ms < probation.until_ms => Some(probation.for_all),
        _ => None,
    };
    let fails = |view: &SlotView| view.faults >= FAULTS_MAX || view.quarantined_until_ms.is_some();
    let failing = slots(bindings, probation).filter(|(binding, slot, _)| {
        let mut views = seats.get(binding.name.as_str()).into_iter().flatten().flat_map(|seat| &seat.slots);
        views.any(|view| is_of(view, slot) && fails(view))
    });
    failing.map(|(binding, slot, for_all)| concern(binding, slot, for_all)).collect()
}

/// Versions that watch and have agreed long enough on every target of every binding that they watch for. A binding of which
/// no target is known has not agreed.
fn agreeing(bindings: &[Arc<Binding>], seats: &Seats<'_>) -> Vec<(Concern, Promotion)> {
    let promotion = |slot: &Slot| match slot.role {
        Role::Shadow { promotion } => promotion,
        _ => None,
    };
    let mut found: BTreeMap<Concern, (Promotion, bool)> = BTreeMap::new();
    for (binding, slot, promotion) in slots(bindings, promotion) {
        let agrees = |seat: &&SeatView| {
            let own = seat.slots.iter().find(|view| is_of(view, slot));
            own.and_then(|view| view.agreed).is_some_and(|agreed| agreed >= promotion.after)
        };
        let agree = seats.get(binding.name.as_str()).is_some_and(|seats| seats.iter().all(agrees));
        let (_, all) = found.entry(concern(binding, slot, promotion.for_all)).or_insert((promotion, true));
        *all = *all && agree;
    }
    found.into_iter().filter(|(_, (_, all))| *all).map(|(concern, (promotion, _))| (concern, promotion)).collect()
}

/// The slots of all bindings of which `of` tells something.
fn slots<T>(bindings: &[Arc<Binding>], of: impl Fn(&Slot) -> Option<T>) -> impl Iterator<Item = (&Binding, &Slot, T)> {
    let all = bindings.iter().flat_map(|binding| binding.slots.iter().map(move |slot| (binding.as_ref(), slot)));
    all.filter_map(move |(binding, slot)| of(slot).map(|told| (binding, slot, told)))
}

fn is_of(view: &SlotView, slot: &Slot) -> bool {
    view.slot == slot.name && view.role == slot.role.word() && view.digest.as_ref() == slot.policy.digest()
}

fn concern(binding: &Binding, slot: &Slot, for_all: bool) -> Concern {
    Concern {
        name: slot.policy.manifest().name.clone(),
        digest: slot.policy.digest().to_owned(),
        binding: (!for_all).then(|| binding.name.clone()),
    }
}
