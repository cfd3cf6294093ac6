//! A bench for one policy of the binary: moment after moment through the real sandbox, the contract and the bounds, with memory
//! and windows carried over as the cycle does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use serde_json::Value;
use trimtab::bounds::{Gates, Past, Question, Ruling, Settings, Vote, VoteAnswer, decide};
use trimtab::cli::{answer_text, read_snapshot, ruling_text};
use trimtab::policy::{Answer, EvaluationInput, Need, ParamValue, Policy, ProposalKind, Queue, Verdict, check_params};
use trimtab::registry::{Registry, RegistryParts};
use trimtab::sandbox::{Compiler, Sandbox, SandboxConfig};
use trimtab::store::MemoryStore;

/// A policy out of this binary, compiled by the real child: each once for all tests.
pub(crate) fn builtin(name: &str) -> Arc<Policy> {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(registry);
    let name = name.to_owned();
    // On a thread and a runtime of its own: the compiling child lives by the real clock, and that of stories is paused.
    let load = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(REGISTRY.resolve(&name, None)).unwrap()
    };
    std::thread::spawn(load).join().unwrap()
}

fn registry() -> Registry {
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

/// One policy with its parameters and bounds, and what it and the bounds remember of one target.
pub(crate) struct Bench {
    policy: Arc<Policy>,
    params: Vec<ParamValue>,
    needs: Vec<Need>,
    settings: Settings,
    memory: Vec<u8>,
    past: Past,
}

impl Bench {
    /// A binding of the policy of that name; `params` as in its TOML. Its bounds: 1 to 10 replicas, and no windows.
    #[track_caller]
    pub(crate) fn of(name: &str, params: &Value) -> Self {
        Self::try_of(name, params).unwrap_or_else(|why| panic!("{name} refuses {params}: {why}"))
    }

    /// The same, or why a binding with these parameters is refused.
    pub(crate) fn try_of(name: &str, params: &Value) -> Result<Self, String> {
        let policy = builtin(name);
        let given = params.as_object().unwrap();
        let params = check_params(&policy.manifest().parameters, given)
            .map_err(|complaints| complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let needs = policy.needs(&params).map_err(|error| error.to_string())?;
        let settings = Settings { stabilize_down_ms: 0, ..Settings::default() };
        Ok(Self { policy, params, needs, settings, memory: Vec::new(), past: Past::default() })
    }

    /// Other bounds.
    pub(crate) fn within(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Plays one moment: a snapshot in either form of `docs/snapshot.md`.
    #[track_caller]
    pub(crate) fn play(&mut self, snapshot: &Value) -> Moment {
        let snapshot = read_snapshot(&snapshot.to_string(), "the scene", &self.settings).unwrap();
        let evaluation = self.policy.evaluate(&EvaluationInput {
            snapshot: &snapshot,
            needs: &self.needs,
            params: &self.params,
            memory: &self.memory,
            queue: Queue::Ordinary,
        });
        let answer = evaluation.outcome.unwrap_or_else(|fault| panic!("it {fault}"));
        let mut granted = self.policy.manifest().kinds.clone();
        granted.push(ProposalKind::Hold);
        let ruling = decide(&Question {
            snapshot: &snapshot,
            settings: &self.settings,
            votes: &[Vote {
                slot: self.policy.manifest().name.clone(),
                granted: granted.clone(),
                declared: granted,
                answer: match &answer.verdict {
                    Verdict::Proposals(proposals) => VoteAnswer::Proposals(proposals.clone()),
                    Verdict::Refused(refusal) => VoteAnswer::Refused(refusal.clone()),
                },
            }],
            past: &self.past,
            gates: &Gates::default(),
            key: "bench",
            lease_epoch: 0,
            lease_expires_ms: u64::MAX,
        });
        if let Some(memory) = &answer.memory {
            self.memory.clone_from(memory);
        }
        self.past.clone_from(&ruling.past);
        Moment { answer, ruling }
    }
}

/// What came of one moment. Assertions return it again, so that they can be strung together.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) answer: Answer,
    pub(crate) ruling: Ruling,
}

impl Moment {
    /// As `trimtab policy eval` tells it, without its padding: `proposes scale to 4: why`, `refuses …`, `answer it abstains`,
    /// `decision replicas 2 to 4`, `decision nothing is done: …`, `restraint …`.
    pub(crate) fn told(&self) -> String {
        let text = format!("{}{}", answer_text(&self.answer), ruling_text(&self.ruling));
        text.lines()
            .filter(|line| !line.starts_with("memory"))
            .map(|line| {
                line.split_once(' ').map_or(line.to_owned(), |(word, rest)| format!("{word} {}", rest.trim_start()))
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What is told contains that text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.told().contains(text), "expected `{text}` in:\n{}", self.told());
        self
    }

    /// What is told does not contain that text.
    #[track_caller]
    pub(crate) fn says_not(self, text: &str) -> Self {
        assert!(!self.told().contains(text), "expected no `{text}` in:\n{}", self.told());
        self
    }

    /// The count after the decision, or `None` where it stays.
    pub(crate) fn count(&self) -> Option<u32> {
        self.ruling.decision.as_ref().and_then(|decision| decision.replicas()).map(|change| change.to)
    }

    /// The policy asks for something that the bounds did not let through: whether anything is done.
    pub(crate) fn is_done(&self) -> bool {
        self.ruling.decision.is_some()
    }
}
