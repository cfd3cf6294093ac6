//! What the example costs in each language: its size, its compilation, its way back from the cache, and one evaluation in a
//! fresh instance with every limit set. Beside it, in the same run, the floor: bare wasmtime with the engine's settings and a
//! policy by hand that answers at once, on the same snapshot in a fresh store and instance.
//!
//!     cargo xtask bench --only languages
//!
//! Measures what `TRIMTAB_TEST_LANGUAGES` names, as `cargo xtask languages` built it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a benchmark")]

#[path = "told/bare.rs"]
mod bare;
#[path = "told/figures.rs"]
mod figures;

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use trimtab::policy::{EvaluationInput, Need, ParamValue, Policy, Queue, Spent, Tier, check_params};
use trimtab::sandbox::{CompileRequest, Compiler, Component, Sandbox, SandboxConfig, StringEncoding};
use trimtab::snapshot::Snapshot;

/// Compilations and loads of which the middle one is told, for so long at most.
const REPEATS: usize = 5;
const REPEATING_MAX: Duration = Duration::from_secs(20);
/// Evaluations at most, and for how long.
const CALLS: usize = 20_000;
const CALLING_MAX: Duration = Duration::from_secs(8);
/// Calls of each in turn, so that a slow moment of the machine hits guest and floor alike.
const BLOCK: usize = 20;
/// What a fresh evaluation is to take at most, in microseconds, and of which languages.
const AIMS: [(&str, f64); 9] = [
    ("rust", 10.0),
    ("assemblyscript", 8.0),
    ("c", 8.0),
    ("zig", 8.0),
    ("go", 50.0),
    ("typescript", 150.0),
    ("javascript", 150.0),
    ("python", 1_100.0),
    ("wat", 8.0),
];

/// A line of `index.json`.
#[derive(Deserialize)]
struct Built {
    name: String,
    file: String,
    kind: String,
}

/// One language's example, ready to be asked.
struct Case {
    policy: Policy,
    needs: Vec<Need>,
    params: Vec<ParamValue>,
}

/// What was measured, times in microseconds.
struct Measured {
    median: f64,
    p99: f64,
    bare: f64,
    spent: Spent,
}

/// Five instances and a reading of each, fresh: what most targets of most fleets look like.
fn snapshot() -> Snapshot {
    let now_ms: u64 = 1_795_176_000_000;
    let ids: Vec<String> = (1..=5).map(|number| format!("web-{number}")).collect();
    let instances: Vec<_> = ids.iter().map(|id| json!({ "id": id, "name": id, "phase": "ready" })).collect();
    let readings: Vec<_> = ids
        .iter()
        .map(|id| {
            json!({
                "name": "requests_per_second", "subject": "instance", "owner": id, "freshness": "fresh",
                "samples": { "of": "numbers", "times_ms": [now_ms - 1_000], "values": [61.3] },
            })
        })
        .collect();
    serde_json::from_value(json!({
        "now_ms": now_ms,
        "target": {
            "id": "local/web", "desired": 5, "total": 5, "ready": 5, "limits": { "replicas_min": 1, "replicas_max": 20 },
        },
        "instances": instances, "readings": readings,
    }))
    .unwrap()
}

impl Case {
    fn new(policy: Policy) -> Self {
        let given = json!({ "subject": "instance" });
        let params = check_params(&policy.manifest().parameters, given.as_object().unwrap()).unwrap();
        let needs = policy.needs(&params).unwrap();
        Self { policy, needs, params }
    }

    fn ask(&self, snapshot: &Snapshot) -> Spent {
        let input =
            EvaluationInput { snapshot, needs: &self.needs, params: &self.params, memory: &[], queue: Queue::Ordinary };
        let evaluation = black_box(self.policy.evaluate(&input));
        evaluation.outcome.unwrap_or_else(|fault| panic!("it {fault}"));
        evaluation.spent
    }
}

/// Compiles it in this process as an upload is compiled in its own, and loads it as from the cache; with the median milliseconds of
/// both.
fn load(sandbox: &Arc<Sandbox>, bytes: &[u8], kind: &str) -> (Component, f64, f64) {
    let request = CompileRequest {
        world: trimtab::policy::world(),
        string_encoding: (kind == "bare-module").then_some(StringEncoding::Utf8),
        upload: sandbox.upload_limits().clone(),
        compile: sandbox.compile_limits().clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let compiler = Compiler::in_process();
    let compile = || runtime.block_on(compiler.compile(&request, bytes, sandbox.engine_hash())).unwrap();
    let (artefact, compile_ms) = repeated(compile);
    let (component, load_ms) = repeated(|| sandbox.load(&artefact).unwrap());
    (component, compile_ms, load_ms)
}

/// The last of several results, and the median of the milliseconds that they took.
fn repeated<T>(mut make: impl FnMut() -> T) -> (T, f64) {
    let (first, mut times) = (Instant::now(), Vec::with_capacity(REPEATS));
    loop {
        let began = Instant::now();
        let made = make();
        times.push(began.elapsed().as_secs_f64() * 1e3);
        if times.len() == REPEATS || first.elapsed() > REPEATING_MAX {
            return (made, middle(&mut times, 0.5));
        }
    }
}

fn middle(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = (times.len() as f64 * share) as usize;
    times[place.min(times.len() - 1)]
}

/// Guest and floor in turn, each call on its own clock.
fn measure(case: &Case, snapshot: &Snapshot, floor: &bare::Floor) -> Measured {
    let spent = case.ask(snapshot);
    let (began, mut times, mut bare) = (Instant::now(), Vec::new(), Vec::new());
    while times.len() < CALLS && began.elapsed() < CALLING_MAX {
        for _ in 0..BLOCK {
            let at = Instant::now();
            case.ask(snapshot);
            times.push(at.elapsed().as_secs_f64() * 1e6);
        }
        for _ in 0..BLOCK {
            let at = Instant::now();
            floor.call();
            bare.push(at.elapsed().as_secs_f64() * 1e6);
        }
    }
    Measured { median: middle(&mut times, 0.5), p99: middle(&mut times, 0.99), bare: middle(&mut bare, 0.5), spent }
}

fn main() {
    let Some(folder) = std::env::var_os("TRIMTAB_TEST_LANGUAGES").map(PathBuf::from) else {
        println!("no examples to measure: run `cargo xtask bench --only languages`");
        return;
    };
    let index: Vec<Built> = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    let snapshot = snapshot();
    let floor = bare::Floor::new(&sandbox, &snapshot);
    println!(
        "{:<16} {:>11} {:>10} {:>8} {:>10} {:>10} {:>8} {:>8} {:>8} {:>10} {:>11}",
        "", "bytes", "compile", "load", "evaluate", "p99", "bare", "x bare", "aim", "memory", "fuel"
    );
    for built in index {
        let bytes = std::fs::read(folder.join(&built.file)).unwrap();
        let (component, compile_ms, load_ms) = load(&sandbox, &bytes, &built.kind);
        let tier = sandbox.tier_of_size(bytes.len());
        let policy = Policy::load(&sandbox, &component, "bench", tier).unwrap();
        let case = Case::new(policy);
        let Measured { median, p99, bare, spent } = measure(&case, &snapshot, &floor);
        let aim = AIMS.iter().find(|(name, _)| *name == built.name).map(|(_, aim)| *aim);
        let (kib, times_bare) = (spent.memory_peak_bytes / 1024, median / bare);
        let aimed = aim.map_or_else(String::new, |aim| format!("{aim:.0} us"));
        println!(
            "{:<16} {:>11} {compile_ms:>7.1} ms {load_ms:>5.2} ms {median:>7.1} us {p99:>7.1} us {bare:>5.1} us {times_bare:>8.1} \
             {aimed:>8} {kib:>6} KiB {:>11}{}",
            built.name,
            bytes.len(),
            spent.fuel,
            if aim.is_some_and(|aim| median > aim) { "  above its aim" } else { "" },
        );
        let tier = if tier == Tier::Compiled { "compiled" } else { "interpreted" };
        let remark = format!(
            "{times_bare:.1} x bare ({bare:.1} us); aim {aimed}; p99 {p99:.1} us; {} bytes, compiled in {compile_ms:.0} ms, loaded in \
             {load_ms:.2} ms, {kib} KiB, {} fuel, tier {tier}",
            bytes.len(),
            spent.fuel
        );
        figures::told(&format!("example in {}: fresh evaluation", built.name), &format!("{median:.1} us"), &remark);
    }
}
