//! From a decision to durable steps: no choice is left in it, so that the record can hold the plan before anything is done.

use crate::bounds::{ActionKind, Decision, Origin};
use crate::drivers::{Plan, PlanStage, Step};
use crate::snapshot::{Instance, Phase};

/// Plans a decision, given the instances that it was decided on. `backend_counts`: the backend keeps the desired count and
/// makes and removes instances itself.
#[must_use]
pub fn plan(decision: &Decision, instances: &[Instance], backend_counts: bool) -> Plan {
    let mut grow: Vec<Vec<Step>> = Vec::new();
    let mut change: Vec<Vec<Step>> = Vec::new();
    let mut shrink: Vec<Vec<Step>> = Vec::new();
    let mut names = Names { key: decision.key(), target: decision.target().name(), next: 1 };

    if let Some(count) = decision.replicas() {
        if backend_counts {
            let lane = vec![Step::SetCount];
            if count.to > count.from { grow.push(lane) } else { shrink.push(lane) }
        } else {
            let leaves = |id: &str| decision.victims().iter().any(|victim| victim == id);
            let counting = |one: &&Instance| one.phase.counts() && !(one.phase == Phase::Pending && leaves(&one.id));
            let living = instances.iter().filter(counting).count().saturating_add(spared(decision, instances));
            let wanted = usize::try_from(count.to).unwrap_or(usize::MAX);
            grow.extend((living..wanted).map(|_| appear(names.take())));
            let mut surplus = living.saturating_sub(wanted);
            // What is dead is cleared away along with any change of count: it serves nobody and keeps a name and a port. With
            // many lost at once nothing is, for deregistering stops.
            let dead = |one: &&Instance| one.phase == Phase::Failed && !decision.spares_lost() && !leaves(&one.id);
            let dead = instances.iter().filter(dead).map(|one| &one.id);
            let leavers: Vec<&String> = decision.victims().iter().chain(dead).collect();
            for id in leavers {
                match instances.iter().find(|one| &one.id == id).map(|one| one.phase) {
                    Some(Phase::Failed | Phase::Lost | Phase::Stopped | Phase::Pending) => change.push(clear_away(id)),
                    Some(Phase::Stopping | Phase::Draining) => shrink.push(disappear(id)),
                    Some(_) if surplus > 0 => {
                        surplus = surplus.saturating_sub(1);
                        shrink.push(disappear(id));
                    }
                    _ => {}
                }
            }
        }
    }
    for action in decision.actions() {
        let id = &action.instance;
        match action.kind {
            ActionKind::Start => grow.push(vec![
                Step::Start { instance: id.clone() },
                Step::AwaitReady { instance: id.clone() },
                Step::Register { instance: id.clone() },
            ]),
            ActionKind::Restart => change.push(vec![
                Step::Drain { instance: id.clone() },
                Step::Deregister { instance: id.clone() },
                Step::Restart { instance: id.clone() },
                Step::AwaitReady { instance: id.clone() },
                Step::Register { instance: id.clone() },
            ]),
            ActionKind::Replace => {
                // What is dead is cleared away first: it may hold the port or name that its successor needs.
                if is_dead(instances, id) {
                    let mut lane = clear_away(id);
                    lane.extend(appear(names.take()));
                    grow.push(lane);
                } else {
                    grow.push(appear(names.take()));
                    shrink.push(disappear(id));
                }
            }
            ActionKind::Remove => shrink.push(disappear(id)),
        }
    }

    if !decision.resize().is_empty() || decision.size_class().is_some() {
        // More, smaller ones: what there is must not become smaller before the others have come.
        let waits = decision.lowers_size() && !grow.is_empty();
        if waits { shrink.push(vec![Step::Resize]) } else { change.push(vec![Step::Resize]) }
    }

    let stages = [(false, grow), (false, change), (true, shrink)];
    Plan {
        stages: stages
            .into_iter()
            .filter(|(_, lanes)| !lanes.is_empty())
            .map(|(shrinks, lanes)| PlanStage { shrinks, lanes })
            .collect(),
    }
}

/// Lost instances that a raise takes for living, since too many are lost at once to make them all anew. A repair has left them
/// out of its count already.
fn spared(decision: &Decision, instances: &[Instance]) -> usize {
    if !decision.spares_lost() || decision.origin() == Origin::Repair {
        return 0;
    }
    instances.iter().filter(|one| one.phase == Phase::Lost).count()
}

/// Names for new instances: the change's key is in them, so that whoever finds one knows which record made it.
struct Names<'a> {
    key: &'a str,
    target: &'a str,
    next: u32,
}

impl Names<'_> {
    fn take(&mut self) -> String {
        let name = format!("{}-{}-{}", self.target, self.key, self.next);
        self.next = self.next.saturating_add(1);
        name
    }
}

fn is_dead(instances: &[Instance], id: &str) -> bool {
    instances
        .iter()
        .any(|instance| instance.id == id && matches!(instance.phase, Phase::Failed | Phase::Lost | Phase::Stopped))
}

fn appear(id: String) -> Vec<Step> {
    vec![
        Step::Create { instance: id.clone() },
        Step::AwaitReady { instance: id.clone() },
        Step::Register { instance: id },
    ]
}

fn clear_away(id: &str) -> Vec<Step> {
    vec![Step::Deregister { instance: id.to_owned() }, Step::Remove { instance: id.to_owned() }]
}

fn disappear(id: &str) -> Vec<Step> {
    vec![
        Step::Drain { instance: id.to_owned() },
        Step::Deregister { instance: id.to_owned() },
        Step::Stop { instance: id.to_owned() },
        Step::Remove { instance: id.to_owned() },
    ]
}
