//! What the stories of this room are played with: targets, instances, declarations, and servers on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

use super::{Ask, AskTarget, Measurement, ReadingSpec, Source, SourceError};
use crate::snapshot::{Abilities, Instance, Limits, Phase, Resources, Samples, Subject, Target, TargetId};

pub(super) const NOW: u64 = 1_700_000_000_000;

pub(super) fn target(name: &str) -> Target {
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

pub(super) fn instance(id: &str) -> Instance {
    Instance {
        id: id.to_owned(),
        name: String::new(),
        node: None,
        zone: None,
        phase: Phase::Ready,
        started_ms: None,
        restarts: 0,
        requests: Resources::default(),
        limits: Resources::default(),
        usage: Resources::default(),
        memory_peak_bytes: None,
        protected: false,
        address: None,
        handle: None,
        made_by: None,
    }
}

pub(super) fn spec(name: &str, source: &str, subject: Subject) -> ReadingSpec {
    ReadingSpec {
        name: name.into(),
        source: source.to_owned(),
        query: format!("query of {name}"),
        subject,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 60_000,
        absent_as: None,
    }
}

/// An instance that serves at this address.
pub(super) fn at(id: &str, address: SocketAddr) -> Instance {
    Instance { address: Some(address.to_string()), ..instance(id) }
}

/// Serves this on a free port of loopback for as long as the test's runtime lives.
pub(super) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// An address where nobody listens.
pub(super) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

pub(super) async fn measure(
    source: &dyn Source,
    spec: &ReadingSpec,
    targets: &[(Target, Vec<Instance>)],
    now_ms: u64,
) -> Result<Measurement, SourceError> {
    let targets: Vec<_> = targets.iter().map(|(target, instances)| AskTarget { target, instances }).collect();
    source.measure(&Ask { spec, targets: &targets, now_ms }).await
}

/// Rows as `(target, owner, newest value)`, ordered.
pub(super) fn newest(measurement: &Measurement) -> Vec<(&str, Option<&str>, f64)> {
    let mut rows: Vec<_> = measurement
        .rows
        .iter()
        .map(|row| match &row.samples {
            Samples::Numbers { values, .. } => (row.target.name(), row.owner.as_deref(), *values.last().unwrap()),
            Samples::Texts { .. } => panic!("texts in {row:?}"),
        })
        .collect();
    rows.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    rows
}

/// What failed, as `of: why`, ordered.
pub(super) fn failed(measurement: &Measurement) -> Vec<String> {
    let mut failed: Vec<_> = measurement.failed.iter().map(|(of, why)| format!("{of}: {why}")).collect();
    failed.sort_unstable();
    failed
}
