//! An upload is tried before it can be activated: asked what it needs and evaluated, on what the targets that it would serve
//! last looked like, or else on a sample. A refusal is an answer; a fault rejects the upload.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rejection::Rejection;
use super::sample;
use crate::policy::{
    EvaluationInput, Need, NeedsError, ParamValue, Policy, Proposal, ProposalKind, Queue, Verdict, check_params,
};
use crate::snapshot::Snapshot;

/// Snapshots that one upload is tried on at most.
const CASES_MAX: usize = 16;

/// Who knows what the targets of a policy last looked like.
#[async_trait]
pub trait Rehearsal: Send + Sync {
    /// What a policy of this name would be asked; none where nobody would use it.
    async fn cases(&self, name: &str) -> Vec<TrialCase>;
}

/// Nobody would use it: it is tried on a sample.
#[async_trait]
impl Rehearsal for () {
    async fn cases(&self, _name: &str) -> Vec<TrialCase> {
        Vec::new()
    }
}

/// One question to try a policy with.
#[derive(Debug, Clone)]
pub struct TrialCase {
    /// The binding whose question it is.
    pub binding: String,
    /// Its parameters, as the operator wrote them.
    pub params: Map<String, Value>,
    /// The facts.
    pub snapshot: Arc<Snapshot>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The binding; empty: nobody's, it was a sample.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub binding: String,
    /// The target; of a sample, its own.
    pub target: String,
    /// In words: what it proposed, or why it refused, or why it could not be asked.
    pub came_to: String,
    /// What it spent, in fuel.
    #[serde(default)]
    pub fuel: u64,
    /// How long it took.
    #[serde(default)]
    pub wall_ns: u64,
}

/// Tries a policy. Runs its code: to be called on a thread that may block.
pub(super) fn rehearse(policy: &Policy, cases: &[TrialCase]) -> Result<Vec<Trial>, Rejection> {
    if cases.is_empty() {
        return on_sample(policy).map(|trial| vec![trial]);
    }
    cases.iter().take(CASES_MAX).map(|case| on_case(policy, case)).collect()
}

fn on_case(policy: &Policy, case: &TrialCase) -> Result<Trial, Rejection> {
    let trial = Trial {
        binding: case.binding.clone(),
        target: case.snapshot.target.id.to_string(),
        came_to: String::new(),
        fuel: 0,
        wall_ns: 0,
    };
    let params = match check_params(&policy.manifest().parameters, &case.params) {
        Ok(params) => params,
        Err(complaints) => {
            // Not its fault: another binding may suit it, and this one's activation will say so again.
            let text: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            return Ok(Trial { came_to: format!("not asked: {}", text.join("; ")), ..trial });
        }
    };
    match needs(policy, &params)? {
        Ok(needs) => ask(policy, &params, &needs, &case.snapshot, trial),
        Err(refusal) => Ok(Trial { came_to: refusal, ..trial }),
    }
}

fn on_sample(policy: &Policy) -> Result<Trial, Rejection> {
    let params: Vec<ParamValue> = policy.manifest().parameters.iter().map(sample::value).collect();
    let trial = Trial {
        binding: String::new(),
        target: sample::TARGET.to_owned(),
        came_to: String::new(),
        fuel: 0,
        wall_ns: 0,
    };
    match needs(policy, &params)? {
        Ok(needs) => match sample::snapshot(&needs, sample::Scene::OF_UPLOAD) {
            Some(snapshot) => ask(policy, &params, &needs, &snapshot, trial),
            None => Ok(trial),
        },
        Err(refusal) => Ok(Trial { came_to: refusal, ..trial }),
    }
}

/// What it needs, or the words in which it declines the parameters.
fn needs(policy: &Policy, params: &[ParamValue]) -> Result<Result<Vec<Need>, String>, Rejection> {
    match policy.needs(params) {
        Ok(needs) => Ok(Ok(needs)),
        Err(error @ NeedsError::Refused { .. }) => Ok(Err(error.to_string())),
        Err(NeedsError::Faulted { fault }) => Err(Rejection::of_run("needs", &fault)),
        Err(error) => Err(Rejection::of_needs(&error)),
    }
}

fn ask(
    policy: &Policy,
    params: &[ParamValue],
    needs: &[Need],
    snapshot: &Snapshot,
    trial: Trial,
) -> Result<Trial, Rejection> {
    let input = EvaluationInput { snapshot, needs, params, memory: &[], queue: Queue::Last };
    let evaluation = policy.evaluate(&input);
    let answer = evaluation.outcome.map_err(|fault| Rejection::of_run("trial", &fault))?;
    if let Verdict::Proposals(proposals) = &answer.verdict {
        let declared = &policy.manifest().kinds;
        let undeclared = |one: &&Proposal| one.kind != ProposalKind::Hold && !declared.contains(&one.kind);
        if let Some(proposal) = proposals.iter().find(undeclared) {
            return Err(Rejection::of_kind(&proposal.kind));
        }
    }
    let came_to = match answer.verdict {
        Verdict::Refused(refusal) => format!("refused ({}): {}", refusal.kind, refusal.text),
        Verdict::Proposals(proposals) if proposals.is_empty() => "abstained".to_owned(),
        Verdict::Proposals(proposals) => {
            let words = proposals.iter().take(4).map(|one| match one.count {
                Some(count) => format!("{} to {count}: {}", one.kind, one.reason),
                None => format!("{}: {}", one.kind, one.reason),
            });
            words.collect::<Vec<_>>().join("; ")
        }
    };
    Ok(Trial { came_to, fuel: evaluation.spent.fuel, wall_ns: evaluation.spent.wall_ns, ..trial })
}
