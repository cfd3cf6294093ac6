//! Who stands in for instances that are away with a lost node: the count is raised so that others are made elsewhere, and
//! lowered again when those are back.

use trimtab_sdk::snapshot::{Instance, Node};
use trimtab_sdk::{Proposal, Snapshot};

use crate::crew::{Crew, State};
use crate::past::{AWAY_MAX, Handed, Past, mark_of};
use crate::{Parameters, Plan};

/// Most nodes that are named as places.
const PLACES_MAX: usize = 32;
/// Most stand-ins that are named at once.
const STAND_INS_MAX: usize = 64;
/// How far the backend's clock may be behind the host's.
const SKEW_MS: u64 = 30_000;

/// Raises, holds or gives back the count of stand-ins, and keeps the floor.
///
/// With `home` the count without stand-ins, of which `wanted` are to be healthy, and `away` instances out of sight with their
/// nodes: `wanted + away − home` stand in, so that `wanted` are left. They go back as soon as more than `wanted` are healthy.
pub(crate) fn balance(
    crew: &Crew<'_>,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
    past: &mut Past,
    plan: &mut Plan,
) {
    let desired = snapshot.desired();
    past.handed = past.handed.and_then(|handed| handed.follow(desired));
    let (home, surplus) = match past.handed {
        Some(handed) => (handed.home, handed.asked.saturating_sub(handed.home)),
        None => (desired, 0),
    };
    let wanted = parameters.wanted(home);
    let due = crew.members.iter().filter(|one| one.state == State::Away && one.is_due()).count();
    let away = if parameters.hand_over { u32::try_from(due).unwrap_or(u32::MAX) } else { 0 };
    let left = crew.present();
    let mut floor = parameters.floor();
    let mut reasons = Vec::new();
    if floor > desired {
        reasons.push(format!("`min_healthy` is {floor} and {desired} are desired"));
    }
    let stand_ins = wanted.saturating_add(away).saturating_sub(home).min(away);
    if left < wanted && stand_ins > 0 {
        past.hand(home, stand_ins, crew, snapshot);
        floor = floor.max(home.saturating_add(stand_ins));
        let nodes = snapshot.nodes().iter().filter(|node| !node.ready).count();
        reasons.push(format!(
            "{away} instances are away with {nodes} lost nodes, {left} of {wanted} wanted are left: {stand_ins} stand in"
        ));
    }
    let spare = crew.healthy().saturating_sub(wanted).min(surplus);
    if reasons.is_empty() && spare > 0 {
        let why = format!("{} of {wanted} wanted are healthy: {spare} of {surplus} stand-ins go", crew.healthy());
        let draft = Proposal::scale(desired.saturating_sub(spare)).instances(stand_ins_of(past, snapshot));
        let draft = if floor > 0 { draft.and_at_least(floor) } else { draft };
        return plan.proposals.push(draft.because(why));
    }
    if reasons.is_empty() && surplus > 0 {
        let why = format!("{surplus} stand in for what is away, {} of {wanted} wanted are healthy", crew.healthy());
        return plan.proposals.push(Proposal::hold().because(why));
    }
    if reasons.is_empty() && floor > 0 {
        let why = format!("{} of {desired} are healthy; `min_healthy` is {floor}", crew.healthy());
        plan.proposals.push(Proposal::at_least(floor).because(why));
    } else if floor > 0 {
        let why = reasons.join("; ");
        plan.proposals.push(Proposal::at_least(floor).placement(places(snapshot)).because(why));
    }
}

impl Handed {
    /// What is left of it at this count: what others add is theirs, what they take away was ours first.
    fn follow(self, desired: u32) -> Option<Self> {
        let added = desired.saturating_sub(self.asked);
        let asked = self.asked.saturating_add(added).min(desired);
        let home = self.home.saturating_add(added).min(desired);
        (asked > home).then_some(Self { home, asked, ..self })
    }
}

impl Past {
    fn hand(&mut self, home: u32, stand_ins: u32, crew: &Crew<'_>, snapshot: &Snapshot<'_>) {
        let since_ms = self.handed.map_or(snapshot.now_ms(), |handed| handed.since_ms);
        if self.handed.is_none() {
            self.away.clear();
        }
        self.handed = Some(Handed { home, asked: home.saturating_add(stand_ins), since_ms });
        let away = crew.members.iter().filter(|one| one.state == State::Away).map(|one| mark_of(&one.instance.id));
        let nodes = snapshot.nodes().iter().filter(|node| !node.ready).map(|node| mark_of(&node.id));
        for mark in away.chain(nodes) {
            if self.away.len() < AWAY_MAX && !self.away.contains(&mark) {
                self.away.push(mark);
            }
        }
    }
}

/// The stand-ins, the newest first: made since the handing over, and neither those that came back nor on their nodes.
fn stand_ins_of(past: &Past, snapshot: &Snapshot<'_>) -> Vec<String> {
    let Some(handed) = past.handed else { return Vec::new() };
    let nodes = snapshot.nodes();
    let node_of = |one: &Instance| nodes.get(usize::try_from(one.node?).ok()?);
    let is_back = |one: &Instance| {
        past.away.contains(&mark_of(&one.id)) || node_of(one).is_some_and(|node| past.away.contains(&mark_of(&node.id)))
    };
    let since_ms = handed.since_ms.saturating_sub(SKEW_MS);
    let made_since = |one: &&Instance| one.started_ms.is_some_and(|started_ms| started_ms >= since_ms);
    let mut found: Vec<&Instance> =
        snapshot.instances().iter().filter(made_since).filter(|one| !is_back(one)).collect();
    order(&mut found, STAND_INS_MAX, |one| u64::MAX - one.started_ms.unwrap_or(0));
    found.into_iter().take(STAND_INS_MAX).map(|one| one.id.clone()).collect()
}

/// Nodes that work and take instances, those with the fewest of ours first.
pub(crate) fn places(snapshot: &Snapshot<'_>) -> Vec<String> {
    let nodes = snapshot.nodes();
    let mut ours = vec![0_u32; nodes.len()];
    for index in snapshot.instances().iter().filter_map(|one| usize::try_from(one.node?).ok()) {
        if let Some(count) = ours.get_mut(index) {
            *count += 1;
        }
    }
    let mut open: Vec<(&u32, &Node)> =
        ours.iter().zip(nodes).filter(|(_, node)| node.ready && node.schedulable).collect();
    order(&mut open, PLACES_MAX, |(count, _)| u64::from(**count));
    open.into_iter().take(PLACES_MAX).map(|(_, node)| node.id.clone()).collect()
}

/// Puts the `most` smallest first, equals as they were. The standard library's sort costs a guest 8 KB for each type, and all
/// that is wanted are a few.
pub(crate) fn order<T>(list: &mut [T], most: usize, key: impl Fn(&T) -> u64) {
    for place in 0..list.len().min(most) {
        let Some(rest) = list.get_mut(place..) else { return };
        let smallest = (0..rest.len()).min_by_key(|at| rest.get(*at).map(&key)).unwrap_or(0);
        if let Some(moved) = rest.get_mut(..=smallest) {
            moved.rotate_right(1);
        }
    }
}
