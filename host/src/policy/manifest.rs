//! What a policy says of itself, and what it wants.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::proposal::ProposalKind;
use crate::quantity::DurationMs;
use crate::snapshot::Subject;

/// What a policy says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// The contract that it was built for, read from the component: `0.1.0`.
    pub contract: String,
    /// Its parameters, in the order in which values cross.
    pub parameters: Vec<ParamSpec>,
    /// Kinds that it may propose; `hold` always may.
    pub kinds: Vec<ProposalKind>,
    /// Most bytes of memory that it keeps.
    pub memory_bytes: u32,
    /// Number of the format of its memory.
    pub memory_format: u32,
}

/// One parameter that a policy takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ParamKind,
    /// The value where the operator gives none.
    pub default: ParamValue,
    /// Whether a binding without it is refused.
    pub required: bool,
    /// Least number (durations: milliseconds; lists: of each item).
    pub min: Option<f64>,
    /// Greatest number, likewise.
    pub max: Option<f64>,
    /// Values allowed; empty allows any.
    pub choices: Vec<String>,
    /// For JSON: its schema; empty for none.
    pub schema: String,
    /// For a person.
    pub doc: String,
}

/// Types of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the type that it names")]
pub enum ParamKind {
    Bool,
    S64,
    F64,
    Text,
    Duration,
    ListBool,
    ListS64,
    ListF64,
    ListText,
    ListDuration,
    Json,
}

impl ParamKind {
    /// The contract's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::S64 => "s64",
            Self::F64 => "f64",
            Self::Text => "text",
            Self::Duration => "duration",
            Self::ListBool => "list<bool>",
            Self::ListS64 => "list<s64>",
            Self::ListF64 => "list<f64>",
            Self::ListText => "list<text>",
            Self::ListDuration => "list<duration>",
            Self::Json => "json",
        }
    }

    /// The type that this word names.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [
            Self::Bool,
            Self::S64,
            Self::F64,
            Self::Text,
            Self::Duration,
            Self::ListBool,
            Self::ListS64,
            Self::ListF64,
            Self::ListText,
            Self::ListDuration,
            Self::Json,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ParamSpec {
    /// A bound or a value as a person writes it: `1h` where the parameter is a duration, the number itself elsewhere.
    #[must_use]
    pub fn shown(&self, number: f64) -> String {
        match self.kind {
            ParamKind::Duration | ParamKind::ListDuration => DurationMs::nearest(number).to_string(),
            _ => number.to_string(),
        }
    }
}

/// The value of a parameter, checked against its [`ParamSpec`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the type that it names")]
pub enum ParamValue {
    Unset,
    Flag(bool),
    Int(i64),
    Num(f64),
    Text(String),
    DurationMs(u64),
    Flags(Vec<bool>),
    Ints(Vec<i64>),
    Nums(Vec<f64>),
    Texts(Vec<String>),
    DurationsMs(Vec<u64>),
    Json(String),
}

/// One fact that a policy wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What it is.
    pub kind: NeedKind,
    /// For readings: their name in the binding; for labels: the label; for transitions: the zone.
    pub name: String,
    /// For readings: whose.
    pub subject: Subject,
    /// For readings: the unit expected; empty if any.
    pub unit: String,
    /// How far back (for transitions: ahead); 0 is the latest only.
    pub look_back_ms: u64,
    /// The wanted distance of samples; 0 leaves it to the source.
    pub step_ms: u64,
    /// Whether a binding without it is refused.
    pub required: bool,
}

/// Kinds of need. A word that this host does not know refuses the binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the fact that it names")]
pub enum NeedKind {
    Reading,
    Label,
    Instances,
    Nodes,
    Alerts,
    Changes,
    Transitions,
}

impl NeedKind {
    /// The kind that this word names.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "reading" => Self::Reading,
            "label" => Self::Label,
            "instances" => Self::Instances,
            "nodes" => Self::Nodes,
            "alerts" => Self::Alerts,
            "changes" => Self::Changes,
            "transitions" => Self::Transitions,
            _ => return None,
        })
    }
}
