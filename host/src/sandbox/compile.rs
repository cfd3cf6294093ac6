//! Compiling in a process of its own. A hostile function of a few megabytes takes a compiler many seconds and a gigabyte;
//! wasmtime does not count that as a fault of its own, so it happens where it can be killed.
//!
//! The child is this same binary with the hidden subcommand [`WORKER_COMMAND`]. It limits itself before it reads a byte of the
//! component, checks, encodes and compiles it, and writes the artefact to its standard output. It opens no file.

mod worker;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use self::worker::compile_worker;
use super::cache::Artefact;
use super::component::{World, check_head};
use super::encode::StringEncoding;
use super::error::SandboxError;
use super::fault::Fault;
use super::limits::{CompileLimits, UploadLimits};

/// The hidden subcommand under which `main` calls [`compile_worker`].
pub const WORKER_COMMAND: &str = "compile-worker";

/// Bytes kept of what a dying child says.
const STDERR_BYTES_MAX: u64 = 4 << 10;
/// Longest head of a reply.
const HEAD_BYTES_MAX: u32 = 1 << 20;

/// What to compile, and what it may take. Written to the child as JSON in front of the component's bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompileRequest {
    /// What it must export.
    pub world: World,
    /// How a core module without a `component-type` section holds its texts.
    pub string_encoding: Option<StringEncoding>,
    /// What may be loaded.
    pub upload: UploadLimits,
    /// What compiling may take.
    pub compile: CompileLimits,
}

/// The head of what the child is sent; the component follows it.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// The host's process id: the child ends when it has another parent.
    host: i32,
    request: CompileRequest,
}

/// The head of what the child says; behind the last one, of what it compiled, the artefact follows.
#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    /// It is accepted, and is compiled now. More follows.
    Validated,
    Compiled {
        engine_hash: String,
    },
    Refused(Fault),
    Failed(String),
}

/// Compiles components, a few at a time.
#[derive(Debug)]
pub struct Compiler {
    /// What children run; `None`: no children.
    program: Option<PathBuf>,
    turns: Semaphore,
}

impl Compiler {
    /// A compiler whose children run this program; `None`: this very binary.
    ///
    /// # Errors
    /// Where the running binary cannot be found.
    pub fn new(program: Option<PathBuf>, limits: &CompileLimits) -> Result<Self, SandboxError> {
        let program = match program {
            Some(program) => program,
            None => std::env::current_exe().map_err(|source| worker("cannot be found", source))?,
        };
        Ok(Self { program: Some(program), turns: Semaphore::new(limits.at_once_max.clamp(1, 64) as usize) })
    }

    /// A compiler without children, for tests and benchmarks, whose binary is not `trimtab` and whose components are ours:
    /// what compiles here cannot be killed, and takes from this process's memory.
    #[must_use]
    pub fn in_process() -> Self {
        Self { program: None, turns: Semaphore::new(2) }
    }

    /// Checks and compiles a component (or a core module, which is made into one first).
    ///
    /// # Errors
    /// [`SandboxError::Refused`] where it is not accepted, [`SandboxError::CompileLimit`] where it took too much,
    /// [`SandboxError::Worker`] where the child could not do its work.
    pub async fn compile(
        &self,
        request: &CompileRequest,
        wasm: &[u8],
        engine_hash: &str,
    ) -> Result<Artefact, SandboxError> {
        self.compile_telling(request, wasm, engine_hash, &|| {}).await
    }

    /// As [`Self::compile`]; `validated` is called once it is accepted, before it is compiled.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub async fn compile_telling(
        &self,
        request: &CompileRequest,
        wasm: &[u8],
        engine_hash: &str,
        validated: &(dyn Fn() + Send + Sync),
    ) -> Result<Artefact, SandboxError> {
        check_head(wasm, &request.upload)?;
        let _turn = self
            .turns
            .acquire()
            .await
            .map_err(|_closed| SandboxError::Worker { what: "is shutting down".to_owned(), source: None })?;
        let Some(program) = &self.program else {
            return worker::compile_here(request, wasm, validated);
        };
        let mut child = Worker::start(program, &request.compile)?;
        let limit = Duration::from_millis(request.compile.timeout_ms);
        let outcome = timeout(limit, child.talk(request, wasm, validated)).await;
        child.end().await;
        match outcome {
            Err(_elapsed) => {
                Err(SandboxError::CompileLimit { what: format!("{} ms (compile.timeout_ms)", limit.as_millis()) })
            }
            Ok(talked) => {
                let (reply, artefact) = talked?;
                accept(reply, artefact, engine_hash)
            }
        }
    }
}

/// One child. Its whole process group is killed when it is dropped, also where the caller went away in the midst.
struct Worker {
    child: Child,
    group: Option<Pid>,
}

impl Worker {
    fn start(program: &Path, limits: &CompileLimits) -> Result<Self, SandboxError> {
        let mut command = Command::new(program);
        command
            .arg(WORKER_COMMAND)
            .env_clear()
            // Arenas reserve address space, of which the child has little: those of the system's allocator, and those of the
            // binary's own (in KiB; a gigabyte at a time if it is not told otherwise).
            .env("MALLOC_ARENA_MAX", "2")
            .env("MIMALLOC_ARENA_RESERVE", "16384")
            .env("RAYON_NUM_THREADS", limits.threads_max.clamp(1, 64).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|source| worker("could not be started", source))?;
        Ok(Self { group: child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)), child })
    }

    /// Sends the request and reads the reply, both at once: neither side may wait for the other's pipe.
    async fn talk(
        &mut self,
        request: &CompileRequest,
        wasm: &[u8],
        validated: &(dyn Fn() + Send + Sync),
    ) -> Result<(Reply, Vec<u8>), SandboxError> {
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
        else {
            return Err(SandboxError::Worker { what: "has no pipes".to_owned(), source: None });
        };
        let order = Order { host: rustix::process::getpid().as_raw_pid(), request: request.clone() };
        let head = serde_json::to_vec(&order).map_err(|error| worker("could not be asked", error.into()))?;
        let send = async move {
            // A child that refuses early closes its end: what it says counts, not that we could not finish.
            let _ = send(&mut stdin, &head, wasm).await;
            drop(stdin);
        };
        let artefact_bytes_max = request.compile.artefact_bytes_max;
        let mut said = Vec::new();
        let mut stderr = stderr.take(STDERR_BYTES_MAX);
        let receive = async move {
            let received = receive(&mut stdout, artefact_bytes_max, validated).await;
            // A child that still writes what is too long ends here, and not at the end of its time: its pipe is closed.
            drop(stdout);
            received
        };
        let (reply, (), said_length) = tokio::join!(receive, send, stderr.read_to_end(&mut said));
        drop(said_length);
        match reply {
            Ok(reply) => Ok(reply),
            Err(Broken::TooLong) => Err(SandboxError::CompileLimit {
                what: format!("{artefact_bytes_max} bytes (compile.artefact_bytes_max)"),
            }),
            Err(Broken::Cut(source)) => Err(self.epitaph(&said, source).await),
        }
    }

    /// Why the child broke off.
    async fn epitaph(&mut self, said: &[u8], source: std::io::Error) -> SandboxError {
        use std::os::unix::process::ExitStatusExt;
        let said: String = String::from_utf8_lossy(said).chars().filter(|c| !c.is_control()).take(300).collect();
        match self.child.wait().await {
            Ok(status)
                if status.signal() == Some(Signal::XCPU.as_raw()) || status.signal() == Some(Signal::KILL.as_raw()) =>
            {
                SandboxError::CompileLimit { what: "its CPU time (compile.cpu_seconds_max)".to_owned() }
            }
            // Reading types that lie in each other is recursive.
            Ok(_) if said.contains("overflowed its stack") => {
                SandboxError::CompileLimit { what: "its stack: it nests too deep".to_owned() }
            }
            // An allocation that fails aborts the process; a thread that there is no room for is complained of by its pool.
            Ok(status)
                if status.signal() == Some(Signal::ABORT.as_raw())
                    || said.contains("memory")
                    || said.contains("ThreadPoolBuildError") =>
            {
                SandboxError::CompileLimit { what: format!("its memory (compile.memory_bytes_max): {said}") }
            }
            Ok(status) => worker(&format!("broke off ({status}): {said}"), source),
            Err(_) => worker("broke off", source),
        }
    }

    /// Kills what is left of it, and waits for it, so that no process is left behind.
    async fn end(mut self) {
        self.kill();
        let _ = self.child.wait().await;
        self.group = None;
    }

    fn kill(&self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Why a reply was not whole.
enum Broken {
    TooLong,
    Cut(std::io::Error),
}

async fn send(stdin: &mut tokio::process::ChildStdin, head: &[u8], wasm: &[u8]) -> std::io::Result<()> {
    stdin.write_all(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes()).await?;
    stdin.write_all(head).await?;
    stdin.write_all(wasm).await?;
    stdin.shutdown().await
}

async fn receive(
    stdout: &mut (impl AsyncRead + Unpin),
    artefact_bytes_max: u64,
    validated: &(dyn Fn() + Send + Sync),
) -> Result<(Reply, Vec<u8>), Broken> {
    let mut reply = receive_head(stdout).await?;
    if matches!(reply, Reply::Validated) {
        validated();
        reply = receive_head(stdout).await?;
    }
    let mut artefact = Vec::new();
    stdout.take(artefact_bytes_max + 1).read_to_end(&mut artefact).await.map_err(Broken::Cut)?;
    if artefact.len() as u64 > artefact_bytes_max { Err(Broken::TooLong) } else { Ok((reply, artefact)) }
}

async fn receive_head(stdout: &mut (impl AsyncRead + Unpin)) -> Result<Reply, Broken> {
    let mut length = [0; 4];
    stdout.read_exact(&mut length).await.map_err(Broken::Cut)?;
    let length = u32::from_le_bytes(length);
    if length > HEAD_BYTES_MAX {
        return Err(Broken::TooLong);
    }
    let mut head = vec![0; length as usize];
    stdout.read_exact(&mut head).await.map_err(Broken::Cut)?;
    serde_json::from_slice(&head).map_err(|error| Broken::Cut(error.into()))
}

fn accept(reply: Reply, artefact: Vec<u8>, engine_hash: &str) -> Result<Artefact, SandboxError> {
    match reply {
        Reply::Refused(fault) => Err(fault.into()),
        Reply::Failed(what) => Err(SandboxError::Worker { what: format!("failed: {what}"), source: None }),
        Reply::Validated => Err(SandboxError::Worker { what: "said the same twice".to_owned(), source: None }),
        Reply::Compiled { engine_hash: theirs } if theirs != engine_hash => Err(SandboxError::Worker {
            what: "is another build of trimtab: its artefacts do not fit this one".to_owned(),
            source: None,
        }),
        Reply::Compiled { .. } => Ok(Artefact::fresh(artefact)),
    }
}

fn worker(what: &str, source: std::io::Error) -> SandboxError {
    SandboxError::Worker { what: what.to_owned(), source: Some(source) }
}
