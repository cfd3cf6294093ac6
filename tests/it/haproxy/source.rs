//! The statistics, by socket and by page; and over a restart.

use std::collections::BTreeMap;

use trimtab::registrars::Registrar;
use trimtab::registrars::haproxy::{HaproxyConfig, HaproxyRegistrar};
use trimtab::snapshot::{Abilities, Instance, Limits, Phase, Resources, Samples, Subject, Target};
use trimtab::sources::haproxy::{HaproxySource, HaproxySourceConfig};
use trimtab::sources::{Ask, AskTarget, Measurement, ReadingSpec, Source, SourceError};

use super::rig::{Haproxy, Worker, get, web};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_are_read_by_socket_and_by_page() {
    let Some(mut haproxy) = Haproxy::start().await else { return };
    let lb = HaproxyRegistrar::new("lb", &HaproxyConfig::new(&haproxy.socket(), web(), "web")).unwrap();
    let a = Worker::start("a").await;
    lb.register(&web(), "a", &a.address).await.unwrap();
    for _ in 0..5 {
        get(haproxy.front, "/").await;
    }
    let held = tokio::spawn(get(haproxy.front, "/held"));
    a.arrived.notified().await;

    let folder = tempfile::tempdir().unwrap();
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, "secret\n").unwrap();
    let page = HaproxySourceConfig {
        user: Some("watcher".to_owned()),
        password_file: Some(password_file),
        ..HaproxySourceConfig::new(&format!("http://{}/stats", haproxy.page))
    };
    let socket = HaproxySourceConfig::new(&haproxy.socket());
    let mut sources = Vec::new();
    for config in [socket, page] {
        let source = HaproxySource::new("stats", &config).unwrap();
        source.check().await.unwrap();
        assert_eq!(newest(&ask(&source, "backend/{target}/scur", Subject::Target, 1).await), [1.0]);
        assert_eq!(newest(&ask(&source, "frontend/web/req_tot", Subject::Target, 1).await), [6.0]);
        assert_eq!(newest(&ask(&source, "server/web/stot", Subject::Instance, 1).await), [6.0]);
        let none = ask(&source, "backend/none/scur", Subject::Target, 1).await;
        assert!(none.rows.is_empty() && none.failed[0].1.contains("backend none"), "{none:?}");
        sources.push(source);
    }
    a.go.notify_one();
    held.await.unwrap();

    haproxy.kill_and_restart().await;
    lb.register(&web(), "a", &a.address).await.unwrap();
    get(haproxy.front, "/").await;
    for source in &sources {
        let told = ask(source, "frontend/web/req_tot", Subject::Target, 2).await;
        assert_eq!(newest(&told), [7.0], "six before the restart, one since");
    }
    // A restart that is outgrown before the next look: the socket tells of the process, the page cannot.
    haproxy.kill_and_restart().await;
    lb.register(&web(), "a", &a.address).await.unwrap();
    for _ in 0..3 {
        get(haproxy.front, "/").await;
    }
    let told = ask(&sources[0], "frontend/web/req_tot", Subject::Target, 3).await;
    assert_eq!(newest(&told), [10.0], "seven before, three since");
    let watching = HaproxySource::new("stats", &HaproxySourceConfig::new(&haproxy.socket_of("user"))).unwrap();
    assert_eq!(newest(&ask(&watching, "frontend/web/req_tot", Subject::Target, 3).await), [3.0], "level user suffices");

    let wrong = HaproxySource::new("page", &HaproxySourceConfig::new(&format!("http://{}/stats", haproxy.page)));
    let error = wrong.unwrap().check().await.unwrap_err();
    assert!(matches!(&error, SourceError::BadAnswer { what, .. } if what.contains("401")), "{error}");
    haproxy.kill();
    assert!(matches!(sources[0].check().await, Err(SourceError::Unreachable { .. })));
}

async fn ask(source: &HaproxySource, query: &str, subject: Subject, now_ms: u64) -> Measurement {
    let spec = ReadingSpec {
        name: "reading".into(),
        source: "stats".to_owned(),
        query: query.to_owned(),
        subject,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 60_000,
        absent_as: None,
    };
    source.check_reading(&spec).unwrap();
    let (target, instances) = (target(), [instance()]);
    let targets = [AskTarget { target: &target, instances: &instances }];
    source.measure(&Ask { spec: &spec, targets: &targets, now_ms }).await.unwrap()
}

fn newest(measurement: &Measurement) -> Vec<f64> {
    assert!(measurement.failed.is_empty(), "{:?}", measurement.failed);
    let newest = measurement.rows.iter().map(|row| match &row.samples {
        Samples::Numbers { values, .. } => *values.last().unwrap(),
        Samples::Texts { .. } => panic!("{row:?}"),
    });
    newest.collect()
}

fn target() -> Target {
    Target {
        id: web(),
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

fn instance() -> Instance {
    Instance {
        id: "a".to_owned(),
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
