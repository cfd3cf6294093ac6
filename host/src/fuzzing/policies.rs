//! What strangers' policies are and say, and what is done about it.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arbitrary::Unstructured;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use wasm_smith::{Component, Config, Module};

use crate::bounds::{Gates, Past, Question, Range, Settings, Vote, VoteAnswer, decide};
use crate::causes::with_causes;
use crate::cli::read_snapshot;
use crate::policy::probe::{Probe, sandbox};
use crate::policy::{EvaluationInput, Fault, NeedsError, Policy, ProposalKind, Queue, Verdict, check_params, fuzz};
use crate::registry::{PushMeta, Registry, RegistryParts, Signature, TrustedKey, VersionState};
use crate::sandbox::{Compiler, StringEncoding};
use crate::snapshot::Snapshot;
use crate::store::MemoryStore;

/// Most targets of a decision.
const REPLICAS_MAX: u32 = 10;

/// Takes bytes in as an upload is: what comes of it is a tried version, or a rejection in a sentence.
pub(super) fn upload(input: &[u8]) -> Result<(), String> {
    let meta = PushMeta { encoding: Some(StringEncoding::Utf8), ..PushMeta::default() };
    let version = runtime().block_on(registry().push(input, &meta, &())).map_err(|error| with_causes(&error))?;
    match version.rejected {
        None => assert_eq!(version.state, VersionState::Tried, "neither rejected nor tried: {version:?}"),
        Some(rejection) => {
            assert!(!rejection.code.is_empty() && !rejection.remedy.is_empty(), "no remedy: {rejection:?}");
            return Err(format!("{}; {}", rejection.text, rejection.remedy));
        }
    }
    Ok(())
}

/// A module that has all that a policy exports, made up by wasm-smith: its bodies do what the bytes say.
pub(super) fn module(input: &[u8]) -> Result<(), String> {
    let config = Config {
        exports: Some(Probe::default().module()),
        max_imports: 0,
        max_memories: 1,
        min_memories: 1,
        threads_enabled: false,
        memory64_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        ..Config::default()
    };
    let Ok(module) = Module::new(config, &mut Unstructured::new(input)) else { return Ok(()) };
    upload(&module.to_bytes())
}

/// A component made up by wasm-smith: valid, and never a policy.
pub(super) fn component(input: &[u8]) -> Result<(), String> {
    let Ok(component) = Component::new(Config::default(), &mut Unstructured::new(input)) else { return Ok(()) };
    upload(&component.to_bytes())
}

/// An answer, and what the bounds make of it: whatever it asks for, the decision stays within the range.
pub(super) fn answer(input: &[u8]) -> Result<(), String> {
    static SNAPSHOT: OnceLock<Option<Snapshot>> = OnceLock::new();
    let snapshot = SNAPSHOT.get_or_init(|| serde_json::from_value(shown()).ok());
    let snapshot = snapshot.as_ref().ok_or("no snapshot")?;
    let answer = fuzz::answer(input, snapshot)?;
    let answer = match answer.verdict {
        Verdict::Proposals(proposals) => VoteAnswer::Proposals(proposals),
        Verdict::Refused(refusal) => VoteAnswer::Refused(refusal),
    };
    let kinds = vec![ProposalKind::Scale, ProposalKind::Resize];
    let vote = Vote { slot: "echo".into(), granted: kinds.clone(), declared: kinds, answer };
    let settings = Settings { replicas: Range { min: 1, max: REPLICAS_MAX }, ..Settings::default() };
    let ruling = decide(&Question {
        snapshot,
        settings: &settings,
        votes: &[vote],
        past: &Past::default(),
        gates: &Gates::default(),
        key: "key",
        lease_epoch: 1,
        lease_expires_ms: u64::MAX,
    });
    if let Some(count) = ruling.decision.as_ref().and_then(|decision| decision.replicas()) {
        assert!((1..=REPLICAS_MAX).contains(&count.to), "beyond the range: {ruling:?}");
    }
    Ok(())
}

fn shown() -> Value {
    json!({
        "now_ms": 1_795_176_000_000_u64,
        "target": {
            "id": "local/web", "desired": 3, "total": 3, "ready": 3,
            "limits": { "replicas_min": 1, "replicas_max": REPLICAS_MAX },
        },
        "instances": [{ "id": "a", "phase": "ready" }, { "id": "b", "phase": "ready" }, { "id": "c", "phase": "ready" }],
    })
}

/// A built-in policy with parameters and a snapshot, a line each: it may refuse, and never fails.
pub(super) fn built_in(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n');
    let (name, params) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(policy) = runtime().block_on(registry().resolve(name.trim(), None)) else { return Ok(()) };
    let given: Map<String, Value> = serde_json::from_str(params).map_err(|error| error.to_string())?;
    let params = check_params(&policy.manifest().parameters, &given)
        .map_err(|found| found.first().map(ToString::to_string).unwrap_or_default())?;
    let needs = match policy.needs(&params) {
        Ok(needs) => needs,
        Err(NeedsError::Faulted { fault }) => return excused(&policy, &given, &fault),
        Err(error) => return Err(with_causes(&error)),
    };
    let snapshot = lines.next().filter(|rest| !rest.trim().is_empty()).map_or(Cow::from("{}"), Cow::from);
    let snapshot = read_snapshot(&snapshot, "in.json", &Settings::default()).map_err(|error| format!("{error:#}"))?;
    let mut memory = Vec::new();
    // What it remembers is its own, so it is asked twice.
    for _ in 0..2 {
        let input = EvaluationInput {
            snapshot: &snapshot,
            needs: &needs,
            params: &params,
            memory: &memory,
            queue: Queue::Ordinary,
        };
        match policy.evaluate(&input).outcome {
            Ok(answer) => memory = answer.memory.unwrap_or(memory),
            Err(fault) => return excused(&policy, &given, &fault),
        }
    }
    Ok(())
}

/// Time is the machine's; all else is the policy's.
fn excused(policy: &Policy, given: &Map<String, Value>, fault: &Fault) -> Result<(), String> {
    assert!(matches!(fault, Fault::Timeout { .. }), "{policy:?} with {given:?} {fault}");
    Err(fault.to_string())
}

/// A signature, and a public key. A signature is the same when it is printed and read again.
pub(super) fn signature(input: &[u8]) -> Result<(), String> {
    if let Ok(signature) = Signature::read(input) {
        assert_eq!(Signature::read(signature.text().as_bytes()).ok(), Some(signature));
    }
    TrustedKey::read("operator", &String::from_utf8_lossy(input)).map(drop).map_err(|error| with_causes(&error))
}

/// One registry for all inputs: what it keeps is small, and loading a built-in policy anew for each input is not.
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        Registry::new(RegistryParts {
            sandbox: sandbox(),
            compiler: Compiler::in_process(),
            cache: None,
            store: Arc::new(MemoryStore::new()),
            policies_dir: PathBuf::from("/nonexistent"),
        })
    })
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    #[expect(clippy::unwrap_used, reason = "a fuzzer without threads has nothing to do")]
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
}
