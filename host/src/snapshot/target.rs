//! The workload: who it is, what it has, what its backend can do, which bounds are in force.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::instance::Resources;

/// Most bytes of a target's id.
const TARGET_ID_BYTES_MAX: usize = 253;

/// `driver/name`, unique in the host. The name is the backend's and may hold further slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetId(Arc<str>);

/// Why a text is not a target's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetIdError {
    /// There is no slash, or nothing before or after it.
    #[error("target id {0:?} is not of the form driver/name")]
    Form(String),
    /// It is too long.
    #[error("target id of {0} bytes is longer than {TARGET_ID_BYTES_MAX}")]
    Long(usize),
    /// A control character is in it.
    #[error("target id {0:?} holds a control character")]
    Control(String),
}

impl TargetId {
    /// Joins a driver's name and a workload's.
    ///
    /// # Errors
    /// Where the result would not be a target's id.
    pub fn new(driver: &str, name: &str) -> Result<Self, TargetIdError> {
        format!("{driver}/{name}").parse()
    }

    /// The driver's name.
    #[must_use]
    pub fn driver(&self) -> &str {
        self.0.split_once('/').map_or("", |(driver, _)| driver)
    }

    /// The workload's name at the backend.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TargetId {
    type Err = TargetIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > TARGET_ID_BYTES_MAX {
            return Err(TargetIdError::Long(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(TargetIdError::Control(text.to_owned()));
        }
        match text.split_once('/') {
            Some((driver, name)) if !driver.is_empty() && !name.is_empty() => Ok(Self(text.into())),
            _ => Err(TargetIdError::Form(text.to_owned())),
        }
    }
}

impl TryFrom<String> for TargetId {
    type Error = TargetIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TargetId> for String {
    fn from(id: TargetId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One scalable workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Unique in the host.
    pub id: TargetId,
    /// What the backend calls such a thing: `process-group`, `service` …
    #[serde(default)]
    pub kind: String,
    /// Zones that it spans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// The workload's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The count last asked of the backend: the base of any new count.
    pub desired: u32,
    /// Instances that exist, of whatever phase.
    pub total: u32,
    /// Instances that serve.
    pub ready: u32,
    /// The containers of its template; a plain process is one container named `main`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// What the backend can do for it.
    #[serde(default)]
    pub abilities: Abilities,
    /// The bounds in force.
    pub limits: Limits,
}

/// One container of the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What is set aside for it.
    #[serde(default)]
    pub requests: Resources,
    /// What it may use at most.
    #[serde(default)]
    pub limits: Resources,
}

/// What a backend can do for a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abilities {
    /// Whether we may choose which instance goes.
    pub victims: VictimAbility,
    /// How instances change size.
    pub resize: ResizeAbility,
    /// Whether a raise may supersede a change in flight.
    pub supersede: bool,
    /// Kinds of proposal that it can carry out, as words of the contract: `scale`, `resize` …
    pub kinds: Vec<String>,
    /// Sizes to choose from; empty if any goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<Size>,
}

impl Default for Abilities {
    /// A backend that can do everything, live and exactly: what `policy eval` assumes.
    fn default() -> Self {
        Self {
            victims: VictimAbility::Exact,
            resize: ResizeAbility::Live,
            supersede: true,
            kinds: ["scale", "resize", "restart", "replace", "remove", "start", "redeploy"].map(str::to_owned).to_vec(),
            sizes: Vec::new(),
        }
    }
}

/// Whether we may choose which instance goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VictimAbility {
    /// The backend chooses; draining is then its own.
    None,
    /// The backend listens to a hint.
    Hint,
    /// We choose.
    Exact,
}

/// How instances change size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResizeAbility {
    /// Not at all.
    None,
    /// While they run.
    Live,
    /// By being made anew.
    Recreate,
}

/// A size that the backend sells or knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Its name at the backend.
    pub class: String,
    /// What it has.
    pub resources: Resources,
    /// Price of one instance for one hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<f64>,
}

/// The bounds in force, as policies see them. `bounds` holds the settings that they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Fewest replicas.
    pub replicas_min: u32,
    /// Most replicas.
    pub replicas_max: u32,
    /// Least per container.
    #[serde(default)]
    pub least: Resources,
    /// Most per container.
    #[serde(default)]
    pub most: Resources,
}
