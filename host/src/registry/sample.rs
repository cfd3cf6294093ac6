//! A workload that is nobody's, to try a policy on that nobody uses yet: instances that serve, and whatever readings it asks for,
//! fresh and with a value of a half. An upload is tried on three instances; `trimtab policy check` asks for other scenes as well.

use crate::policy::{Need, NeedKind, ParamKind, ParamSpec, ParamValue};
use crate::snapshot::{
    Container, Freshness, Instance, Limits, Phase, Reading, Resources, SNAPSHOT_FORMAT, Samples, Snapshot, Subject,
    Target,
};

/// Its target.
pub(super) const TARGET: &str = "sample/web";
/// Its time: 2026-01-01, midnight in UTC.
const NOW_MS: u64 = 1_767_225_600_000;
const MINUTE_MS: u64 = 60_000;
const VALUE: f64 = 0.5;
/// Samples of a reading that looks back.
const SAMPLES: u64 = 10;
const INSTANCES_MAX: u32 = 1_000;

/// What a sample shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// Instances that serve, at most 1,000.
    pub instances: u32,
    /// Whether the readings are there; else all are absent.
    pub known: bool,
}

impl Scene {
    /// What an upload is tried on.
    pub const OF_UPLOAD: Self = Self { instances: 3, known: true };
}

/// A value that a parameter may well have.
#[must_use]
pub fn value(spec: &ParamSpec) -> ParamValue {
    if spec.default != ParamValue::Unset || !spec.required {
        return spec.default.clone();
    }
    let number = spec.min.unwrap_or(1.0).max(1.0).min(spec.max.unwrap_or(f64::MAX));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sample: saturates")]
    let (int, duration_ms) = (number as i64, spec.min.map_or(MINUTE_MS, |min| min.max(1.0) as u64));
    let text = || spec.choices.first().cloned().unwrap_or_else(|| "sample".to_owned());
    match spec.kind {
        ParamKind::Bool => ParamValue::Flag(false),
        ParamKind::S64 => ParamValue::Int(int),
        ParamKind::F64 => ParamValue::Num(number),
        ParamKind::Text => ParamValue::Text(text()),
        ParamKind::Duration => ParamValue::DurationMs(duration_ms),
        ParamKind::ListBool => ParamValue::Flags(vec![false]),
        ParamKind::ListS64 => ParamValue::Ints(vec![int]),
        ParamKind::ListF64 => ParamValue::Nums(vec![number]),
        ParamKind::ListText => ParamValue::Texts(vec![text()]),
        ParamKind::ListDuration => ParamValue::DurationsMs(vec![duration_ms]),
        ParamKind::Json => ParamValue::Json("{}".to_owned()),
    }
}

/// The workload, with the readings that are asked for. `None` where the sample itself is broken.
#[must_use]
pub fn snapshot(needs: &[Need], scene: Scene) -> Option<Snapshot> {
    let count = scene.instances.min(INSTANCES_MAX);
    let instances: Vec<Instance> = (1..=count).map(|number| instance(number, count)).collect();
    let mut readings: Vec<Reading> = Vec::new();
    for need in needs.iter().filter(|need| need.kind == NeedKind::Reading) {
        let owners: Vec<Option<String>> = match need.subject {
            Subject::Instance => instances.iter().map(|instance| Some(instance.id.clone())).collect(),
            _ => vec![None],
        };
        readings.extend(owners.into_iter().map(|owner| reading(need, owner, scene)));
    }
    readings.sort_by(|a, b| (&a.name, &a.subject, &a.owner).cmp(&(&b.name, &b.subject, &b.owner)));
    readings.dedup_by(|a, b| (&a.name, &a.subject, &a.owner) == (&b.name, &b.subject, &b.owner));
    Some(Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms: NOW_MS,
        target: target(count)?,
        in_flight: None,
        instances,
        nodes: Vec::new(),
        readings,
        alerts: Vec::new(),
        changes: Vec::new(),
        transitions: Vec::new(),
        inventory: crate::snapshot::Inventory::Complete,
    })
}

fn reading(need: &Need, owner: Option<String>, scene: Scene) -> Reading {
    if !scene.known {
        return Reading::absent(&need.name, need.subject.clone(), owner);
    }
    let begin = if need.look_back_ms == 0 { SAMPLES } else { 1 };
    let step_ms = if need.step_ms > 0 { need.step_ms } else { (need.look_back_ms / SAMPLES).max(1) };
    let times_ms: Vec<u64> =
        (begin..=SAMPLES).map(|n| NOW_MS.saturating_sub(step_ms.saturating_mul(SAMPLES.saturating_sub(n)))).collect();
    let values = vec![VALUE; times_ms.len()];
    Reading {
        freshness: Freshness::Fresh,
        unit: need.unit.as_str().into(),
        samples: Samples::Numbers { times_ms, values },
        ..Reading::absent(&need.name, need.subject.clone(), owner)
    }
}

fn target(count: u32) -> Option<Target> {
    Some(Target {
        id: TARGET.parse().ok()?,
        kind: "process-group".to_owned(),
        zones: Vec::new(),
        labels: std::collections::BTreeMap::new(),
        desired: count,
        total: count,
        ready: count,
        containers: vec![Container { name: "main".to_owned(), requests: resources(), limits: resources() }],
        abilities: crate::snapshot::Abilities::default(),
        limits: Limits {
            replicas_min: 1,
            replicas_max: count.saturating_mul(2).max(10),
            least: Resources::default(),
            most: Resources::default(),
        },
    })
}

fn resources() -> Resources {
    Resources { cpu_millis: Some(500), memory_bytes: Some(256 << 20) }
}

fn instance(number: u32, count: u32) -> Instance {
    // As many digits as the last one has, so that the order of numbers is that of names.
    let id = format!("web-{number:0width$}", width = count.to_string().len());
    Instance {
        name: id.clone(),
        id,
        node: None,
        zone: None,
        phase: Phase::Ready,
        started_ms: Some(NOW_MS.saturating_sub(60 * MINUTE_MS)),
        restarts: 0,
        requests: resources(),
        limits: resources(),
        usage: Resources { cpu_millis: Some(250), memory_bytes: Some(128 << 20) },
        memory_peak_bytes: None,
        protected: false,
        address: None,
        handle: None,
        made_by: None,
    }
}
