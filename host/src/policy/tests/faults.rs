//! What is refused before it runs, and what a failed run leaves behind: nothing. How guests fail while they run is told by those of
//! `tests/guests/hostile`.

use std::sync::Arc;

use crate::policy::probe::{Probe, load, load_in, request, sandbox};
use crate::policy::{Fault, Policy, Tier};
use crate::sandbox::{Compiler, Sandbox, SandboxConfig, SandboxError, TierSettings};

use super::evaluate;

const ENDLESS: &str = "(loop (br 0)) (unreachable)";

#[track_caller]
fn refusal(wasm: &[u8]) -> String {
    match load(wasm, Tier::Compiled) {
        Err(SandboxError::Refused { fault: Fault::Incompatible { what } }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_memory_than_allowed_from_the_start_is_said_at_once() {
    let large = Probe { head: r#"(memory (export "memory") 300)"#.to_owned(), ..Probe::default() };
    let error = large.load().unwrap_err().to_string();
    assert!(error.contains("19660800") && error.contains("interpreted"), "{error}");
    assert!(load(&large.module(), Tier::Interpreted).unwrap().is_ok());
}

#[test]
fn imports_are_refused_by_name_with_the_remedy() {
    let probe =
        Probe { head: r#"(import "env" "abort" (func)) (memory (export "memory") 1)"#.to_owned(), ..Probe::default() };
    let what = refusal(&probe.module());
    assert!(what.contains("`env`") && what.contains("abort=index/abort"), "{what}");
    let component = r#"(component
        (import "wasi:http/outgoing-handler@0.2.0" (instance))
        (import "wasi:clocks/wall-clock@0.3.0" (instance))
        (instance $decide) (export "trimtab:policy/decide@0.1.0" (instance $decide)))"#;
    let what = refusal(&wat::parse_str(component).unwrap());
    assert!(
        what.contains("outgoing-handler") && what.contains("wall-clock@0.3.0") && what.contains("network"),
        "{what}"
    );
}

#[test]
fn the_contracts_version_is_read_before_anything_else() {
    let newer = Probe { contract: "0.2.0".to_owned(), ..Probe::default() };
    let what = refusal(&newer.module());
    assert!(what.contains("trimtab:policy@0.2.0") && what.contains("speaks 0.1.0"), "{what}");
    let what = refusal(&wat::parse_str(r#"(module (func (export "run")))"#).unwrap());
    assert!(what.contains("`run`") && what.contains("trimtab:policy/decide@0.1.0"), "{what}");
}

#[test]
fn exports_beyond_the_contract_are_left_alone() {
    let probe = Probe { further: r#"(func (export "init") unreachable)"#.to_owned(), ..Probe::default() };
    assert!(evaluate(&probe.load().unwrap()).outcome.is_ok());
}

#[test]
fn what_is_no_component_is_refused_in_words() {
    let whole = Probe::default().module();
    assert!(refusal(b"#!/bin/sh").contains("not WebAssembly"));
    assert!(refusal(b"").contains("not WebAssembly"));
    assert!(refusal(b"(module)").contains("text"));
    assert!(refusal(b"\x7fELF\x02\x01\x01").contains("one machine"));
    assert!(refusal(&whole[..6]).contains("cut off"));
    for length in [9, whole.len() / 2, whole.len() - 1] {
        assert!(load(&whole[..length], Tier::Compiled).is_err(), "{length}");
    }
    assert!(refusal(&vec![0; 40 << 20]).contains("upload.bytes_max"));
}

#[test]
fn a_core_module_must_say_how_it_holds_its_texts() {
    let module = Probe::default().module();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let compile =
        |wasm: &[u8]| runtime.block_on(Compiler::in_process().compile(&request(None), wasm, sandbox().engine_hash()));
    let error = compile(&module).unwrap_err().to_string();
    assert!(error.contains("string encoding"), "{error}");
    let mut stating = module.clone();
    append_custom(&mut stating, "trimtab:string-encoding", b"utf8");
    compile(&stating).unwrap();
    let mut lying = module;
    append_custom(&mut lying, "trimtab:string-encoding", b"latin1");
    assert!(compile(&lying).unwrap_err().to_string().contains("latin1"));
}

#[test]
fn a_module_for_preview_1_gets_our_shim() {
    let probe = Probe {
        head: r#"
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)"#
            .to_owned(),
        evaluate: "(if (i32.or (call $clock (i32.const 0) (i64.const 1) (i32.const 512)) (call $random (i32.const 520) (i32.const 8)))
            (then unreachable))
            (if (i64.eqz (i64.load (i32.const 512))) (then unreachable))
            (i32.const 256)"
            .to_owned(),
        ..Probe::default()
    };
    assert!(evaluate(&probe.load().unwrap()).outcome.is_ok());
}

#[test]
fn no_fault_keeps_a_permit() {
    let sandbox = Sandbox::start(&SandboxConfig { at_once_max: Some(4), ..SandboxConfig::default() }).unwrap();
    for body in [ENDLESS, "unreachable", "(call $evaluate (local.get 0))", "(i32.const -64)"] {
        let policy = load_probe(&sandbox, &Probe::evaluating(body));
        for _ in 0..8 {
            assert!(evaluate(&policy).outcome.is_err());
        }
    }
    assert_eq!(sandbox.permits().taken(), 0);
    assert!(evaluate(&load_probe(&sandbox, &Probe::default())).outcome.is_ok());
}

#[test]
fn many_threads_share_few_permits() {
    // The backstop is wall-clock time, and sixteen threads on a busy machine wait for long: it is not what is tried here.
    let compiled = TierSettings { deadline_ms: Some(60_000), ..TierSettings::default() };
    let sandbox =
        Sandbox::start(&SandboxConfig { at_once_max: Some(4), compiled, ..SandboxConfig::default() }).unwrap();
    let policy = load_probe(&sandbox, &Probe::default());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..200).for_each(|_| drop(evaluate(&policy).outcome.unwrap())));
        }
    });
    assert_eq!(sandbox.permits().taken(), 0);
}

fn load_probe(sandbox: &Arc<Sandbox>, probe: &Probe) -> Policy {
    load_in(sandbox, &probe.module(), Tier::Compiled).unwrap().unwrap()
}

fn append_custom(module: &mut Vec<u8>, name: &str, data: &[u8]) {
    let length = 1 + name.len() + data.len();
    module.extend([0, u8::try_from(length).unwrap(), u8::try_from(name.len()).unwrap()]);
    module.extend(name.bytes());
    module.extend(data);
}
