//! Entering, draining, taking out; and restarts of either side in the midst of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use trimtab::registrars::haproxy::{HaproxyConfig, HaproxyRegistrar};
use trimtab::registrars::{DrainState, Registrar, RegistrarError};

use super::rig::{Haproxy, Worker, get, web};

fn adding(haproxy: &Haproxy) -> HaproxyConfig {
    HaproxyConfig { options: "check inter 200ms".to_owned(), ..HaproxyConfig::new(&haproxy.socket(), web(), "web") }
}

fn filling(haproxy: &Haproxy) -> HaproxyConfig {
    let mut config = HaproxyConfig::new(&haproxy.socket(), web(), "slots");
    config.serves.values_mut().for_each(|pool| pool.slots = Some("s".to_owned()));
    config
}

fn start(config: &HaproxyConfig) -> HaproxyRegistrar {
    HaproxyRegistrar::new("lb", config).unwrap()
}

fn sessions(count: &str) -> DrainState {
    DrainState::Waiting { why: count.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_the_last_session_and_lets_nothing_new_in() {
    let Some(haproxy) = Haproxy::start().await else { return };
    for (config, front) in [(adding(&haproxy), haproxy.front), (filling(&haproxy), haproxy.old)] {
        let lb = start(&config);
        lb.check().await.unwrap();
        let (a, b) = (Worker::start("a").await, Worker::start("b").await);
        let began = Instant::now();
        lb.register(&web(), "a", &a.address).await.unwrap();
        assert_eq!(get(front, "/").await, (200, "a".to_owned()));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let held = tokio::spawn(get(front, "/held"));
        a.arrived.notified().await;
        lb.register(&web(), "b", &b.address).await.unwrap();
        assert_eq!(lb.entered(&web()).await.unwrap(), ["a", "b"]);
        assert_eq!(lb.drain(&web(), "a").await.unwrap(), sessions("1 session"));
        for _ in 0..10 {
            assert_eq!(get(front, "/").await, (200, "b".to_owned()));
        }
        a.go.notify_one();
        assert_eq!(held.await.unwrap(), (200, "a".to_owned()));
        until("drained", async || lb.drain(&web(), "a").await.unwrap() == DrainState::Drained).await;
        lb.undrain(&web(), "a").await.unwrap();
        let mut answers = BTreeSet::new();
        until("both at work", async || {
            answers.insert(get(front, "/").await.1);
            answers.len() == 2
        })
        .await;
        lb.deregister(&web(), "a").await.unwrap();
        lb.deregister(&web(), "a").await.unwrap();
        assert_eq!(lb.entered(&web()).await.unwrap(), ["b"]);
        assert_eq!(lb.drain(&web(), "a").await.unwrap(), DrainState::Drained);
        assert!(matches!(lb.undrain(&web(), "a").await, Err(RegistrarError::Refused { .. })));
        lb.deregister(&web(), "b").await.unwrap();
        assert_eq!(get(front, "/").await.0, 503);
    }
    let web = haproxy.servers("web").await;
    assert_eq!(web.keys().collect::<Vec<_>>(), ["theirs"], "what is not ours stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_outlasts_its_drain_is_shut_down() {
    let Some(haproxy) = Haproxy::start().await else { return };
    for (config, front) in [(adding(&haproxy), haproxy.front), (filling(&haproxy), haproxy.old)] {
        let lb = start(&config);
        let a = Worker::start("a").await;
        lb.register(&web(), "a", &a.address).await.unwrap();
        let held = tokio::spawn(get(front, "/held"));
        a.arrived.notified().await;
        lb.drain(&web(), "a").await.unwrap();
        lb.deregister(&web(), "a").await.unwrap();
        assert_eq!(held.await.unwrap().0, 502);
        assert_eq!(lb.entered(&web()).await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_haproxy_forgot_is_entered_again() {
    let Some(mut haproxy) = Haproxy::start().await else { return };
    let (adding, filling) = (start(&adding(&haproxy)), start(&filling(&haproxy)));
    let a = Worker::start("a").await;
    for lb in [&adding, &filling] {
        lb.register(&web(), "a", &a.address).await.unwrap();
    }
    haproxy.kill_and_restart().await;
    for (lb, front) in [(&adding, haproxy.front), (&filling, haproxy.old)] {
        assert_eq!(lb.entered(&web()).await.unwrap(), Vec::<String>::new());
        lb.register(&web(), "a", &a.address).await.unwrap();
        assert_eq!(get(front, "/").await, (200, "a".to_owned()));
    }
    haproxy.kill();
    let error = adding.entered(&web()).await.unwrap_err();
    assert!(matches!(error, RegistrarError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("does HAProxy run"), "its socket's file is left: {error}");
    assert!(adding.deregister(&web(), "a").await.is_err(), "the instance then stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_host_finishes_what_a_killed_one_left() {
    let Some(haproxy) = Haproxy::start().await else { return };
    let before = start(&adding(&haproxy));
    let workers = [Worker::start("a").await, Worker::start("b").await];
    for (id, worker) in ["a", "b"].iter().zip(&workers) {
        before.register(&web(), id, &worker.address).await.unwrap();
    }
    // It drained a, and was about to enter c.
    before.drain(&web(), "a").await.unwrap();
    haproxy.ask("add server web/trimtab.c 127.0.0.1:9").await;
    drop(before);

    let after = start(&adding(&haproxy));
    assert_eq!(after.entered(&web()).await.unwrap(), ["a", "b"]);
    let servers = haproxy.servers("web").await;
    assert_eq!(servers.get("trimtab.a").map(String::as_str), Some("0"), "at work again: {servers:?}");
    assert!(!servers.contains_key("trimtab.c"), "{servers:?}");

    // A person's hand on a server that this host knows stays.
    haproxy.ask("set server web/trimtab.b state maint").await;
    assert_eq!(after.entered(&web()).await.unwrap(), ["a", "b"]);
    assert_eq!(haproxy.servers("web").await.get("trimtab.b").map(String::as_str), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_host_knows_slots_by_their_addresses() {
    let Some(haproxy) = Haproxy::start().await else { return };
    let before = start(&filling(&haproxy));
    let (a, gone) = (Worker::start("a").await, Worker::start("gone").await);
    before.register(&web(), "a", &a.address).await.unwrap();
    before.register(&web(), "gone", &gone.address).await.unwrap();
    let full = before.register(&web(), "c", "127.0.0.1:10").await.unwrap_err();
    assert!(full.to_string().contains("all 2 slots"), "{full}");
    drop(before);

    let after = start(&filling(&haproxy));
    let strangers = after.entered(&web()).await.unwrap();
    assert_eq!(strangers, [format!("slot s1 at {}", a.address), format!("slot s2 at {}", gone.address)]);
    // As a turn mends: what is there is entered, what nobody is any more is taken out.
    after.register(&web(), "a", &a.address).await.unwrap();
    for stranger in &strangers {
        after.deregister(&web(), stranger).await.unwrap();
    }
    assert_eq!(after.entered(&web()).await.unwrap(), ["a"]);
    after.register(&web(), "c", &gone.address).await.unwrap();
    assert_eq!(after.entered(&web()).await.unwrap(), ["a", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_server_starts_slowly_where_asked_to() {
    let Some(haproxy) = Haproxy::start().await else { return };
    let config = HaproxyConfig { slow_start_ms: 60_000, weight: Some(100), ..adding(&haproxy) };
    let lb = start(&config);
    let a = Worker::start("a").await;
    lb.register(&web(), "a", &a.address).await.unwrap();
    let stat = haproxy.ask("show stat -1 4 -1").await;
    let header: Vec<&str> = stat.lines().next().unwrap().split(',').collect();
    let line: Vec<&str> = stat.lines().find(|line| line.contains("trimtab.a")).unwrap().split(',').collect();
    let weight: u32 = line[header.iter().position(|name| *name == "weight").unwrap()].parse().unwrap();
    assert!(weight < 50, "{weight} of 100 at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_no_has_its_remedy() {
    let Some(haproxy) = Haproxy::start().await else { return };
    let of = |backend: &str| HaproxyConfig::new(&haproxy.socket(), web(), backend);
    let error = start(&of("none")).check().await.unwrap_err();
    assert!(matches!(error, RegistrarError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("is there such a backend"), "{error}");
    for level in ["operator", "user"] {
        let lb = start(&HaproxyConfig { socket: haproxy.socket_of(level), ..of("web") });
        for error in [lb.check().await, lb.register(&web(), "a", "127.0.0.1:9").await].map(Result::unwrap_err) {
            assert!(matches!(error, RegistrarError::Refused { .. }), "{error}");
            assert!(error.to_string().contains("level admin"), "{level}: {error}");
        }
    }
    let lb = start(&HaproxyConfig { socket: "/nowhere/haproxy.sock".to_owned(), ..of("web") });
    let error = lb.check().await.unwrap_err();
    assert!(matches!(error, RegistrarError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("does HAProxy run"), "{error}");
    let error = start(&of("static")).register(&web(), "a", "127.0.0.1:9").await.unwrap_err().to_string();
    assert!(error.contains("balance"), "{error}");
    let error = start(&of("web")).register(&web(), "a", "no-such-host.invalid:9").await.unwrap_err().to_string();
    assert!(error.contains("no-such-host.invalid"), "{error}");
    let error = start(&of("web")).register(&"local/other".parse().unwrap(), "a", "127.0.0.1:9").await.unwrap_err();
    assert!(error.to_string().contains("serves"), "{error}");
    let options = HaproxyConfig { options: "nonsense".to_owned(), ..of("web") };
    let error = start(&options).register(&web(), "a", "127.0.0.1:9").await.unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_no_request_fails_while_instances_come_and_go() {
    let Some(haproxy) = Haproxy::start().await else { return };
    let lb = start(&adding(&haproxy));
    let mut workers = Vec::new();
    for id in 0..2 {
        let worker = Worker::start("w").await;
        lb.register(&web(), &id.to_string(), &worker.address).await.unwrap();
        workers.push((id.to_string(), worker));
    }
    trimtab::tls::ready();
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let (stop, served) = (stop.clone(), served.clone());
            let (client, url) =
                (reqwest::Client::builder().no_proxy().build().unwrap(), format!("http://{}/", haproxy.front));
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
    for round in 2..14 {
        let (id, worker) = (round.to_string(), Worker::start("w").await);
        lb.register(&web(), &id, &worker.address).await.unwrap();
        workers.push((id, worker));
        let (oldest, worker) = workers.remove(0);
        until("drained", async || lb.drain(&web(), &oldest).await.unwrap() == DrainState::Drained).await;
        lb.deregister(&web(), &oldest).await.unwrap();
        worker.die();
        let before = served.load(Ordering::Relaxed);
        until("more requests", async || served.load(Ordering::Relaxed) > before + 50).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
}

async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !reached().await {
        assert!(began.elapsed() < Duration::from_secs(30), "no sign of {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
