//! `trimtab policy build` of a project in Go, where something is missing or wrong. In the place of Go stands a script: what it does is what a
//! Go of that kind does. The real one builds the example, in `languages.rs`.

use std::os::unix::fs::PermissionsExt as _;

use crate::cli::{Desk, Ran};

/// What Go answers to `go version`, before what it does otherwise.
const GO_1_27: &str = "[ \"$1\" = version ] && { echo go version go1.27.3 linux/amd64; exit; }\n";

/// What Go leaves: memory, a start-up, and a function that is called when that is over.
const CORE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "_initialize") (i32.store (i32.const 4096) (i32.const 0x41424344)))
    (func (export "trimtab-ready")))"#;

/// A project and a Go, if a script is given.
fn build(desk: &Desk, go: Option<&str>, core: &str) -> Ran {
    let ran = desk.run(&["policy", "new", "--lang", "go", "web"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let bin = desk.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    if let Some(go) = go {
        let script = desk.put("bin/go", &format!("#!/bin/sh\n{go}"));
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::write(desk.path().join("core.wasm"), wat::parse_str(core).unwrap()).unwrap();
    let mut command = desk.command();
    let output = command.args(["policy", "build", "web"]).env("PATH", &bin).env_remove("GOTOOLCHAIN").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A Go that writes the module, wherever it is told to.
fn compiler() -> String {
    format!("{GO_1_27}while [ \"$1\" != -o ]; do shift; done\n/bin/cp ../core.wasm \"$2\"")
}

#[test]
fn what_go_leaves_is_started_once() {
    let desk = Desk::new();
    let ran = build(&desk, Some(&format!("env > ../env\n{}", compiler()).replace("env >", "/usr/bin/env >")), CORE);
    assert_eq!((ran.code, ran.out.as_str()), (0, "web/dist/web.wasm\n"), "{}", ran.err);
    let env = std::fs::read_to_string(desk.path().join("env")).unwrap();
    for variable in ["GOOS=wasip1", "GOARCH=wasm", "GOTOOLCHAIN=local"] {
        assert!(env.lines().any(|line| line == variable), "{env}");
    }
    let wasm = std::fs::read(desk.path().join("web/dist/web.wasm")).unwrap();
    let has = |text: &[u8]| wasm.windows(text.len()).any(|window| window == text);
    assert!(has(b"DCBA"), "the memory that it left is there");
    assert!(has(b"trimtab:string-encoding") && has(b"utf8"));
    assert!(!has(b"_initialize") && !has(b"trimtab-ready"), "it does not start once more");
    let files: Vec<_> = std::fs::read_dir(desk.path().join("web/dist")).unwrap().flatten().collect();
    assert_eq!(files.len(), 1, "what Go left is gone: {files:?}");
}

#[test]
fn a_go_that_is_missing_or_too_old_is_named_with_the_remedy() {
    let ran = build(&Desk::new(), None, CORE);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("Go (go) is not installed: install Go 1.25 or newer from https://go.dev/dl"),
        "{}",
        ran.err
    );
    let ran = build(&Desk::new(), Some("echo go version go1.22.2 linux/amd64"), CORE);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("Go 1.22 is too old, 1.25 is needed: install Go 1.25 or newer"), "{}", ran.err);
}

#[test]
fn a_project_without_the_sdk_is_told_where_it_is_had() {
    let desk = Desk::new();
    assert_eq!(build(&desk, Some(&compiler()), CORE).code, 0);
    std::fs::remove_dir_all(desk.path().join("web/trimtab")).unwrap();
    let bin = desk.path().join("bin");
    let output = desk.command().args(["policy", "build", "web"]).env("PATH", &bin).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("the SDK is missing, web/trimtab does not hold it: take this folder from a new project"),
        "{told}"
    );
}

#[test]
fn what_does_not_compile_shows_gos_own_words() {
    let go = format!("{GO_1_27}echo './policy.go:7:2: undefined: lod' >&2; exit 1");
    let ran = build(&Desk::new(), Some(&go), CORE);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("./policy.go:7:2: undefined: lod"), "{}", ran.err);
    assert!(ran.err.contains("compiling with Go: Go (go) failed (exit status: 1): see its words above"), "{}", ran.err);
    let go = format!("{GO_1_27}exit 0");
    let ran = build(&Desk::new(), Some(&go), CORE);
    assert!(ran.code != 0 && ran.err.contains("which Go was to write: is the package `main`?"), "{}", ran.err);
}

#[test]
fn a_module_without_a_policy_is_told_what_it_lacks() {
    let ran = build(&Desk::new(), Some(&compiler()), &CORE.replace("trimtab-ready", "other"));
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("import \"trimtab\" and call trimtab.Export in an init function"), "{}", ran.err);
    // As Go's runtime does with a panic: it prints it, and ends with 2.
    let panics = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "panic: no policy is exported\n")
        (data (i32.const 16) "\40\00\00\00\1d\00\00\00")
        (func (export "_initialize"))
        (func (export "trimtab-ready")
            (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 32)))
            (call $exit (i32.const 2))))"#;
    let ran = build(&Desk::new(), Some(&compiler()), panics);
    assert_eq!(ran.code, 4);
    let told = "its start-up failed: it ended itself with code 2; it printed:\npanic: no policy is exported";
    assert!(ran.err.contains(told), "{}", ran.err);
}
