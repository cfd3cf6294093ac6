//! What an answer asks for, figure by figure, and by how much two of them differ. Reasons, notes and memory are not asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::Evaluation;
use crate::policy::{Proposal, ProposalKind, Verdict};
use crate::snapshot::Resources;

/// What an answer asks for: `replicas`, `at least`, `cpu limit of main` …; empty: it abstains.
pub(super) type Figures = BTreeMap<String, Value>;

/// One figure in which two answers differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The figure: `replicas`, `cpu limit of main` (millicores), `memory request of main` (bytes), `refused`, `failed` …
    pub what: String,
    /// In the one answer; null: it says nothing of it.
    pub one: Value,
    /// In the other.
    pub other: Value,
    /// The other less the one, where both are numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<i64>,
}

/// By how much one figure differed over many turns.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Turns in which it differed.
    pub turns: u64,
    /// Of those, turns in which both are numbers; of these the rest is told.
    pub numbers: u64,
    /// The least difference, the other less the one.
    pub least: i64,
    /// The greatest.
    pub greatest: i64,
    /// The mean.
    pub mean: f64,
}

impl Spread {
    pub(super) fn add(&mut self, difference: &Difference) {
        self.turns += 1;
        let Some(by) = difference.by else { return };
        (self.least, self.greatest) = match self.numbers {
            0 => (by, by),
            _ => (self.least.min(by), self.greatest.max(by)),
        };
        self.numbers += 1;
        #[expect(clippy::cast_precision_loss, reason = "a mean for a person")]
        let (by, numbers) = (by as f64, self.numbers as f64);
        self.mean += (by - self.mean) / numbers;
    }
}

/// What an evaluation asks for. `present` is the count there is; `counts`: whether a `hold` of this policy is a vote for it,
/// as the bounds take it: unless it may only resize.
pub(super) fn figures(evaluation: &Evaluation, present: u32, counts: bool) -> Figures {
    let mut figures = Figures::new();
    match evaluation {
        Evaluation::Answered(answer) => match &answer.verdict {
            Verdict::Proposals(proposals) => {
                proposals.iter().for_each(|proposal| add(&mut figures, proposal, present, counts));
            }
            Verdict::Refused(refusal) => drop(figures.insert("refused".to_owned(), refusal.kind.as_str().into())),
        },
        Evaluation::Faulted(fault) => drop(figures.insert("failed".to_owned(), fault.code().into())),
        Evaluation::Quarantined { .. } => drop(figures.insert("failed".to_owned(), "quarantined".into())),
    }
    figures
}

fn add(figures: &mut Figures, proposal: &Proposal, present: u32, counts: bool) {
    let named = |names: &[String]| Value::from(names.join(", "));
    match &proposal.kind {
        ProposalKind::Hold if counts => drop(figures.entry("replicas".to_owned()).or_insert(present.into())),
        ProposalKind::Hold => drop(figures.insert("hold".to_owned(), true.into())),
        ProposalKind::Scale => {
            let counts = [("replicas", proposal.count), ("at least", proposal.at_least), ("at most", proposal.at_most)];
            for (what, count) in counts {
                if let Some(count) = count {
                    figures.insert(what.to_owned(), count.into());
                }
            }
            if !proposal.instances.is_empty() {
                figures.insert("first to go".to_owned(), named(&proposal.instances));
            }
        }
        ProposalKind::Resize => {
            for change in &proposal.resources {
                add_resources(figures, "request", &change.container, &change.requests);
                add_resources(figures, "limit", &change.container, &change.limits);
            }
            if !proposal.size_class.is_empty() {
                figures.insert("size".to_owned(), proposal.size_class.clone().into());
            }
        }
        kind => drop(figures.insert(kind.as_str().to_owned(), named(&proposal.instances))),
    }
    if !proposal.placement.is_empty() {
        figures.insert("placement".to_owned(), named(&proposal.placement));
    }
}

fn add_resources(figures: &mut Figures, which: &str, container: &str, resources: &Resources) {
    let of = if container.is_empty() { String::new() } else { format!(" of {container}") };
    for (what, figure) in [("cpu", resources.cpu_millis), ("memory", resources.memory_bytes)] {
        if let Some(figure) = figure {
            figures.insert(format!("{what} {which}{of}"), figure.into());
        }
    }
}

/// Where two answers differ.
pub(super) fn differences(one: &Figures, other: &Figures) -> Vec<Difference> {
    let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
    names.sort();
    names.dedup();
    let of = |figures: &Figures, name: &String| figures.get(name).cloned().unwrap_or(Value::Null);
    let pairs = names.into_iter().map(|name| (name, of(one, name), of(other, name)));
    pairs
        .filter(|(_, one, other)| one != other)
        .map(|(name, one, other)| {
            let by = one.as_i64().zip(other.as_i64()).map(|(one, other)| other.saturating_sub(one));
            Difference { what: name.clone(), one, other, by }
        })
        .collect()
}
