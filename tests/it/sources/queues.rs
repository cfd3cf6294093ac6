//! Redis and RabbitMQ.

use std::time::{Duration, Instant};

use trimtab::config::SecretAt;
use trimtab::snapshot::Subject;
use trimtab::sources::rabbitmq::{RabbitmqConfig, RabbitmqSource};
use trimtab::sources::redis::{MissingKey, RedisConfig, RedisSource};
use trimtab::sources::{Source, SourceError};

use super::{measure, row, told, values};
use crate::backends::rabbitmq::Rabbitmq;
use crate::backends::redis::Redis;
use crate::backends::server::PATIENCE;

#[tokio::test]
async fn redis_tells_lengths_and_what_readers_have_left_to_do() {
    let Some(mut server) = Redis::start("source redis", &["--requirepass", "hush"]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "wrong").unwrap();
    let config = RedisConfig { password: Some(SecretAt::File(password.clone())), ..RedisConfig::new(server.url()) };
    let source = RedisSource::new("cache", config).unwrap();
    let error = source.check().await.unwrap_err().to_string();
    assert!(error.contains("did not answer") && !error.contains("hush"), "{error}");
    std::fs::write(&password, "hush").unwrap();
    source.check().await.unwrap();

    let client = redis::Client::open(server.url().replace("redis://", "redis://:hush@")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for command in [
        "RPUSH jobs:web a b c",
        "SADD busy w1 w2",
        "ZADD later 1 a",
        "XADD orders 1-0 k v",
        "XADD orders 2-0 k v",
        "XADD orders 3-0 k v",
        "XGROUP CREATE orders shop 0",
        "XREADGROUP GROUP shop c1 COUNT 1 STREAMS orders >",
    ] {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        for word in words {
            asked.arg(word);
        }
        let _: redis::Value = asked.query_async(&mut connection).await.unwrap();
    }
    let both = ["web", "api"];
    assert_eq!(told(&source, "list jobs:{target}", &both).await, [row("api", 0.0), row("web", 3.0)]);
    for (query, expected) in [
        ("set busy", 2.0),
        ("zset later", 1.0),
        ("stream orders", 3.0),
        ("lag orders shop", 2.0),
        ("pending orders shop", 1.0),
        ("backlog orders shop", 3.0),
        ("consumers orders shop", 1.0),
    ] {
        assert_eq!(told(&source, query, &["web"]).await, [row("web", expected)], "{query}");
    }
    for (query, key, why) in [
        ("stream none", "none", "there is no such key"),
        ("lag none shop", "none", "there is no such key"),
        ("lag orders nobody", "orders", "the stream has no group nobody"),
    ] {
        let absent = measure(&source, query, Subject::Target, &[("web", &[])], 1).await.unwrap();
        assert!(absent.rows.is_empty(), "{query} is absent, not 0");
        assert_eq!(absent.failed, [(key.to_owned(), why.to_owned())], "{query}");
    }
    // An empty list is no key: whether that is 0 or nothing is the operator's to say.
    let password = Some(SecretAt::File(password));
    let config = RedisConfig { password, missing_key: MissingKey::Absent, ..RedisConfig::new(server.url()) };
    let strict = RedisSource::new("cache", config).unwrap();
    for (query, key) in [("list jobs:{target}", "jobs:api"), ("set idle", "idle"), ("zset never", "never")] {
        let told = measure(&strict, query, Subject::Target, &[("api", &[])], 1).await.unwrap();
        assert!(told.rows.is_empty(), "{query}");
        assert_eq!(told.failed, [(key.to_owned(), "there is no such key".to_owned())]);
    }
    assert_eq!(self::told(&strict, "list jobs:{target}", &["web"]).await, [row("web", 3.0)]);

    let wrong = measure(&source, "list orders", Subject::Target, &[("web", &[])], 1).await.unwrap();
    assert!(wrong.rows.is_empty() && wrong.failed[0].1.contains("WRONGTYPE"), "{wrong:?}");

    server.kill();
    let gone = measure(&source, "list jobs:web", Subject::Target, &[("web", &[])], 1).await;
    assert!(gone.is_err(), "a server that is gone is no empty list");
}

#[tokio::test]
async fn rabbitmq_tells_depth_and_consumers() {
    let Some(mut server) = Rabbitmq::start("source rabbitmq").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "wrong").unwrap();
    let config = RabbitmqConfig::new(server.management(), "guest", SecretAt::File(password.clone()));
    let source = RabbitmqSource::new("rabbit", &config).unwrap();
    let error = source.check().await.unwrap_err().to_string();
    assert!(error.contains("does not know this user"), "{error}");
    std::fs::write(&password, "guest").unwrap();
    source.check().await.unwrap();

    let client = reqwest::Client::new();
    let queue = format!("{}/api/queues/%2f/jobs-web", server.management());
    let guest = |request: reqwest::RequestBuilder| request.basic_auth("guest", Some("guest")).send();
    assert_eq!(guest(client.put(&queue).json(&serde_json::json!({}))).await.unwrap().status(), 201);
    let publish = format!("{}/api/exchanges/%2f/amq.default/publish", server.management());
    let message = serde_json::json!(
        {"properties": {}, "routing_key": "jobs-web", "payload": "x", "payload_encoding": "string"});
    for _ in 0..3 {
        assert_eq!(guest(client.post(&publish).json(&message)).await.unwrap().status(), 200);
    }
    let mut now_ms = 1;
    let began = Instant::now();
    loop {
        now_ms += 1;
        let targets: &[(&str, &[&str])] = &[("web", &[]), ("api", &[])];
        let depth = measure(&source, "messages_ready jobs-{target}", Subject::Target, targets, now_ms).await.unwrap();
        assert_eq!(depth.failed.last().unwrap().1, "the broker has no such queue in this virtual host");
        if values(&depth) == [row("web", 3.0)] {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the broker never told: {depth:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let consumers = measure(&source, "consumers jobs-{target}", Subject::Target, &[("web", &[])], now_ms).await;
    assert_eq!(values(&consumers.unwrap()), [row("web", 0.0)], "of the same turn: not asked again");
    // A virtual host with a slash in its name, and one that is not there.
    let vhost = format!("{}/api/vhosts/shop%2Feu", server.management());
    assert_eq!(guest(client.put(&vhost)).await.unwrap().status(), 201);
    let queue_there = format!("{}/api/queues/shop%2Feu/jobs-eu", server.management());
    assert_eq!(guest(client.put(&queue_there).json(&serde_json::json!({}))).await.unwrap().status(), 201);
    let beside = |vhost: &str| {
        let config = RabbitmqConfig::new(server.management(), "guest", SecretAt::File(password.clone()));
        RabbitmqSource::new("rabbit", &RabbitmqConfig { vhost: vhost.to_owned(), ..config }).unwrap()
    };
    beside("shop/eu").check().await.unwrap();
    let (there, mut told) = (beside("shop/eu"), None);
    while told.as_deref() != Some([row("web", 0.0)].as_slice()) {
        now_ms += 1;
        let depth = measure(&there, "messages jobs-eu", Subject::Target, &[("web", &[])], now_ms).await.unwrap();
        told = Some(values(&depth));
        assert!(began.elapsed() < PATIENCE, "the broker never told: {depth:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let error = beside("shop").check().await.unwrap_err().to_string();
    assert!(error.contains("there is no such virtual host"), "{error}");

    // A queue that is gone is absent, and not the empty one that it was; so is all where the broker is gone.
    assert_eq!(guest(client.delete(&queue)).await.unwrap().status(), 204);
    let gone = measure(&source, "messages jobs-web", Subject::Target, &[("web", &[])], now_ms + 1).await.unwrap();
    assert!(gone.rows.is_empty(), "{gone:?}");
    assert_eq!(gone.failed, [row_failed("jobs-web", "the broker has no such queue in this virtual host")]);
    server.kill();
    let gone = measure(&source, "messages jobs-web", Subject::Target, &[("web", &[])], now_ms + 2).await;
    assert!(matches!(gone, Err(SourceError::Unreachable { .. })), "{gone:?}");
}

fn row_failed(of: &str, why: &str) -> (String, String) {
    (of.to_owned(), why.to_owned())
}
