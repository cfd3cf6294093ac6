//! Sources against the real servers, as they are asked in a turn.

mod containers;
mod databases;
mod metrics;
mod queues;
mod secured;

use std::collections::BTreeMap;

use trimtab::snapshot::{Abilities, Instance, Limits, Resources, Samples, Subject, Target, TargetId};
use trimtab::sources::{Ask, AskTarget, Measurement, ReadingSpec, Source, SourceError};

/// One reading of these targets, at this time.
async fn measure(
    source: &dyn Source,
    query: &str,
    subject: Subject,
    targets: &[(&str, &[&str])],
    now_ms: u64,
) -> Result<Measurement, SourceError> {
    let spec = ReadingSpec {
        name: "reading".into(),
        source: source.name().to_owned(),
        query: query.to_owned(),
        subject,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 30_000,
        absent_as: None,
    };
    source.check_reading(&spec).unwrap();
    let targets: Vec<(Target, Vec<Instance>)> =
        targets.iter().map(|(name, ids)| (target(name), ids.iter().map(|id| instance(id)).collect())).collect();
    let asked: Vec<_> = targets.iter().map(|(target, instances)| AskTarget { target, instances }).collect();
    source.measure(&Ask { spec: &spec, targets: &asked, now_ms }).await
}

/// The rows of such a reading, `target[/owner]: value`, in order.
async fn told(source: &dyn Source, query: &str, targets: &[&str]) -> Vec<(String, f64)> {
    let targets: Vec<(&str, &[&str])> = targets.iter().map(|name| (*name, [].as_slice())).collect();
    values(&measure(source, query, Subject::Target, &targets, 1).await.unwrap())
}

fn values(measurement: &Measurement) -> Vec<(String, f64)> {
    let value = |samples: &Samples| match samples {
        Samples::Numbers { values, .. } => values[values.len() - 1],
        Samples::Texts { .. } => panic!("texts"),
    };
    let name = |target: &TargetId, owner: &Option<String>| match owner {
        Some(owner) => format!("{}/{owner}", target.name()),
        None => target.name().to_owned(),
    };
    let rows = measurement.rows.iter();
    let mut rows: Vec<_> = rows.map(|row| (name(&row.target, &row.owner), value(&row.samples))).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

fn row(name: &str, value: f64) -> (String, f64) {
    (name.to_owned(), value)
}

fn target(name: &str) -> Target {
    Target {
        id: TargetId::new("local", name).unwrap(),
        kind: String::new(),
        zones: Vec::new(),
        labels: BTreeMap::new(),
        desired: 1,
        total: 1,
        ready: 1,
        containers: Vec::new(),
        abilities: Abilities::default(),
        limits: Limits { replicas_min: 0, replicas_max: 9, least: Resources::default(), most: Resources::default() },
    }
}

fn instance(id: &str) -> Instance {
    serde_json::from_str(&format!(r#"{{"id":"{id}","phase":"ready"}}"#)).unwrap()
}
