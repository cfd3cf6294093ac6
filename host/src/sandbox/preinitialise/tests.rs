use wasmtime::{Engine, Instance, Module, Store};

use super::{StartUp, StartUpError, preinitialise};

const START: StartUp<'_> = StartUp { ready: "ready", variables: &["MOOD=calm", "N=1"] };

/// A module with imports that it needs, and what is done at its start-up and when it is ready.
fn module(imports: &str, initialize: &str, ready: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {imports} (memory (export "memory") 1)
             (global $g (mut i32) (i32.const 1))
             (data (i32.const 64) "sorry\n")
             (func (export "_initialize") {initialize})
             (func (export "ready") {ready})
             (func (export "global") (result i32) (global.get $g))
             (func (export "at") (param i32) (result i32) (i32.load (local.get 0))))"#
    );
    wat::parse_str(text).unwrap()
}

fn after(wasm: &[u8], function: &str, at: Option<i32>) -> i32 {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    match at {
        None => instance.get_typed_func::<(), i32>(&mut store, function).unwrap().call(&mut store, ()).unwrap(),
        Some(at) => instance.get_typed_func::<i32, i32>(&mut store, function).unwrap().call(&mut store, at).unwrap(),
    }
}

#[test]
fn what_start_up_leaves_is_what_a_run_begins_with() {
    let wasm = module("", "(global.set $g (i32.const 7))", "(i32.store (i32.const 4096) (memory.grow (i32.const 2)))");
    let made = preinitialise(&wasm, &START).unwrap();
    assert_eq!((after(&made, "global", None), after(&made, "at", Some(4096))), (7, 1));
    assert_eq!(after(&made, "at", Some(2 * 65_536)), 0, "it has the memory that it grew by");
    let names: Vec<String> =
        Module::new(&Engine::default(), &made).unwrap().exports().map(|e| e.name().into()).collect();
    assert!(!names.iter().any(|name| name == "_initialize" || name == "ready"), "{names:?}");
    assert_eq!(made, preinitialise(&wasm, &START).unwrap(), "the same bytes each time");
}

#[test]
fn what_lies_close_together_is_one_segment() {
    let store = |at: u32| format!("(i32.store (i32.const {at}) (i32.const {at}))");
    let places = [100, 200, 300, 4300, 20_000, 60_000];
    let wasm = module("", &places.map(store).concat(), "");
    let made = preinitialise(&wasm, &START).unwrap();
    let segments: Vec<u32> = wasmparser::Parser::new(0)
        .parse_all(&made)
        .filter_map(|payload| match payload.unwrap() {
            wasmparser::Payload::DataSection(section) => Some(section.count()),
            _ => None,
        })
        .collect();
    assert_eq!(segments, [3], "a few bytes each, in three places");
    for at in places {
        let at = i32::try_from(at).unwrap();
        assert_eq!(after(&made, "at", Some(at)), at);
    }
    assert_eq!(after(&made, "at", Some(250)), 0);
}

#[test]
fn the_variables_are_there_and_nothing_else() {
    let imports = r#"
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))"#;
    let initialize =
        "(drop (call $sizes (i32.const 256) (i32.const 260))) (drop (call $get (i32.const 264) (i32.const 280)))
        (global.set $g (call $read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))";
    let made = preinitialise(&module(imports, initialize, ""), &START).unwrap();
    // Imports that are still there keep it from being run here: its memory is looked at.
    let found = made.windows(14).any(|window| window == b"MOOD=calm\0N=1\0");
    assert!(found, "the variables lie in its memory");
}

#[test]
fn a_start_up_that_fails_says_why() {
    let told = |imports: &str, initialize: &str| match preinitialise(&module(imports, initialize, ""), &START) {
        Err(StartUpError::Failed { why, printed }) => (why, printed),
        other => panic!("{:?}", other.map(|_| ())),
    };
    let imports = r#"
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    let print = "(i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 6))
        (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 32))) (call $exit (i32.const 2))";
    assert_eq!(told(imports, print), ("it ended itself with code 2".to_owned(), "sorry\n".to_owned()));
    let (why, _) = told("", "(loop (br 0))");
    assert_eq!(why, "it took more than 2000000000 instructions");
    let (why, _) = told("", "unreachable");
    assert_eq!(why, "wasm trap: wasm `unreachable` instruction executed");
    let (why, _) = told(r#"(import "env" "clock" (func))"#, "");
    assert!(why.contains("env::clock"), "{why}");
    // More than the tier allows is denied, as it is where the policy runs.
    let made = preinitialise(&module("", "(global.set $g (memory.grow (i32.const 2000)))", ""), &START).unwrap();
    assert_eq!(after(&made, "global", None), -1);
}

#[test]
fn what_is_no_such_module_is_refused() {
    let without = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "ready")))"#).unwrap();
    let error = preinitialise(&without, &START).unwrap_err();
    assert_eq!(error.to_string(), "the module has no export `_initialize`");
    assert!(matches!(preinitialise(b"\0asm", &START), Err(StartUpError::Module { .. })));
}
