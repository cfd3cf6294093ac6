//! Against a small server that answers as the management API of RabbitMQ 3.10 did when it was asked.

use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::routing::get;

use super::*;
use crate::snapshot::{Instance, Target};
use crate::sources::stage::{NOW, failed, measure, newest, serve, spec, target};

const LISTED: &str = r#"[
    {"name":"jobs-web","state":"running","messages":7,"messages_ready":5,"messages_unacknowledged":2,"message_bytes":70,
     "consumers":3,"message_stats":{"publish_details":{"rate":1.5}}},
    {"name":"jobs-api","state":"running"},
    {"name":"jobs-old","state":"down","messages":9,"messages_ready":9,"consumers":0}]"#;

async fn source(body: &'static str) -> RabbitmqSource {
    let router = Router::new().fallback(get(move |uri: Uri, headers: HeaderMap| async move {
        assert_eq!(uri.path(), "/prefix/api/queues/%2F");
        assert!(uri.query().unwrap().starts_with("columns=name%2Cstate"));
        assert!(headers["authorization"].to_str().unwrap().starts_with("Basic "));
        body
    }));
    let password = SecretAt::Env("PATH".to_owned());
    let url = format!("http://{}/prefix/", serve(router).await);
    RabbitmqSource::new("rabbit", &RabbitmqConfig::new(&url, "me", password)).unwrap()
}

fn three() -> Vec<(Target, Vec<Instance>)> {
    ["web", "api", "old"].map(|name| (target(name), Vec::new())).into()
}

#[tokio::test]
async fn what_the_broker_cannot_tell_is_absent_and_not_empty() {
    let source = source(LISTED).await;
    let mut ready = spec("ready", "rabbit", Subject::Target);
    ready.query = "messages_ready jobs-{target}".to_owned();
    let told = measure(&source, &ready, &three(), NOW).await.unwrap();
    assert_eq!(newest(&told), [("web", None, 5.0)]);
    assert_eq!(
        failed(&told),
        ["jobs-api: the broker does not tell its messages_ready yet", "jobs-old: the queue is down"]
    );
    ready.query = "publish_rate jobs-web".to_owned();
    assert_eq!(newest(&measure(&source, &ready, &three()[..1], NOW).await.unwrap()), [("web", None, 1.5)]);
    ready.query = "consumers nowhere".to_owned();
    let told = measure(&source, &ready, &three()[..1], NOW).await.unwrap();
    assert_eq!(failed(&told), ["nowhere: the broker has no such queue in this virtual host"]);
}

#[tokio::test]
async fn a_reading_of_queues_carries_the_queues_name() {
    let mut depth = spec("depth", "rabbit", Subject::Other("queue".to_owned()));
    depth.query = "messages jobs-{target}".to_owned();
    let told = measure(&source(LISTED).await, &depth, &three(), NOW).await.unwrap();
    assert_eq!(newest(&told), [("web", Some("jobs-web"), 7.0)]);
}

#[tokio::test]
async fn bad_answers_and_queries_are_refused() {
    let mut depth = spec("depth", "rabbit", Subject::Target);
    depth.query = "messages jobs".to_owned();
    for body in ["", "<html>", r#"{"error":"x"}"#, r#"[{"messages":1}]"#, r#"[{"name":"a","messages":"lots"}]"#] {
        let error = measure(&source(body).await, &depth, &three(), NOW).await.unwrap_err().to_string();
        assert!(error.contains("it is not RabbitMQ's list of queues"), "{error}");
    }
    let source = source(LISTED).await;
    for (query, expected) in [("messages", "write a measure and a queue"), ("depth jobs", "there are messages, ")] {
        depth.query = query.to_owned();
        let error = source.check_reading(&depth).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
