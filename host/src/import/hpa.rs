//! Kubernetes' HorizontalPodAutoscaler: `target-tracking` within replicas, stabilization and windows.
//!
//! From the API reference of `autoscaling/v2` and `autoscaling/v1`, and the defaults that the API server fills in.

pub(super) mod behavior;
mod metrics;

use super::draft::Draft;
use super::fields::{Field, Fields};
use super::goals::Goals;
use super::kubernetes::{self, Kind, Object, Scaled};
use super::node::embedded_json;
use super::{Choices, REPLICAS_MAX};

pub(super) const KIND: Kind = Kind {
    word: "HorizontalPodAutoscaler",
    versions: &["autoscaling/v2", "autoscaling/v1", "autoscaling/v2beta2"],
    beyond: &[],
};

/// Where autoscaling/v1 keeps what only later versions have.
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const SEEN: [&str; 2] =
    ["autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics"];

pub(super) fn import(object: &Object<'_>, choices: &Choices) -> Option<Draft> {
    let spec = object.root.need("spec", "give the whole object")?.map()?;
    let scaled = Scaled::read(&spec.need("scaleTargetRef", "say what is scaled")?)?;
    let mut draft = kubernetes::draft(object, &scaled, choices);
    put_replicas(&spec, &mut draft)?;
    draft.set_with("every", "\"15s\"", "the HPA's own period");
    let mut goals = Goals::default();
    if object.version == "autoscaling/v1" {
        put_v1(object, &spec, &scaled, choices, &mut draft, &mut goals);
    } else {
        behavior::put(spec.get("behavior").as_ref(), &mut draft, Some(&mut goals));
        let place = metrics::Place { namespace: &object.namespace, scaled: &scaled, choices };
        match spec.get("metrics") {
            Some(field) => metrics::put(&field, &place, &mut draft, &mut goals),
            None => metrics::put_default(&spec, &place, &mut draft, &mut goals),
        }
    }
    spec.finish();
    let [conditions, seen] = SEEN;
    object.finish(&[METRICS, BEHAVIOR, conditions, seen]);
    let Some(policy) = goals.policy() else {
        let remedy = "write the binding by hand: none of its metrics could be carried over";
        object.root.get("spec")?.refused("there is nothing to scale by", remedy);
        return None;
    };
    draft.policy(policy);
    Some(draft)
}

fn put_replicas(spec: &Fields<'_>, draft: &mut Draft) -> Option<()> {
    let field = spec.need("maxReplicas", "an HPA has a maximum")?;
    let max = field.whole(1..=REPLICAS_MAX);
    let min = spec.get("minReplicas").map(|field| field.whole(0..=REPLICAS_MAX));
    let (Some(max), Some(min)) = (max, min.unwrap_or(Some(1))) else {
        field.refused("the replicas cannot be read", "correct minReplicas and maxReplicas");
        return None;
    };
    if min > max {
        field.refused(format!("minReplicas {min} is above maxReplicas {max}"), "lower one or raise the other");
        return None;
    }
    let replicas = format!("{{ min = {min}, max = {max} }}");
    field.carried(format!("replicas = {replicas}"));
    draft.set("replicas", replicas);
    Some(())
}

/// autoscaling/v1: one figure for CPU, and all else in annotations.
fn put_v1(
    object: &Object<'_>,
    spec: &Fields<'_>,
    scaled: &Scaled,
    choices: &Choices,
    draft: &mut Draft,
    goals: &mut Goals,
) {
    let behavior = object.annotation(BEHAVIOR);
    let read = behavior.as_ref().and_then(embedded);
    let within = |node| behavior.as_ref().map(|field| Field::new(field.ledger(), field.place(), &field.path, node));
    behavior::put(read.as_ref().and_then(within).as_ref(), draft, Some(goals));
    let place = metrics::Place { namespace: &object.namespace, scaled, choices };
    let cpu = spec.get("targetCPUUtilizationPercentage");
    let others = object.annotation(METRICS);
    if let Some(field) = &cpu {
        metrics::put_cpu_percent(field, &place, draft, goals);
    }
    if let Some(field) = &others
        && let Some(node) = embedded(field)
    {
        metrics::put(&Field::new(field.ledger(), field.place(), &field.path, &node), &place, draft, goals);
    }
    if cpu.is_none() && others.is_none() {
        metrics::put_default(spec, &place, draft, goals);
    }
    for key in SEEN {
        if let Some(field) = object.annotation(key) {
            field.aside("what the old system saw, not what it was told");
        }
    }
}

fn embedded(field: &Field<'_>) -> Option<super::node::Node> {
    let read = field.node.text().and_then(|text| embedded_json(text, field.place().line));
    if read.is_none() {
        field.lost("is not JSON", "correct the annotation, or export the object as autoscaling/v2");
    }
    read
}
