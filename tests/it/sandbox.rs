//! The process that compiles, what is left of it on disk, and real guests of several languages.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use trimtab::policy::{EvaluationInput, Policy, Queue, Verdict, check_params};
use trimtab::registry::{Registry, RegistryError, RegistryParts};
use trimtab::sandbox::{
    ArtefactCache, CompileLimits, CompileRequest, Compiler, Sandbox, SandboxConfig, SandboxError, StringEncoding,
};
use trimtab::snapshot::Snapshot;
use trimtab::store::{MemoryStore, Store};

const GUEST: &str = include_str!("../guests/wat/policy.wat");

#[tokio::test]
async fn a_policy_is_compiled_by_a_child_and_answers() {
    let home = Home::new();
    let policy = home.registry(binary()).load("wat", &guest(), None, Some(StringEncoding::Utf8)).await.unwrap();
    assert_eq!(answer(&policy), 5);
    assert_eq!(home.artefacts().len(), 1);
    assert!(home.store.get_blob(policy.digest()).await.unwrap().is_some(), "its bytes are kept by digest");
}

#[tokio::test]
async fn what_was_compiled_once_is_not_compiled_again() {
    let home = Home::new();
    let digest = {
        let registry = home.registry(binary());
        let policy = registry.load("wat", &guest(), None, Some(StringEncoding::Utf8)).await.unwrap();
        let again = registry.load("wat", &guest(), None, Some(StringEncoding::Utf8)).await.unwrap();
        assert!(Arc::ptr_eq(&policy, &again), "two bindings share one policy");
        policy.digest().to_owned()
    };
    // A host that starts again, with nothing to compile with.
    let registry = home.registry(PathBuf::from("/nonexistent"));
    let policy = registry.by_digest(&digest, None).await.unwrap();
    assert_eq!(answer(&policy), 5);
}

#[tokio::test]
async fn a_damaged_artefact_is_noticed_and_compiled_anew() {
    let home = Home::new();
    let load = |program: PathBuf| {
        let registry = home.registry(program);
        async move { registry.load("wat", &guest(), None, Some(StringEncoding::Utf8)).await }
    };
    load(binary()).await.unwrap();
    let path = home.artefacts().remove(0);
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let error = load(PathBuf::from("/nonexistent")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Component { source: SandboxError::Worker { .. }, .. }), "{error:?}");
    assert_eq!(answer(&load(binary()).await.unwrap()), 5);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[tokio::test]
async fn a_compile_bomb_is_killed_and_the_host_lives_on() {
    let limits = CompileLimits { timeout_ms: 200, ..CompileLimits::default() };
    let began = Instant::now();
    let error = compile(&bomb(), limits).await.unwrap_err();
    assert!(matches!(&error, SandboxError::CompileLimit { what } if what.contains("timeout_ms")), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    compile(&guest(), CompileLimits::default()).await.unwrap();
}

/// Address space for a compiler, of which a build without optimisation takes 225 MiB before it begins.
const ROOM: u64 = 320 << 20;

#[tokio::test]
async fn what_is_valid_is_told_before_it_is_compiled() {
    let (compiled, told) = compile_told(&guest(), CompileLimits::default()).await;
    assert!(compiled.is_ok() && told == 1, "{compiled:?}, {told}");
    let limits = CompileLimits { memory_bytes_max: ROOM, threads_max: 1, ..CompileLimits::default() };
    let (compiled, told) = compile_told(&bomb(), limits).await;
    assert!(matches!(compiled, Err(SandboxError::CompileLimit { .. })) && told == 1, "{compiled:?}, {told}");
    let clock = wat::parse_str(r#"(module (import "env" "clock" (func)))"#).unwrap();
    let (compiled, told) = compile_told(&clock, CompileLimits::default()).await;
    assert!(matches!(compiled, Err(SandboxError::Refused { .. })) && told == 0, "{compiled:?}, {told}");
}

#[tokio::test]
async fn a_bomb_that_takes_memory_ends_where_its_memory_ends() {
    let limits = CompileLimits { memory_bytes_max: ROOM, threads_max: 1, ..CompileLimits::default() };
    let error = compile(&bomb(), limits).await.unwrap_err();
    assert!(matches!(&error, SandboxError::CompileLimit { what } if what.contains("memory")), "{error:?}");
}

#[tokio::test]
async fn a_refusal_comes_back_from_the_child_in_its_own_words() {
    let wasm = wat::parse_str(
        r#"(module (import "env" "clock" (func)) (func (export "trimtab:policy/decide@0.1.0#describe")))"#,
    );
    let error = compile(&wasm.unwrap(), CompileLimits::default()).await.unwrap_err().to_string();
    assert!(error.contains("refused") && error.contains("`env`"), "{error}");
}

/// Whether the policy's answer to a load of 61.3 at 12.5 per replica is the same each time; and what it is.
fn answer(policy: &Policy) -> u32 {
    let given = json!({ "reading": "load", "target": 12.5 });
    let params = check_params(&policy.manifest().parameters, given.as_object().unwrap()).unwrap();
    let needs = policy.needs(&params).unwrap();
    let snapshot: Snapshot = serde_json::from_value(json!({
        "now_ms": 1_000_000,
        "target": {
            "id": "local/web", "desired": 2, "total": 2, "ready": 2, "limits": { "replicas_min": 1, "replicas_max": 10 },
        },
        "readings": [{
            "name": "load", "freshness": "fresh", "samples": { "of": "numbers", "times_ms": [999_000], "values": [61.3] },
        }],
    }))
    .unwrap();
    let input =
        EvaluationInput { snapshot: &snapshot, needs: &needs, params: &params, memory: &[], queue: Queue::Ordinary };
    let first = policy.evaluate(&input);
    assert_eq!(policy.evaluate(&input).outcome, first.outcome);
    match first.outcome.unwrap().verdict {
        Verdict::Proposals(proposals) => proposals[0].count.unwrap(),
        refused => panic!("{refused:?}"),
    }
}

/// A data folder and a store that outlive a host.
struct Home {
    folder: TempDir,
    store: Arc<dyn Store>,
}

impl Home {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), store: Arc::new(MemoryStore::new()) }
    }

    fn registry(&self, compiler: PathBuf) -> Registry {
        let sandbox = sandbox();
        Registry::new(RegistryParts {
            compiler: Compiler::new(Some(compiler), sandbox.compile_limits()).unwrap(),
            cache: Some(ArtefactCache::open(self.folder.path()).unwrap()),
            store: Arc::clone(&self.store),
            policies_dir: self.folder.path().to_owned(),
            sandbox,
        })
    }

    fn artefacts(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path().join("artefacts")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

async fn compile(wasm: &[u8], limits: CompileLimits) -> Result<(), SandboxError> {
    compile_told(wasm, limits).await.0
}

/// What came of it, and how often it was told to be valid.
async fn compile_told(wasm: &[u8], limits: CompileLimits) -> (Result<(), SandboxError>, usize) {
    let request = CompileRequest {
        world: trimtab::policy::world(),
        string_encoding: Some(StringEncoding::Utf8),
        upload: sandbox().upload_limits().clone(),
        compile: limits.clone(),
    };
    let compiler = Compiler::new(Some(binary()), &limits).unwrap();
    let told = AtomicUsize::new(0);
    let validated = || {
        told.fetch_add(1, Ordering::Relaxed);
    };
    let compiled = compiler.compile_telling(&request, wasm, sandbox().engine_hash(), &validated).await;
    (compiled.map(drop), told.into_inner())
}

fn sandbox() -> Arc<Sandbox> {
    static SANDBOX: OnceLock<Arc<Sandbox>> = OnceLock::new();
    Arc::clone(SANDBOX.get_or_init(|| Sandbox::start(&SandboxConfig::default()).unwrap()))
}

fn binary() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_trimtab")).to_owned()
}

fn guest() -> Vec<u8> {
    wat::parse_str(GUEST).unwrap()
}

/// The guest with one function of 100 thousand statements more: seconds and hundreds of megabytes for a compiler.
fn bomb() -> Vec<u8> {
    let statement = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.load (local.get 0))))\n";
    let function = format!("(func (export \"bomb\") (param i32 i32) {})", statement.repeat(80_000));
    let module = GUEST.trim_end().strip_suffix(')').unwrap();
    wat::parse_str(format!("{module}{function})")).unwrap()
}
