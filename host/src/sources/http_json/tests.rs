//! Documents of several shapes, and none.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;

use super::*;
use crate::snapshot::{Instance, Target};
use crate::sources::stage::{NOW, failed, instance, measure, newest, serve, spec, target};

const DOCUMENT: &str = r#"{
    "depth": 7, "huge": 1e308, "none": null, "list": [10, 20], "a/b": {"m~n": 3},
    "by_name": {"web": {"rps": 5}, "local/api": {"rps": 6}, "api": {"rps": 0}},
    "apps": [{"name": "web", "state": "green", "open": true}, {"name": "other"}, 3, {"name": "api", "state": {}}],
    "pods": [{"id": "w1", "cpu": 0.25}, {"id": "w2", "cpu": "idle"}]
}"#;

fn two() -> Vec<(Target, Vec<Instance>)> {
    vec![(target("web"), vec![instance("w1"), instance("w2"), instance("w3")]), (target("api"), Vec::new())]
}

async fn source() -> (HttpJsonSource, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let router = Router::new().route(
        "/doc",
        get(move || async move {
            count.fetch_add(1, Ordering::Relaxed);
            DOCUMENT
        }),
    );
    let config = HttpJsonConfig::new(&format!("http://{}/doc", serve(router).await));
    (HttpJsonSource::new("doc", &config).unwrap(), asked)
}

fn reading(query: &str, subject: Subject, label: Option<&str>) -> ReadingSpec {
    ReadingSpec { query: query.to_owned(), label: label.map(str::to_owned), ..spec("x", "doc", subject) }
}

#[tokio::test]
async fn one_number_is_everybodys_and_a_name_in_the_pointer_finds_each_its_own() {
    let (source, _) = source().await;
    let of = async |query: &str| {
        let told = measure(&source, &reading(query, Subject::Target, None), &two(), NOW).await.unwrap();
        newest(&told).iter().map(|(target, _, value)| format!("{target} {value}")).collect::<Vec<_>>()
    };
    assert_eq!(of("/depth").await, ["api 7", "web 7"]);
    assert_eq!(of("/list/1").await, ["api 20", "web 20"]);
    assert_eq!(of("/a~1b/m~0n").await, ["api 3", "web 3"]);
    assert_eq!(of("/by_name/{target}/rps").await, ["api 6", "web 5"], "the id goes before the name");
    for nothing in ["/none", "/missing", "/list/01", "/list/+1", "/list/2", "/depth/x"] {
        assert!(of(nothing).await.is_empty(), "{nothing}");
    }
}

#[tokio::test]
async fn states_are_texts_and_what_is_neither_is_said() {
    let (source, _) = source().await;
    let told = measure(&source, &reading("/apps/{target}/state", Subject::Target, None), &two(), NOW).await.unwrap();
    assert_eq!(told.rows.len(), 1);
    assert_eq!(told.rows[0].samples, Samples::Texts { times_ms: vec![NOW], texts: vec!["green".to_owned()] });
    assert_eq!(failed(&told), ["local/api: there is an object, not a number"]);
}

#[tokio::test]
async fn instances_are_found_by_the_field_that_the_label_says() {
    let (source, _) = source().await;
    let cpu = reading("/pods/{instance}/cpu", Subject::Instance, Some("id"));
    let told = measure(&source, &cpu, &two(), NOW).await.unwrap();
    let seen: Vec<_> = told.rows.iter().map(|row| (row.owner.as_deref(), row.samples.clone())).collect();
    assert_eq!(seen[0], (Some("w1"), Samples::one(NOW, 0.25)));
    assert_eq!((seen.len(), seen[1].0), (2, Some("w2")));
}

#[tokio::test]
async fn the_document_is_asked_for_once_a_turn() {
    let (source, asked) = source().await;
    let (depth, list) = (reading("/depth", Subject::Target, None), reading("/list/0", Subject::Target, None));
    let targets = two();
    for turn in 0..3 {
        let now_ms = NOW + turn * 10_000;
        let (one, two) =
            tokio::join!(measure(&source, &depth, &targets, now_ms), measure(&source, &list, &targets, now_ms));
        assert!(one.is_ok() && two.is_ok());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    source.check().await.unwrap();
}

#[tokio::test]
async fn what_is_no_json_is_an_error_for_every_reading() {
    let address = serve(Router::new().fallback(|| async { "{\"depth\": 7" })).await;
    let source = HttpJsonSource::new("doc", &HttpJsonConfig::new(&format!("http://{address}/"))).unwrap();
    for _ in 0..2 {
        let error = measure(&source, &reading("/depth", Subject::Target, None), &two(), NOW).await.unwrap_err();
        assert!(error.to_string().starts_with("source doc gave a bad answer: it is not JSON: EOF"), "{error}");
    }
    assert!(source.check().await.is_err());
}

#[tokio::test]
async fn pointers_that_cannot_serve_are_refused() {
    let (source, _) = source().await;
    for (query, subject, expected) in [
        ("depth", Subject::Target, "does not begin with a slash"),
        ("/x-{target}", Subject::Target, "must be a step of its own"),
        ("/{instance}", Subject::Target, "the reading is the target's"),
        ("/pods", Subject::Instance, "write `{instance}`"),
        ("/x", Subject::Node, "not of a node"),
    ] {
        let error = source.check_reading(&reading(query, subject, None)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    source.check_reading(&reading("", Subject::Target, None)).unwrap();
}
