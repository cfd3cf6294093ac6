//! What was measured, and how far it can be trusted.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One reading of one owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Reading {
    /// Its name in the binding; one text for all targets that have it.
    pub name: Arc<str>,
    /// Its unit; empty if none was stated.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub unit: Arc<str>,
    /// Whose it is.
    #[serde(default)]
    pub subject: Subject,
    /// Id of the instance, node, queue … that it belongs to; `None` for the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How far it can be trusted. [`Freshness::Absent`] if and only if there are no samples.
    pub freshness: Freshness,
    /// Its samples, oldest first.
    #[serde(default)]
    pub samples: Samples,
    /// The value that the operator declared for the case of absence (`absent_as`), if it stands in for samples here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_as: Option<f64>,
}

// Derived with `remote`, serde's own forms are functions of the type, and what they read can be looked at here.
impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reading = Self::deserialize(deserializer)?;
        let (times, samples) = match &reading.samples {
            Samples::Numbers { times_ms, values } => (times_ms.len(), values.len()),
            Samples::Texts { times_ms, texts } => (times_ms.len(), texts.len()),
        };
        if times != samples {
            let name = &reading.name;
            return Err(D::Error::custom(format_args!("reading {name}: {times} times for {samples} samples")));
        }
        Ok(reading)
    }
}

impl Serialize for Reading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl Reading {
    /// A reading that could not be had.
    #[must_use]
    pub fn absent(name: &str, subject: Subject, owner: Option<String>) -> Self {
        Self {
            name: name.into(),
            unit: Arc::default(),
            subject,
            owner,
            freshness: Freshness::Absent,
            samples: Samples::default(),
            absent_as: None,
        }
    }

    /// The newest number, if there is one.
    #[must_use]
    pub fn latest(&self) -> Option<f64> {
        match &self.samples {
            Samples::Numbers { values, .. } => values.last().copied(),
            Samples::Texts { .. } => None,
        }
    }

    /// Time of the newest sample.
    #[must_use]
    pub fn latest_ms(&self) -> Option<u64> {
        match &self.samples {
            Samples::Numbers { times_ms, .. } | Samples::Texts { times_ms, .. } => times_ms.last().copied(),
        }
    }
}

/// Samples, oldest first; both lists are of one length, or the [`Reading`] is refused when it is read. Numbers are finite: what is
/// not becomes absent when a source reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Samples {
    /// Measurements.
    Numbers {
        /// When.
        times_ms: Vec<u64>,
        /// What.
        values: Vec<f64>,
    },
    /// States, which are compared and not counted.
    Texts {
        /// When.
        times_ms: Vec<u64>,
        /// What.
        texts: Vec<String>,
    },
}

impl Default for Samples {
    fn default() -> Self {
        Self::Numbers { times_ms: Vec::new(), values: Vec::new() }
    }
}

impl Samples {
    /// One measurement.
    #[must_use]
    pub fn one(at_ms: u64, value: f64) -> Self {
        Self::Numbers { times_ms: vec![at_ms], values: vec![value] }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers { times_ms, .. } | Self::Texts { times_ms, .. } => times_ms.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How far a reading can be trusted. The numbers are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Its newest sample is young enough to act on.
    Fresh,
    /// It has samples, too old (or from the future).
    Stale,
    /// It has no samples: not known, never zero.
    Absent,
}

impl Freshness {
    /// The contract's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Fresh => 0,
            Self::Stale => 1,
            Self::Absent => 2,
        }
    }
}

/// Whose a reading is. An open set: other words pass through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Subject {
    /// The workload as a whole.
    #[default]
    Target,
    /// One instance.
    Instance,
    /// One node.
    Node,
    /// One container.
    Container,
    /// `pool`, `balancer`, `queue` or another word.
    Other(String),
}

impl Subject {
    /// The contract's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Target => "target",
            Self::Instance => "instance",
            Self::Node => "node",
            Self::Container => "container",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Subject {
    fn from(word: String) -> Self {
        match word.as_str() {
            "target" => Self::Target,
            "instance" => Self::Instance,
            "node" => Self::Node,
            "container" => Self::Container,
            _ => Self::Other(word),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.as_str().to_owned()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
