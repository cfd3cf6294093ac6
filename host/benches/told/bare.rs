//! The floor: bare wasmtime with the engine's settings, and a policy by hand that abstains without looking. A call of it makes a
//! store and an instance, lowers a snapshot, and drops all again; nothing of the host is in it.

use std::sync::Arc;

use ::trimtab::policy::world;
use ::trimtab::sandbox::{CompileRequest, Compiler, Component, Sandbox, StringEncoding};
use ::trimtab::snapshot::Snapshot;
use wasmtime::Store;
use wasmtime::component::Linker;

wasmtime::component::bindgen!({
    path: "../wit/v1",
    world: "policy",
    ownership: Borrowing { duplicate_if_necessary: true },
});
use self::trimtab::policy::types;

/// Records lie in memory as C structs do; an answer that is all zeroes is one without proposals.
const GUEST: &str = r#"(module
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
        (global.set $top (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "trimtab:policy/decide@0.1.0#describe") (result i32) (i32.const 256))
    (func (export "trimtab:policy/decide@0.1.0#needs") (param i32 i32) (result i32) (i32.const 256))
    (func (export "trimtab:policy/decide@0.1.0#evaluate") (param i32) (result i32) (i32.const 256)))"#;

/// A loaded guest and the snapshot that it is given.
pub(crate) struct Floor {
    component: Component,
    pre: PolicyPre<()>,
    snapshot: Snapshot,
    columns: Columns,
}

/// The readings, a row for each instance.
struct Columns {
    needs: Vec<u32>,
    owners: Vec<u32>,
    freshness: Vec<u8>,
    firsts: Vec<u32>,
    counts: Vec<u32>,
    times_ms: Vec<u64>,
    values: Vec<f64>,
}

impl Floor {
    pub(crate) fn new(sandbox: &Arc<Sandbox>, snapshot: &Snapshot) -> Self {
        let request = CompileRequest {
            world: world(),
            string_encoding: Some(StringEncoding::Utf8),
            upload: sandbox.upload_limits().clone(),
            compile: sandbox.compile_limits().clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let wasm = wat::parse_str(GUEST).unwrap();
        let compiled = Compiler::in_process();
        let artefact = runtime.block_on(compiled.compile(&request, &wasm, sandbox.engine_hash())).unwrap();
        let component = sandbox.load(&artefact).unwrap();
        let linker = Linker::new(component.engine());
        let pre = PolicyPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        let rows = u32::try_from(snapshot.instances.len()).unwrap();
        let count = snapshot.instances.len();
        let columns = Columns {
            needs: vec![0; count],
            owners: (0..rows).collect(),
            freshness: vec![0; count],
            firsts: (0..rows).collect(),
            counts: vec![1; count],
            times_ms: vec![snapshot.now_ms - 1_000; count],
            values: vec![61.3; count],
        };
        Self { component, pre, snapshot: snapshot.clone(), columns }
    }

    pub(crate) fn call(&self) {
        let mut store = Store::new(self.component.engine(), ());
        store.set_fuel(20_000_000).unwrap();
        store.set_epoch_deadline(1_000);
        let instance = self.pre.instantiate(&mut store).unwrap();
        let none = types::Resources { cpu_millis: None, memory_bytes: None };
        let (target, columns) = (&self.snapshot.target, &self.columns);
        let instances = self.snapshot.instances.iter().map(|one| types::Instance {
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
        });
        let instances: Vec<_> = instances.collect();
        let snapshot = types::Snapshot {
            now_ms: self.snapshot.now_ms,
            target: types::Target {
                id: target.id.as_str(),
                backend: target.id.driver(),
                kind: &target.kind,
                zones: &[],
                labels: &[],
                desired: target.desired,
                total: target.total,
                ready: target.ready,
                containers: &[],
                abilities: types::Abilities { victims: 2, resize: 1, kinds: &[], sizes: &[], attrs: &[] },
                limits: types::Limits { replicas_min: 1, replicas_max: 20, least: none, most: none, attrs: &[] },
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
            params: &[
                types::ParamValueParam::Text("requests_per_second"),
                types::ParamValueParam::Num(50.0),
                types::ParamValueParam::Text("instance"),
                types::ParamValueParam::DurationMs(0),
                types::ParamValueParam::Num(0.1),
                types::ParamValueParam::Unset,
            ],
            memory: &[],
            attrs: &[],
        };
        let answer = instance.trimtab_policy_decide().call_evaluate(&mut store, snapshot).unwrap();
        std::hint::black_box(answer);
    }
}
