//! What the bounds let through.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::policy::ContainerResources;
use crate::snapshot::TargetId;

/// What the bounds let through for one target in one turn. Only this room makes one, and it cannot be read back from
/// bytes: what a host left unfinished is decided anew.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    pub(super) target: TargetId,
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) replicas: Option<CountChange>,
    pub(super) victims: Vec<String>,
    pub(super) placement: Vec<String>,
    pub(super) resize: Vec<ContainerResources>,
    pub(super) size_class: Option<String>,
    /// The resize takes something away. Not in the record: its plan shows it.
    #[serde(skip)]
    pub(super) lowers_size: bool,
    pub(super) actions: Vec<InstanceAction>,
    pub(super) reason: String,
    /// Lost instances may live on where nobody sees them: with many lost at once, the fault is rather in between.
    pub(super) spares_lost: bool,
    /// Number of the lease under which it was made, and when that lease ends. A driver checks it before the call.
    pub(super) lease_epoch: u64,
    pub(super) lease_expires_ms: u64,
}

/// A change of the number of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CountChange {
    /// The desired count until now.
    pub from: u32,
    /// The desired count from now on.
    pub to: u32,
}

/// What is done to one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceAction {
    /// What.
    pub kind: ActionKind,
    /// To whom: an id of this turn's snapshot.
    pub instance: String,
}

/// Kinds of action on one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Restart it in place.
    Restart,
    /// Make another, then remove it.
    Replace,
    /// Start it, being stopped.
    Start,
    /// Remove it; the count falls with it. A decision holds it as a change of the count with this victim.
    Remove,
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Replace => "replace",
            Self::Start => "start",
            Self::Remove => "remove",
        })
    }
}

/// Who wanted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The policies.
    Policy,
    /// The host: the present value was outside min..max.
    Correction,
    /// The host: the backend does not have what was desired.
    Repair,
    /// A person.
    Manual,
    /// The host: no policy has answered for long (`fallback`).
    Fallback,
}

impl Decision {
    /// The target.
    #[must_use]
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// The change's key: unique, in the record, and on whatever it creates.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Who wanted it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The change of count, if there is one. For a repair `from` is what is there and `to` what is desired.
    #[must_use]
    pub fn replicas(&self) -> Option<CountChange> {
        self.replicas
    }

    /// Which instances go, in this order, where the count falls and the backend lets us choose. Where a repair raises the
    /// count: failed instances that the new ones stand in for, to be cleared away once those are ready.
    #[must_use]
    pub fn victims(&self) -> &[String] {
        &self.victims
    }

    /// Nodes or zones to prefer for new instances.
    #[must_use]
    pub fn placement(&self) -> &[String] {
        &self.placement
    }

    /// New requests and limits, per container.
    #[must_use]
    pub fn resize(&self) -> &[ContainerResources] {
        &self.resize
    }

    /// The size of the backend's to change to.
    #[must_use]
    pub fn size_class(&self) -> Option<&str> {
        self.size_class.as_deref()
    }

    /// Whether the resize lowers any figure: then it waits until all growth is confirmed.
    #[must_use]
    pub fn lowers_size(&self) -> bool {
        self.lowers_size
    }

    /// What is done to single instances; never [`ActionKind::Remove`], for that is a change of the count.
    #[must_use]
    pub fn actions(&self) -> &[InstanceAction] {
        &self.actions
    }

    /// Why, for a person.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether so many instances are lost at once that none of them is made anew or cleared away.
    #[must_use]
    pub fn spares_lost(&self) -> bool {
        self.spares_lost
    }

    /// Number of the lease under which it was made.
    #[must_use]
    pub fn lease_epoch(&self) -> u64 {
        self.lease_epoch
    }

    /// When that lease ends.
    #[must_use]
    pub fn lease_expires_ms(&self) -> u64 {
        self.lease_expires_ms
    }
}
