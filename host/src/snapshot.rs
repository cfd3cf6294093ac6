//! The facts of one moment about one target.
//!
//! A [`Snapshot`] is made once per turn and target, from what a driver observed and what the sources measured. Policies see
//! projections of it, the bounds read it whole, and the record keeps it: its JSON form is the one that `policy eval` reads.
//!
//! Times are milliseconds since the Unix epoch in UTC (`_ms`), CPU is thousandths of a core (`_millis`), memory is bytes.
//! What is not known is `None` or [`Freshness::Absent`], never zero.

mod instance;
mod reading;
mod target;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::instance::{Instance, Node, Phase, Resources};
pub use self::reading::{Freshness, Reading, Samples, Subject};
pub use self::target::{
    Abilities, Container, Limits, ResizeAbility, Size, Target, TargetId, TargetIdError, VictimAbility,
};

/// Number of the JSON form that this host writes. A reader refuses a higher one and converts a lower one.
pub const SNAPSHOT_FORMAT: u32 = 1;

/// The facts of one moment about one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// [`SNAPSHOT_FORMAT`].
    #[serde(default = "current_format")]
    pub format: u32,
    /// The time of this moment.
    pub now_ms: u64,
    /// The workload.
    pub target: Target,
    /// The change that was begun and is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<InFlight>,
    /// Its instances, ordered by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
    /// The backend's nodes, ordered by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// What was measured, ordered by name, subject and owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
    /// Alerts that nobody has handled yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// The last changes, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Offsets of the time zones that a policy asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<ZoneTransitions>,
    /// Whether the backend told everything.
    #[serde(default, skip_serializing_if = "Inventory::is_complete")]
    pub inventory: Inventory,
}

fn current_format() -> u32 {
    SNAPSHOT_FORMAT
}

impl Snapshot {
    /// The instance of this id.
    #[must_use]
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    /// The reading of this name and subject that belongs to `owner` (`None`: to the target itself).
    #[must_use]
    pub fn reading(&self, name: &str, subject: &Subject, owner: Option<&str>) -> Option<&Reading> {
        self.readings
            .iter()
            .find(|reading| *reading.name == *name && reading.subject == *subject && reading.owner.as_deref() == owner)
    }
}

/// Whether the backend's list can be trusted to be whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Inventory {
    /// The backend answered and told everything.
    #[default]
    Complete,
    /// The backend answered in part, or from a cache older than allowed.
    Partial {
        /// What is missing, for a person.
        why: String,
    },
    /// There were instances in the last turn and the list is now empty, with no change of ours that explains it.
    SuddenlyEmpty {
        /// How many there were.
        before: u32,
    },
}

impl Inventory {
    /// Whether counts, replacements and deregistrations may follow from it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// A change that was begun and is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InFlight {
    /// The change's key, also on what it created.
    pub key: String,
    /// As [`crate::policy::ProposalKind`].
    pub kind: String,
    /// Count before.
    pub from_count: u32,
    /// Count asked for.
    pub to_count: u32,
    /// When it began.
    pub since_ms: u64,
    /// When it is called stuck.
    pub deadline_ms: u64,
    /// What it waits for, for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
}

impl InFlight {
    /// Whether its deadline has passed at `now_ms`.
    #[must_use]
    pub fn is_stuck(&self, now_ms: u64) -> bool {
        now_ms > self.deadline_ms
    }

    /// Whether it adds instances.
    #[must_use]
    pub fn is_raise(&self) -> bool {
        self.to_count > self.from_count
    }
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// When.
    pub at_ms: u64,
    /// As [`crate::policy::ProposalKind`].
    pub kind: String,
    /// Count before.
    pub from_count: u32,
    /// Count after.
    pub to_count: u32,
    /// `policy`, `correction`, `repair`, `manual`.
    pub by: String,
}

/// An alert that nobody has handled yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Unique in the host.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it began.
    pub since_ms: u64,
    /// Its labels.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
}

/// Offsets of one time zone from UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneTransitions {
    /// IANA name.
    pub zone: String,
    /// Points in time from which the offset of the same index holds.
    pub at_ms: Vec<u64>,
    /// Seconds east of UTC.
    pub offsets_seconds: Vec<i32>,
}
