//! What each policy that comes with the binary costs: its size, its compilation, and one evaluation through the host, in a fresh
//! instance with every limit set, on 20 readings of 60 samples.
//!
//!     cargo bench -p trimtab --bench library
//!
//! A policy reads as many of the 20 as its parameters let it; the rest cross all the same, as another policy's of the same
//! binding would. Goals: below 150 KB, and below 60 us.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a benchmark")]

#[path = "told/figures.rs"]
mod figures;
#[path = "told/library.rs"]
mod library;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trimtab::policy::{Answer, EvaluationInput, Need, NeedKind, ParamValue, Policy, Queue, Spent, Tier, check_params};
use trimtab::registry::builtin::{BUILTIN, BuiltinPolicy};
use trimtab::sandbox::{CompileRequest, Compiler, Sandbox, SandboxConfig};
use trimtab::snapshot::{Snapshot, Subject};

use crate::library::{LOOK_BACK_MS, READINGS, params, snapshot};

const COMPILATIONS: usize = 5;
const CALLS: usize = 20_000;
/// Evaluations before the first that counts: what a policy remembers is then as long as it gets in this scene.
const WARM_UP: usize = 200;

/// One policy, ready to be asked.
struct Case {
    policy: Policy,
    snapshot: Snapshot,
    needs: Vec<Need>,
    params: Vec<ParamValue>,
    memory: Vec<u8>,
}

impl Case {
    fn new(policy: Policy) -> Self {
        let name = policy.manifest().name.clone();
        let given = params(&name);
        let params = check_params(&policy.manifest().parameters, given.as_object().unwrap())
            .unwrap_or_else(|complaints| panic!("{name}: {complaints:?}"));
        let mut needs = policy.needs(&params).unwrap_or_else(|error| panic!("{name}: {error}"));
        let snapshot = snapshot(&name);
        for need in needs.iter_mut().filter(|need| need.kind == NeedKind::Reading) {
            need.look_back_ms = need.look_back_ms.max(LOOK_BACK_MS);
        }
        let rows = |need: &Need| match &need.subject {
            Subject::Instance => snapshot.instances.len(),
            _ => 1,
        };
        let own: usize = needs.iter().filter(|need| need.kind == NeedKind::Reading).map(rows).sum();
        let others = (0..READINGS).map(|index| format!("reading_{index:02}"));
        let others: Vec<String> = others.filter(|other| !needs.iter().any(|need| need.name == *other)).collect();
        needs.extend(others.into_iter().take(READINGS.saturating_sub(own)).map(|name| Need {
            kind: NeedKind::Reading,
            name,
            subject: Subject::Target,
            unit: String::new(),
            look_back_ms: LOOK_BACK_MS,
            step_ms: 0,
            required: false,
        }));
        let mut case = Self { policy, snapshot, needs, params, memory: Vec::new() };
        for _ in 0..WARM_UP {
            let (answer, _) = case.ask();
            if let Some(memory) = answer.memory {
                case.memory = memory;
            }
            case.snapshot.now_ms += 1;
        }
        case
    }

    fn ask(&self) -> (Answer, Spent) {
        let input = EvaluationInput {
            snapshot: &self.snapshot,
            needs: &self.needs,
            params: &self.params,
            memory: &self.memory,
            queue: Queue::Ordinary,
        };
        let evaluation = black_box(self.policy.evaluate(&input));
        let name = &self.policy.manifest().name;
        (evaluation.outcome.unwrap_or_else(|fault| panic!("{name} {fault}")), evaluation.spent)
    }
}

/// Compiles it as an upload is, and says how long that took, by the median.
fn compile(sandbox: &Arc<Sandbox>, builtin: &BuiltinPolicy) -> (Policy, Duration) {
    let request = CompileRequest {
        world: trimtab::policy::world(),
        string_encoding: None,
        upload: sandbox.upload_limits().clone(),
        compile: sandbox.compile_limits().clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut took = Vec::with_capacity(COMPILATIONS);
    let mut artefact = None;
    let compiler = Compiler::in_process();
    for _ in 0..COMPILATIONS {
        let began = Instant::now();
        let compiled = compiler.compile(&request, builtin.bytes, sandbox.engine_hash());
        artefact = Some(runtime.block_on(compiled).unwrap());
        took.push(began.elapsed());
    }
    took.sort();
    let component = sandbox.load(&artefact.unwrap()).unwrap();
    (Policy::load(sandbox, &component, builtin.sha256, Tier::Compiled).unwrap(), took[COMPILATIONS / 2])
}

fn main() {
    let sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    println!("{:<24} {:>9} {:>9} {:>10} {:>8} {:>9} {:>9}", "", "KB", "compile", "evaluate", "p99", "fuel", "memory");
    for builtin in BUILTIN {
        let (policy, compiled) = compile(&sandbox, builtin);
        let case = Case::new(policy);
        let mut times: Vec<f64> = (0..CALLS)
            .map(|_| {
                let began = Instant::now();
                case.ask();
                began.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let (median, p99) = (times[CALLS / 2], times[CALLS / 100 * 99]);
        let (answer, spent) = case.ask();
        let kilobytes = builtin.bytes.len() as f64 / 1e3;
        let (compile_ms, memory) = (compiled.as_secs_f64() * 1e3, spent.memory_peak_bytes / 1024);
        println!(
            "{:<24} {kilobytes:>9.1} {compile_ms:>6.0} ms {median:>7.1} us {p99:>5.0} us {:>9} {memory:>5} KiB  {:?}",
            builtin.name, spent.fuel, answer.verdict
        );
        let remark = format!(
            "p99 {p99:.0} us; {kilobytes:.0} KB, compiled in {compile_ms:.0} ms, {memory} KiB of memory, remembers {} bytes",
            case.memory.len()
        );
        figures::told(
            &format!("policy {}: 20 readings of 60 samples", builtin.name),
            &format!("{median:.1} us"),
            &remark,
        );
    }
}
