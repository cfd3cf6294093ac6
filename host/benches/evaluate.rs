//! What one evaluation costs: native code, the same component called bare in a reused instance, and through the host in a
//! fresh instance with every limit set. All three on the same snapshot, interleaved, so that their ratios hold on any machine.
//!
//!     cargo bench -p trimtab --bench evaluate
//!
//! Measures the guest written by hand, and the first-party policy `target-tracking` where `cargo xtask policies` built it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a benchmark"
)]

#[path = "told/figures.rs"]
mod figures;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use serde_json::json;
use trimtab::policy::{EvaluationInput, Need, NeedKind, ParamValue, Policy, Queue, Tier, check_params};
use trimtab::registry::builtin::builtin;
use trimtab::sandbox::{CompileRequest, Compiler, Component, Sandbox, SandboxConfig, StringEncoding};
use trimtab::snapshot::{Freshness, Reading, Samples, Snapshot, Subject};

const NOW_MS: u64 = 1_000_000;

/// A policy and what it is asked.
struct Case {
    name: String,
    policy: Policy,
    component: Component,
    snapshot: Snapshot,
    needs: Vec<Need>,
    params: Vec<ParamValue>,
}

impl Case {
    fn new(sandbox: &Arc<Sandbox>, guest: &str, wasm: &[u8], owners: usize) -> Self {
        let request = CompileRequest {
            world: trimtab::policy::world(),
            string_encoding: Some(StringEncoding::Utf8),
            upload: sandbox.upload_limits().clone(),
            compile: sandbox.compile_limits().clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let compiler = Compiler::in_process();
        let artefact = runtime.block_on(compiler.compile(&request, wasm, sandbox.engine_hash())).unwrap();
        let component = sandbox.load(&artefact).unwrap();
        let policy = Policy::load(sandbox, &component, "bench", Tier::Compiled).unwrap();
        let given = json!({ "reading": "reading_00", "target": 12.5 });
        let params = check_params(&policy.manifest().parameters, given.as_object().unwrap()).unwrap();
        let mut needs = policy.needs(&params).unwrap();
        let own: Vec<String> = needs.iter().map(|need| need.name.clone()).collect();
        let subject = if owners == 0 { Subject::Target } else { Subject::Instance };
        let others = (0..20).map(|index| format!("reading_{index:02}")).filter(|name| !own.contains(name));
        needs.extend(others.map(|name| Need {
            kind: NeedKind::Reading,
            name,
            subject: subject.clone(),
            unit: String::new(),
            look_back_ms: 0,
            step_ms: 0,
            required: false,
        }));
        let shape = if owners == 0 { "20 readings".to_owned() } else { format!("20 x {owners} readings") };
        Self { name: format!("{guest}, {shape}"), policy, component, snapshot: snapshot(owners), needs, params }
    }

    fn host(&self) {
        let input = EvaluationInput {
            snapshot: &self.snapshot,
            needs: &self.needs,
            params: &self.params,
            memory: &[],
            queue: Queue::Ordinary,
        };
        black_box(self.policy.evaluate(&input).outcome.unwrap());
    }

    /// What the policy does, as a Rust function on the host's own snapshot.
    fn native(&self) {
        let snapshot = black_box(&self.snapshot);
        let reading =
            snapshot.reading("reading_00", &Subject::Target, None).filter(|one| one.freshness == Freshness::Fresh);
        let value = reading.and_then(Reading::latest).unwrap_or(0.0);
        let count = (value / 12.5).ceil();
        black_box(format!("`reading_00` is {value:.2} and one replica takes 12.50: {count} replicas"));
    }
}

/// Twenty readings of the target, or one of the target and twenty of each instance.
fn snapshot(owners: usize) -> Snapshot {
    let mut snapshot: Snapshot = serde_json::from_value(json!({
        "now_ms": NOW_MS,
        "target": {
            "id": "local/web", "desired": 2, "total": 2, "ready": 2, "limits": { "replicas_min": 1, "replicas_max": 10 },
        },
    }))
    .unwrap();
    let reading = |index: usize, subject: Subject, owner: Option<String>| Reading {
        name: format!("reading_{index:02}").into(),
        unit: "1/s".into(),
        subject,
        owner,
        freshness: Freshness::Fresh,
        samples: Samples::one(NOW_MS - 1_000, 61.3),
        absent_as: None,
    };
    for index in 0..20 {
        if owners == 0 || index == 0 {
            snapshot.readings.push(reading(index, Subject::Target, None));
        }
        for owner in 0..owners {
            snapshot.readings.push(reading(index, Subject::Instance, Some(format!("web-{owner:04}"))));
        }
    }
    for owner in 0..owners {
        let instance = json!({ "id": format!("web-{owner:04}"), "name": format!("web-{owner:04}"), "phase": "ready" });
        snapshot.instances.push(serde_json::from_value(instance).unwrap());
    }
    snapshot
}

/// The same component in a reused instance, without any of the host's own work: the floor of the component model.
mod bare {
    use super::{Case, NOW_MS};
    use ::trimtab::policy::ParamValue;
    use wasmtime::component::Linker;
    use wasmtime::{Engine, Store};

    wasmtime::component::bindgen!({
        path: "../wit/v1",
        world: "policy",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
    use self::trimtab::policy::types;

    pub(super) struct Reused {
        store: Store<()>,
        instance: Policy,
        columns: Columns,
    }

    struct Columns {
        needs: Vec<u32>,
        owners: Vec<u32>,
        freshness: Vec<u8>,
        firsts: Vec<u32>,
        counts: Vec<u32>,
        times_ms: Vec<u64>,
        values: Vec<f64>,
    }

    impl Reused {
        pub(super) fn new(case: &Case) -> Self {
            let engine: &Engine = case.component.engine();
            let mut store = Store::new(engine, ());
            store.set_fuel(u64::MAX).unwrap();
            store.set_epoch_deadline(u64::MAX / 2);
            let instance = Policy::instantiate(&mut store, &case.component, &Linker::new(engine)).unwrap();
            let rows: Vec<(u32, u32)> = case
                .needs
                .iter()
                .enumerate()
                .flat_map(|(need, one)| {
                    let of_target = one.subject.as_str() == "target";
                    let owners = if of_target { u32::MAX..u32::MAX } else { 0..case.snapshot.instances.len() as u32 };
                    of_target.then_some(u32::MAX).into_iter().chain(owners).map(move |owner| (need as u32, owner))
                })
                .collect();
            let columns = Columns {
                needs: rows.iter().map(|row| row.0).collect(),
                owners: rows.iter().map(|row| row.1).collect(),
                freshness: vec![0; rows.len()],
                firsts: (0..rows.len() as u32).collect(),
                counts: vec![1; rows.len()],
                times_ms: vec![NOW_MS - 1_000; rows.len()],
                values: vec![61.3; rows.len()],
            };
            Self { store, instance, columns }
        }

        pub(super) fn call(&mut self, case: &Case) {
            let none = types::Resources { cpu_millis: None, memory_bytes: None };
            let params: Vec<_> = case.params.iter().map(param).collect();
            let kinds: Vec<&str> = case.snapshot.target.abilities.kinds.iter().map(String::as_str).collect();
            let instances: Vec<_> = case
                .snapshot
                .instances
                .iter()
                .map(|one| types::Instance {
                    id: &one.id,
                    name: &one.name,
                    node: None,
                    phase: one.phase.number(),
                    started_ms: None,
                    restarts: 0,
                    requests: none,
                    limits: none,
                    usage: none,
                    protected: false,
                    attrs: &[],
                })
                .collect();
            let columns = &self.columns;
            let snapshot = types::Snapshot {
                now_ms: NOW_MS,
                target: types::Target {
                    id: "local/web",
                    backend: "local",
                    kind: "",
                    zones: &[],
                    labels: &[],
                    desired: 2,
                    total: 2,
                    ready: 2,
                    containers: &[],
                    abilities: types::Abilities { victims: 2, resize: 1, kinds: &kinds, sizes: &[], attrs: &[] },
                    limits: types::Limits { replicas_min: 1, replicas_max: 10, least: none, most: none, attrs: &[] },
                    attrs: &[],
                },
                in_flight: None,
                instances: &instances,
                nodes: &[],
                readings: types::Readings {
                    needs: &columns.needs,
                    owners: &columns.owners,
                    freshness: &columns.freshness,
                    firsts: &columns.firsts,
                    counts: &columns.counts,
                    times_ms: &columns.times_ms,
                    values: &columns.values,
                    text_times_ms: &[],
                    texts: &[],
                    owner_names: &[],
                    attrs: &[],
                },
                alerts: &[],
                changes: &[],
                transitions: &[],
                params: &params,
                memory: &[],
                attrs: &[],
            };
            let answer = self.instance.trimtab_policy_decide().call_evaluate(&mut self.store, snapshot).unwrap();
            std::hint::black_box(answer);
        }
    }

    fn param(value: &ParamValue) -> types::ParamValueParam<'_> {
        use types::ParamValueParam as Wire;
        match value {
            ParamValue::Flag(flag) => Wire::Flag(*flag),
            ParamValue::Int(int) => Wire::Int(*int),
            ParamValue::Num(num) => Wire::Num(*num),
            ParamValue::Text(text) => Wire::Text(text),
            ParamValue::DurationMs(ms) => Wire::DurationMs(*ms),
            ParamValue::Json(text) => Wire::Json(text),
            _ => Wire::Unset,
        }
    }
}

/// Microseconds of single calls through the host: half of them, and all but one in a hundred, take no longer.
fn spread(case: &Case) -> (f64, f64) {
    const CALLS: usize = 50_000;
    let mut times: Vec<f64> = (0..CALLS)
        .map(|_| {
            let began = Instant::now();
            case.host();
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[CALLS / 2], times[CALLS / 100 * 99])
}

/// Microseconds per call: the median over blocks that take turns, so that a slow moment of the machine hits all alike.
fn interleaved(calls: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    const BLOCKS: usize = 200;
    const CALLS: u32 = 100;
    let mut times = vec![Vec::with_capacity(BLOCKS); calls.len()];
    for _ in 0..BLOCKS {
        for (call, times) in calls.iter_mut().zip(&mut times) {
            let began = Instant::now();
            (0..CALLS).for_each(|_| call());
            times.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
        }
    }
    times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect()
}

fn ratios(case: &Case) {
    let mut reused = bare::Reused::new(case);
    let times = interleaved(&mut [&mut || case.native(), &mut || reused.call(case), &mut || case.host()]);
    let [native, bare, host] = times[..] else { panic!() };
    println!(
        "{:<40} native {native:>7.2} us   bare, reused {bare:>7.2} us   host, fresh {host:>7.2} us   host/bare {:.1}   \
         host/native {:.0}",
        case.name,
        host / bare,
        host / native
    );
    let (median, p99) = spread(case);
    println!("{:<40} single calls: median {median:.2} us   p99 {p99:.2} us   p99/median {:.1}", "", p99 / median);
    let name = &case.name;
    figures::told(&format!("{name}: native function"), &format!("{native:.2} us"), "");
    figures::told(&format!("{name}: bare wasmtime, instance reused"), &format!("{bare:.2} us"), "");
    let remark = format!("{:.1} x bare; p99 {p99:.1} us, {:.1} x the median", host / bare, p99 / median);
    figures::told(&format!("{name}: host, fresh instance"), &format!("{host:.2} us"), &remark);
}

fn main() {
    let sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    let by_hand = wat::parse_str(include_str!("../../tests/guests/wat/policy.wat")).unwrap();
    let mut guests = vec![("by hand", by_hand)];
    match builtin("target-tracking") {
        Ok(policy) => guests.push(("target-tracking", policy.bytes.to_vec())),
        Err(error) => println!("only the guest written by hand: {error}"),
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for (guest, wasm) in guests {
        for owners in [0, 50] {
            let case = Case::new(&sandbox, guest, &wasm, owners);
            ratios(&case);
            criterion.bench_function(&case.name, |bencher| bencher.iter(|| case.host()));
        }
    }
    criterion.final_summary();
}
