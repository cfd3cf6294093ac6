//! `trimtab policy eval`: one snapshot through the engine, the contract and the bounds that `trimtab run` uses.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::given;
use super::load::{self, LoadArgs};
use crate::bounds::{Gates, Past, Question, Ruling, Settings, Vote, VoteAnswer, decide};
use crate::cli::{Columns, Exit, Fail, clean, print};
use crate::config::Config;
use crate::policy::{
    Answer, Evaluation, EvaluationInput, Need, ParamValue, Policy, Proposal, ProposalKind, Queue, Spent, Verdict,
};
use crate::sandbox::SandboxConfig;
use crate::snapshot::Snapshot;

#[derive(Debug, Args)]
pub(in crate::cli) struct EvalArgs {
    /// A Wasm file, or the name of a built-in policy.
    policy: String,
    /// The snapshot, JSON; `-` is standard input. A few lines will do: see docs/snapshot.md.
    #[arg(long, value_name = "FILE")]
    snapshot: PathBuf,
    /// A parameter; texts need no quotes, durations are like 90s. May be given many times.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// What the policy remembered, in hex.
    #[arg(long, value_name = "HEX", default_value = "")]
    memory: String,
    /// A TOML file with the bounds of a binding.
    #[arg(long, value_name = "FILE")]
    bounds: Option<PathBuf>,
    #[command(flatten)]
    load: LoadArgs,
    /// Print the snapshot in its strict form and do nothing else.
    #[arg(long)]
    show_snapshot: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// One evaluation and all that led to it.
struct Trial {
    policy: Policy,
    snapshot: Snapshot,
    settings: Settings,
    params: Vec<ParamValue>,
    needs: Vec<Need>,
    memory: Vec<u8>,
}

pub(in crate::cli) fn run(args: &EvalArgs) -> Result<Exit> {
    let settings = match &args.bounds {
        Some(path) => Config::load_bounds(path)?,
        None => Settings::default(),
    };
    let snapshot = given::snapshot(&args.snapshot, &settings)?;
    if args.show_snapshot {
        print(&format!("{}\n", serde_json::to_string_pretty(&snapshot)?))?;
        return Ok(Exit::Fine);
    }
    let memory = hex::decode(&args.memory).map_err(|error| Fail::usage(format!("--memory is not hex: {error}")))?;
    let config = SandboxConfig::default();
    let bytes = load::bytes(&args.policy, config.upload.bytes_max)?;
    let policy = load::policy(&args.policy, &bytes, &config, &args.load)?;
    let params = given::params(&args.params, &policy.manifest().parameters)?;
    let needs = load::on_deep_thread(|| policy.needs(&params))?.map_err(|error| Fail::policy(error.to_string()))?;
    let trial = Trial { policy, snapshot, settings, params, needs, memory };
    let (evaluation, ruling) = load::on_deep_thread(|| trial.run())?;
    let text = if args.json {
        format!("{:#}\n", trial.json(&evaluation, &ruling))
    } else {
        clean(&trial.text(&evaluation, &ruling))
    };
    print(&text)?;
    Ok(if evaluation.outcome.is_ok() { Exit::Fine } else { Exit::Policy })
}

impl Trial {
    fn run(&self) -> (Evaluation, Ruling) {
        let evaluation = self.policy.evaluate(&EvaluationInput {
            snapshot: &self.snapshot,
            needs: &self.needs,
            params: &self.params,
            memory: &self.memory,
            queue: Queue::Ordinary,
        });
        let declared = self.policy.manifest().kinds.clone();
        let answer = match &evaluation.outcome {
            Ok(Answer { verdict: Verdict::Proposals(proposals), .. }) => VoteAnswer::Proposals(proposals.clone()),
            Ok(Answer { verdict: Verdict::Refused(refusal), .. }) => VoteAnswer::Refused(refusal.clone()),
            Err(fault) => VoteAnswer::Faulted(fault.clone()),
        };
        let slot = self.policy.manifest().name.clone();
        let vote = Vote { slot, granted: with_hold(&declared), declared: with_hold(&declared), answer };
        let ruling = decide(&Question {
            snapshot: &self.snapshot,
            settings: &self.settings,
            votes: &[vote],
            past: &Past::default(),
            gates: &Gates::default(),
            key: "eval",
            lease_epoch: 0,
            lease_expires_ms: u64::MAX,
        });
        (evaluation, ruling)
    }

    fn json(&self, evaluation: &Evaluation, ruling: &Ruling) -> Value {
        let mut json = json!({
            "policy": { "name": self.policy.manifest().name, "version": self.policy.manifest().version,
                        "digest": self.policy.digest(), "tier": self.policy.tier() },
            "ruling": ruling,
            "restraints": ruling.restraints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "spent": evaluation.spent,
        });
        let outcome = match &evaluation.outcome {
            Ok(answer) => ("answer", json!(answer)),
            Err(fault) => ("fault", json!({ "code": fault.code(), "text": fault.to_string(), "fault": fault })),
        };
        if let Some(fields) = json.as_object_mut() {
            fields.insert(outcome.0.to_owned(), outcome.1);
        }
        json
    }

    fn text(&self, evaluation: &Evaluation, ruling: &Ruling) -> String {
        let manifest = self.policy.manifest();
        let mut text = format!("policy    {} {} on {}\n", manifest.name, manifest.version, self.snapshot.target.id);
        match &evaluation.outcome {
            Ok(answer) => text.push_str(&answer_text(answer)),
            Err(fault) => text.push_str(&format!("fault     it {fault}\n")),
        }
        text.push_str(&ruling_text(ruling));
        text.push_str(&spent_text(&evaluation.spent));
        text
    }
}

/// `hold` needs no mention in a manifest.
fn with_hold(kinds: &[ProposalKind]) -> Vec<ProposalKind> {
    let mut kinds = kinds.to_vec();
    if !kinds.contains(&ProposalKind::Hold) {
        kinds.push(ProposalKind::Hold);
    }
    kinds
}

/// An answer as `trimtab policy eval` prints it: a line for each proposal with its reason, refusal, note and attribute.
#[must_use]
pub fn answer_text(answer: &Answer) -> String {
    let mut text = String::new();
    match &answer.verdict {
        Verdict::Proposals(proposals) if proposals.is_empty() => text.push_str("answer    it abstains\n"),
        Verdict::Proposals(proposals) => {
            for proposal in proposals {
                text.push_str(&format!("proposes  {}: {}\n", proposal_text(proposal), proposal.reason));
            }
        }
        Verdict::Refused(refusal) => text.push_str(&format!("refuses   {}: {}\n", refusal.kind, refusal.text)),
    }
    for note in &answer.notes {
        text.push_str(&format!("note      {note}\n"));
    }
    for (name, value) in &answer.attrs {
        text.push_str(&format!("attr      {name} = {}\n", json!(value)));
    }
    if let Some(memory) = &answer.memory {
        text.push_str(&format!("memory    {}\n", hex::encode(memory)));
    }
    text
}

/// `scale to 4`, `resize main cpu 500m`, `restart a, b`.
pub(super) fn proposal_text(proposal: &Proposal) -> String {
    use crate::quantity::{CpuMillis, MemoryBytes};
    let mut parts = vec![proposal.kind.to_string()];
    let counts = [("to", proposal.count), ("at least", proposal.at_least), ("at most", proposal.at_most)];
    parts.extend(counts.iter().filter_map(|(word, count)| count.map(|count| format!("{word} {count}"))));
    for resources in &proposal.resources {
        let container = if resources.container.is_empty() { "main" } else { &resources.container };
        parts.push(container.to_owned());
        for (word, figures) in [("requests", resources.requests), ("limits", resources.limits)] {
            parts.extend(figures.cpu_millis.map(|millis| format!("{word}.cpu {}", CpuMillis(millis))));
            parts.extend(figures.memory_bytes.map(|bytes| format!("{word}.memory {}", MemoryBytes(bytes))));
        }
    }
    if !proposal.size_class.is_empty() {
        parts.push(format!("to size {}", proposal.size_class));
    }
    if !proposal.instances.is_empty() {
        parts.push(format!("({})", proposal.instances.join(", ")));
    }
    parts.join(" ")
}

/// A ruling as `trimtab policy eval` prints it: what is decided, or why nothing is, and a line for each restraint.
#[must_use]
pub fn ruling_text(ruling: &Ruling) -> String {
    let mut text = String::new();
    match &ruling.decision {
        Some(decision) => {
            let mut parts = Vec::new();
            parts.extend(decision.replicas().map(|change| format!("replicas {} to {}", change.from, change.to)));
            if !decision.resize().is_empty() {
                let resize = Proposal {
                    kind: ProposalKind::Resize,
                    resources: decision.resize().to_vec(),
                    ..Proposal::default()
                };
                parts.push(proposal_text(&resize));
            }
            parts.extend(
                decision.actions().iter().map(|action| format!("{} {}", json_word(&action.kind), action.instance)),
            );
            text.push_str(&format!("decision  {}\n", parts.join("; ")));
            if !decision.victims().is_empty() {
                text.push_str(&format!("victims   {}\n", decision.victims().join(", ")));
            }
        }
        None => {
            let why = ruling.quiet.map(|quiet| json_word(&quiet)).unwrap_or_default();
            text.push_str(&format!("decision  nothing is done: {why}\n"));
        }
    }
    for restraint in &ruling.restraints {
        text.push_str(&format!("restraint {restraint}\n"));
    }
    text
}

fn spent_text(spent: &Spent) -> String {
    let mut columns = Columns::plain();
    let micros = spent.wall_ns / 1000;
    columns.row([
        "spent   ".to_owned(),
        format!("{} fuel", spent.fuel),
        format!("{} KiB memory", spent.memory_peak_bytes.div_ceil(1024)),
        format!("{micros} µs"),
        format!("{} host calls", spent.host_calls),
    ]);
    columns.text(0)
}

/// The word that stands in records.
fn json_word(value: &impl serde::Serialize) -> String {
    json!(value).as_str().map_or_else(String::new, |word| word.replace('-', " "))
}
