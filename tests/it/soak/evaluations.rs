//! Evaluations in this process, on all cores: each twentieth traps, runs out of fuel or past its deadline.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use trimtab::policy::{EvaluationInput, Fault, Need, ParamValue, Policy, Queue, Tier, Verdict, check_params};
use trimtab::registry::{Registry, RegistryParts};
use trimtab::sandbox::{Compiler, Sandbox, SandboxConfig};
use trimtab::snapshot::Snapshot;
use trimtab::store::MemoryStore;

use super::mark::{Mark, Marks, Slack};
use crate::versions::version;

/// One evaluation of so many is hostile.
const HOSTILE_EVERY: u64 = 20;
const SETTINGS: &str = "
    compiled = { fuel = 100_000, deadline_ms = 60_000 }
    interpreted = { fuel = 1_000_000_000_000, deadline_ms = 25 }";
/// Times that a policy is loaded, at most.
const ATTEMPTS_MAX: usize = 20;
const SLACK: Slack = Slack { resident_bytes: 16 << 20, descriptors: 4, threads: 2, files: 0, file_bytes: 0 };

/// A guest that does this in place of reading the load.
fn hostile(number: u8, instead: &str) -> Vec<u8> {
    let read = "(local.set $total (call $latest (local.get $snapshot)))";
    version(number, |text| text.replacen(read, &format!("{read} {instead}"), 1))
}

/// What is run, and what must come of it.
struct Crowd {
    good: Arc<Policy>,
    trap: Arc<Policy>,
    fuel: Arc<Policy>,
    late: Arc<Policy>,
    /// What all of them are asked with.
    params: Vec<ParamValue>,
    needs: Vec<Need>,
    snapshot: Snapshot,
}

impl Crowd {
    fn gather() -> Self {
        // Little fuel where fuel is to end it, and little time where time is; much of the other, for machines stall.
        let config: SandboxConfig = toml::from_str(SETTINGS).unwrap();
        let sandbox = Sandbox::start(&config).unwrap();
        let registry = Registry::new(RegistryParts {
            compiler: Compiler::new(
                Some(Path::new(env!("CARGO_BIN_EXE_trimtab")).to_owned()),
                sandbox.compile_limits(),
            )
            .unwrap(),
            cache: None,
            store: Arc::new(MemoryStore::new()),
            policies_dir: std::env::temp_dir(),
            sandbox,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let load = |bytes: Vec<u8>, tier| {
            // Of a policy with little time, a machine that stalls may leave none to say what it is.
            let mut tries =
                (0..ATTEMPTS_MAX).map(|_| runtime.block_on(registry.load("soak", &bytes, Some(tier), None)));
            tries.find_map(Result::ok).unwrap()
        };
        let endless = "(loop $on (br $on))";
        let good = load(version(1, str::to_owned), Tier::Compiled);
        let given = json!({ "reading": "load", "target": 12.5 });
        let params = check_params(&good.manifest().parameters, given.as_object().unwrap()).unwrap();
        Self {
            needs: good.needs(&params).unwrap(),
            params,
            good,
            trap: load(hostile(2, "unreachable"), Tier::Compiled),
            fuel: load(hostile(3, endless), Tier::Compiled),
            late: load(hostile(4, endless), Tier::Interpreted),
            snapshot: snapshot(),
        }
    }

    /// The evaluation of this number; panics where it does not come to what it must.
    fn evaluate(&self, number: u64) {
        let policy = match (number % HOSTILE_EVERY, number / HOSTILE_EVERY % 10) {
            (0, 0) => &self.late,
            (0, 1..=4) => &self.trap,
            (0, _) => &self.fuel,
            _ => &self.good,
        };
        let Self { snapshot, needs, params, .. } = self;
        let input = EvaluationInput { snapshot, needs, params, memory: &[], queue: Queue::Ordinary };
        let outcome = policy.evaluate(&input).outcome;
        let well = match &outcome {
            Ok(answer) => {
                let counts = |verdict: &Verdict| matches!(verdict, Verdict::Proposals(all) if all[0].count == Some(5));
                Arc::ptr_eq(policy, &self.good) && counts(&answer.verdict)
            }
            Err(Fault::Trap { .. }) => Arc::ptr_eq(policy, &self.trap),
            Err(Fault::OutOfFuel { .. }) => Arc::ptr_eq(policy, &self.fuel),
            Err(Fault::Timeout { .. }) => Arc::ptr_eq(policy, &self.late),
            Err(_) => false,
        };
        assert!(well, "evaluation {number}: {outcome:?}");
    }
}

/// So many evaluations.
pub(super) fn soak(total: u64) {
    let crowd = Crowd::gather();
    let done = AtomicU64::new(0);
    let mut marks = Marks::new("evaluations", total);
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    while let Some(until) = marks.next() {
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let number = done.fetch_add(1, Ordering::Relaxed);
                        if number >= until {
                            break;
                        }
                        crowd.evaluate(number);
                    }
                });
            }
        });
        // Each thread has taken one number too many.
        done.store(until, Ordering::Relaxed);
        marks.add(Mark::of(std::process::id(), None));
    }
    println!("{:.0} evaluations a second", marks.per_second());
    marks.are_flat(SLACK);
}

fn snapshot() -> Snapshot {
    serde_json::from_value(json!({
        "now_ms": 1_000_000,
        "target": {
            "id": "local/web", "desired": 2, "total": 2, "ready": 2, "limits": { "replicas_min": 1, "replicas_max": 10 },
        },
        "readings": [{
            "name": "load", "freshness": "fresh", "samples": { "of": "numbers", "times_ms": [999_000], "values": [61.3] },
        }],
    }))
    .unwrap()
}
