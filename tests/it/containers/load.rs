//! A load of sessions that last, made in the engine's network: who answered it, and what failed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::backends::engine::Engine;

/// Clients there are; those above the wanted number rest.
const CLIENTS: usize = 32;
/// What a request holds its session for, if nothing else is said.
const HOLD_MS: u64 = 150;
/// Until a client that rests, or that failed, looks again.
const PAUSE: Duration = Duration::from_millis(20);
/// Failures that are kept word for word.
const FAILURES_MAX: usize = 20;

/// The load. It ends with this.
pub(super) struct Load {
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Told {
    sessions: AtomicUsize,
    hold_ms: AtomicU64,
    over: AtomicBool,
    served: AtomicU64,
    failed: AtomicU64,
    failures: Mutex<Vec<String>>,
    by: Mutex<BTreeMap<String, u64>>,
}

impl Load {
    /// Begins without a session.
    pub(super) fn start(engine: &Engine, front: &str) -> Self {
        trimtab::tls::ready();
        let told = Arc::new(Told::default());
        told.hold_ms.store(HOLD_MS, Ordering::Relaxed);
        let (shared, url) = (Arc::clone(&told), format!("{front}hold"));
        let thread = engine.alongside(async move || {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let clients = (0..CLIENTS).map(|number| client(number, &http, &url, &shared));
            futures_util::future::join_all(clients).await;
        });
        Self { told, thread: Some(thread) }
    }

    /// Keeps so many sessions open from now on, one request after the other in each.
    pub(super) fn hold(&self, sessions: usize) {
        self.told.sessions.store(sessions, Ordering::Relaxed);
    }

    /// Has each request that is made from now on hold its session for so long, at least [`HOLD_MS`], or up to twice as long.
    pub(super) fn last(&self, hold_ms: u64) {
        self.told.hold_ms.store(hold_ms, Ordering::Relaxed);
    }

    pub(super) fn served(&self) -> u64 {
        self.told.served.load(Ordering::Relaxed)
    }

    /// How many failed, and the first of them.
    pub(super) fn failed(&self) -> (u64, Vec<String>) {
        (self.told.failed.load(Ordering::Relaxed), self.told.failures.lock().unwrap().clone())
    }

    /// Requests by the host's name of who answered them: a container's short id.
    pub(super) fn answers(&self) -> BTreeMap<String, u64> {
        self.told.by.lock().unwrap().clone()
    }

    /// Answers are counted anew from here.
    pub(super) fn forget_answers(&self) {
        self.told.by.lock().unwrap().clear();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.told.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn client(number: usize, http: &reqwest::Client, url: &str, told: &Told) {
    while !told.over.load(Ordering::Relaxed) {
        if number >= told.sessions.load(Ordering::Relaxed) {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let hold_ms = told.hold_ms.load(Ordering::Relaxed);
        // Those that last end one by one.
        let hold_ms = hold_ms + (hold_ms - HOLD_MS) * (number as u64 % 4) / 4;
        match request(http, &format!("{url}?ms={hold_ms}")).await {
            Ok(name) => {
                *told.by.lock().unwrap().entry(name).or_default() += 1;
                told.served.fetch_add(1, Ordering::Relaxed);
            }
            Err(why) => {
                told.fails(why);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Told {
    fn fails(&self, why: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < FAILURES_MAX {
            failures.push(why);
        }
    }
}

/// A POST, so that no retry of it hides a failure.
async fn request(http: &reqwest::Client, url: &str) -> Result<String, String> {
    let answer = http.post(url).send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
    if status == 200 { Ok(text.trim().to_owned()) } else { Err(format!("{status}: {text}")) }
}
