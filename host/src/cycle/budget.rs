//! Budgets of groups: how many replicas the targets of a group hold together, over all backends of a host.
//!
//! What a target holds is what is desired of it, or what a change in flight goes from or to, whichever is most. It holds that
//! also while nobody sees it: an unknown is no reason to let others grow. All of a turn's raises are weighed under one lock, and
//! what is short is shared so that nobody has more than another who wants as much. What each target holds is kept with its
//! state, in the commit of the turn that changed it, so that a host that starts knows it before any backend has answered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Cycle;
use super::case::Case;
use super::fitting::Fitted;
use super::seats::Group;
use crate::bounds::{Budget, Origin};
use crate::drivers::ObservedTarget;
use crate::snapshot::{InFlight, TargetId};

/// A target that whole lists have not held for so long is gone, and holds nothing any more.
const GONE_AFTER_MS: u64 = 10 * 60 * 1000;

/// What a target holds of a group's budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The group.
    pub group: String,
    /// So many replicas.
    pub replicas: u32,
}

/// What all targets of a host hold.
#[derive(Debug, Default)]
pub struct Budgets(Mutex<Ledger>);

/// The same, open.
#[derive(Debug, Default)]
struct Ledger {
    holds: HashMap<TargetId, Hold>,
    sums: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Hold {
    held: Held,
    /// Since when whole lists have not held the target.
    missing_since_ms: Option<u64>,
}

impl Budgets {
    /// How many replicas the targets of a group hold.
    #[must_use]
    pub fn held(&self, group: &str) -> u64 {
        self.open().sums.get(group).copied().unwrap_or(0)
    }

    fn open(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn hold(&mut self, target: &TargetId, held: Option<Held>) {
        if let Some(before) = self.holds.get_mut(target) {
            before.missing_since_ms = None;
            if Some(&before.held) == held.as_ref() {
                return;
            }
        }
        if let Some(before) = self.holds.remove(target)
            && let Some(sum) = self.sums.get_mut(&before.held.group)
        {
            *sum = sum.saturating_sub(u64::from(before.held.replicas));
        }
        if let Some(held) = held {
            let sum = self.sums.entry(held.group.clone()).or_default();
            *sum = sum.saturating_add(u64::from(held.replicas));
            self.holds.insert(target.clone(), Hold { held, missing_since_ms: None });
        }
    }

    /// Replicas that a group may still add.
    fn left(&self, group: &Group) -> u32 {
        let held = self.sums.get(&group.name).copied().unwrap_or(0);
        u32::try_from(u64::from(group.replicas_max).saturating_sub(held)).unwrap_or(u32::MAX)
    }
}

impl Cycle {
    /// Takes in what earlier hosts kept.
    pub(super) fn seed_budgets(&self) {
        let mut ledger = self.parts.shared.budgets.open();
        for (target, state) in &self.states {
            if state.held.is_some() {
                ledger.hold(target, state.held.clone());
            }
        }
    }

    /// Takes in what a target that is seen holds, `acting` being the binding that acts on it.
    pub(super) fn account(&self, observed: &ObservedTarget, acting: Option<&Fitted>) -> Option<Held> {
        let target = &observed.target.id;
        let group = acting.and_then(|fitted| fitted.binding.group.as_ref());
        let state = self.states.get(target);
        if group.is_none() && state.is_none_or(|state| state.held.is_none()) {
            return None;
        }
        let kept = state.and_then(|state| state.desired).filter(|_| !self.parts.driver.keeps_desired());
        let desired = kept.unwrap_or(observed.target.desired);
        let flight = state.and_then(|state| state.flight.as_ref()).map(|flight| &flight.change);
        let held = group.map(|group| Held { group: group.name.clone(), replicas: most(desired, flight) });
        self.parts.shared.budgets.open().hold(target, held.clone());
        held
    }

    /// Lets go of what targets hold that whole lists of their backend have not held for long.
    pub(super) fn let_go(&self, there: &[ObservedTarget], now_ms: u64) {
        let mut ledger = self.parts.shared.budgets.open();
        if ledger.holds.is_empty() {
            return;
        }
        let driver = self.parts.driver.name();
        let there: BTreeSet<&TargetId> = there.iter().map(|observed| &observed.target.id).collect();
        let mut gone = Vec::new();
        for (target, hold) in ledger.holds.iter_mut().filter(|(target, _)| target.driver() == driver) {
            if there.contains(target) {
                continue;
            }
            let since_ms = *hold.missing_since_ms.get_or_insert(now_ms);
            if now_ms.saturating_sub(since_ms) >= GONE_AFTER_MS {
                gone.push(target.clone());
            }
        }
        for target in gone {
            tracing::info!(target_id = %target, "it is gone, and holds nothing of its group's budget any more");
            ledger.hold(&target, None);
        }
    }

    /// Rules on all cases; `rule` is called with what a case may add, and again with less where there is not enough for all.
    pub(super) fn rule_within_budgets(&self, cases: &mut [Case], mut rule: impl FnMut(&mut Case, Option<Budget>)) {
        if cases.iter().all(|case| case.group().is_none()) {
            cases.iter_mut().for_each(|case| rule(case, None));
            return;
        }
        let mut ledger = self.parts.shared.budgets.open();
        for case in cases.iter_mut() {
            let held = case.present_hold();
            ledger.hold(&case.observed.target.id, held);
        }
        for case in cases.iter_mut() {
            let budget = case.group().map(|group| Budget { group: group.name.clone(), left: ledger.left(&group) });
            rule(case, budget);
        }
        for (at, budget) in shares(&ledger, cases) {
            if let Some(case) = cases.get_mut(at) {
                rule(case, Some(budget));
            }
        }
        for case in cases.iter_mut() {
            let added = case.raise().map_or(0, |raise| raise.to);
            let held = case.present_hold().map(|held| Held { replicas: held.replicas.max(added), ..held });
            ledger.hold(&case.observed.target.id, held.clone());
            if case.group().is_some() {
                case.state.held = held;
            }
        }
    }

    /// Gives back what raises took that could not be kept, and so are not made.
    pub(super) fn give_back(&self, cases: &[Case]) {
        let mut ledger = self.parts.shared.budgets.open();
        for case in cases.iter().filter(|case| case.group().is_some()) {
            // The case has taken its change in already: what is kept has not.
            let target = &case.observed.target.id;
            let kept = self.states.get(target).and_then(|state| state.flight.as_ref());
            ledger.hold(target, case.hold_with(kept.map(|flight| &flight.change)));
        }
    }
}

/// A raise that is about to be made.
struct Raise {
    from: u32,
    to: u32,
    /// As much of it as takes the target to its fewest: no budget holds that back.
    forced: u32,
}

impl Case {
    /// The group of the binding that acts.
    fn group(&self) -> Option<std::sync::Arc<Group>> {
        self.seats.iter().find(|seat| seat.acts).and_then(|seat| seat.binding.group.clone())
    }

    /// What it holds before this turn's raise.
    fn present_hold(&self) -> Option<Held> {
        self.hold_with(self.state.flight.as_ref().map(|flight| &flight.change))
    }

    fn hold_with(&self, flight: Option<&InFlight>) -> Option<Held> {
        let Some(group) = self.group() else { return self.state.held.clone() };
        let snapshot = self.seats.iter().find(|seat| seat.acts)?.snapshot.as_ref()?;
        Some(Held { group: group.name.clone(), replicas: most(snapshot.target.desired, flight) })
    }

    fn raise(&self) -> Option<Raise> {
        let seat = self.seats.iter().find(|seat| seat.acts)?;
        let decision = seat.act.as_ref().filter(|decision| decision.origin() != Origin::Repair)?;
        let count = decision.replicas().filter(|count| count.to > count.from)?;
        let least = seat.binding.settings.replicas.min;
        Some(Raise { from: count.from, to: count.to, forced: least.min(count.to).saturating_sub(count.from) })
    }
}

/// What each raise may add, where a group has not enough for all of its own: first what takes targets to their fewest, then
/// as much for each as for any other that wants as much. Targets of one wish are served in the order of their names.
fn shares(ledger: &Ledger, cases: &[Case]) -> Vec<(usize, Budget)> {
    let mut groups: BTreeMap<String, (u32, Vec<(usize, Raise)>)> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        if let (Some(group), Some(raise)) = (case.group(), case.raise()) {
            let left = ledger.left(&group);
            groups.entry(group.name.clone()).or_insert_with(|| (left, Vec::new())).1.push((at, raise));
        }
    }
    let mut shares = Vec::new();
    for (group, (left, raises)) in groups {
        let wishes: Vec<Wish<'_>> = raises
            .iter()
            .filter_map(|(at, raise)| {
                let added = raise.to.saturating_sub(raise.from);
                Some(Wish { name: cases.get(*at)?.observed.target.id.as_str(), added, forced: raise.forced })
            })
            .collect();
        if wishes.iter().map(|wish| u64::from(wish.added)).sum::<u64>() <= u64::from(left) {
            continue;
        }
        let shared = share_out(left, &wishes);
        let budgets = raises.iter().zip(shared).map(|((at, _), left)| (*at, Budget { group: group.clone(), left }));
        shares.extend(budgets);
    }
    shares
}

/// What one target wants to add.
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) added: u32,
    pub(super) forced: u32,
}

/// Shares out `left`, in the order of the wishes.
pub(super) fn share_out(left: u32, wishes: &[Wish<'_>]) -> Vec<u32> {
    let forced = wishes.iter().fold(0_u32, |sum, wish| sum.saturating_add(wish.forced));
    let mut rest = left.saturating_sub(forced);
    let mut order: Vec<(usize, u32, &str)> =
        wishes.iter().enumerate().map(|(at, wish)| (at, wish.added.saturating_sub(wish.forced), wish.name)).collect();
    // The smallest wishes first: what they leave of an equal share is shared by the others.
    order.sort_by_key(|(_, wanted, name)| (*wanted, *name));
    let mut shares: Vec<u32> = wishes.iter().map(|wish| wish.forced).collect();
    let mut waiting = u32::try_from(order.len()).unwrap_or(u32::MAX);
    for (at, wanted, _) in order {
        // Rounded up, so that what cannot be divided goes to the first by name and is not lost.
        let given = wanted.min(rest.div_ceil(waiting.max(1)));
        rest = rest.saturating_sub(given);
        waiting = waiting.saturating_sub(1);
        if let Some(share) = shares.get_mut(at) {
            *share = share.saturating_add(given);
        }
    }
    shares
}

/// What is desired, or what a change in flight goes from or to.
fn most(desired: u32, flight: Option<&InFlight>) -> u32 {
    flight.map_or(desired, |change| desired.max(change.from_count).max(change.to_count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(left: u32, wishes: &[(u32, u32)]) -> Vec<u32> {
        let names: Vec<String> = (0..wishes.len()).map(|at| format!("local/{at}")).collect();
        let wishes =
            wishes.iter().zip(&names).map(|((added, forced), name)| Wish { name, added: *added, forced: *forced });
        share_out(left, &wishes.collect::<Vec<_>>())
    }

    #[test]
    fn what_is_short_is_shared_so_that_nobody_has_more_than_another_who_wants_as_much() {
        assert_eq!(shared(9, &[(100, 0), (2, 0), (100, 0)]), [4, 2, 3], "the small wish is met, the others share");
        assert_eq!(shared(1, &[(5, 0), (5, 0)]), [1, 0]);
        assert_eq!(shared(0, &[(5, 0), (5, 0)]), [0, 0]);
        assert_eq!(
            shared(u32::MAX, &[(u32::MAX, 0), (u32::MAX, 0)]).iter().map(|one| u64::from(*one)).sum::<u64>(),
            u64::from(u32::MAX)
        );
    }

    #[test]
    fn what_takes_a_target_to_its_fewest_is_not_held_back_and_counts() {
        assert_eq!(shared(5, &[(3, 3), (9, 0)]), [3, 2]);
        assert_eq!(shared(1, &[(3, 3), (9, 0)]), [3, 0]);
    }
}
