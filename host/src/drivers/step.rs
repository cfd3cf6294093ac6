//! Steps: what a decision is carried out in, what is going to be done, what came of it.

use serde::{Deserialize, Serialize};

/// One durable step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Make an instance of this id. Driver.
    Create {
        /// The new instance's id: the idempotency key.
        instance: String,
    },
    /// Wait until it is ready. Driver, by observation.
    AwaitReady {
        /// Which.
        instance: String,
    },
    /// Enter it in the registrars.
    Register {
        /// Which.
        instance: String,
    },
    /// Give it no more work, and wait until it has finished what it has. Registrars.
    Drain {
        /// Which.
        instance: String,
    },
    /// Take it out of the registrars. If this fails the instance stays.
    Deregister {
        /// Which.
        instance: String,
    },
    /// Tell it to stop, with grace, then kill it. Driver.
    Stop {
        /// Which.
        instance: String,
    },
    /// Remove what is left of it. Driver.
    Remove {
        /// Which.
        instance: String,
    },
    /// Start it, being stopped. Driver.
    Start {
        /// Which.
        instance: String,
    },
    /// Restart it in place. Driver.
    Restart {
        /// Which.
        instance: String,
    },
    /// Set requests and limits of all instances and of the template. Driver; the figures are the decision's.
    Resize,
    /// Set the desired count. Driver that keeps it; the figure is the decision's.
    SetCount,
}

impl Step {
    /// The word for records and people.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::AwaitReady { .. } => "await-ready",
            Self::Register { .. } => "register",
            Self::Drain { .. } => "drain",
            Self::Deregister { .. } => "deregister",
            Self::Stop { .. } => "stop",
            Self::Remove { .. } => "remove",
            Self::Start { .. } => "start",
            Self::Restart { .. } => "restart",
            Self::Resize => "resize",
            Self::SetCount => "set-count",
        }
    }

    /// The instance concerned.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::Create { instance }
            | Self::AwaitReady { instance }
            | Self::Register { instance }
            | Self::Drain { instance }
            | Self::Deregister { instance }
            | Self::Stop { instance }
            | Self::Remove { instance }
            | Self::Start { instance }
            | Self::Restart { instance } => Some(instance),
            Self::Resize | Self::SetCount => None,
        }
    }
}

/// Where a step stands after it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum StepState {
    /// It is done.
    Done,
    /// It is under way; ask again by taking it again (taking is idempotent).
    Waiting {
        /// What for.
        why: String,
    },
    /// It cannot be done here; the rest of the change goes on without it.
    Impossible {
        /// Why.
        why: String,
    },
}

/// What is going to be done: stages in order; within a stage, lanes side by side; within a lane, steps one after the other.
///
/// Growth stands before shrinkage, and a shrinking stage is not begun unless all growth before it was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The stages.
    pub stages: Vec<PlanStage>,
}

/// Lanes that go on side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStage {
    /// Whether it takes something away.
    pub shrinks: bool,
    /// Each the steps for one instance, or for the whole target.
    pub lanes: Vec<Vec<Step>>,
}

impl Plan {
    /// Ids that it creates.
    pub fn created(&self) -> impl Iterator<Item = &str> {
        self.steps().filter_map(|step| match step {
            Step::Create { instance } => Some(instance.as_str()),
            _ => None,
        })
    }

    /// Ids that it removes.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.steps().filter_map(|step| match step {
            Step::Remove { instance } => Some(instance.as_str()),
            _ => None,
        })
    }

    /// All steps, in the order in which they are begun.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|stage| stage.lanes.iter().flatten())
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }
}

/// What one step came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// When it was begun.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// How it ended.
    pub end: StepEnd,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum StepEnd {
    /// It was done.
    Done,
    /// The backend cannot do it.
    Impossible {
        /// Why.
        why: String,
    },
    /// It failed. Whether it was done may be unknown; the next turn looks.
    Failed {
        /// Why.
        why: String,
    },
    /// The wait was given up, and the lane went on.
    CutOff {
        /// What it waited for.
        why: String,
    },
    /// The change's deadline passed before it was done.
    Stuck {
        /// What it waited for.
        why: String,
    },
    /// Another change superseded this one.
    Cancelled,
}

impl StepEnd {
    /// Whether the lane goes on after it.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Done | Self::CutOff { .. })
    }

    /// What went wrong with this step, for a person; `None` where nothing did.
    #[must_use]
    pub fn trouble(&self, step: &Step) -> Option<String> {
        let of = |what: &str, why: &str| {
            let instance = step.instance().unwrap_or("the target");
            Some(format!("{} of {instance} {what}: {why}", step.as_str()))
        };
        match self {
            Self::Done => None,
            Self::Impossible { why } => of("is not possible", why),
            Self::Failed { why } => of("failed", why),
            Self::CutOff { why } => of("was cut off", why),
            Self::Stuck { why } => of("is stuck", why),
            Self::Cancelled => of("was cancelled", "a more urgent change came"),
        }
    }
}

/// What the backend made of a change: what its record is closed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All of it was done.
    Applied,
    /// Some of it was done.
    Partial,
    /// None of it was done: the host ended before it began.
    Absent,
    /// The facts do not tell.
    Unknown,
    /// None of it was done: what was tried failed.
    Failed,
    /// Its deadline passed before it was done.
    Stuck,
    /// A more urgent change took its place.
    Superseded,
}

impl Outcome {
    /// The word for records, metrics and people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Partial => "partial",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Stuck => "stuck",
            Self::Superseded => "superseded",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
