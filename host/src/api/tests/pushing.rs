//! Readings that others send, as JSON and as OTLP, up to what the backend is told because of them.

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Said;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use serde_json::json;

use super::*;
use crate::bounds::Restraint;
use crate::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};

const PUSH: &str = r#"
[driver.local.process]
[source.app.push]
[source.slow.push]
trigger = false

[binding.web]
select = { driver = "local", labels = { app = "web" } }
every = "1h"
replicas = { min = 1, max = 50 }
stabilization = { up = "0s", down = "0s" }
policy = [{ use = "target-tracking", params = { reading = "load", target = 50.0 } }]
reading = [
    { name = "load", source = "app", query = "queue_depth", unit = "jobs" },
    { name = "served", source = "slow", query = "requests_total", rate = true },
    { name = "depth", source = "slow", subject = "instance" },
]
[[binding.web.alert]]
match = { alertname = "QueueGrows" }

[binding.api]
select = { driver = "local", labels = { app = "api" } }
every = "1h"
replicas = { min = 1, max = 50 }
stabilization = { up = "0s", down = "0s" }
policy = [{ use = "target-tracking", params = { reading = "load", target = 50.0 } }]
reading = [{ name = "load", source = "app" }]
"#;

pub(super) struct Pushed {
    pub(super) stage: Stage,
    driver: Arc<MemoryDriver>,
}

impl Pushed {
    pub(super) async fn open() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap()).await
    }

    pub(super) async fn in_folder(dir: tempfile::TempDir) -> Self {
        let driver =
            Arc::new(MemoryDriver::new("local", MemorySettings { keeps_desired: true, start_ms: 0, stop_ms: 0 }));
        for name in ["web", "api"] {
            let mut target = MemoryTarget::new(name, 2);
            target.labels.insert("app".to_owned(), name.to_owned());
            driver.insert(target).unwrap();
        }
        let stage = Stage::start(dir, PUSH, Some(vec![Arc::clone(&driver) as Arc<dyn Driver>]), |_| {}).await;
        Self { stage, driver }
    }

    async fn push(&self, body: &Value) -> Value {
        let answer = self.stage.admin(Method::POST, "/v1/readings").json(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn export(&self, request: &ExportMetricsServiceRequest) -> (i64, String) {
        let answer = self.otlp(request.encode_to_vec()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "application/x-protobuf");
        let told = ExportMetricsServiceResponse::decode(answer.bytes().await.unwrap()).unwrap();
        told.partial_success.map(|told| (told.rejected_data_points, told.error_message)).unwrap_or_default()
    }

    async fn otlp(&self, bytes: Vec<u8>) -> Response {
        let request = self.stage.admin(Method::POST, "/v1/otlp/metrics");
        request.header("content-type", "application/x-protobuf").body(bytes).send().await.unwrap()
    }

    /// Waits until the backend was told so often.
    async fn told(&self, times: u64) {
        for _ in 0..2_000 {
            if self.driver.calls().take >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?}", self.driver.calls());
    }

    /// What a source knows.
    fn kept(&self, source: &str) -> (usize, usize) {
        self.stage.api.steering().push_source(source).unwrap().kept()
    }
}

#[tokio::test]
async fn a_pushed_reading_raises_at_once_without_asking_the_backend_and_never_lowers() {
    let pushed = Pushed::open().await;
    let before = pushed.driver.calls();
    let load = |value: f64| json!({ "readings": [{ "target": "local/api", "name": "load", "value": value }] });
    let told = pushed.push(&load(200.0)).await;
    assert_eq!(told, json!({ "accepted": 1, "refused": [], "turns": 1 }));
    pushed.told(before.take + 1).await;
    assert_eq!(pushed.driver.calls().observe, before.observe, "what was known was young enough");
    let page = pushed.stage.get("/v1/decisions?target=local%2Fapi&limit=1").await;
    let whole = pushed.stage.get(&format!("/v1/decisions/{}", page["items"][0]["id"].as_str().unwrap())).await;
    assert_eq!(whole["record"]["trigger"], json!({ "by": "event", "what": "readings were pushed" }));

    // After a change nothing is known: the backend is asked, and a lowering waits for the binding's own turn.
    pushed.push(&load(1.0)).await;
    let held = || {
        let view = pushed.stage.api.steering().target(&"local/api".parse().unwrap()).unwrap();
        let of_event = |restraint: &Restraint| matches!(restraint, Restraint::EventTurn { held: 4, wished: 1, .. });
        view.seats[0].restraints.iter().any(of_event)
    };
    for _ in 0..2_000 {
        if held() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(held(), "{:?}", pushed.stage.api.steering().targets());
    let after = pushed.driver.calls();
    assert_eq!((after.observe, after.take), (before.observe + 1, before.take + 1));
    pushed.stage.admin(Method::POST, "/v1/targets/local/api/evaluate").send().await.unwrap();
    pushed.told(before.take + 2).await;
    let page = pushed.stage.get("/v1/decisions?target=local%2Fapi&limit=1").await;
    assert_eq!(
        (&page["items"][0]["to"], &page["items"][0]["kind"]),
        (&json!(1), &json!("acted")),
        "a person's turn lowers"
    );
    pushed.stage.end().await;
}

#[tokio::test]
async fn each_reading_is_taken_or_refused_by_itself() {
    let pushed = Pushed::open().await;
    let now_ms = pushed.stage.api.now_ms();
    let of = |more: Value| {
        let mut one = json!({ "target": "local/web", "name": "load", "value": 1.0 });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    let cases = [
        (of(json!({})), ""),
        (of(json!({ "name": null, "query": "queue_depth" })), ""),
        (of(json!({ "target": null, "labels": { "app": "api" } })), ""),
        (of(json!({ "name": "depth", "instance": "web-1", "source": "slow" })), ""),
        (of(json!({ "value": null, "text": "draining" })), ""),
        (of(json!({ "at_ms": now_ms - 1_000 })), ""),
        (of(json!({ "target": "local/none" })), "no-such-target"),
        (of(json!({ "target": "none" })), "no-such-target"),
        (of(json!({ "target": null })), "wrong-shape"),
        (of(json!({ "target": null, "labels": {} })), "no-such-target"),
        (of(json!({ "target": null, "labels": { "app": "none" } })), "no-such-target"),
        (of(json!({ "name": "none" })), "no-such-reading"),
        (of(json!({ "source": "slow" })), "no-such-reading"),
        (of(json!({ "source": "none" })), "no-such-source"),
        (of(json!({ "name": null })), "wrong-shape"),
        (of(json!({ "text": "both" })), "wrong-shape"),
        (of(json!({ "value": "1" })), "wrong-shape"),
        (of(json!({ "surprise": 1 })), "wrong-shape"),
        (json!(7), "wrong-shape"),
        (of(json!({ "unit": "MiB" })), "wrong-unit"),
        (of(json!({ "instance": "web-1" })), "misplaced"),
        (of(json!({ "name": "depth" })), "misplaced"),
        (of(json!({ "name": "served", "value": null, "text": "x" })), "not-counted"),
        (of(json!({ "at_ms": now_ms + 60_000 })), "from-the-future"),
        (of(json!({ "at_ms": 7 })), "too-old"),
        (of(json!({ "value": null, "text": "\u{1b}[2J" })), "bad-text"),
    ];
    let readings: Vec<&Value> = cases.iter().map(|(reading, _)| reading).collect();
    let told = pushed.push(&json!({ "readings": readings, "turn": false })).await;
    let codes: std::collections::BTreeMap<usize, &str> =
        cases.iter().map(|(_, code)| *code).enumerate().filter(|(_, code)| !code.is_empty()).collect();
    let refused = told["refused"].as_array().unwrap();
    let said: std::collections::BTreeMap<usize, &str> = refused
        .iter()
        .map(|one| (usize::try_from(one["index"].as_u64().unwrap()).unwrap(), one["code"].as_str().unwrap()))
        .collect();
    assert_eq!(said, codes);
    assert!(
        refused
            .iter()
            .all(|one| !one["detail"].as_str().unwrap().is_empty() && !one["remedy"].as_str().unwrap().is_empty())
    );
    assert_eq!((&told["accepted"], &told["turns"]), (&json!(cases.len() - codes.len()), &json!(0)));
    pushed.stage.end().await;
}

#[tokio::test]
async fn readings_are_sent_by_those_who_may() {
    let pushed = Pushed::open().await;
    let body = json!({ "readings": [
        { "target": "local/web", "name": "load", "value": 1.0 },
        { "target": "local/api", "name": "load", "value": 1.0 },
    ], "turn": false });
    let send =
        |token: Secret| pushed.stage.ask(Method::POST, "/v1/readings").bearer_auth(token.reveal()).json(&body).send();
    let author = send(pushed.stage.token(Role::Author, &[], 0).await).await.unwrap();
    assert_eq!(problem(author).await, (403, "role-too-low".to_owned()));
    let told: Value = send(pushed.stage.token(Role::Operator, &["w*"], 0).await).await.unwrap().json().await.unwrap();
    assert_eq!((&told["accepted"], &told["refused"][0]["index"]), (&json!(1), &json!(1)));
    assert_eq!(told["refused"][0]["code"], "out-of-scope");
    pushed.stage.end().await;
}

#[tokio::test]
async fn hostile_bodies_are_told_apart_and_change_nothing() {
    let pushed = Pushed::open().await;
    let readings = |inner: &str| format!("{{\"readings\": {inner}}}").into_bytes();
    let reading =
        |value: &str| readings(&format!("[{{\"target\": \"local/web\", \"name\": \"load\", \"value\": {value}}}]"));
    for (bytes, status, code) in [
        (readings(&format!("[{}]", "[".repeat(200_000))), 400, "malformed-json"),
        (reading("NaN"), 400, "malformed-json"),
        (reading("Infinity"), 400, "malformed-json"),
        (reading("1e999"), 400, "malformed-json"),
        (readings("[\"\u{0}\"]"), 400, "malformed-json"),
        (b"{\"readings\": [\"\xff\xfe\"]}".to_vec(), 400, "malformed-json"),
        (readings("{}"), 422, "wrong-shape"),
        (readings(&format!("[{}0]", "0,".repeat(5_000))), 422, "refused"),
        (readings(&format!("[{}0]", "0,".repeat(600_000))), 413, "body-too-large"),
    ] {
        let request = pushed.stage.admin(Method::POST, "/v1/readings").header("content-type", "application/json");
        assert_eq!(problem(request.body(bytes).send().await.unwrap()).await, (status, code.to_owned()));
    }
    let cut = metrics(vec![gauge("queue_depth", Some("local/web"), 1.0)]).encode_to_vec();
    let nested = (0..40)
        .fold(text("x"), |inner, _| AnyValue { value: Some(Said::ArrayValue(ArrayValue { values: vec![inner] })) });
    let deep = resource(vec![KeyValue { key: "k".to_owned(), value: Some(nested), ..KeyValue::default() }]);
    // A resource with half a million attributes of two bytes, as such messages are written: field, length, nothing.
    let attributes = [10, 0].repeat(500_000);
    let wrap = |inner: &[u8]| {
        let mut bytes = vec![10];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
        bytes
    };
    for (bytes, status, code) in [
        (cut[..cut.len() - 3].to_vec(), 400, "malformed-protobuf"),
        (b"{\"resourceMetrics\": []}".to_vec(), 400, "malformed-protobuf"),
        (vec![0xff; 1_000], 400, "malformed-protobuf"),
        (deep.encode_to_vec(), 400, "malformed-protobuf"),
        (wrap(&wrap(&attributes)), 422, "refused"),
        ([10, 0].repeat(500_000), 422, "refused"),
        (vec![0; 2_000_000], 413, "body-too-large"),
    ] {
        assert_eq!(problem(pushed.otlp(bytes).await).await, (status, code.to_owned()));
    }
    for (kind, packed) in [("application/json", "identity"), ("application/x-protobuf", "gzip"), ("", "identity")] {
        let request = pushed.stage.admin(Method::POST, "/v1/otlp/metrics");
        let request = request.header("content-type", kind).header("content-encoding", packed).body(cut.clone());
        assert_eq!(problem(request.send().await.unwrap()).await, (415, "not-protobuf".to_owned()));
    }
    assert_eq!((pushed.kept("app"), pushed.kept("slow")), ((0, 0), (0, 0)));
    pushed.stage.end().await;
}

#[tokio::test]
async fn metrics_of_opentelemetry_are_readings_where_they_name_a_target() {
    let pushed = Pushed::open().await;
    let before = pushed.driver.calls();
    let told = pushed.export(&metrics(vec![gauge("queue_depth", Some("local/web"), 400.0)])).await;
    assert_eq!(told, (0, String::new()));
    pushed.told(before.take + 1).await;

    let now_ns = pushed.stage.api.now_ms() * 1_000_000;
    let grown = |ago_s: u64, by: f64| sum(1, true, vec![point(Some("local/web"), by, now_ns - ago_s * 1_000_000_000)]);
    assert_eq!(pushed.export(&metrics(vec![grown(20, 5.0)])).await.0, 0);
    assert_eq!(pushed.export(&metrics(vec![grown(10, 50.0)])).await.0, 0);
    assert_eq!(pushed.kept("slow"), (1, 2));
    let (rejected, why) = pushed.export(&metrics(vec![grown(10, 50.0)])).await;
    assert!(rejected == 1 && why.contains("overlaps"), "sent again, it is not counted twice: {why}");

    let histogram =
        Data::Histogram(Histogram { data_points: vec![HistogramDataPoint::default(); 3], ..Histogram::default() });
    for (request, rejected, why) in [
        (metrics(vec![gauge("queue_depth", None, 1.0)]), 1, "no-target"),
        (metrics(vec![gauge("queue_depth", Some("local/none"), 1.0)]), 1, "no-such-target"),
        (metrics(vec![gauge("none", Some("local/web"), 1.0)]), 1, "no-such-reading"),
        (metrics(vec![gauge("queue_depth", Some("local/web"), f64::NAN)]), 1, "not-finite"),
        (
            metrics(vec![Metric { name: "queue_depth".to_owned(), data: Some(histogram), ..Metric::default() }]),
            3,
            "histograms",
        ),
        (metrics(vec![sum(1, false, vec![point(Some("local/web"), 1.0, now_ns)])]), 1, "cumulative"),
        (metrics(vec![sum(0, true, vec![point(Some("local/web"), 1.0, now_ns)])]), 1, "neither"),
        (metrics(Vec::new()), 0, ""),
    ] {
        let told = pushed.export(&request).await;
        assert!(told.0 == rejected && told.1.contains(why), "{told:?}, not {rejected} {why}");
    }
    // The resource says for all its points what they do not say themselves.
    let mut request = resource(vec![attribute("trimtab.target", "local/web"), attribute("trimtab.instance", "web-1")]);
    let depth = gauge("depth", None, 3.0);
    request.resource_metrics[0].scope_metrics.push(ScopeMetrics { metrics: vec![depth], ..ScopeMetrics::default() });
    assert_eq!(pushed.export(&request).await, (0, String::new()));
    pushed.stage.end().await;
}

fn text(said: &str) -> AnyValue {
    AnyValue { value: Some(Said::StringValue(said.to_owned())) }
}

fn attribute(key: &str, said: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(said)), ..KeyValue::default() }
}

fn point(target: Option<&str>, value: f64, at_ns: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes: target.into_iter().map(|target| attribute("trimtab.target", target)).collect(),
        value: Some(Number::AsDouble(value)),
        time_unix_nano: at_ns,
        ..NumberDataPoint::default()
    }
}

fn gauge(name: &str, target: Option<&str>, value: f64) -> Metric {
    let data = Data::Gauge(Gauge { data_points: vec![point(target, value, 0)] });
    Metric { name: name.to_owned(), data: Some(data), ..Metric::default() }
}

fn sum(aggregation_temporality: i32, is_monotonic: bool, data_points: Vec<NumberDataPoint>) -> Metric {
    let data = Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic });
    Metric { name: "requests_total".to_owned(), data: Some(data), ..Metric::default() }
}

fn metrics(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let mut request = resource(Vec::new());
    request.resource_metrics[0].scope_metrics.push(ScopeMetrics { metrics, ..ScopeMetrics::default() });
    request
}

fn resource(attributes: Vec<KeyValue>) -> ExportMetricsServiceRequest {
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { resource, ..ResourceMetrics::default() }] }
}
