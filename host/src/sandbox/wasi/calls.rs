//! The functions that have an answer. All others decline.

use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{ResourceDynamic, Val};

use super::{GuestStore, Refusal, kind_of};

/// Most random bytes of one call: runtimes seed hash tables with 8 to 32.
const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// What an output stream says that it can take.
const WRITE_BYTES: u64 = 4096;
const NANOS_PER_MS: u64 = 1_000_000;

/// Which of the three standard streams a handle is: its representation.
const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// One function: takes the arguments and what their first handle stands for, gives the result if it has one.
pub(super) type Call = fn(&mut GuestStore<'_>, &[Val], Option<u32>) -> wasmtime::Result<Option<Val>>;

/// The function of this interface and name.
pub(super) fn find(path: &str, name: &str) -> Option<Call> {
    Some(match (path, name) {
        ("cli/environment", "get-environment" | "get-arguments") | ("filesystem/preopens", "get-directories") => {
            |_, _, _| Ok(Some(Val::List(Vec::new())))
        }
        ("cli/environment", "initial-cwd")
        | ("cli/terminal-stdin" | "cli/terminal-stdout" | "cli/terminal-stderr", _)
        | ("filesystem/types", "filesystem-error-code") => |_, _, _| Ok(Some(Val::Option(None))),
        ("cli/exit", _) => |_, _, _| Err(Refusal::Exit.into()),
        ("cli/stdin", "get-stdin") => |store, _, _| handle(store, "input-stream", STDIN),
        ("cli/stdout", "get-stdout") => |store, _, _| handle(store, "output-stream", STDOUT),
        ("cli/stderr", "get-stderr") => |store, _, _| handle(store, "output-stream", STDERR),
        ("clocks/monotonic-clock", "now") => |store, _, _| Ok(Some(Val::U64(nanos(store)))),
        ("clocks/monotonic-clock", "resolution") => |_, _, _| Ok(Some(Val::U64(NANOS_PER_MS))),
        ("clocks/wall-clock", "now") => |store, _, _| Ok(Some(datetime(nanos(store)))),
        ("clocks/wall-clock", "resolution") => |_, _, _| Ok(Some(datetime(NANOS_PER_MS))),
        (_, "subscribe-instant" | "subscribe-duration" | "[method]input-stream.subscribe")
        | (_, "[method]output-stream.subscribe") => |store, _, _| handle(store, "pollable", 0),
        ("io/error", "[method]error.to-debug-string") => |_, _, _| Ok(Some(Val::String(String::new()))),
        ("io/poll", "[method]pollable.ready") => |_, _, _| Ok(Some(Val::Bool(true))),
        ("io/poll", "[method]pollable.block") => |_, _, _| Ok(None),
        ("io/poll", "poll") => poll,
        ("io/streams", name) => return stream(name),
        ("random/random", "get-random-bytes") | ("random/insecure", "get-insecure-random-bytes") => random_bytes,
        ("random/random", "get-random-u64") | ("random/insecure", "get-insecure-random-u64") => {
            |store, _, _| Ok(Some(Val::U64(store.data_mut().wasi.random_u64())))
        }
        ("random/insecure-seed", _) => |store, _, _| {
            let wasi = &mut store.data_mut().wasi;
            Ok(Some(Val::Tuple(vec![Val::U64(wasi.random_u64()), Val::U64(wasi.random_u64())])))
        },
        _ => return None,
    })
}

/// The functions of streams: input is at its end, output is kept as notes.
fn stream(name: &str) -> Option<Call> {
    let method = name.strip_prefix("[method]input-stream.").or_else(|| name.strip_prefix("[method]output-stream."))?;
    Some(match method {
        "read" | "blocking-read" | "skip" | "blocking-skip" | "splice" | "blocking-splice" => {
            |_, _, _| Ok(Some(Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None)))))))
        }
        "check-write" => |_, _, _| Ok(Some(Val::Result(Ok(Some(Box::new(Val::U64(WRITE_BYTES))))))),
        "write" | "blocking-write-and-flush" => write,
        "flush" | "blocking-flush" | "write-zeroes" | "blocking-write-zeroes-and-flush" => |_, _, _| Ok(Some(done())),
        _ => return None,
    })
}

/// The answer to a function that has no place here: its own "access denied" if its type has one, else the end of the run.
pub(super) fn decline(ty: &ComponentFunc, full_name: &str) -> wasmtime::Result<Option<Val>> {
    if let Some(Type::Result(result)) = ty.results().next()
        && let Some(Type::Enum(codes)) = result.err()
        && let Some(code) = codes.names().find(|code| matches!(*code, "access" | "access-denied"))
    {
        return Ok(Some(Val::Result(Err(Some(Box::new(Val::Enum(code.to_owned())))))));
    }
    Err(Refusal::Call(full_name.to_owned()).into())
}

fn handle(store: &mut GuestStore<'_>, kind: &str, representation: u32) -> wasmtime::Result<Option<Val>> {
    let resource = ResourceDynamic::new_own(representation, kind_of(kind));
    Ok(Some(Val::Resource(resource.try_into_resource_any(store)?)))
}

fn nanos(store: &GuestStore<'_>) -> u64 {
    store.data().wasi.now_ms.saturating_mul(NANOS_PER_MS)
}

fn datetime(nanos: u64) -> Val {
    const NANOS_PER_SECOND: u64 = 1_000_000_000;
    Val::Record(vec![
        ("seconds".to_owned(), Val::U64(nanos / NANOS_PER_SECOND)),
        ("nanoseconds".to_owned(), Val::U32(u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0))),
    ])
}

/// All that was asked for is ready.
fn poll(_store: &mut GuestStore<'_>, params: &[Val], _handle: Option<u32>) -> wasmtime::Result<Option<Val>> {
    let Some(Val::List(pollables)) = params.first() else { return Ok(Some(Val::List(Vec::new()))) };
    Ok(Some(Val::List((0..u32::try_from(pollables.len()).unwrap_or(u32::MAX)).map(Val::U32).collect())))
}

fn random_bytes(store: &mut GuestStore<'_>, params: &[Val], _handle: Option<u32>) -> wasmtime::Result<Option<Val>> {
    let Some(Val::U64(count)) = params.first() else { return Ok(None) };
    if *count > RANDOM_BYTES_MAX {
        return Err(Refusal::Bytes(*count).into());
    }
    let count = usize::try_from(*count).unwrap_or(0);
    let wasi = &mut store.data_mut().wasi;
    let bytes = std::iter::repeat_with(|| wasi.random_u64().to_le_bytes()).flatten().take(count).map(Val::U8);
    Ok(Some(Val::List(bytes.collect())))
}

fn write(store: &mut GuestStore<'_>, params: &[Val], stream: Option<u32>) -> wasmtime::Result<Option<Val>> {
    if let [_, Val::List(bytes)] = params {
        let bytes = bytes.iter().filter_map(|byte| if let Val::U8(byte) = byte { Some(*byte) } else { None });
        store.data_mut().wasi.printed.write(stream == Some(STDERR), bytes);
    }
    Ok(Some(done()))
}

fn done() -> Val {
    Val::Result(Ok(None))
}
