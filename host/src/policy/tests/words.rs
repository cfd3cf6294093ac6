//! What is not a policy is refused in words that name the flag or command that mends it.

use crate::policy::probe::{Probe, load, request, sandbox};
use crate::policy::{NeedsError, Policy, Refusal, RefusalKind, Tier};
use crate::sandbox::{Compiler, StringEncoding};

/// All that is said of a module or component that this host does not take.
#[track_caller]
fn said(wasm: &[u8]) -> String {
    match load(wasm, Tier::Compiled) {
        Ok(Ok(policy)) => panic!("it is taken: {policy:?}"),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn says(wasm: &[u8], words: &[&str]) {
    let said = said(wasm);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[track_caller]
fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A component with the contract's export, these imports, and a module inside.
fn component(imports: &[&str], module: &str) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
    let export = r#"(instance $decide) (export "trimtab:policy/decide@0.1.0" (instance $decide))"#;
    wat(&format!("(component {imports} {module} {export})"))
}

/// The section in which toolchains name themselves.
fn made_by(name: &str, version: &str) -> String {
    let mut data = vec![1, 12];
    data.extend(b"processed-by");
    data.push(1);
    for text in [name, version] {
        data.push(u8::try_from(text.len()).unwrap());
        data.extend(text.bytes());
    }
    let data: String = data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(core module (@custom \"producers\" \"{data}\"))")
}

#[test]
fn wasi_that_is_not_here_is_named_with_the_flag_of_the_toolchain_that_let_it_in() {
    let imports = ["wasi:http/types@0.2.0", "wasi:clocks/wall-clock@0.3.0", "wasi:nn/graph@0.2.0"];
    for (tool, flag) in [
        ("componentize-py", "--stub-wasi"),
        ("componentize-qjs", "--backend-qjs-stub-wasi"),
        ("Go cmd/compile", "trimtab policy build"),
        ("rustc", "wasm32-unknown-unknown"),
        ("clang", "-nostdlib"),
    ] {
        for import in imports {
            says(&component(&[import], &made_by(tool, "1.0.0")), &[import, flag]);
        }
    }
    let starling = made_by("componentize-js", "0.23.0");
    says(&component(&imports[..1], &starling), &["--disable http fetch-event", "no network"]);
    says(&component(&imports[1..2], &starling), &["--disable all"]);
    // Nobody says who made it: the flags of all.
    let words = ["`--stub-wasi`", "`--disable all`", "wasm32-unknown-unknown", "trimtab policy build"];
    says(&component(&imports[2..], ""), &words);
    says(&component(&imports[..1], ""), &words);
}

#[test]
fn an_interpreter_is_known_before_the_language_that_it_is_written_in() {
    let both = format!("{} {}", made_by("rustc", "1.95.0"), made_by("componentize_qjs_runtime", "0.4.5"));
    says(&component(&["wasi:nn/graph@0.2.0"], &both), &["componentize-qjs's `--stub-wasi`"]);
}

#[test]
fn imports_of_core_modules_tell_what_they_were_built_for() {
    let importing = |from: &str, name: &str| {
        let head = format!(r#"(import "{from}" "{name}" (func)) (memory (export "memory") 1)"#);
        Probe { head, ..Probe::default() }.module()
    };
    for (from, name, words) in [
        ("env", "abort", ["`abort`", "--use abort=index/abort"]),
        ("env", "emscripten_notify_memory_growth", ["Emscripten", "-nostdlib"]),
        ("env", "proxy_log", ["`proxy_log`", "trimtab policy new"]),
        ("env", "my_missing_function", ["`my_missing_function`", "--allow-undefined"]),
        ("gojs", "runtime.wasmExit", ["GOOS=js", "GOOS=wasip1"]),
        ("__wbindgen_placeholder__", "__wbindgen_throw", ["wasm-bindgen", "wasm32-unknown-unknown"]),
        ("extism:host/env", "input_load_u8", ["another host", "trimtab policy new"]),
        ("wasi_unstable", "fd_write", ["wasi_snapshot_preview1", "trimtab policy build"]),
        ("acme", "log", ["`acme`", "trimtab policy new"]),
    ] {
        says(&importing(from, name), &words);
    }
    let head = r#"(import "env" "memory" (memory 1)) (export "memory" (memory 0))"#.to_owned();
    says(&Probe { head, ..Probe::default() }.module(), &["--import-memory"]);
    says(&component(&["acme:host/log@1.0.0"], ""), &["`acme:host/log@1.0.0`", "take them out of its world"]);
}

#[test]
fn exports_of_another_world_tell_what_it_is() {
    let contract = "trimtab:policy/decide@0.1.0";
    for (module, words) in [
        ("(module)", [contract, "cdylib"]),
        ("(component)", [contract, "trimtab_sdk::export!"]),
        (r#"(module (func (export "_start")))"#, ["it is a program", "-buildmode=c-shared"]),
        (r#"(module (func (export "proxy_abi_version_0_2_1")))"#, ["another host", "trimtab policy new"]),
        (r#"(module (func (export "__guest_call")))"#, ["another host", "trimtab policy new"]),
        (r#"(module (func (export "evaluate")))"#, ["`evaluate`", "within that interface"]),
        (r#"(component (instance (export "trimtab:policy/decide")))"#, ["`trimtab:policy/decide`", "unversioned"]),
        (r#"(component (instance (export "wasi:cli/run@0.2.0")))"#, ["it is a program", "cdylib"]),
        (r#"(component (instance (export "wasi:http/incoming-handler@0.2.0")))"#, ["no network", "trimtab policy new"]),
        (r#"(component (instance (export "acme:scaler/decide@0.1.0")))"#, ["acme:scaler", "`trimtab:policy@0.1.0`"]),
        (r#"(component (instance (export "trimtab:policy/decide@0.9.0")))"#, ["@0.9.0", "a newer trimtab"]),
        (r#"(component (instance (export "trimtab:policy/decide@0.0.9")))"#, ["@0.0.9", "build it again with the SDK"]),
    ] {
        says(&wat(module), &words);
    }
}

#[test]
fn an_interface_that_is_not_the_contracts_is_told_from_one_that_is() {
    let bindings = "`wit/v1/policy.wit` of this trimtab";
    let replaced = |from: &str, to: &str| wat(&Probe::default().wat().replace(from, to));
    says(&replaced("decide@0.1.0#needs", "decide@0.1.0#need"), &["without `needs`", "#FUNCTION"]);
    says(&replaced("#needs\") (param i32 i32)", "#needs\") (param i32 i32 i32)"), &["`needs`", bindings]);
    says(&replaced("(func (export \"cabi_realloc\")", "(func "), &["export `cabi_realloc`"]);
    says(&replaced("(memory (export \"memory\") 1)", "(memory 1)"), &["export its memory as `memory`"]);
    says(&component(&[], ""), &["`describe`", bindings]);
    let function = r#"(core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))"#;
    let export = r#"(instance (export "trimtab:policy/decide@0.1.0")
        (export "describe" (func $f)) (export "needs" (func $f)) (export "evaluate" (func $f)))"#;
    says(&wat(&format!("(component {function} {export})")), &["is not this trimtab's", bindings]);
}

#[test]
fn what_the_engine_does_not_have_is_named_with_the_flag_that_leaves_it_out() {
    for (module, words) in [
        (r#"(core module (memory 1 1 shared))"#, ["threads", "-pthread"]),
        ("(core module (tag $t) (func (throw $t)))", ["exceptions", "-fno-exceptions"]),
        ("(core module (type (struct (field i32))))", ["garbage collection", "sdk/"]),
        ("(core module (memory i64 1))", ["wasm64", "wasm32"]),
        (
            "(core module (func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
            ["relaxed SIMD", "+relaxed-simd"],
        ),
        ("(core func (canon task.cancel))", ["asynchronous", "--sync"]),
        ("(core func (canon task.cancel))", ["jco", "--backend-qjs-disable-async"]),
    ] {
        says(&component(&[], module), &words);
    }
    says(&wat(r#"(module (memory (export "memory") i64 1))"#), &["wasm64", "build it for wasm32"]);
}

#[test]
fn bytes_that_are_no_webassembly_are_called_what_they_are() {
    let words: [(&[u8], &str); 12] = [
        (b"", "it is empty"),
        (b"export function decide() {}\n", "trimtab policy build"),
        (b"#!/bin/sh\n", "it is text that begins"),
        ("Größe: 12, und noch viel mehr Text als gezeigt wird".as_bytes(), "it is text that begins"),
        (b"<!DOCTYPE html>", "a download that failed"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"MZ\x90\0", "a program for Windows"),
        (b"!<arch>\n", "cdylib"),
        (b"\x7fELF\x02", "one machine"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"(module)", "wasm-tools parse"),
        (b";; a policy\n(module)", "wasm-tools parse"),
    ];
    for (bytes, word) in words {
        says(bytes, &[word]);
    }
    assert!(said(b"\0\x01\x02 noise").ends_with("it is not WebAssembly"));
    let whole = Probe::default().module();
    says(&whole[..6], &["cut off"]);
    says(&whole[..whole.len() / 2], &["cut off", "whole"]);
}

#[test]
fn texts_in_another_encoding_than_stated_name_the_flag() {
    let in_utf16 = r#"(i32.store (i32.const 16) (i32.const 2048)) (i32.store (i32.const 20) (i32.const 5))
        (i32.store (i32.const 24) (i32.const 1032)) (i32.store (i32.const 28) (i32.const 5)) (i32.const 16)"#;
    let probe = |text: &str| Probe {
        describe: in_utf16.to_owned(),
        further: format!("(data (i32.const 2048) \"{text}\")"),
        ..Probe::default()
    };
    says(&probe(r"p\00r\00o\00b\00e\00").module(), &["UTF-16", "`--string-encoding utf16`"]);
    // ü, ö, ä: no UTF-8 at all.
    says(&probe(r"\fc\00\f6\00\e4\00\00\00\00\00").module(), &["utf-8", "`--string-encoding utf16`"]);
    let error = loaded_as(&Probe::default().module(), StringEncoding::Utf16);
    assert!(error.contains("UTF-8, read as UTF-16") && error.contains("`--string-encoding utf8`"), "{error}");
    // A surrogate without its other half.
    let surrogate = probe(r"\00\d8a\00a\00a\00a\00").module();
    let error = loaded_as(&surrogate, StringEncoding::Utf16);
    assert!(error.contains("`--string-encoding utf8`"), "{error}");
}

fn loaded_as(wasm: &[u8], encoding: StringEncoding) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (compiler, request, sandbox) = (Compiler::in_process(), request(Some(encoding)), sandbox());
    let artefact = runtime.block_on(compiler.compile(&request, wasm, sandbox.engine_hash())).unwrap();
    let component = sandbox.load(&artefact).unwrap();
    Policy::load(&sandbox, &component, "words", Tier::Compiled).unwrap_err().to_string()
}

#[test]
fn a_policys_own_words_stand_on_one_line() {
    let text = "`in ZONE` is wanted where `p\riority\u{1b}[2J`\nstands".to_owned();
    let refusal = Refusal { kind: RefusalKind::Other("odd\r".to_owned()), text };
    let told = NeedsError::Refused { refusal }.to_string();
    assert_eq!(
        told,
        r"the policy refuses its parameters (odd\u{d}): `in ZONE` is wanted where `p\u{d}iority\u{1b}[2J` stands"
    );
}
