//! Spans that reach a server, and servers that take none.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

use super::*;
use crate::telemetry::{Settings, subscriber};

/// What a server was sent: headers and spans of each request.
type Sent = Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>;

async fn take(State(sent): State<Sent>, headers: HeaderMap, body: Bytes) {
    sent.lock().unwrap().push((headers, ExportTraceServiceRequest::decode(body).unwrap()));
}

/// A tracing server; its address, and what it was sent.
async fn server() -> (String, Sent) {
    let sent = Sent::default();
    let router = Router::new().route(PATH, post(take)).with_state(Arc::clone(&sent));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, sent)
}

fn settings(endpoint: &str) -> OtlpSettings {
    OtlpSettings {
        endpoint: endpoint.to_owned(),
        headers: BTreeMap::from([("authorization".to_owned(), "Bearer hush".to_owned())]),
        ca_file: None,
        sample: 1.0,
        level: Level::INFO,
        every_ms: 60_000,
        timeout_ms: 1_000,
        queue_max: 64,
    }
}

fn spans(sent: &Sent) -> Vec<Span> {
    let sent = sent.lock().unwrap();
    let scopes = sent.iter().flat_map(|(_, request)| &request.resource_spans).flat_map(|one| &one.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

/// What a subscriber of these settings makes of `work`; then what waits is sent.
async fn told(otlp: OtlpSettings, limit: Duration, work: impl FnOnce()) -> Duration {
    let (subscriber, telemetry) = subscriber(&Settings { otlp: Some(otlp), ..Settings::default() }).unwrap();
    let began = Instant::now();
    tracing::subscriber::with_default(subscriber, work);
    let took = began.elapsed();
    telemetry.finish(limit).await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_arrives_with_its_parts_its_keys_and_the_secret_header() {
    let (address, sent) = server().await;
    told(settings(&address), Duration::from_secs(10), || {
        let _turn = tracing::info_span!("turn", driver = "local", targets = tracing::field::Empty).entered();
        tracing::Span::current().record("targets", 3_u64);
        tracing::info_span!("observe").in_scope(|| {});
        tracing::debug_span!("target", target_id = "local/web").in_scope(|| {});
        tracing::info_span!(target: "hyper", "of somebody else").in_scope(|| {});
    })
    .await;
    let spans = spans(&sent);
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["observe", "turn"], "none per target, and none of the client's own");
    assert_eq!((&spans[0].parent_span_id, &spans[0].trace_id), (&spans[1].span_id, &spans[1].trace_id));
    let keys: BTreeMap<&str, String> =
        spans[1].attributes.iter().map(|one| (one.key.as_str(), format!("{:?}", one.value))).collect();
    assert!(keys["driver"].contains("local") && keys["targets"].contains('3'), "{keys:?}");
    let sent = sent.lock().unwrap();
    assert_eq!(sent[0].0["authorization"], "Bearer hush");
    let resource = format!("{:?}", sent[0].1.resource_spans[0].resource);
    assert!(resource.contains("service.name") && resource.contains("trimtab"), "{resource}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_have_spans_where_that_is_asked_for_and_a_share_of_none_is_none() {
    let (address, sent) = server().await;
    let work = || tracing::debug_span!("target", target_id = "local/web").in_scope(|| {});
    told(OtlpSettings { level: Level::DEBUG, ..settings(&address) }, Duration::from_secs(10), work).await;
    assert_eq!(spans(&sent).len(), 1);
    told(OtlpSettings { level: Level::DEBUG, sample: 0.0, ..settings(&address) }, Duration::from_secs(10), work).await;
    assert_eq!(spans(&sent).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_slows_nobody_and_the_end_has_a_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let began = Instant::now();
    let otlp = OtlpSettings { timeout_ms: 60_000, every_ms: 1, ..settings(&address) };
    let took = told(otlp, Duration::from_millis(300), || {
        for _ in 0..20_000 {
            tracing::info_span!("turn").in_scope(|| {});
        }
    })
    .await;
    assert!(took < Duration::from_secs(3), "{took:?} for 20,000 spans that nobody takes");
    assert!(began.elapsed() < took + Duration::from_secs(3), "the end waits for nobody");
    let text =
        crate::telemetry::measures::text(&Default::default(), crate::telemetry::measures::Form::Prometheus).unwrap();
    let line = text.lines().find(|line| line.starts_with("trimtab_spans_total{outcome=\"dropped\"}")).unwrap();
    assert!(line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() > 10_000.0, "{line}");
    drop(listener);
}

#[test]
fn what_cannot_be_sent_is_said_at_once_and_no_secret_is_shown() {
    let strange = BTreeMap::from([("not a header".to_owned(), "hush".to_owned())]);
    let error = start(&OtlpSettings { headers: strange, ..settings("http://127.0.0.1:1") }).unwrap_err();
    assert!(
        matches!(&error, OtlpError::Header { name } if name == "not a header") && !error.to_string().contains("hush")
    );
    let broken = BTreeMap::from([("x".to_owned(), "hu\nsh".to_owned())]);
    assert!(start(&OtlpSettings { headers: broken, ..settings("http://127.0.0.1:1") }).is_err());
    assert!(!format!("{:?}", settings("http://127.0.0.1:1")).contains("hush"));
}
