//! Draining, dying and refusing, with real servers on loopback.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::routing::any;
use futures_util::StreamExt;
use tokio::sync::Notify;

use super::*;

/// A server that says its name at once; at `/held` only when let go; at `/streamed` one half at once and one when let go.
struct Worker {
    address: String,
    go: Arc<Notify>,
    arrived: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Worker {
    async fn start(name: &'static str) -> Self {
        let (go, arrived) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (held, came) = (go.clone(), arrived.clone());
        let (streamed, began) = (go.clone(), arrived.clone());
        let router = Router::new()
            .route("/", any(move || async move { name }))
            .route("/error", any(|| async { axum::http::StatusCode::INTERNAL_SERVER_ERROR }))
            .route(
                "/held",
                any(move || async move {
                    came.notify_one();
                    held.notified().await;
                    name
                }),
            )
            .route(
                "/streamed",
                any(move || async move {
                    let rest = async move {
                        began.notify_one();
                        streamed.notified().await;
                        Ok::<_, std::io::Error>(Bytes::from_static(b" end"))
                    };
                    let first = futures_util::stream::iter([Ok(Bytes::from_static(b"begin"))]);
                    Body::from_stream(first.chain(futures_util::stream::once(rest)))
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, go, arrived, task }
    }

    /// Dies as a killed process does: nobody listens any more.
    fn die(self) {
        self.task.abort();
    }
}

fn web() -> TargetId {
    "local/web".parse().unwrap()
}

async fn balancer(change: impl FnOnce(&mut EmbeddedConfig)) -> EmbeddedRegistrar {
    crate::tls::ready();
    let mut config = EmbeddedConfig::new("127.0.0.1:0".parse().unwrap(), vec![web()]);
    change(&mut config);
    EmbeddedRegistrar::start("front", config).await.unwrap()
}

async fn get(balancer: &EmbeddedRegistrar, path: &str) -> (u16, String) {
    let url = format!("http://{}{path}", balancer.address());
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn in_background(balancer: &EmbeddedRegistrar, path: &str) -> JoinHandle<(u16, String)> {
    let url = format!("http://{}{path}", balancer.address());
    tokio::spawn(async move {
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

#[tokio::test]
async fn with_nobody_entered_the_client_is_told_so() {
    let balancer = balancer(|_| {}).await;
    assert_eq!(get(&balancer, "/").await, (503, "balancer front: no instance is entered\n".to_owned()));
    assert_eq!(balancer.stats().refused, 1);
    balancer.check().await.unwrap();
}

#[tokio::test]
async fn work_is_shared_among_those_who_are_entered() {
    let balancer = balancer(|_| {}).await;
    let (a, b) = (Worker::start("a").await, Worker::start("b").await);
    balancer.register(&web(), "b", &b.address).await.unwrap();
    balancer.register(&web(), "a", &a.address).await.unwrap();
    assert_eq!(balancer.entered(&web()).await.unwrap(), ["a", "b"]);
    let mut answers = BTreeMap::new();
    for _ in 0..20 {
        *answers.entry(get(&balancer, "/").await.1).or_insert(0) += 1;
    }
    assert_eq!(answers, BTreeMap::from([("a".to_owned(), 10), ("b".to_owned(), 10)]));
    get(&balancer, "/error").await;
    let stats = balancer.stats();
    assert_eq!((stats.served, stats.server_errors, stats.failed, stats.in_flight), (21, 1, 0, 0));
}

#[tokio::test]
async fn a_drain_waits_for_the_last_byte_and_lets_nothing_new_in() {
    let balancer = balancer(|_| {}).await;
    let (a, b) = (Worker::start("a").await, Worker::start("b").await);
    for path in ["/held", "/streamed"] {
        balancer.register(&web(), "a", &a.address).await.unwrap();
        let answer = in_background(&balancer, path);
        a.arrived.notified().await;
        balancer.register(&web(), "b", &b.address).await.unwrap();
        let waiting = DrainState::Waiting { why: "1 request".to_owned() };
        assert_eq!(balancer.drain(&web(), "a").await.unwrap(), waiting, "{path}");
        for _ in 0..10 {
            assert_eq!(get(&balancer, "/").await, (200, "b".to_owned()));
        }
        a.go.notify_one();
        let (status, text) = answer.await.unwrap();
        assert_eq!((status, text.as_str()), (200, if path == "/held" { "a" } else { "begin end" }));
        assert_eq!(balancer.drain(&web(), "a").await.unwrap(), DrainState::Drained);
        balancer.deregister(&web(), "a").await.unwrap();
        balancer.deregister(&web(), "b").await.unwrap();
    }
    assert_eq!(balancer.stats().failed, 0);
}

#[tokio::test]
async fn a_cancelled_drain_gives_work_again() {
    let balancer = balancer(|_| {}).await;
    let a = Worker::start("a").await;
    balancer.register(&web(), "a", &a.address).await.unwrap();
    balancer.drain(&web(), "a").await.unwrap();
    balancer.register(&web(), "a", &a.address).await.unwrap();
    assert_eq!(get(&balancer, "/").await.1, "balancer front: no instance takes requests; 1 drain\n");
    balancer.undrain(&web(), "a").await.unwrap();
    assert_eq!(get(&balancer, "/").await, (200, "a".to_owned()));
    assert!(balancer.undrain(&web(), "never").await.is_err());
    assert_eq!(balancer.drain(&web(), "never").await.unwrap(), DrainState::Drained);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_request_fails_while_instances_come_and_go() {
    let balancer = Arc::new(balancer(|_| {}).await);
    let mut workers = BTreeMap::new();
    for id in ["0", "1", "2"] {
        let worker = Worker::start("w").await;
        balancer.register(&web(), id, &worker.address).await.unwrap();
        workers.insert(id.to_owned(), worker);
    }
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (stop, served) = (stop.clone(), served.clone());
            let (client, url) = (reqwest::Client::new(), format!("http://{}/", balancer.address()));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // POST, so that a retry cannot hide a failure.
                    let answer = client.post(&url).send().await.unwrap();
                    assert_eq!(answer.status(), 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 3..30 {
        let (oldest, worker) = workers.pop_first().unwrap();
        while balancer.drain(&web(), &oldest).await.unwrap() != DrainState::Drained {
            tokio::task::yield_now().await;
        }
        balancer.deregister(&web(), &oldest).await.unwrap();
        worker.die();
        let (id, worker) = (round.to_string(), Worker::start("w").await);
        balancer.register(&web(), &id, &worker.address).await.unwrap();
        workers.insert(id, worker);
        let before = served.load(Ordering::Relaxed);
        while served.load(Ordering::Relaxed) < before + 50 {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let stats = balancer.stats();
    assert_eq!((stats.failed, stats.refused, stats.retried, stats.in_flight), (0, 0, 0, 0));
    assert_eq!(stats.served, served.load(Ordering::Relaxed));
}

#[tokio::test]
async fn one_that_died_costs_no_repeatable_request_and_is_then_passed_over() {
    let balancer = balancer(|_| {}).await;
    let (dead, live) = (Worker::start("dead").await, Worker::start("live").await);
    let address = dead.address.clone();
    dead.die();
    balancer.register(&web(), "dead", &address).await.unwrap();
    balancer.register(&web(), "live", &live.address).await.unwrap();
    for _ in 0..20 {
        assert_eq!(get(&balancer, "/").await, (200, "live".to_owned()));
    }
    let stats = balancer.stats();
    assert_eq!((stats.served, stats.failed), (20, 0));
    assert!(stats.retried >= 1 && stats.retried < 20, "{stats:?}");
}

#[tokio::test]
async fn what_must_not_be_done_twice_is_not_retried() {
    let balancer = balancer(|_| {}).await;
    let dead = Worker::start("dead").await;
    let address = dead.address.clone();
    dead.die();
    balancer.register(&web(), "dead", &address).await.unwrap();
    let client = reqwest::Client::new();
    let url = format!("http://{}/", balancer.address());
    for request in [client.post(&url), client.put(&url).body("x")] {
        assert_eq!(request.send().await.unwrap().status(), 502);
    }
    let stats = balancer.stats();
    assert_eq!((stats.failed, stats.retried, stats.instances[0].failed), (2, 0, 2));
}

#[tokio::test]
async fn slow_instances_and_crowds_have_limits() {
    let balancer = balancer(|config| {
        config.response_timeout_ms = 200;
        config.in_flight_max = 1;
        config.request_body_bytes_max = 10;
    })
    .await;
    let a = Worker::start("a").await;
    balancer.register(&web(), "a", &a.address).await.unwrap();
    let slow = in_background(&balancer, "/held");
    a.arrived.notified().await;
    assert_eq!(get(&balancer, "/").await, (503, "balancer front: too many requests are in flight\n".to_owned()));
    assert_eq!(slow.await.unwrap().0, 504);
    let large = reqwest::Client::new().post(format!("http://{}/", balancer.address())).body("x".repeat(11));
    assert_eq!(large.send().await.unwrap().status(), 413);
    assert_eq!(balancer.stats().in_flight, 0);
}

#[tokio::test]
async fn addresses_that_are_none_and_strange_targets_are_refused() {
    let balancer = balancer(|_| {}).await;
    for address in ["", "host", "a b:1", "user@host:1", "http://x:1", "h:99999", "h:1/path", ":80", "h:1\r\nx: y"] {
        let refused = balancer.register(&web(), "a", address).await;
        assert!(matches!(refused, Err(RegistrarError::Refused { .. })), "{address}");
    }
    for address in ["127.0.0.1:80", "[::1]:80", "worker-1.local:8080"] {
        balancer.register(&web(), "a", address).await.unwrap();
    }
    let api: TargetId = "local/api".parse().unwrap();
    assert!(balancer.register(&api, "a", "127.0.0.1:80").await.is_err());
    let taken = EmbeddedConfig::new(balancer.address(), vec![web()]);
    let error = EmbeddedRegistrar::start("second", taken).await.unwrap_err().to_string();
    assert!(error.contains("cannot listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn stopping_waits_for_requests_in_flight() {
    let balancer = Arc::new(balancer(|_| {}).await);
    let a = Worker::start("a").await;
    balancer.register(&web(), "a", &a.address).await.unwrap();
    let held = in_background(&balancer, "/held");
    a.arrived.notified().await;
    let stopping = tokio::spawn({
        let balancer = balancer.clone();
        async move { balancer.shutdown().await }
    });
    let began = Instant::now();
    while balancer.check().await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    a.go.notify_one();
    assert_eq!(held.await.unwrap(), (200, "a".to_owned()));
    assert!(stopping.await.unwrap());
}
