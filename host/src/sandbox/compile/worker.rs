//! The child's side: limits itself, reads, compiles, writes, ends.

use std::alloc::{Layout, handle_alloc_error};
use std::io::{ErrorKind, Read, Write, stdin, stdout};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getppid, setrlimit};
use wasmtime::Engine;

use super::{CompileRequest, HEAD_BYTES_MAX, Order, Reply};
use crate::sandbox::cache::Artefact;
use crate::sandbox::component::{self, Kind, check_head};
use crate::sandbox::encode;
use crate::sandbox::engine::{compiling_engine, engine_hash};
use crate::sandbox::error::SandboxError;
use crate::sandbox::fault::Fault;
use crate::sandbox::remedy;

/// What `main` does for the hidden subcommand: one component from standard input to standard output.
#[must_use]
pub fn compile_worker() -> ExitCode {
    let (reply, artefact) = match work() {
        Ok((artefact, engine_hash)) => (Reply::Compiled { engine_hash }, artefact),
        Err(SandboxError::Refused { fault }) => (Reply::Refused(fault), Vec::new()),
        Err(error) => (Reply::Failed(error.to_string()), Vec::new()),
    };
    match write(&reply, &artefact) {
        Ok(()) => ExitCode::SUCCESS,
        // The host has gone away; nobody is left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn work() -> Result<(Vec<u8>, String), SandboxError> {
    let mut input = stdin().lock();
    let order = read_head(&mut input).map_err(|source| super::worker("could not read its request", source))?;
    let request = order.request;
    end_with_the_host(order.host).map_err(|source| super::worker("could not watch its host", source))?;
    limit(&request).map_err(|error| super::worker("could not limit itself", error.into()))?;
    let mut wasm = Vec::new();
    input.take(request.upload.bytes_max + 1).read_to_end(&mut wasm).map_err(|source| match source.kind() {
        // As all else that finds no memory here: the host knows the limit by that.
        ErrorKind::OutOfMemory => handle_alloc_error(Layout::for_value(wasm.as_slice())),
        _ => super::worker("could not read the component", source),
    })?;
    let engine = compiling_engine()?;
    // That the host is gone is found out when there is more to say.
    let validated = || drop(write(&Reply::Validated, &[]));
    let artefact = compile(&engine, &request, &wasm, &validated)?;
    Ok((artefact, engine_hash(&engine)))
}

/// The head is the host's own; the component behind it is the stranger's, and is read only under the limits.
fn read_head(input: &mut impl Read) -> std::io::Result<Order> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut head = Vec::new();
    input.take(u64::from(u32::from_le_bytes(length).min(HEAD_BYTES_MAX))).read_to_end(&mut head)?;
    Ok(serde_json::from_slice(&head)?)
}

fn limit(request: &CompileRequest) -> rustix::io::Result<()> {
    let to = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Core, to(0))?;
    setrlimit(Resource::Fsize, to(0))?;
    setrlimit(Resource::Cpu, to(request.compile.cpu_seconds_max.max(1)))?;
    setrlimit(Resource::As, to(request.compile.memory_bytes_max))
}

/// Ends this process when its parent is not the host: the host is gone, then. (The kernel's parent-death signal follows the thread that
/// started us, not the host, and the host's threads come and go.) Returns when the thread that watches has begun: to begin it takes
/// memory, which it might not get once that is limited.
fn end_with_the_host(host: i32) -> std::io::Result<()> {
    let (begun, has_begun) = channel();
    let watch = move || {
        let _ = begun.send(());
        while getppid().is_some_and(|parent| parent.as_raw_pid() == host) {
            thread::sleep(Duration::from_millis(500));
        }
        std::process::exit(1);
    };
    thread::Builder::new().name("host-watch".to_owned()).stack_size(64 << 10).spawn(watch)?;
    has_begun.recv().map_err(std::io::Error::other)
}

/// Checks, encodes if it is a core module, and compiles.
fn compile(
    engine: &Engine,
    request: &CompileRequest,
    wasm: &[u8],
    validated: &(dyn Fn() + Send + Sync),
) -> Result<Vec<u8>, Fault> {
    let encoded;
    let bytes = match check_head(wasm, &request.upload)? {
        Kind::Component => wasm,
        Kind::Module => {
            let found = component::inspect(wasm, &request.upload)?;
            encoded = encode::encode(wasm, &found, &request.world, request.string_encoding)?;
            &encoded
        }
    };
    component::check(bytes, &request.world, &request.upload)?;
    validated();
    engine.precompile_component(bytes).map_err(|error| {
        let text: String = format!("{error:#}").chars().take(1_000).collect();
        component::refuse(remedy::of_engine(&text))
    })
}

/// Compiles in this very process: see [`super::Compiler::in_process`].
pub(super) fn compile_here(
    request: &CompileRequest,
    wasm: &[u8],
    validated: &(dyn Fn() + Send + Sync),
) -> Result<Artefact, SandboxError> {
    Ok(Artefact::fresh(compile(&compiling_engine()?, request, wasm, validated)?))
}

fn write(reply: &Reply, artefact: &[u8]) -> std::io::Result<()> {
    let head = serde_json::to_vec(reply)?;
    let mut output = stdout().lock();
    output.write_all(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    output.write_all(&head)?;
    output.write_all(artefact)?;
    output.flush()
}
