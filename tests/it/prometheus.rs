//! The source `prometheus` against the real server, which scrapes a small exporter of ours.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use trimtab::snapshot::{
    Abilities, Freshness, Instance, Limits, Phase, Reading, Resources, Samples, Subject, Target, TargetId,
};
use trimtab::sources::prometheus::{PrometheusConfig, PrometheusSource};
use trimtab::sources::{
    Ask, AskTarget, GatherLimits, Gathered, History, ReadingSpec, Source, SourceError, Sources, gather, questions,
};

use crate::backends::prometheus::Prometheus;

/// Time that the server has to come up, to scrape and to notice; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_prometheus_answers_for_all_targets() {
    let exporter = Exporter::start().await;
    let sections = format!(
        "scrape_configs:\n- job_name: web\n  static_configs:\n  - targets: ['{}']\n    \
         labels: {{target: web, instance_id: w1}}",
        exporter.address
    );
    let Some(server) = Prometheus::start("source prometheus", &sections).await else { return };
    let stage = Stage::new(server.url());

    stage.until("ready", async || stage.source.check().await.is_ok()).await;
    stage.until("scraped", async || latest(&stage.turn().await, "rps", None).is_some()).await;

    let gathered = stage.turn().await;
    let problems: Vec<_> = gathered.problems.iter().map(|problem| problem.why.to_string()).collect();
    assert_eq!(problems, ["local/web: 1 samples that are not finite numbers"], "of `odd`");
    let rps = latest(&gathered, "rps", None).unwrap();
    assert!(rps > 0.0 && rps < 10_000.0, "{rps}");
    assert_eq!(latest(&gathered, "busy", Some("w1")), Some(0.25));
    let missing = reading(&gathered, "busy", Some("w2"));
    assert_eq!(missing.freshness, Freshness::Absent, "an instance that the server does not know");
    assert_eq!(reading(&gathered, "odd", None).freshness, Freshness::Absent, "0/0 is no number");

    stage.until("a look-back", async || reading(&stage.turn().await, "history", None).samples.len() >= 3).await;
    let gathered = stage.turn().await;
    let Samples::Numbers { times_ms, values } = &reading(&gathered, "history", None).samples else { panic!() };
    assert!(times_ms.windows(2).all(|pair| pair[1] - pair[0] == 1_000), "{times_ms:?}");
    assert!(values.is_sorted(), "a counter that nobody reset: {values:?}");

    let wrong = spec("wrong", "sum(", Subject::Target);
    let error = stage.source.measure(&Ask { spec: &wrong, targets: &[], now_ms: now_ms() }).await.unwrap_err();
    assert!(matches!(&error, SourceError::BadAnswer { what, .. } if what.contains("parse error")), "{error}");

    exporter.stop.cancel();
    stage
        .until("the end", async || reading(&stage.turn().await, "busy", Some("w1")).freshness == Freshness::Absent)
        .await;
}

/// What is asked: a target `local/web` with instances `w1`, which is scraped, and `w2`, which is not.
struct Stage {
    source: Arc<PrometheusSource>,
    sources: Sources,
    specs: Vec<ReadingSpec>,
    target: Target,
    instances: Vec<Instance>,
}

impl Stage {
    fn new(url: &str) -> Self {
        let source = Arc::new(PrometheusSource::new("prom", PrometheusConfig::new(url)).unwrap());
        let mut history = spec("history", "sum by (target) (requests_total)", Subject::Target);
        (history.look_back_ms, history.step_ms) = (5_000, 1_000);
        let specs = vec![
            spec("rps", "sum by (target) (rate(requests_total[5s]))", Subject::Target),
            spec("busy", "busy", Subject::Instance),
            spec("odd", "sum by (target) (busy) * 0 / 0", Subject::Target),
            history,
        ];
        for spec in &specs {
            source.check_reading(spec).unwrap();
        }
        let sources = Sources::from([("prom".to_owned(), source.clone() as Arc<dyn Source>)]);
        let instances = vec![instance("w1"), instance("w2")];
        Self { source, sources, specs, target: target(), instances }
    }

    async fn turn(&self) -> Gathered {
        let asked = AskTarget { target: &self.target, instances: &self.instances };
        let questions = questions(self.specs.iter().map(|spec| (spec, asked)));
        gather(&self.sources, &questions, &History::default(), &GatherLimits::default(), now_ms()).await
    }

    async fn until(&self, what: &str, reached: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !reached().await {
            assert!(began.elapsed() < PATIENCE, "no sign of {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn reading<'a>(gathered: &'a Gathered, name: &str, owner: Option<&str>) -> &'a Reading {
    let readings = gathered.readings.values().next().unwrap();
    readings.iter().find(|reading| *reading.name == *name && reading.owner.as_deref() == owner).unwrap()
}

fn latest(gathered: &Gathered, name: &str, owner: Option<&str>) -> Option<f64> {
    reading(gathered, name, owner).latest()
}

fn now_ms() -> u64 {
    u64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

fn spec(name: &str, query: &str, subject: Subject) -> ReadingSpec {
    ReadingSpec {
        name: name.into(),
        source: "prom".to_owned(),
        query: query.to_owned(),
        subject,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 30_000,
        absent_as: None,
    }
}

fn target() -> Target {
    Target {
        id: TargetId::new("local", "web").unwrap(),
        kind: String::new(),
        zones: Vec::new(),
        labels: BTreeMap::new(),
        desired: 2,
        total: 2,
        ready: 2,
        containers: Vec::new(),
        abilities: Abilities::default(),
        limits: Limits { replicas_min: 1, replicas_max: 9, least: Resources::default(), most: Resources::default() },
    }
}

fn instance(id: &str) -> Instance {
    let json = format!(r#"{{"id":"{id}","phase":"ready"}}"#);
    let instance: Instance = serde_json::from_str(&json).unwrap();
    assert_eq!(instance.phase, Phase::Ready);
    instance
}

/// Something to scrape: a counter that grows at each look, and a gauge.
struct Exporter {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Exporter {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let router = Router::new().route(
            "/metrics",
            get(move || async move {
                let total = count.fetch_add(100, Ordering::Relaxed);
                format!("# TYPE requests_total counter\nrequests_total {total}\nbusy 0.25\n")
            }),
        );
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap() });
        Self { address, stop }
    }
}
