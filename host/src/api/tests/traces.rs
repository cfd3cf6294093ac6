//! A host's turns and requests as traces, taken by a real receiver.

use std::sync::Mutex;

use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::*;
use crate::config::TelemetrySettings;
use crate::telemetry::subscriber;

#[tokio::test]
async fn a_turn_is_a_trace_of_its_stages_and_a_request_is_one() {
    let taken: Arc<Mutex<Vec<Span>>> = Arc::default();
    let keep = Arc::clone(&taken);
    let receiver = Router::new().route(
        "/v1/traces",
        post(async move |body: Bytes| {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|one| one.scope_spans);
            keep.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!("[telemetry.otlp]\nendpoint = \"http://{}\"\n", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, receiver).await });
    let config = Config::parse(&text, Path::new("trimtab.toml")).unwrap();
    assert_ne!(config.telemetry, TelemetrySettings::default());

    let (subscriber, telemetry) = subscriber(&config.telemetry.fetch().unwrap()).unwrap();
    // While there is one listener alone, `tracing` asks the thread that meets a span first whether anybody listens; other
    // tests have met these, and nobody listens there. With two it asks the listeners.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    // The whole host runs on this test's one thread.
    let listening = tracing::subscriber::set_default(subscriber);
    let stage = Stage::open().await;
    stage.get("/v1/targets/local/web").await;
    stage.end().await;
    drop(listening);
    telemetry.finish(Duration::from_secs(10)).await;

    let spans = taken.lock().unwrap();
    let turn = spans.iter().find(|span| span.name == "turn").expect("a turn");
    let of_turn = |span: &&Span| span.parent_span_id == turn.span_id;
    let mut stages: Vec<&str> = spans.iter().filter(of_turn).map(|span| span.name.as_str()).collect();
    stages.sort_unstable();
    assert_eq!(stages, ["commit", "decide", "evaluate", "gather", "look", "observe", "record"]);
    let value = |span: &Span, key: &str| {
        let found = span.attributes.iter().find(|one| one.key == key);
        format!("{:?}", found.unwrap_or_else(|| panic!("no {key} in {span:?}")).value)
    };
    assert!(value(turn, "driver").contains("local") && value(turn, "targets").contains('2'));
    assert!(spans.iter().any(|span| {
        span.name == "request"
            && value(span, "route").contains("{driver}/{name}")
            && value(span, "status").contains("200")
    }));
    assert!(spans.iter().all(|span| span.name != "target"));
}
