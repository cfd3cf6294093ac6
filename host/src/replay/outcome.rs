//! What an evaluation came to, in the form in which two of them are held against each other.

use serde::{Deserialize, Serialize};

use crate::audit::{Evaluation, Slot};
use crate::policy::{self, Answer, Fault, NeedsError, Verdict};

/// What an evaluation came to: all that must be the same when it is made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The answer or the fault.
    pub evaluation: Evaluation,
    /// The memory that it left, in hex; `None`: as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_after: Option<String>,
    /// The fuel that it took.
    pub fuel: u64,
}

/// A part in which two outcomes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// One answered and the other failed, or they failed differently.
    Outcome,
    /// Proposals or refusal.
    Verdict,
    /// The memory that was left.
    Memory,
    /// Sentences.
    Notes,
    /// Named values.
    Attrs,
    /// What it took.
    Fuel,
}

impl Part {
    /// As a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Verdict => "verdict",
            Self::Memory => "memory",
            Self::Notes => "notes",
            Self::Attrs => "attrs",
            Self::Fuel => "fuel",
        }
    }
}

impl Outcome {
    /// As it stands in the record.
    pub(super) fn recorded(slot: &Slot) -> Self {
        let memory_after = slot.memory_after.as_ref().map(hex::encode);
        Self { evaluation: slot.evaluation.clone(), memory_after, fuel: slot.spent.fuel }
    }

    /// As it came now.
    pub(super) fn of(made: policy::Evaluation) -> Self {
        let fuel = made.spent.fuel;
        match made.outcome {
            Err(fault) => Self { evaluation: Evaluation::Faulted(fault), memory_after: None, fuel },
            Ok(answer) => {
                let memory_after = answer.memory.as_ref().map(hex::encode);
                let answer = Answer { memory: None, ..answer };
                Self { evaluation: Evaluation::Answered(answer), memory_after, fuel }
            }
        }
    }

    /// As it came now, before it could be evaluated: the policy did not say what it needs.
    pub(super) fn without_needs(error: NeedsError) -> Self {
        let evaluation = match error {
            NeedsError::Faulted { fault } => Evaluation::Faulted(fault),
            NeedsError::Refused { refusal } => Evaluation::Answered(Answer {
                verdict: Verdict::Refused(refusal),
                memory: None,
                notes: Vec::new(),
                attrs: [].into(),
            }),
            error => Evaluation::Faulted(Fault::BadOutput { what: error.to_string() }),
        };
        Self { evaluation, memory_after: None, fuel: 0 }
    }

    /// A fault that another machine, or this one on another day, may not have.
    pub(super) fn passing_fault(&self) -> Option<&Fault> {
        match &self.evaluation {
            Evaluation::Faulted(fault) if !fault.is_replayable() => Some(fault),
            _ => None,
        }
    }

    /// Where two differ by a byte of their JSON; nowhere: they are the same.
    pub(super) fn parts_unlike(&self, other: &Self) -> Vec<Part> {
        let mut parts = Vec::new();
        match (&self.evaluation, &other.evaluation) {
            (Evaluation::Answered(one), Evaluation::Answered(other)) => {
                parts.extend((!same(&one.verdict, &other.verdict)).then_some(Part::Verdict));
                parts.extend((!same(&one.notes, &other.notes)).then_some(Part::Notes));
                parts.extend((!same(&one.attrs, &other.attrs)).then_some(Part::Attrs));
            }
            (one, other) => parts.extend((!same(one, other)).then_some(Part::Outcome)),
        }
        parts.extend((self.memory_after != other.memory_after).then_some(Part::Memory));
        parts.extend((self.fuel != other.fuel).then_some(Part::Fuel));
        parts
    }
}

/// Whether two values are the same to the byte, as records keep them.
fn same(one: &impl Serialize, other: &impl Serialize) -> bool {
    match (serde_json::to_vec(one), serde_json::to_vec(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
