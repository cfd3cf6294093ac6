//! Against a small server that answers as Prometheus would, and as it should not. `tests/it/prometheus.rs` asks the real one.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::any;

use super::*;
use crate::snapshot::{Instance, Target};
use crate::sources::stage::{NOW, failed, instance, measure, newest, nobody, serve, spec, target};

/// A server that answers every query with this.
async fn answering(body: &'static str) -> PrometheusSource {
    let router = Router::new().route("/api/v1/{kind}", any(move |Path(_): Path<String>| async move { body }));
    source(&format!("http://{}", serve(router).await))
}

fn source(url: &str) -> PrometheusSource {
    let mut config = PrometheusConfig::new(url);
    (config.timeout_ms, config.body_bytes_max) = (300, 10_000);
    PrometheusSource::new("prom", config).unwrap()
}

fn two() -> Vec<(Target, Vec<Instance>)> {
    vec![(target("web"), vec![instance("w1"), instance("w2")]), (target("api"), vec![instance("a1")])]
}

const VECTOR: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"target":"web","instance_id":"w1"},"value":[1700000000,"1.5"]},
    {"metric":{"target":"local/api"},"value":[1700000000.25,"NaN"]},
    {"metric":{"target":"elsewhere"},"value":[1700000000,"3"]},
    {"metric":{"__name__":"up","job":"x"},"value":[1700000000,"4"]}]}}"#;

#[tokio::test]
async fn a_label_decides_whose_each_series_is() {
    let source = answering(VECTOR).await;
    let told = measure(&source, &spec("rps", "prom", Subject::Target), &two(), NOW).await.unwrap();
    let rows = newest(&told);
    assert_eq!((rows.len(), rows[1]), (2, ("web", None, 1.5)));
    assert!(rows[0].2.is_nan(), "gather drops it and says so");
    assert_eq!(failed(&told), [r#"up{job="x"}: it has no label target, which would name the target"#]);
    let told = measure(&source, &spec("cpu", "prom", Subject::Instance), &two(), NOW).await.unwrap();
    assert_eq!(newest(&told), [("web", Some("w1"), 1.5)]);
    assert_eq!(failed(&told).len(), 3);
}

#[tokio::test]
async fn a_query_that_one_target_alone_asks_may_sum_everything_away() {
    const ONE: &str =
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"9"]}]}}"#;
    const SCALAR: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"9"]}}"#;
    for body in [ONE, SCALAR] {
        let source = answering(body).await;
        let rps = spec("rps", "prom", Subject::Target);
        assert_eq!(newest(&measure(&source, &rps, &two()[..1], NOW).await.unwrap()), [("web", None, 9.0)]);
        let told = measure(&source, &rps, &two(), NOW).await.unwrap();
        assert_eq!(failed(&told), ["{}: it has no label target, which would name the target"]);
    }
}

#[tokio::test]
async fn a_name_that_two_targets_share_is_nobodys() {
    let source = answering(VECTOR).await;
    let mut targets = two();
    targets[1].0.id = "cloud/web".parse().unwrap();
    let told = measure(&source, &spec("rps", "prom", Subject::Target), &targets, NOW).await.unwrap();
    assert!(told.rows.is_empty());
    assert!(
        failed(&told)[1].ends_with("several targets are called web; write the id, driver/name"),
        "{:?}",
        failed(&told)
    );
}

#[tokio::test]
async fn a_look_back_asks_for_a_range_that_ends_now() {
    let router = Router::new().route(
        "/prefix/api/v1/query_range",
        any(|form: String| async move {
            let asked = |name: &str| {
                let value = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                value.unwrap_or_else(|| panic!("{name} in {form}")).to_owned()
            };
            assert_eq!((asked("start").as_str(), asked("end").as_str()), ("1699999940.000", "1700000000.000"));
            assert_eq!((asked("step").as_str(), asked("query").as_str()), ("30.000", "query+of+rps"));
            r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"target":"web"},"values":[[1699999940,"1"],[1699999970,"+Inf"],[1700000000,"3"]]}]}}"#
        }),
    );
    let source = source(&format!("http://{}/prefix/", serve(router).await));
    let mut rps = spec("rps", "prom", Subject::Target);
    (rps.look_back_ms, rps.step_ms) = (60_000, 30_000);
    let told = measure(&source, &rps, &two(), NOW).await.unwrap();
    let Samples::Numbers { times_ms, values } = &told.rows[0].samples else { panic!() };
    assert_eq!(times_ms, &[NOW - 60_000, NOW - 30_000, NOW]);
    assert_eq!(values, &[1.0, f64::INFINITY, 3.0]);
}

#[tokio::test]
async fn bad_answers_are_errors_that_say_what_is_wrong() {
    let cases = [
        (r#"{"status":"error","errorType":"execution","error":"query timed out"}"#, "query timed out"),
        ("<html>login</html>", "it is not Prometheus's JSON: expected value at line 1 column 1"),
        ("", "it is not Prometheus's JSON: EOF while parsing a value at line 1 column 0"),
        (r#"{"status":"success"}"#, "it holds no data"),
        (
            r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#,
            "the query gives a text, not numbers",
        ),
        (
            r#"{"status":"success","data":{"resultType":"scal\u007f\nar","result":[1,"2"]}}"#,
            "it is not Prometheus's JSON: unknown variant `scal  ar`, expected one of `vector`, `matrix`, `scalar`, \
             `string` at line 1 column 57",
        ),
    ];
    for (body, expected) in cases {
        let error =
            measure(&answering(body).await, &spec("rps", "prom", Subject::Target), &two(), NOW).await.unwrap_err();
        assert_eq!(error.to_string(), format!("source prom gave a bad answer: {expected}"));
    }
}

#[tokio::test]
async fn one_bad_series_does_not_disturb_the_others() {
    let source = answering(
        r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"target":"web"},"value":[1700000000,"lots"]},
        {"metric":{"target":"web"},"histogram":[1700000000,{"count":"1"}]},
        {"metric":{"target":"web"},"value":[-1e300,"1"]},
        {"metric":{"target":"api"},"value":[1700000000,"2"]}]}}"#,
    )
    .await;
    let told = measure(&source, &spec("rps", "prom", Subject::Target), &two(), NOW).await.unwrap();
    assert_eq!(newest(&told), [("api", None, 2.0)]);
    assert_eq!(failed(&told).len(), 3, "{:?}", failed(&told));
}

#[tokio::test]
async fn an_incomplete_answer_is_refused_and_advice_is_passed_on() {
    const PARTIAL: &str = r#"{"status":"success","warnings":["PromQL info: odd","store 3 is down"],
        "data":{"resultType":"vector","result":[{"metric":{"target":"web"},"value":[1700000000,"2"]}]}}"#;
    let rps = spec("rps", "prom", Subject::Target);
    let mut source = answering(PARTIAL).await;
    let error = measure(&source, &rps, &two(), NOW).await.unwrap_err();
    assert_eq!(error.to_string(), "source prom gave a bad answer: it is incomplete: store 3 is down");
    source.config.partial_answers = true;
    let told = measure(&source, &rps, &two(), NOW).await.unwrap();
    assert_eq!((told.rows.len(), failed(&told)[0].as_str()), (1, "warning: PromQL info: odd"));
}

#[tokio::test]
async fn slow_huge_gone_refusing_and_leading_elsewhere() {
    let elsewhere = format!("http://{}/api/v1/query", serve(Router::new().fallback(|| async { VECTOR })).await);
    let router = Router::new()
        .route("/slow/{*path}", any(std::future::pending::<()>))
        .route("/huge/{*path}", any(|| async { "x".repeat(10_001) }))
        .route(
            "/no/{*path}",
            any(|| async { (StatusCode::BAD_REQUEST, r#"{"status":"error","error":"parse error"}"#) }),
        )
        .route("/dead/{*path}", any(|| async { (StatusCode::BAD_GATEWAY, "x".repeat(100_000)) }))
        .route("/away/{*path}", any(move || async move { Redirect::temporary(&elsewhere).into_response() }));
    let address = serve(router).await;
    let rps = spec("rps", "prom", Subject::Target);
    let began = std::time::Instant::now();
    for (path, expected) in [
        ("slow", "source prom did not answer: no answer within 300ms"),
        ("huge", "source prom gave a bad answer: the answer is larger than 10000 bytes"),
        ("no", "source prom gave a bad answer: status 400: parse error"),
        ("dead", "source prom gave a bad answer: status 502: xxx"),
        ("away", "source prom did not answer: a redirect to another host, which is not followed"),
    ] {
        let error =
            measure(&source(&format!("http://{address}/{path}")), &rps, &two(), NOW).await.unwrap_err().to_string();
        assert!(error.starts_with(expected) && error.len() < 400, "{path}: {error}");
    }
    let error = measure(&source(&format!("http://{}", nobody().await)), &rps, &two(), NOW).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn readings_and_addresses_that_do_not_suit_are_refused_with_the_remedy() {
    let source = source("http://127.0.0.1:9090");
    let whole = spec("rps", "prom", Subject::Target);
    source.check_reading(&whole).unwrap();
    let mut cases = [whole.clone(), whole.clone(), whole.clone(), whole.clone()];
    cases[0].query = " ".to_owned();
    cases[1].rate = true;
    (cases[2].look_back_ms, cases[2].step_ms) = (86_400_000, 1_000);
    cases[3].subject = Subject::Other("queue".to_owned());
    for (case, expected) in
        cases.iter().zip(["write one in PromQL", "write rate(…[1m])", "lengthen `step`", "say in `label`"])
    {
        let error = source.check_reading(case).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for url in ["ftp://x:9090", "prometheus:9090", "http://", "http://me:secret@x", ""] {
        let error = PrometheusSource::new("prom", PrometheusConfig::new(url)).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn readings_of_queues_carry_the_queues_name() {
    let source = answering(
        r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"target":"web","queue":"mail"},"value":[1700000000,"7"]}]}}"#,
    )
    .await;
    let mut depth = spec("depth", "prom", Subject::Other("queue".to_owned()));
    depth.label = Some("queue".to_owned());
    assert_eq!(newest(&measure(&source, &depth, &two(), NOW).await.unwrap()), [("web", Some("mail"), 7.0)]);
}

#[tokio::test]
async fn a_server_is_shown_who_asks_and_a_replaced_token_holds_at_once() {
    let router = Router::new().route(
        "/api/v1/query",
        any(|headers: axum::http::HeaderMap| async move {
            let said =
                |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("nothing").to_owned();
            format!(r#"{{"status":"error","error":"{} {}"}}"#, said("authorization"), said("x-scope-orgid"))
        }),
    );
    let url = format!("http://{}", serve(router).await);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let at = |name: &str| SecretAt::File(dir.path().join(name));
    std::fs::write(&file, "one\n").unwrap();
    std::fs::write(dir.path().join("tenant"), "shop").unwrap();
    let heard = async |source: &PrometheusSource| {
        measure(source, &spec("rps", "prom", Subject::Target), &two(), NOW).await.unwrap_err().to_string()
    };
    let mut config = PrometheusConfig::new(&url);
    config.bearer_token = Some(at("token"));
    config.headers.insert("X-Scope-OrgID".to_owned(), at("tenant"));
    let source = PrometheusSource::new("prom", config).unwrap();
    assert!(heard(&source).await.ends_with("Bearer one shop"));
    std::fs::write(&file, "two").unwrap();
    assert!(heard(&source).await.ends_with("Bearer two shop"));
    std::fs::remove_file(&file).unwrap();
    assert!(heard(&source).await.contains("cannot be read"), "nobody is asked without it");

    let mut config = PrometheusConfig::new(&url);
    (config.user, config.password) = (Some("me".to_owned()), Some(at("tenant")));
    let source = PrometheusSource::new("prom", config).unwrap();
    assert!(heard(&source).await.ends_with("Basic bWU6c2hvcA== nothing"));
}

#[test]
fn half_of_who_we_are_is_refused() {
    let mut config = PrometheusConfig::new("http://127.0.0.1:9090");
    (config.user, config.key_file) = (Some("me".to_owned()), Some("x.key".into()));
    let complaints = config.complaints();
    assert!(complaints[0].starts_with("user: stands without password"), "{complaints:?}");
    assert!(complaints[1].starts_with("key_file: stands without cert_file"), "{complaints:?}");
    PrometheusSource::new("prom", config).unwrap_err();
    let mut config = PrometheusConfig::new("http://127.0.0.1:9090");
    config.bearer_token = Some(SecretAt::Env("T".to_owned()));
    (config.user, config.password) = (Some("me".to_owned()), Some(SecretAt::Env("P".to_owned())));
    assert!(config.complaints()[0].starts_with("bearer_token: "));
}
