//! A Prometheus that is told apart by TLS and passwords, and what its remote read gives.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use trimtab::config::SecretAt;
use trimtab::snapshot::{Samples, Subject};
use trimtab::sources::prometheus::{LookBack, PrometheusConfig, PrometheusSource};
use trimtab::sources::{
    Ask, AskTarget, GatherLimits, Gathered, History, ReadingSpec, Source, SourceError, Sources, gather, questions,
};

use super::target;
use crate::backends::authority::Authority;
use crate::backends::server::{PATIENCE, Server, free_port, program_or_skip};

/// Of the password `hush`, by bcrypt at its least cost.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuppZFpU9n.F.R29ic//YRPBUgRHbgy9m";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_behind_tls_and_a_password_hands_out_what_it_scraped() {
    let (authority, stranger) = (Authority::new("trimtab"), Authority::new("trimtab"));
    let (stop, exporter) = (CancellationToken::new(), exporter());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move { axum::serve(listener, exporter).with_graceful_shutdown(stopped).await.unwrap() });
    let Some((_server, url)) = prometheus(&authority, &address.to_string()) else { return };

    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        Some(SecretAt::File(folder.path().join(name)))
    };
    let config = PrometheusConfig {
        ca_file: Some(authority.at("ca.pem")),
        cert_file: Some(authority.at("client.pem")),
        key_file: Some(authority.at("client.key")),
        user: Some("trimtab".to_owned()),
        password: secret("password", "hush"),
        look_back: LookBack::RemoteRead,
        ..PrometheusConfig::new(&url)
    };
    let source = Arc::new(PrometheusSource::new("prom", config.clone()).unwrap());
    until("ready", async || source.check().await.is_ok()).await;

    let cold = PrometheusConfig { cert_file: None, key_file: None, ..config.clone() };
    let deceived = PrometheusConfig { ca_file: Some(stranger.at("ca.pem")), ..config.clone() };
    let wrong = PrometheusConfig { password: secret("wrong", "hash"), ..config.clone() };
    let nobody = PrometheusConfig { user: None, password: None, ..config.clone() };
    for (config, expected) in
        [(cold, "did not answer"), (deceived, "UnknownIssuer"), (wrong, "status 401"), (nobody, "status 401")]
    {
        let error = PrometheusSource::new("prom", config).unwrap().check().await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("hush"), "{expected}: {error}");
    }

    let turn = async |spec: &ReadingSpec| gathered(source.clone(), spec).await;
    let raw = spec(r#"requests_total{target=~"w.b",code!="500"}"#, false);
    until("four scrapes", async || samples(&turn(&raw).await).0.len() >= 4).await;
    let seen = turn(&raw).await;
    assert_eq!(seen.problems.len(), 0, "{:?}", seen.problems);
    let (times_ms, values) = samples(&seen);
    assert!(values.windows(2).all(|pair| pair[1] - pair[0] == 100.0), "each scrape once, none made up: {values:?}");
    assert!(times_ms.windows(2).any(|pair| (pair[1] - pair[0]) % 1_000 != 0), "not at a step: {times_ms:?}");
    let (_, rates) = samples(&turn(&spec("requests_total", true)).await);
    assert!(rates.len() >= 3 && rates.iter().all(|rate| *rate > 0.0 && *rate < 10_000.0), "{rates:?}");
    assert_eq!(samples(&turn(&spec("requests_total{code=\"500\"}", false)).await).0.len(), 0, "no such series");

    // A pattern that is none is the server's to refuse.
    let broken = spec("requests_total{target=~\"(\"}", false);
    let error = source.measure(&Ask { spec: &broken, targets: &[], now_ms: now_ms() }).await.unwrap_err();
    assert!(matches!(&error, SourceError::BadAnswer { what, .. } if what.contains("error parsing regexp")), "{error}");

    // Little room for an answer: said so, and not cut off.
    let tight = PrometheusConfig { body_bytes_max: 64, ..config };
    let tight = PrometheusSource::new("prom", tight).unwrap();
    let error = tight.measure(&Ask { spec: &raw, targets: &[], now_ms: now_ms() }).await.unwrap_err().to_string();
    assert!(error.contains("64"), "{error}");

    // The mark of a series' end is no sample.
    stop.cancel();
    let mut now = spec("requests_total", false);
    now.look_back_ms = 0;
    until("the end", async || samples(&turn(&now).await).0.is_empty()).await;
    let ended = turn(&raw).await;
    assert!(ended.problems.is_empty() && samples(&ended).1.iter().all(|value| value.is_finite()), "{ended:?}");
}

/// A counter that grows by 100 at each look.
fn exporter() -> Router {
    let count = Arc::new(AtomicU64::new(0));
    let page = move || async move { format!("requests_total {}\n", count.fetch_add(100, Ordering::Relaxed)) };
    Router::new().route("/metrics", get(page))
}

/// Prometheus, which scrapes this and wants a client certificate and a password, and its address.
fn prometheus(authority: &Authority, exporter: &str) -> Option<(Server, String)> {
    let program = program_or_skip("source prometheus, TLS", "TRIMTAB_TEST_PROMETHEUS", "prometheus")?;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let scrapes = write(
        "prometheus.yml",
        format!(
            "global: {{scrape_interval: 330ms, scrape_timeout: 300ms}}\nscrape_configs:\n- job_name: web\n  \
             static_configs:\n  - targets: ['{exporter}']\n    labels: {{target: web}}\n"
        ),
    );
    let [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map(|name| authority.text(name));
    let web = write(
        "web.yml",
        format!(
            "tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n  client_ca_file: {ca}\n  \
             client_auth_type: RequireAndVerifyClientCert\nbasic_auth_users:\n  trimtab: {HASH}\n"
        ),
    );
    let port = free_port();
    let mut command = Command::new(program);
    command
        .args([format!("--config.file={scrapes}"), format!("--web.config.file={web}")])
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    Some((Server::start(command, folder), format!("https://127.0.0.1:{port}")))
}

fn spec(query: &str, rate: bool) -> ReadingSpec {
    ReadingSpec {
        name: "reading".into(),
        source: "prom".to_owned(),
        query: query.to_owned(),
        subject: Subject::Target,
        unit: "".into(),
        label: None,
        rate,
        look_back_ms: 60_000,
        step_ms: 0,
        stale_after_ms: 30_000,
        absent_as: None,
    }
}

async fn gathered(source: Arc<PrometheusSource>, spec: &ReadingSpec) -> Gathered {
    source.check_reading(spec).unwrap();
    let (web, sources) = (target("web"), Sources::from([("prom".to_owned(), source as Arc<dyn Source>)]));
    let asked = AskTarget { target: &web, instances: &[] };
    gather(&sources, &questions([(spec, asked)]), &History::default(), &GatherLimits::default(), now_ms()).await
}

fn samples(gathered: &Gathered) -> (Vec<u64>, Vec<f64>) {
    match &gathered.readings.values().next().unwrap()[0].samples {
        Samples::Numbers { times_ms, values } => (times_ms.clone(), values.clone()),
        Samples::Texts { .. } => panic!("texts"),
    }
}

fn now_ms() -> u64 {
    u64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !reached().await {
        assert!(began.elapsed() < PATIENCE, "no sign of {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
