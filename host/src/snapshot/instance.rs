//! Instances, nodes and what they have.

use serde::{Deserialize, Serialize};

use crate::quantity::MemoryBytes;

/// CPU and memory. `None` is "not known" or "not limited", never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Thousandths of a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl Resources {
    /// As a person needs what is in use: see [`MemoryBytes::rounded`].
    #[must_use]
    pub fn rounded(&self) -> Self {
        let memory_bytes = self.memory_bytes.map(|bytes| MemoryBytes(bytes).rounded().0);
        Self { memory_bytes, ..*self }
    }

    /// Whether neither is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cpu_millis.is_none() && self.memory_bytes.is_none()
    }
}

/// One instance of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Unique in the target, never used again for another.
    pub id: String,
    /// The name people know.
    #[serde(default)]
    pub name: String,
    /// Id of its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Its zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Where it stands in its life.
    pub phase: Phase,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// Times it was restarted by whatever keeps it running.
    #[serde(default)]
    pub restarts: u32,
    /// What is set aside for it.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub requests: Resources,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub limits: Resources,
    /// What it uses now.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub usage: Resources,
    /// Most memory that it used of late; memory limits never go below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_peak_bytes: Option<u64>,
    /// Whether the operator or the backend forbids to remove it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Where it is reached: `host:port`; what registrars enter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The backend's own handle, for a source that measures it from outside: for processes `pid:<pid>:<start time in ticks>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Key of the change that made it, where the backend can keep one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
}

/// Where an instance stands in its life. The numbers are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The backend did not say.
    Unknown,
    /// Asked for, not begun.
    Pending,
    /// Begun, not serving yet.
    Starting,
    /// Serving.
    Ready,
    /// Running, and its health check fails.
    Unready,
    /// No longer given work, finishing what it has.
    Draining,
    /// Told to stop.
    Stopping,
    /// Stopped in order; may be started again.
    Stopped,
    /// Ended or crashed.
    Failed,
    /// Not heard of: its node is gone.
    Lost,
}

impl Phase {
    /// The contract's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Pending => 1,
            Self::Starting => 2,
            Self::Ready => 3,
            Self::Unready => 4,
            Self::Draining => 5,
            Self::Stopping => 6,
            Self::Stopped => 7,
            Self::Failed => 8,
            Self::Lost => 9,
        }
    }

    /// Whether it counts towards the desired number: it serves, or is on its way to.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, Self::Unknown | Self::Pending | Self::Starting | Self::Ready | Self::Unready)
    }

    /// Whether it is broken or gone.
    #[must_use]
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Failed | Self::Lost)
    }
}

/// One node that instances run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique at the backend.
    pub id: String,
    /// Its zone; empty if none.
    #[serde(default)]
    pub zone: String,
    /// Whether it works.
    pub ready: bool,
    /// Whether new instances may be put there.
    #[serde(default)]
    pub schedulable: bool,
    /// What it has.
    #[serde(default)]
    pub capacity: Resources,
    /// What is free on it.
    #[serde(default)]
    pub free: Resources,
}
