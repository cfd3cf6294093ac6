//! One version of an uploaded policy: what is kept of it beside its bytes.

use serde::{Deserialize, Serialize};

use super::rejection::Rejection;
use super::trial::Trial;
use crate::policy::{ProposalKind, Tier};
use crate::sandbox::StringEncoding;

/// Beginning of the keys of versions.
pub(super) const VERSIONS: &str = "policy/version/";

/// One version of an uploaded policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The manifest's name; empty until it is known.
    pub name: String,
    /// The manifest's version; empty until it is known.
    pub version: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub digest: String,
    /// Where it stands.
    pub state: VersionState,
    /// Since when.
    pub state_since_ms: u64,
    /// Length of its bytes.
    pub bytes: u64,
    /// Who uploaded it.
    pub uploaded_by: String,
    /// When.
    pub uploaded_ms: u64,
    /// Limits that it runs under where a binding does not say; `None`: its size decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// How a core module holds its texts, where it does not say so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<StringEncoding>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
    /// What it came to when it was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<Trial>,
    /// What the operator lets it do.
    #[serde(default, skip_serializing_if = "Grants::is_whole")]
    pub grants: Grants,
    /// The key that signed it, as the operator calls it; `None`: nothing need be signed when it was taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Of a rejected one: under which build and limits. Under others it is judged again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub judged_under: String,
    /// When it was first made the active one of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_ms: Option<u64>,
}

/// Where a version stands. Kept are `tried` and `rejected`; the first three are those of an upload in progress, and the
/// others follow from what watches, what is active and what still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Its bytes are here.
    Received,
    /// It was checked: its form, its size, what it imports and exports. It is compiled now.
    Validated,
    /// It was compiled and linked, and said what it is.
    Compiled,
    /// It was evaluated; it can be activated.
    Tried,
    /// It watches beside the active one, for all bindings or for some; nothing of what it says is done.
    Shadow,
    /// It is the active one of its name, for all bindings or for some.
    Active,
    /// It was active, and a turn or a binding still holds it.
    Draining,
    /// It was active, and its code is freed.
    Retired,
    /// It is refused.
    Rejected,
}

impl VersionState {
    /// As a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Validated => "validated",
            Self::Compiled => "compiled",
            Self::Tried => "tried",
            Self::Shadow => "shadow",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
        }
    }
}

impl std::fmt::Display for VersionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the operator lets a policy do, whatever bindings say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Kinds that it may propose; `None`: all that it declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<ProposalKind>>,
    /// Bindings that may use it; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bindings: Option<Vec<String>>,
    /// The limits that it runs under, whatever a binding says; `None`: as the binding says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
}

impl Grants {
    /// Whether nothing is withheld.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a binding may use it.
    #[must_use]
    pub fn lets(&self, binding: &str) -> bool {
        self.bindings.as_ref().is_none_or(|bindings| bindings.iter().any(|name| name == binding))
    }
}

impl Version {
    /// The store's key of the version of this digest.
    pub(super) fn key(digest: &str) -> String {
        format!("{VERSIONS}{digest}")
    }

    /// Whether it went all the way and was not refused.
    #[must_use]
    pub fn is_tried(&self) -> bool {
        self.rejected.is_none() && self.state >= VersionState::Tried
    }
}
