//! Actual → desired, where the backend keeps no desired count: before the policies are asked, exempt from cooldown.

use serde::Serialize;

use super::decide::Question;
use super::decision::{CountChange, Decision, Origin};
use super::gates::{Gates, Standing, protected};
use super::past::{Past, narrow};
use super::restraint::Restraint;
use super::settings::{Mode, Settings};
use super::travel::Quiet;
use super::victims::choose_victims;
use crate::snapshot::{Instance, Phase, Snapshot};

/// Most instances that one repair clears away.
const LEAVERS_MAX: usize = 100;

/// All that one repair follows from.
#[derive(Debug, Clone, Copy)]
pub struct RepairQuestion<'a> {
    /// The facts of this turn; `desired` is the store's.
    pub snapshot: &'a Snapshot,
    /// The bounds of the binding.
    pub settings: &'a Settings,
    /// What the last turn left.
    pub past: &'a Past,
    /// What stands in the way.
    pub gates: &'a Gates,
    /// The key that the change is to have.
    pub key: &'a str,
    /// Number of the lease under which the host acts.
    pub lease_epoch: u64,
    /// When that lease ends.
    pub lease_expires_ms: u64,
}

/// What a repair came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepairRuling {
    /// What is to be done. Where instances are missing, its victims are failed ones, to be cleared away when the new ones
    /// are ready.
    pub decision: Option<Decision>,
    /// Every "no" on the way.
    pub restraints: Vec<Restraint>,
    /// What the next turn, or [`super::decide`] in this one, has to know.
    #[serde(skip)]
    pub past: Past,
    /// Why nothing is done, where nothing is.
    pub quiet: Option<Quiet>,
}

/// Decides whether instances are made or removed so that there are as many as desired. Pure and total.
#[must_use]
pub fn repair(q: &RepairQuestion<'_>) -> RepairRuling {
    let mut past = q.past.clone();
    past.advance(q.snapshot, q.settings, q.gates);
    let mut restraints = Vec::new();
    let (actual, to) = aim(q, &past, &mut restraints);
    if actual == to
        && let Some(ruling) = clear(q, &past, actual)
    {
        return ruling;
    }
    if actual == to {
        let whole = restraints.is_empty();
        if whole {
            past.note_repaired();
        }
        let quiet = Some(if whole { Quiet::Whole } else { Quiet::Restrained });
        return RepairRuling { decision: None, restraints, past, quiet };
    }
    if let Some((restraint, quiet)) = hindrance(q, &past, actual, to) {
        restraints.push(restraint);
        return RepairRuling { decision: None, restraints, past, quiet: Some(quiet) };
    }
    let decision = Decision {
        target: q.snapshot.target.id.clone(),
        key: q.key.to_owned(),
        origin: Origin::Repair,
        replicas: Some(CountChange { from: actual, to }),
        victims: leavers(q, &past, actual, to),
        placement: Vec::new(),
        resize: Vec::new(),
        size_class: None,
        lowers_size: false,
        actions: Vec::new(),
        spares_lost: past.too_many_lost().is_some(),
        reason: format!("{actual} instances are there and {} are desired", q.snapshot.target.desired),
        lease_epoch: q.lease_epoch,
        lease_expires_ms: q.lease_expires_ms,
    };
    past.note_repair();
    RepairRuling { decision: Some(decision), restraints, past, quiet: None }
}

/// Sees out what is left of instances that do not count, where as many as desired do. Not counted as a repair that failed
/// before: it makes nothing, so there is nothing to back off from.
fn clear(q: &RepairQuestion<'_>, past: &Past, actual: u32) -> Option<RepairRuling> {
    let victims = leavers(q, past, actual, actual);
    // A change in flight may be about to clear them away, and nothing is short.
    if victims.is_empty() || q.snapshot.in_flight.is_some() {
        return None;
    }
    if let Some((restraint, quiet)) = hindrance(q, past, actual, actual) {
        let (past, quiet) = (past.clone(), Some(quiet));
        return Some(RepairRuling { decision: None, restraints: vec![restraint], past, quiet });
    }
    let decision = Decision {
        target: q.snapshot.target.id.clone(),
        key: q.key.to_owned(),
        origin: Origin::Repair,
        replicas: Some(CountChange { from: actual, to: actual }),
        reason: format!("{} instances are left over and do not count", victims.len()),
        victims,
        placement: Vec::new(),
        resize: Vec::new(),
        size_class: None,
        lowers_size: false,
        actions: Vec::new(),
        spares_lost: past.too_many_lost().is_some(),
        lease_epoch: q.lease_epoch,
        lease_expires_ms: q.lease_expires_ms,
    };
    Some(RepairRuling { decision: Some(decision), restraints: Vec::new(), past: past.clone(), quiet: None })
}

/// Whether an instance is only left over: it failed, or a host that was killed had begun to stop it, or had stopped it without
/// clearing it away, or had meant to make it and did not. With a change in flight it may be that change's.
fn is_left_over(snapshot: &Snapshot, instance: &Instance) -> bool {
    let ours = instance.made_by.is_some();
    match instance.phase {
        Phase::Failed => true,
        Phase::Stopping | Phase::Stopped | Phase::Pending => ours && snapshot.in_flight.is_none(),
        _ => false,
    }
}

/// Whether an instance counts towards what is desired.
fn counts(snapshot: &Snapshot, instance: &Instance) -> bool {
    instance.phase.counts() && !is_left_over(snapshot, instance)
}

/// How many there are and how many there are to be: what is desired, without leaving the range on the way.
fn aim(q: &RepairQuestion<'_>, past: &Past, restraints: &mut Vec<Restraint>) -> (u32, u32) {
    let instances = &q.snapshot.instances;
    let actual = narrow(instances.iter().filter(|instance| counts(q.snapshot, instance)).count());
    let desired = q.snapshot.target.desired;
    let range = q.settings.replicas;
    if actual > desired {
        return (actual, desired.max(range.min.min(range.max)).min(actual));
    }
    let to = desired.min(range.max).max(actual);
    // A failed instance is certainly gone. A lost one may live on where we cannot see it: with many lost, the fault is
    // rather in between, and making them all anew would double them.
    let lost = narrow(instances.iter().filter(|instance| instance.phase == Phase::Lost).count());
    match past.too_many_lost() {
        Some(many) if lost > 0 && to > actual => {
            restraints.push(Restraint::RepairTooManyLost { lost, since_ms: many.since_ms });
            (actual, to.saturating_sub(lost).max(actual))
        }
        _ => (actual, to),
    }
}

/// What stands in the way of a repair: all that stops a target, a change on its way, doubt about the list, the last repair.
fn hindrance(q: &RepairQuestion<'_>, past: &Past, actual: u32, to: u32) -> Option<(Restraint, Quiet)> {
    let what = || super::restraint::Quantity::Replicas;
    let (held, wished) = (u64::from(actual), u64::from(to));
    let question = Question {
        snapshot: q.snapshot,
        settings: q.settings,
        votes: &[],
        past: q.past,
        gates: q.gates,
        key: q.key,
        lease_epoch: q.lease_epoch,
        lease_expires_ms: q.lease_expires_ms,
    };
    if let Some(stop) = super::gates::stop(&question) {
        let quiet = if Standing::is_stopped(&question) { Quiet::Stopped } else { Quiet::Restrained };
        return Some((stop, quiet));
    }
    if q.settings.mode == Mode::DryRun {
        return Some((Restraint::DryRun, Quiet::DryRun));
    }
    let restrained = |restraint| Some((restraint, Quiet::Restrained));
    let stuck = |change: &crate::snapshot::InFlight| change.is_stuck(q.snapshot.now_ms) && to > actual;
    if let Some(change) = q.snapshot.in_flight.as_ref().filter(|change| !stuck(change)) {
        let (key, since_ms) = (change.key.clone(), change.since_ms);
        return restrained(Restraint::InFlight { what: what(), held, wished, key, since_ms });
    }
    // By what was seen a while ago it would be made twice.
    if q.gates.event_turn && !(q.gates.seen_anew && to > actual) {
        return restrained(Restraint::EventTurn { what: what(), held, wished });
    }
    let backoff = past.repair_backoff().filter(|backoff| to > actual && past.now_ms() < backoff.until_ms);
    if let Some(backoff) = backoff {
        return restrained(Restraint::BackingOff { until_ms: backoff.until_ms, tries: backoff.tries });
    }
    if to > actual {
        return None;
    }
    if q.settings.mode == Mode::RaiseOnly {
        return restrained(Restraint::RaisesOnly { what: what(), held, wished });
    }
    if let Some(many) = past.too_many_lost() {
        let (lost, of, since_ms) = (many.lost, many.of, many.since_ms);
        return restrained(Restraint::TooManyLost { what: what(), held, wished, lost, of, since_ms });
    }
    let protected = protected(q.snapshot);
    (to < protected).then_some((Restraint::ProtectedCount { held: actual, wished: to, protected }, Quiet::Restrained))
}

/// Who goes: too many, in the default order; too few, the failed ones that the new ones stand in for.
fn leavers(q: &RepairQuestion<'_>, past: &Past, actual: u32, to: u32) -> Vec<String> {
    let instances = &q.snapshot.instances;
    if to < actual {
        // Failed ones do not count, so that they come on top of the fall.
        let failed = narrow(instances.iter().filter(|one| one.phase.is_lost() && !one.protected).count());
        let fall = actual.saturating_sub(to).saturating_add(failed);
        let victims = choose_victims(q.snapshot, &[], &[], fall);
        return victims.into_iter().map(str::to_owned).collect();
    }
    let keeps_failed = past.too_many_lost().is_some();
    let left_over = instances.iter().filter(|instance| is_left_over(q.snapshot, instance) && !instance.protected);
    left_over
        .filter(|instance| !(keeps_failed && instance.phase == Phase::Failed))
        .take(LEAVERS_MAX)
        .map(|instance| instance.id.clone())
        .collect()
}
