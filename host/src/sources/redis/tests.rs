//! What needs no server. `tests/it/sources/queues.rs` and `secured.rs` ask the real one.

use super::*;
use crate::sources::stage::{NOW, measure as told_by, nobody, spec, target};

#[test]
fn readings_that_do_not_suit_are_refused_with_the_remedy() {
    let source = RedisSource::new("cache", RedisConfig::new("redis://127.0.0.1:6379/2")).unwrap();
    let mut reading = spec("depth", "cache", Subject::Target);
    for (query, expected) in [
        ("", "write one as `list KEY`"),
        ("llen jobs", "there is no measure \"llen\"; there are list, set,"),
        ("list", "write `list KEY`"),
        ("list my jobs", "a key with spaces"),
        ("lag orders", "write `lag KEY GROUP`"),
    ] {
        reading.query = query.to_owned();
        let error = source.check_reading(&reading).unwrap_err().to_string();
        assert!(error.contains(expected), "{query}: {error}");
    }
    reading.query = "list jobs:{target}".to_owned();
    source.check_reading(&reading).unwrap();
    reading.subject = Subject::Instance;
    assert!(source.check_reading(&reading).unwrap_err().to_string().contains("not of a instance"));
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    for url in
        ["redis://:hush@127.0.0.1", "rediss://me:hush@127.0.0.1", "rediss://x/#insecure", "http://x", "redis://:hush@["]
    {
        let complaints = RedisConfig::new(url).complaints();
        assert!(complaints.len() == 1 && complaints[0].starts_with("url: "), "{complaints:?}");
        assert!(!complaints[0].contains("hush"), "{complaints:?}");
        RedisSource::new("cache", RedisConfig::new(url)).unwrap_err();
    }
}

#[test]
fn certificates_are_for_tls_alone_and_stand_in_pairs() {
    let config = |url: &str, ca: bool, cert: bool, key: bool| RedisConfig {
        ca_file: ca.then(|| "ca.pem".into()),
        cert_file: cert.then(|| "cert.pem".into()),
        key_file: key.then(|| "key.pem".into()),
        ..RedisConfig::new(url)
    };
    assert!(config("rediss://127.0.0.1:6380/2", true, true, true).complaints().is_empty());
    for (config, expected) in [
        (config("redis://127.0.0.1", true, false, false), "ca_file: is for TLS alone; write rediss://"),
        (config("unix:///run/redis.sock", false, true, true), "cert_file: is for TLS alone"),
        (config("rediss://127.0.0.1", false, true, false), "cert_file: stands without key_file"),
        (config("rediss://127.0.0.1", false, false, true), "key_file: stands without cert_file"),
    ] {
        let complaints = config.complaints();
        assert!(complaints.len() == 1 && complaints[0].starts_with(expected), "{complaints:?}");
        RedisSource::new("cache", config).unwrap_err();
    }
}

#[tokio::test]
async fn a_server_that_is_gone_or_says_nothing_costs_no_more_than_its_time() {
    let mut reading = spec("depth", "cache", Subject::Target);
    reading.query = "list jobs".to_owned();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [nobody().await, silent.local_addr().unwrap()] {
        let mut config = RedisConfig::new(&format!("redis://{address}"));
        (config.connect_timeout_ms, config.timeout_ms) = (300, 300);
        let source = RedisSource::new("cache", config).unwrap();
        let began = std::time::Instant::now();
        let error = told_by(&source, &reading, &[(target("web"), Vec::new())], NOW).await.unwrap_err();
        assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}
