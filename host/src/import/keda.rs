//! KEDA's ScaledObject: queues by `queue-depth`, figures by `target-tracking`, cron by `schedule`; the largest wins.
//!
//! From the ScaledObject specification (keda.sh, "Scaling Deployments, StatefulSets & Custom Resources") and the pages of its
//! scalers. What a trigger's metadata says of servers and credentials is never shown.

mod metadata;
mod triggers;

use super::draft::Draft;
use super::fields::{Field, Fields};
use super::hpa::behavior;
use super::kubernetes::{self, Kind, Object, Scaled};
use super::{Choices, Outcome, REPLICAS_MAX};
use crate::quantity::DurationMs;

pub(super) const KIND: Kind = Kind {
    word: "ScaledObject",
    versions: &["keda.sh/v1alpha1"],
    beyond: &[("ScaledJob", "it starts a job for each piece of work, and bindings have replicas")],
};

const MIN_DEFAULT: u32 = 0;
const MAX_DEFAULT: u32 = 100;
const POLLING_SECONDS_DEFAULT: u32 = 30;
const COOLDOWN_SECONDS_DEFAULT: u32 = 300;
const WEEK_SECONDS: u32 = 7 * 24 * 60 * 60;

const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
const PAUSED_IN: &str = "autoscaling.keda.sh/paused-scale-in";
const PAUSED_OUT: &str = "autoscaling.keda.sh/paused-scale-out";

/// Numbers of the specification that triggers need.
pub(super) struct Frame {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) polling_seconds: u32,
    pub(super) cooldown_seconds: u32,
}

pub(super) fn import(object: &Object<'_>, choices: &Choices) -> Option<Draft> {
    let spec = object.root.need("spec", "give the whole object")?.map()?;
    let reference = spec.need("scaleTargetRef", "say what is scaled")?;
    let scaled = Scaled::read(&reference)?;
    let mut draft = kubernetes::draft(object, &scaled, choices);
    let frame = frame(&spec, &mut draft)?;
    put_advanced(&spec, &mut draft);
    put_fallback(&spec, &frame, &mut draft);
    put_pauses(object, &frame, &mut draft);
    let triggers = spec.need("triggers", "a ScaledObject has triggers")?;
    triggers::put(
        &triggers,
        &triggers::Place { namespace: &object.namespace, scaled: &scaled, frame: &frame, choices },
        &mut draft,
    );
    if let Some(field) = spec.get("cooldownPeriod") {
        if draft.uses("queue-depth") {
            field.carried(format!("idle_for = \"{}\" of queue-depth", seconds(frame.cooldown_seconds)));
        } else if frame.min > 0 {
            field.aside("it counts only where something goes to zero");
        } else {
            field.lost("only queue-depth waits before it goes to zero", "lengthen stabilization.down");
        }
    }
    if let Some(field) = spec.get("initialCooldownPeriod") {
        let remedy = "fresh targets keep their count while readings are missing";
        field.lost("there is no pause after a binding is made", remedy);
    }
    spec.finish();
    object.finish(&[PAUSED, PAUSED_REPLICAS, PAUSED_IN, PAUSED_OUT]);
    if !draft.has_policies() {
        triggers.refused("there is nothing to scale by", "write the binding by hand: no trigger could be carried over");
        return None;
    }
    Some(draft)
}

fn frame(spec: &Fields<'_>, draft: &mut Draft) -> Option<Frame> {
    let number = |key: &str, default: u32, most: u32| {
        spec.get(key).map_or(Some(default), |field| field.whole(0..=most)).unwrap_or(default)
    };
    let polling_seconds = number("pollingInterval", POLLING_SECONDS_DEFAULT, WEEK_SECONDS).max(1);
    let cooldown_seconds = number("cooldownPeriod", COOLDOWN_SECONDS_DEFAULT, WEEK_SECONDS);
    let mut min = number("minReplicaCount", MIN_DEFAULT, REPLICAS_MAX);
    let max = number("maxReplicaCount", MAX_DEFAULT, REPLICAS_MAX);
    if min > max {
        let field = spec.get("minReplicaCount").or_else(|| spec.get("maxReplicaCount"))?;
        let what = format!("minReplicaCount {min} is above maxReplicaCount {max}");
        field.refused(what, "lower one or raise the other");
        return None;
    }
    if let Some(field) = spec.get("idleReplicaCount")
        && let Some(idle) = field.whole(0..=REPLICAS_MAX)
    {
        let what =
            format!("replicas.min is {idle}: where something is to do, counts below minReplicaCount {min} can occur");
        let remedy = "set replicas.min to minReplicaCount where that matters more than going idle";
        field.changed(what, remedy);
        min = idle.min(min);
    }
    for (key, what) in [
        ("minReplicaCount", format!("replicas.min = {min}")),
        ("maxReplicaCount", format!("replicas.max = {max}")),
        ("pollingInterval", format!("every = \"{}\"", seconds(polling_seconds))),
    ] {
        if let Some(field) = spec.get(key) {
            field.carried(what);
        }
    }
    draft.set("replicas", format!("{{ min = {min}, max = {max} }}"));
    draft.set_with("every", format!("\"{}\"", seconds(polling_seconds)), "pollingInterval");
    Some(Frame { min, max, polling_seconds, cooldown_seconds })
}

pub(super) fn seconds(seconds: u32) -> DurationMs {
    DurationMs(u64::from(seconds) * 1000)
}

fn put_advanced(spec: &Fields<'_>, draft: &mut Draft) {
    let advanced = spec.get("advanced").and_then(|field| field.map());
    let config = advanced.as_ref().and_then(|map| map.get("horizontalPodAutoscalerConfig")?.map());
    behavior::put(config.as_ref().and_then(|map| map.get("behavior")).as_ref(), draft, None);
    if let Some(config) = config {
        config.aside(&["name"], "there is no HPA any more");
        config.finish();
    }
    let Some(advanced) = advanced else { return };
    if let Some(field) = advanced.get("restoreToOriginalReplicaCount") {
        let remedy = "pin the count before removing the binding: `trimtab target scale`";
        field.lost("a target keeps its count when its binding goes", remedy);
    }
    if let Some(field) = advanced.get("scalingModifiers") {
        let remedy =
            "compute the formula in PromQL as one reading, or write a policy; until then the largest trigger wins";
        field.lost("readings are not joined by a formula", remedy);
    }
    advanced.finish();
}

fn put_fallback(spec: &Fields<'_>, frame: &Frame, draft: &mut Draft) {
    let Some(field) = spec.get("fallback") else { return };
    let Some(map) = field.map() else { return };
    let failures = map.get("failureThreshold").and_then(|field| field.whole(0..=REPLICAS_MAX));
    let replicas = map.get("replicas").and_then(|field| field.whole(0..=REPLICAS_MAX));
    let behavior = map.text("behavior").unwrap_or_else(|| "static".to_owned());
    map.finish();
    let (Some(failures), Some(replicas)) = (failures, replicas) else {
        field.lost("needs failureThreshold and replicas", "write fallback by hand");
        return;
    };
    let after = seconds(failures.saturating_mul(frame.polling_seconds).min(WEEK_SECONDS));
    let within = replicas.clamp(frame.min, frame.max);
    let word = match behavior.as_str() {
        "static" => "fixed",
        "currentReplicas" => "hold",
        "currentReplicasIfHigher" => "if-higher",
        _ => {
            let remedy = "choose fixed, if-higher or hold";
            field.lost("there is no fallback to the lower of two counts; it holds what there is", remedy);
            return;
        }
    };
    let count = if word == "hold" { String::new() } else { format!(", replicas = {within}") };
    let value = format!("{{ after = \"{after}\", behavior = \"{word}\"{count} }}");
    let what = format!("fallback = {value}");
    if within == replicas {
        field.carried(format!("{what}: failureThreshold times pollingInterval"));
    } else {
        field.changed(format!("{what}: {replicas} lies outside the replicas of the binding"), "widen replicas");
    }
    draft.set("fallback", value);
}

/// Annotations that stop scaling.
fn put_pauses(object: &Object<'_>, frame: &Frame, draft: &mut Draft) {
    let is_on = |field: &Field<'_>| field.flag() == Some(true);
    if let Some(field) = object.annotation(PAUSED_IN).filter(is_on) {
        field.carried("mode = \"raise-only\"");
        draft.set_with("mode", "\"raise-only\"", "scaling in is paused");
    }
    if let Some(field) = object.annotation(PAUSED_OUT).filter(is_on) {
        field.lost("there is no mode that only lowers", "lower replicas.max to the present count");
    }
    let pinned = object.annotation(PAUSED_REPLICAS);
    if let Some(field) = object.annotation(PAUSED).filter(is_on) {
        if pinned.is_some() {
            field.carried("it is the pinned count that holds");
        } else {
            field.carried("mode = \"off\"");
            draft.set_with("mode", "\"off\"", "paused: set \"act\" to resume");
        }
    }
    if let Some(field) = pinned
        && let Some(count) = field.whole(0..=REPLICAS_MAX)
    {
        let Frame { min, max, .. } = frame;
        let comment = format!("paused at {count}: to resume, {{ min = {min}, max = {max} }}");
        draft.set_with("replicas", format!("{{ min = {count}, max = {count} }}"), comment);
        // A fallback to another count lies outside, and there is nothing to fall back from.
        draft.unset("fallback");
        let what = format!("replicas = {{ min = {count}, max = {count} }}");
        object.root.ledger().put(field.place(), Outcome::Changed, &field.path, what, "widen replicas to resume");
    }
}
