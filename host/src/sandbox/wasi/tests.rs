//! A guest that insists on WASI, and what it finds.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::sandbox::{
    CompileRequest, Compiler, Fault, Guest, Moment, Ran, Sandbox, SandboxConfig, SandboxError, Tier, World,
};

const WIT: &str = "
package test:guest@0.1.0;
interface decide { run: func() -> u64; }
world guest {
    import wasi:clocks/monotonic-clock@0.2.3;
    import wasi:clocks/wall-clock@0.2.3;
    import wasi:random/random@0.2.3;
    import wasi:cli/stdout@0.2.3;
    import wasi:cli/exit@0.2.3;
    import wasi:sockets/tcp-create-socket@0.2.3;
    import wasi:filesystem/types@0.2.3;
    export decide;
}
package wasi:io@0.2.3 {
    interface poll { resource pollable { block: func(); } }
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
}
package wasi:clocks@0.2.3 {
    interface monotonic-clock {
        use wasi:io/poll@0.2.3.{pollable};
        subscribe-duration: func(when: u64) -> pollable;
    }
    interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
}
package wasi:random@0.2.3 { interface random { get-random-u64: func() -> u64; get-random-bytes: func(len: u64) -> list<u8>; } }
package wasi:cli@0.2.3 {
    interface stdout { use wasi:io/streams@0.2.3.{output-stream}; get-stdout: func() -> output-stream; }
    interface exit { exit: func(status: result); }
}
package wasi:sockets@0.2.3 {
    interface tcp-create-socket { enum error-code { unknown, access-denied } create: func() -> result<u32, error-code>; }
}
package wasi:filesystem@0.2.3 { interface types { secret: func() -> u32; } }
";

fn module(run: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
        (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $subscribe (param i64) (result i32)))
        (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
        (import "wasi:io/poll@0.2.3" "[resource-drop]pollable" (func $drop (param i32)))
        (import "wasi:clocks/wall-clock@0.2.3" "now" (func $now (param i32)))
        (import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
        (import "wasi:random/random@0.2.3" "get-random-bytes" (func $random_bytes (param i64 i32)))
        (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
        (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
        (import "wasi:sockets/tcp-create-socket@0.2.3" "create" (func $socket (param i32)))
        (import "wasi:filesystem/types@0.2.3" "secret" (func $secret (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 1024) "hello\nworld")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func (export "test:guest/decide@0.1.0#run") (result i64) {run}))"#
    );
    wat::parse_str(text).unwrap()
}

fn world() -> World {
    World {
        package: "test:guest".into(),
        name: "guest".into(),
        interface: "decide".into(),
        version: "0.1.0".into(),
        wit: WIT.into(),
    }
}

/// Runs a guest once, at noon of some day, with this seed.
fn run(body: &str, seed: u64) -> Ran<u64> {
    static SANDBOX: OnceLock<Arc<Sandbox>> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| Sandbox::start(&SandboxConfig::default()).unwrap());
    let component = sandbox.load(&compile(sandbox, body).unwrap()).unwrap();
    let guest = Guest::new(sandbox, &component, sandbox.limits(Tier::Interpreted).clone()).unwrap();
    let interface = component.get_export_index(None, "test:guest/decide@0.1.0").unwrap();
    let function = component.get_export_index(Some(&interface), "run").unwrap();
    guest.run(
        Moment { now_ms: 1_700_000_000_250, seed, ..Moment::default() },
        |store| guest.pre().instantiate(store),
        |store, instance| Ok(instance.get_typed_func::<(), (u64,)>(&mut *store, function)?.call(store, ())?.0),
    )
}

fn compile(sandbox: &Sandbox, body: &str) -> Result<crate::sandbox::Artefact, SandboxError> {
    let mut module = module(body);
    let mut resolve = Resolve::default();
    let package = resolve.push_str("guest.wit", WIT).unwrap();
    let selected = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut module, &resolve, selected, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    let request = CompileRequest {
        world: world(),
        string_encoding: None,
        upload: sandbox.upload_limits().clone(),
        compile: sandbox.compile_limits().clone(),
    };
    let compiler = Compiler::in_process();
    let compiled = compiler.compile(&request, &component, sandbox.engine_hash());
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(compiled)
}

#[test]
fn the_clock_stands_at_the_snapshots_now() {
    assert_eq!(run("(call $now (i32.const 8)) (i64.load (i32.const 8))", 0).result, Ok(1_700_000_000));
    assert_eq!(run("(call $now (i32.const 8)) (i64.load32_u (i32.const 16))", 0).result, Ok(250_000_000));
}

#[test]
fn nothing_waits() {
    let an_hour = "(local $pollable i32)
        (local.set $pollable (call $subscribe (i64.const 3600000000000)))
        (call $block (local.get $pollable)) (call $drop (local.get $pollable)) (i64.const 1)";
    let ran = run(an_hour, 0);
    assert_eq!(ran.result, Ok(1));
    assert_eq!(ran.spent.host_calls, 2);
    assert!(Duration::from_nanos(ran.spent.wall_ns) < Duration::from_secs(60));
}

#[test]
fn chance_follows_from_the_seed() {
    let random = |seed| run("(drop (call $random)) (call $random)", seed).result.unwrap();
    assert_eq!(random(1), random(1));
    assert_ne!(random(1), random(2));
}

#[test]
fn what_is_printed_is_kept_by_line() {
    let prints = "(call $write (call $stdout) (i32.const 1024) (i32.const 11) (i32.const 2048)) (i64.const 0)";
    assert_eq!(run(prints, 0).printed, ["hello", "world"]);
    let much = "(local $left i32) (local.set $left (i32.const 500))
        (loop
            (call $write (call $stdout) (i32.const 1024) (i32.const 11) (i32.const 2048))
            (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (i64.const 0)";
    let printed = run(much, 0).printed;
    assert_eq!(printed.len(), 65, "64 lines and how much was dropped");
    assert!(printed[64].contains("were not kept"), "{}", printed[64]);
}

#[test]
fn calls_are_budgeted() {
    let calls = "(loop (drop (call $random)) (br 0)) (unreachable)";
    let ran = run(calls, 0);
    assert!(matches!(&ran.result, Err(Fault::BoundaryBudget { what }) if what.contains("10000 calls")), "{ran:?}");
    let bytes = "(call $random_bytes (i64.const 1000000) (i32.const 8)) (i64.const 0)";
    assert_eq!(run(bytes, 0).result.unwrap_err().code(), "boundary-budget");
}

#[test]
fn sockets_say_no_and_what_has_no_no_ends_the_run() {
    let socket = "(call $socket (i32.const 8)) (i64.load (i32.const 8))";
    assert_eq!(run(socket, 0).result, Ok(1 | (1 << 32)), "err, access-denied");
    let secret = "(i64.extend_i32_u (call $secret))";
    assert!(matches!(run(secret, 0).result, Err(Fault::Trap { what }) if what.contains("filesystem/types secret")));
    assert!(
        matches!(run("(call $exit (i32.const 0)) (i64.const 0)", 0).result, Err(Fault::Trap { what }) if what.contains("exit"))
    );
}
