//! Overlord's rule (`poll-autoscale`, `scale_project`): a replica is a node on which the project is up, at most one on each.
//!
//! Its order of evaluation: classify the nodes; redeploy if the file changed; clean up if asked to; below the floor, bring the
//! project up on one bad node after the other; above it, take it down on the first good one. Rules are another policy's.

use trimtab_sdk::prelude::*;
use trimtab_sdk::snapshot::{Instance, Node};

use crate::Parameters;
use crate::past::Past;

/// What Overlord takes a node for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Good,
    /// The project can be brought up there.
    Bad,
    /// Unhealthy: in neither list, so that another node is used.
    Ignored,
    /// An error when talking to it: in neither list.
    Failing,
}

/// A node, as far as Overlord looks at it; without nodes, an instance stands for its own.
#[derive(Debug)]
struct Place<'s> {
    node: Option<&'s Node>,
    instance: Option<&'s Instance>,
    class: Class,
}

pub(crate) fn evaluate(snapshot: &Snapshot<'_>, parameters: &Parameters, past: &mut Past) -> Result<Answer, Refusal> {
    let min = parameters.min_healthy.and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
    let max = snapshot.target().limits.replicas_max;
    if max < min {
        let text = format!("`min_healthy` is {min} and the binding's `replicas.max` is {max}");
        return Err(Refusal::parameter_wrong(text));
    }
    let places = classify(snapshot, parameters);
    let good: Vec<&Instance> =
        places.iter().filter(|place| place.class == Class::Good).filter_map(|place| place.instance).collect();
    let count = u32::try_from(good.len()).unwrap_or(u32::MAX);
    let notes = tally(&places);

    let before = past.template;
    let force = past.changed(snapshot, parameters).is_some() && past.template != before;
    let answer = if force && count > 0 {
        let label = parameters.digest_label.as_deref().unwrap_or_default();
        let why = format!("`{label}` changed: the project goes up anew on {count} good nodes");
        Proposal::act(&Kind::Redeploy, good.iter().map(|one| one.id.as_str())).because(why).into()
    } else if let Some(label) = cleanup(snapshot, parameters) {
        Proposal::scale(0).because(format!("`{label}` asks to take the project down on all nodes")).into()
    } else if count < min {
        floor(&places, count, min, snapshot)
    } else if count > min {
        let (desired, first) = (snapshot.desired(), good.iter().take(1).map(|one| one.id.as_str()));
        let why = format!("{count} good nodes are more than {min}: the first of them goes down");
        Proposal::scale(desired.saturating_sub(1)).instances(first).because(why).into()
    } else {
        Answer::hold(format!("{count} good nodes of {min}"))
    };
    Ok(answer.note(notes))
}

/// Below the floor: bad nodes in their order, each counted as good as soon as it is asked. Rules are not looked at meanwhile,
/// so that the count is exact, a floor and a ceiling.
fn floor(places: &[Place<'_>], mut count: u32, min: u32, snapshot: &Snapshot<'_>) -> Answer {
    let (mut starts, mut ups, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    let mut there = places.iter().filter(|place| place.instance.is_some() && place.class != Class::Bad).count();
    for place in places.iter().filter(|place| place.class == Class::Bad) {
        if count >= min {
            break;
        }
        match (place.instance, place.node) {
            (Some(one), _) if one.phase() == Phase::Stopped => starts.push(one.id.clone()),
            (Some(one), _) => ups.push(one.id.clone()),
            (None, Some(node)) => empty.push(node.id.clone()),
            (None, None) => continue,
        }
        (count, there) = (count + 1, there + 1);
    }
    let mut answer = Answer::default();
    for (kind, ids) in [(Kind::Start, starts), (Kind::Replace, ups)].into_iter().filter(|(_, ids)| !ids.is_empty()) {
        let why = format!("the project is not up on {} nodes, {min} good ones are wanted", ids.len());
        answer = answer.and(Proposal::act(&kind, ids).because(why));
    }
    let total = u32::try_from(there).unwrap_or(u32::MAX).max(snapshot.desired());
    let short = if count < min {
        format!("Insufficient nodes to replicate the project ({count}/{min})")
    } else {
        format!("{} empty nodes are used for {min} good ones", empty.len())
    };
    let draft = Proposal::scale(total).and_at_least(total).and_at_most(total).placement(empty);
    answer.and(draft.because(short))
}

fn cleanup<'p>(snapshot: &Snapshot<'_>, parameters: &'p Parameters) -> Option<&'p str> {
    let label = parameters.cleanup_label.as_deref()?;
    snapshot.label(label).map(|_| label)
}

/// The nodes in their order, each with the instance on it that counts for most. Nodes that take nothing are those whose labels
/// do not match. Where the backend tells of no nodes, each instance stands for its own.
fn classify<'s>(snapshot: &'s Snapshot<'_>, parameters: &Parameters) -> Vec<Place<'s>> {
    let instances = snapshot.instances();
    let class = |one: &Instance| class_of(one, snapshot, parameters);
    if snapshot.nodes().is_empty() {
        let of = |one| Place { node: None, instance: Some(one), class: class(one) };
        return instances.iter().map(of).collect();
    }
    let mut places = Vec::with_capacity(instances.len());
    for (index, node) in (0_u32..).zip(snapshot.nodes()) {
        let here = || instances.iter().filter(|one| one.node == Some(index));
        let best = here().find(|one| class(one) == Class::Good).or_else(|| here().next());
        let class = match best {
            _ if !node.ready => Class::Failing,
            Some(one) => class(one),
            None if node.schedulable => Class::Bad,
            None => continue,
        };
        places.push(Place { node: Some(node), instance: best, class });
    }
    places
}

/// One instance, as `check_project` looks at it: state, services, `dirty`, health.
fn class_of(one: &Instance, snapshot: &Snapshot<'_>, parameters: &Parameters) -> Class {
    match one.phase() {
        // UNFINISHED: taken for one that is being made, for ever.
        Phase::Pending | Phase::Starting => Class::Good,
        Phase::Ready if is_dirty(one, snapshot, parameters) => Class::Bad,
        Phase::Ready => Class::Good,
        Phase::Unready => Class::Ignored,
        Phase::Stopped | Phase::Failed | Phase::Draining | Phase::Stopping => Class::Bad,
        _ => Class::Failing,
    }
}

/// Not known is not dirty: Overlord's default configuration does not even ask.
fn is_dirty(one: &Instance, snapshot: &Snapshot<'_>, parameters: &Parameters) -> bool {
    let Some(reading) = &parameters.dirty_reading else { return false };
    let said = snapshot.reading(reading).instances().find(|(owner, _)| owner.id == one.id);
    said.and_then(|(_, fact)| fact.fresh()).is_some_and(|samples| samples.latest() >= 1.0)
}

fn tally(places: &[Place<'_>]) -> String {
    let count = |class: Class| places.iter().filter(|place| place.class == class).count();
    let (good, bad) = (count(Class::Good), count(Class::Bad));
    let (ignored, failing) = (count(Class::Ignored), count(Class::Failing));
    format!("nodes: {good} good, {bad} bad, {ignored} ignored for their health, {failing} not to be reached")
}
