//! The example policy in every language that there is an SDK for: one door for all, and the same answers byte for byte.
//!
//! `cargo xtask test` builds each by `trimtab policy new` and `trimtab policy build`, and names the folder in
//! `TRIMTAB_TEST_LANGUAGES`; the long form builds all of them, the short form those that are quick.

mod assemblyscript;
mod bench;
mod c;
mod zig;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use trimtab::bounds::{Gates, Past, Question, Settings, Vote, VoteAnswer, decide};
use trimtab::cli::{answer_text, read_snapshot, ruling_text};
use trimtab::policy::{EvaluationInput, Policy, ProposalKind, Queue, Verdict, check_params};
use trimtab::registry::{Registry, RegistryParts};
use trimtab::sandbox::{Compiler, Sandbox, SandboxConfig};
use trimtab::store::MemoryStore;

use crate::skip::skip;

const CASES: &str = include_str!("../languages/cases.json");

/// One moment, and what the operator set.
#[derive(Deserialize)]
struct Case {
    about: String,
    params: Map<String, Value>,
    snapshot: Value,
}

/// One built example.
#[derive(Deserialize)]
pub(crate) struct Built {
    pub(crate) name: String,
    pub(crate) file: String,
}

/// What came of all cases: the JSON that is compared, and what a person reads.
struct Played {
    decisions: Vec<String>,
    told: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_the_example_decides_the_same_in_every_language() {
    let Some(folder) = std::env::var_os("TRIMTAB_TEST_LANGUAGES").map(PathBuf::from) else {
        return skip("languages", "no examples of the SDKs: run `cargo xtask test`");
    };
    let index: Vec<Built> = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let registry = registry();
    let mut model: Option<(String, Played)> = None;
    for built in index {
        let policy = load(&registry, &folder, &built).await;
        let played = tokio::task::spawn_blocking(move || play(&policy)).await.unwrap();
        let Some((name, first)) = &model else {
            insta::assert_snapshot!("decisions", played.told);
            model = Some((built.name, played));
            continue;
        };
        for ((case, theirs), ours) in cases().iter().zip(&played.decisions).zip(&first.decisions) {
            assert_eq!(theirs, ours, "{} and {name} differ in `{}`", built.name, case.about);
        }
    }
    let (name, _) = model.expect("an example is built");
    assert_eq!(name, "rust", "the model stands first");
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 50);
    cases
}

pub(crate) fn registry() -> Registry {
    let sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_trimtab")).to_owned();
    Registry::new(RegistryParts {
        compiler: Compiler::new(Some(program), sandbox.compile_limits()).unwrap(),
        cache: None,
        store: Arc::new(MemoryStore::new()),
        policies_dir: PathBuf::new(),
        sandbox,
    })
}

async fn load(registry: &Registry, folder: &Path, built: &Built) -> Arc<Policy> {
    let bytes = std::fs::read(folder.join(&built.file)).unwrap();
    let policy = registry.load(&built.name, &bytes, None, None).await;
    policy.unwrap_or_else(|error| panic!("{}: {error}", built.name))
}

fn play(policy: &Policy) -> Played {
    let mut manifest = json!(policy.manifest());
    // Who wrote it for which version of the contract may differ; what it says of itself may not.
    manifest.as_object_mut().unwrap().remove("attrs");
    let mut played = Played { decisions: Vec::new(), told: format!("{manifest:#}\n") };
    for case in cases() {
        let settings = Settings { stabilize_down_ms: 0, ..Settings::default() };
        let snapshot = read_snapshot(&case.snapshot.to_string(), &case.about, &settings).unwrap();
        let params = check_params(&policy.manifest().parameters, &case.params).unwrap();
        let needs = policy.needs(&params).unwrap();
        let input = EvaluationInput {
            snapshot: &snapshot,
            needs: &needs,
            params: &params,
            memory: &[],
            queue: Queue::Ordinary,
        };
        let evaluation = policy.evaluate(&input);
        let answer = evaluation.outcome.unwrap_or_else(|fault| panic!("{}: it {fault}", case.about));
        let vote = match &answer.verdict {
            Verdict::Proposals(proposals) => VoteAnswer::Proposals(proposals.clone()),
            Verdict::Refused(refusal) => VoteAnswer::Refused(refusal.clone()),
        };
        let mut granted = policy.manifest().kinds.clone();
        granted.push(ProposalKind::Hold);
        let slot = policy.manifest().name.clone();
        let ruling = decide(&Question {
            snapshot: &snapshot,
            settings: &settings,
            votes: &[Vote { slot, declared: granted.clone(), granted, answer: vote }],
            past: &Past::default(),
            gates: &Gates::default(),
            key: "language",
            lease_epoch: 0,
            lease_expires_ms: u64::MAX,
        });
        played
            .decisions
            .push(json!({ "manifest": manifest, "needs": needs, "answer": answer, "ruling": ruling }).to_string());
        played.told += &format!("\n# {}\n{}{}", case.about, answer_text(&answer), ruling_text(&ruling));
    }
    played
}
