//! Every way in which the bounds say no, with its numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason why a wish was changed or dropped. `Display` is the sentence that people read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "restraint", rename_all = "kebab-case")]
pub enum Restraint {}

/// The stages, in the order in which they are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names of design section 3, Bounds")]
pub enum Stage {
    Grants,
    Compose,
    Tolerance,
    Stabilization,
    Range,
    Steps,
    Budget,
    Gates,
    Rounding,
}

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it names")]
pub enum Dimension {
    Replicas,
    Cpu,
    Memory,
    Instances,
}

impl fmt::Display for Restraint {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
