//! How quickly a running host takes a hand: the built binary, its real store, its API over loopback.
//!
//!     cargo bench -p trimtab --bench steer [-- upload | swaps | health | lists]
//!
//! `upload`: from the first byte of a policy of some 100 KB to its being active, with nothing cached and with its artefact
//! cached. `swaps`: a thousand changes of the active version while turns never stop; the records then show whether a turn was
//! lost, failed, or ran on a mixture. `health`: `/healthz` while every evaluation spins and 30 MB compile. `lists`: 500
//! requests a second on 10,000 targets, and whether turns start late for it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark: it stops where it must"
)]

#[path = "told/figures.rs"]
mod figures;
#[path = "told/running.rs"]
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use trimtab::audit::{self, Event, Span};
use trimtab::registry::builtin::builtin;
use trimtab::snapshot::TargetId;
use trimtab::store::SqliteStore;

use self::figures::told;
use self::running::{Running, config, page, quantile, version_of};

/// The name of the policy that is uploaded again and again.
const TRACKING: &str = "target-tracking";
const SWAPS: u32 = 1_000;
/// Requests a second on the lists, and for how long.
const RATE: u32 = 500;
const LISTED: Duration = Duration::from_secs(20);

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runs = |name: &str| chosen.is_empty() || chosen.iter().any(|part| format!("steer/{name}").contains(part));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if runs("upload") {
            upload().await;
        }
        if runs("swaps") {
            swaps().await;
        }
        if runs("health") {
            health().await;
        }
        if runs("lists") {
            lists().await;
        }
    });
}

async fn upload() {
    const TIMES: u32 = 20;
    let host = Running::start(&config(1, 10, "1s", TRACKING, &page()));
    let bytes = builtin(TRACKING).unwrap().bytes;
    let (mut fresh, mut cached, mut back) = (Vec::new(), Vec::new(), Vec::new());
    for version in 0..TIMES {
        let bytes = version_of(bytes, version);
        let began = Instant::now();
        let digest = host.push(&bytes).await;
        host.activate(TRACKING, &digest).await;
        fresh.push(began.elapsed());
    }
    for version in 0..TIMES - 1 {
        let digest = host.push(&version_of(bytes, version)).await;
        host.activate(TRACKING, &digest).await;
        let began = Instant::now();
        host.ask(Method::POST, &format!("/v1/policies/{TRACKING}/rollback"), Some(json!({}))).await;
        back.push(began.elapsed());
    }
    for version in 0..TIMES - 1 {
        // Forgotten by the registry; the compiled artefact stays in the cache.
        let bytes = version_of(bytes, version);
        let digest = host.push(&bytes).await;
        host.ask(Method::DELETE, &format!("/v1/versions/{digest}"), None).await;
        let began = Instant::now();
        let digest = host.push(&bytes).await;
        host.activate(TRACKING, &digest).await;
        cached.push(began.elapsed());
    }
    let size = format!("{} KB of Rust; ", bytes.len() / 1000);
    tell("upload to active, nothing cached", &mut fresh, &size, 500.0);
    tell("upload to active, artefact cached", &mut cached, &size, 50.0);
    tell("rollback", &mut back, "", 10.0);
    host.end();
}

async fn swaps() {
    const BACKENDS: usize = 2;
    const TARGETS: usize = 500;
    // A turn takes longer than its pace: the next begins as soon as one has ended.
    let host = Running::start(&config(BACKENDS, TARGETS, "100ms", TRACKING, &page()));
    let bytes = builtin(TRACKING).unwrap().bytes;
    let digests = [host.push(&version_of(bytes, 1)).await, host.push(&version_of(bytes, 2)).await];
    let mut took = Vec::new();
    let began = Instant::now();
    for swap in 0..SWAPS {
        let began = Instant::now();
        host.activate(TRACKING, &digests[swap as usize % 2]).await;
        took.push(began.elapsed());
    }
    let lasted = began.elapsed();
    let data_dir = host.data_dir();
    let folder = host.end();
    let (turns, records, mixed, failed, lost) = judge(&data_dir, BACKENDS, TARGETS).await;
    drop(folder);
    tell(&format!("{SWAPS} swaps under turns"), &mut took, "", 1_000.0);
    let remark = format!(
        "{records} records of {turns} turns in {:.1} s; lost {lost}, failed {failed}, mixed {mixed}",
        lasted.as_secs_f64()
    );
    println!("steer/swaps: {remark}");
    told("turns lost, failed or mixed by swaps", &(lost + failed + mixed).to_string(), &remark);
    assert_eq!(lost + failed + mixed, 0, "{remark}");
}

/// What the records say: turns, records, turns whose targets ran on several versions, evaluations that failed, records that
/// are missing within the row of a target's turns.
async fn judge(data_dir: &std::path::Path, backends: usize, targets: usize) -> (usize, usize, usize, usize, usize) {
    let store = SqliteStore::open(data_dir).unwrap();
    let mut digests: BTreeMap<(usize, u64), BTreeSet<String>> = BTreeMap::new();
    let (mut records, mut failed, mut lost) = (0, 0, 0);
    for backend in 0..backends {
        for target in 0..targets {
            let target: TargetId = format!("d{backend}/w{target}").parse().unwrap();
            let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 1_000_000 };
            let mut last = None;
            for event in audit::history(&store, &target, span).await.unwrap() {
                let Event::Turn(turn) = event else { continue };
                records += 1;
                let record = turn.record;
                lost += usize::from(last.is_some_and(|last: u64| last + 1 != record.turn));
                last = Some(record.turn);
                for slot in &record.slots {
                    failed += usize::from(!matches!(slot.evaluation, audit::Evaluation::Answered(_)));
                    digests.entry((backend, record.turn)).or_default().insert(slot.policy.digest.clone());
                }
            }
        }
    }
    (digests.len(), records, digests.values().filter(|digests| digests.len() > 1).count(), failed, lost)
}

async fn health() {
    const ASKED: usize = 2_000;
    let text = include_str!("../../tests/guests/wat/policy.wat");
    let text = &text.replacen("(module", "(module (@custom \"trimtab:string-encoding\" \"utf8\")", 1);
    let spinning = spinning(text);
    // Every target's evaluation spins for most of its budget; there are more than the sandbox runs at once.
    let host = Running::start(&config(2, 200, "100ms", TRACKING, &page()));
    let idle = ask_health(&host, ASKED).await;
    let digest = host.push(&spinning).await;
    for backend in 0..2 {
        let binding = json!({
            "select": { "driver": format!("d{backend}") }, "every": "100ms", "replicas": { "min": 0, "max": 0 },
            "reading": [{ "name": "load", "source": "page", "query": "/load" }],
            "policy": [{ "use": format!("sha256:{digest}"), "params": { "reading": "load", "target": 10.0 } }],
        });
        host.ask(Method::PUT, &format!("/v1/bindings/b{backend}"), Some(binding)).await;
    }
    let big = big(text);
    let size = big.len() as f64 / 1e6;
    let compiling = Arc::new(AtomicBool::new(true));
    let request = host.request(Method::POST, "/v1/policies").header("content-type", "application/wasm").body(big);
    let upload = {
        let (client, url, token) = (host.client.clone(), host.url.clone(), host.token.clone());
        let compiling = Arc::clone(&compiling);
        tokio::spawn(async move {
            let answer = request.send().await.unwrap();
            let location = answer.headers().get("location").map(|path| path.to_str().unwrap().to_owned());
            let told = loop {
                let Some(location) = &location else { break answer.json().await.unwrap() };
                let asked = client.get(format!("{url}{location}")).bearer_auth(&token).send().await.unwrap();
                let job: serde_json::Value = asked.json().await.unwrap();
                if job["ended_ms"].is_u64() {
                    break job;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            compiling.store(false, Ordering::Relaxed);
            told
        })
    };
    let (began, mut busy) = (Instant::now(), Vec::new());
    while compiling.load(Ordering::Relaxed) || busy.len() < ASKED {
        busy.extend(ask_health(&host, 100).await);
    }
    let lasted = began.elapsed();
    let job = upload.await.unwrap();
    busy.sort_unstable();
    let mut idle = idle;
    idle.sort_unstable();
    let came_to = [&job["version"]["rejected"]["code"], &job["version"]["state"], &job["code"]];
    let came_to = came_to.into_iter().find_map(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let remark = format!(
        "idle p99 {:.1} ms; {size:.0} MB came to {came_to:?}; asked {} times in {:.0} s; goal 50 ms: ",
        quantile(&idle, 0.99),
        busy.len(),
        lasted.as_secs_f64()
    );
    let p99 = quantile(&busy, 0.99);
    let met = if p99 < 50.0 { "met" } else { "not met" };
    println!("steer/health: p99 {p99:.1} ms, median {:.1} ms; {remark}{met}", quantile(&busy, 0.5));
    told("/healthz p99, all spins and compiles", &format!("{p99:.1} ms"), &format!("{remark}{met}"));
    host.end();
}

async fn ask_health(host: &Running, times: usize) -> Vec<Duration> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        assert!(host.client.get(format!("{}/healthz", host.url)).send().await.unwrap().status().is_success());
        took.push(began.elapsed());
    }
    took
}

/// The guest in WAT, made to turn in a circle for most of its budget before it answers.
fn spinning(text: &str) -> Vec<u8> {
    let entry = "(local $target f64) (local $count i32)\n    (local.set $params (i32.load offset=368";
    let circle = "(local $target f64) (local $count i32) (local $n i32)\n    \
                  (loop $circle (local.set $n (i32.add (local.get $n) (i32.const 1)))\n      \
                  (br_if $circle (i32.lt_u (local.get $n) (i32.const 2000000))))\n    \
                  (local.set $params (i32.load offset=368";
    assert!(text.contains(entry), "the guest in WAT has another beginning now");
    wat::parse_str(text.replace(entry, circle)).unwrap()
}

/// The guest in WAT with so many more functions that it is 30 MB.
fn big(text: &str) -> Vec<u8> {
    const FUNCTIONS: usize = 30_000;
    let module = wat::parse_str(text).unwrap();
    let mut big = wasm_encoder::Module::new();
    let mut body = wasm_encoder::Function::new([]);
    for n in 0..104 {
        body.instructions().i32_const(n).i32_const(1 << 20).i32_add().drop();
    }
    body.instructions().end();
    let mut further = More { body, count: FUNCTIONS };
    wasm_encoder::reencode::Reencode::parse_core_module(&mut further, &mut big, wasmparser::Parser::new(0), &module)
        .unwrap();
    big.finish()
}

/// Adds functions to a module on its way.
struct More {
    body: wasm_encoder::Function,
    count: usize,
}

impl wasm_encoder::reencode::Reencode for More {
    type Error = std::convert::Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut wasm_encoder::TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error<Self::Error>> {
        wasm_encoder::reencode::utils::parse_type_section(self, types, section)?;
        types.ty().function([], []);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut wasm_encoder::FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error<Self::Error>> {
        let types = section.clone().into_iter().filter_map(Result::ok).max().unwrap_or_default();
        wasm_encoder::reencode::utils::parse_function_section(self, functions, section)?;
        for _ in 0..self.count {
            functions.function(types + 1);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut wasm_encoder::CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error<Self::Error>> {
        wasm_encoder::reencode::utils::parse_code_section(self, code, section)?;
        for _ in 0..self.count {
            code.function(&self.body);
        }
        Ok(())
    }
}

async fn lists() {
    const BACKENDS: usize = 10;
    const EVERY: Duration = Duration::from_secs(5);
    let host = Arc::new(Running::start(&config(BACKENDS, 1_000, "5s", TRACKING, &page())));
    while !host.request(Method::GET, "/v1/targets/d9/w999").send().await.unwrap().status().is_success() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(2 * EVERY).await;
    let mut quiet = late(&host, EVERY).await;
    let watching = tokio::spawn({
        let host = Arc::clone(&host);
        async move { late(&host, EVERY).await }
    });
    let mut took = load(&host).await;
    let mut busy = watching.await.unwrap();
    quiet.sort_unstable();
    busy.sort_unstable();
    took.sort_unstable();
    let (quiet, busy) = (quantile(&quiet, 1.0), quantile(&busy, 1.0));
    let remark = format!(
        "p50 {:.1} ms, p99 {:.1} ms of {} requests; a turn's start at most {busy:.0} ms late, {quiet:.0} ms without them",
        quantile(&took, 0.5),
        quantile(&took, 0.99),
        took.len(),
    );
    println!("steer/lists: {remark}");
    told("500 requests a second, 10,000 targets", &format!("{:.1} ms", quantile(&took, 0.99)), &remark);
}

/// List and show in turn, at the rate whatever the answers take; how long each took.
async fn load(host: &Arc<Running>) -> Vec<Duration> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let (began, mut asked) = (Instant::now(), tokio::task::JoinSet::new());
    let mut number = 0_u32;
    while began.elapsed() < LISTED {
        ticks.tick().await;
        number += 1;
        let host = Arc::clone(host);
        asked.spawn(async move {
            let path = match number % 2 {
                0 => format!("/v1/targets?limit=100&after=d{}%2Fw5", number / 2 % 10),
                _ => format!("/v1/targets/d{}/w{}", number % 10, number % 1_000),
            };
            let began = Instant::now();
            host.ask(Method::GET, &path, None).await;
            began.elapsed()
        });
    }
    asked.join_all().await
}

/// By how much the turns of one target of each backend began late, for as long as the lists are asked for.
async fn late(host: &Running, every: Duration) -> Vec<Duration> {
    let (began, mut late) = (Instant::now(), Vec::new());
    let mut last: BTreeMap<usize, u64> = BTreeMap::new();
    while began.elapsed() < LISTED {
        for backend in 0..10 {
            let view = host.ask(Method::GET, &format!("/v1/targets/d{backend}/w0"), None).await;
            let at_ms = view["observed_ms"].as_u64().unwrap();
            if let Some(before_ms) = last.insert(backend, at_ms).filter(|before_ms| *before_ms != at_ms) {
                late.push(Duration::from_millis(at_ms - before_ms).saturating_sub(every));
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    late
}

fn tell(what: &str, took: &mut [Duration], remark: &str, goal_ms: f64) {
    took.sort_unstable();
    let (median, p99) = (quantile(took, 0.5), quantile(took, 0.99));
    let met = if median < goal_ms { "met" } else { "not met" };
    let remark = format!("{remark}p99 {p99:.1} ms; goal {goal_ms:.0} ms: {met}");
    println!("steer: {what}: median {median:.1} ms, {remark}");
    told(what, &format!("{median:.1} ms"), &remark);
}
