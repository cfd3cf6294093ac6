//! What a policy answered.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::snapshot::Resources;

/// The whole answer of one evaluation, within the limits on size that the sandbox held it to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What the policy came to.
    pub verdict: Verdict,
    /// Memory for the next evaluation; `None` keeps the present one. Kept apart in records.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "memory_as_hex")]
    pub memory: Option<Vec<u8>>,
    /// Sentences for whoever reads the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Named values for whoever reads the record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, AttrValue>,
}

/// A small value in `attrs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttrValue {
    /// A whole number.
    Int(i64),
    /// A measurement; finite.
    Num(f64),
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// What a policy came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What it asks for; an empty list abstains.
    Proposals(Vec<Proposal>),
    /// It declines.
    Refused(Refusal),
}

impl Verdict {
    /// Whether another comes to the same: as many proposals of the same kinds, counts, instances and resources, in whatever
    /// order; or a refusal of the same kind. Reasons, placement and groups are not compared: they do not say what is wanted.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Proposals(ours), Self::Proposals(theirs)) => {
                let alike = |all: &[Proposal], one: &Proposal| all.iter().filter(|other| other.asks_as(one)).count();
                ours.len() == theirs.len() && ours.iter().all(|one| alike(ours, one) == alike(theirs, one))
            }
            (Self::Refused(ours), Self::Refused(theirs)) => ours.kind == theirs.kind,
            _ => false,
        }
    }
}

/// One thing that a policy asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// What it is.
    pub kind: ProposalKind,
    /// For `scale`: exactly so many replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// For `scale`: at least so many, whatever others ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// For `scale`: at most so many, whatever others ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
    /// Ids of the instances concerned, the preferred first; for `scale`: which to remove first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<String>,
    /// For `resize`: per container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ContainerResources>,
    /// For `resize`: a size of the backend's; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub size_class: String,
    /// Nodes or zones to prefer, the preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placement: Vec<String>,
    /// Proposals of one group, other than 0, are done all or not at all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub group: u32,
    /// One sentence for a person.
    #[serde(default)]
    pub reason: String,
}

impl Proposal {
    fn asks_as(&self, other: &Self) -> bool {
        let Self {
            kind,
            count,
            at_least,
            at_most,
            instances,
            resources,
            size_class,
            placement: _,
            group: _,
            reason: _,
        } = self;
        *kind == other.kind
            && *count == other.count
            && *at_least == other.at_least
            && *at_most == other.at_most
            && *instances == other.instances
            && *resources == other.resources
            && *size_class == other.size_class
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// New requests and limits of one container; `None` leaves a figure as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerResources {
    /// The container; empty for the only one.
    #[serde(default)]
    pub container: String,
    /// What to set aside for it.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub requests: Resources,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub limits: Resources,
}

/// Kinds of proposal. An open set: a word that this host does not know arrives as `Other` and is restrained as such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ProposalKind {
    /// Change the number of replicas.
    Scale,
    /// Change requests and limits.
    Resize,
    /// Restart instances in place.
    Restart,
    /// Remove instances and make others.
    Replace,
    /// Remove instances, lowering the count.
    Remove,
    /// Start stopped instances.
    Start,
    /// Make all instances anew.
    Redeploy,
    /// Stay as it is: a vote, unlike silence.
    #[default]
    Hold,
    /// A word that this host does not know.
    Other(String),
}

impl ProposalKind {
    /// The contract's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Scale => "scale",
            Self::Resize => "resize",
            Self::Restart => "restart",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Start => "start",
            Self::Redeploy => "redeploy",
            Self::Hold => "hold",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for ProposalKind {
    fn from(word: String) -> Self {
        match word.as_str() {
            "scale" => Self::Scale,
            "resize" => Self::Resize,
            "restart" => Self::Restart,
            "replace" => Self::Replace,
            "remove" => Self::Remove,
            "start" => Self::Start,
            "redeploy" => Self::Redeploy,
            "hold" => Self::Hold,
            _ => Self::Other(word),
        }
    }
}

impl From<ProposalKind> for String {
    fn from(kind: ProposalKind) -> Self {
        kind.as_str().to_owned()
    }
}

impl fmt::Display for ProposalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a policy declined. Not a crash, and never a wish to lower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Which sort of reason.
    pub kind: RefusalKind,
    /// One sentence for a person.
    pub text: String,
}

/// Sorts of refusal. An open set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RefusalKind {
    /// A reading it needs is absent or stale. Forbids lowering, whatever others ask.
    ReadingMissing,
    /// A parameter makes no sense to it.
    ParameterWrong,
    /// It has nothing to say about this target: abstains.
    NotApplicable,
    /// Another word. Treated as `ReadingMissing`.
    Other(String),
}

impl RefusalKind {
    /// The contract's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::ReadingMissing => "reading-missing",
            Self::ParameterWrong => "parameter-wrong",
            Self::NotApplicable => "not-applicable",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for RefusalKind {
    fn from(word: String) -> Self {
        match word.as_str() {
            "reading-missing" => Self::ReadingMissing,
            "parameter-wrong" => Self::ParameterWrong,
            "not-applicable" => Self::NotApplicable,
            _ => Self::Other(word),
        }
    }
}

impl From<RefusalKind> for String {
    fn from(kind: RefusalKind) -> Self {
        kind.as_str().to_owned()
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

mod memory_as_hex {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(memory: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match memory {
            Some(bytes) => serializer.serialize_str(&hex::encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| hex::decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}
