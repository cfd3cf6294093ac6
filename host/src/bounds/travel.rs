//! How a number travelled from the votes to what is done: what `explain` shows.

use serde::{Deserialize, Serialize};

use super::decision::{Decision, InstanceAction};
use super::restraint::{Figure, Quantity, Stage};

/// The policies' combined wish, before any bound.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// So many replicas; `None` where nobody said anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Figures of containers, ordered by container and figure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<FigureWish>,
    /// A size of the backend's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_class: Option<String>,
    /// What is to be done to single instances.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<InstanceAction>,
}

/// The combined wish for one figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureWish {
    /// The container.
    pub container: String,
    /// Which figure.
    pub figure: Figure,
    /// Thousandths of a core, or bytes.
    pub value: u64,
}

/// How one number travelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Travel {
    /// Which number.
    pub what: Quantity,
    /// What it is now; `None`: not known, or not limited.
    pub present: Option<u64>,
    /// What each policy said, by slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<(String, u64)>,
    /// The combined wish.
    pub wish: Option<u64>,
    /// Each stage that changed it, with what it made of it. A stage not named left it as it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<(Stage, u64)>,
    /// What is done; equals `present` where nothing is.
    pub to: Option<u64>,
}

impl Travel {
    /// Notes what a stage made of the number, if it changed it.
    pub(super) fn pass(&mut self, stage: Stage, value: Option<u64>) {
        if let Some(value) = value
            && self.to != Some(value)
        {
            self.stages.push((stage, value));
            self.to = Some(value);
        }
    }
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quiet {
    /// The binding is off, paused or in conflict, or everything is frozen: see the restraints.
    Stopped,
    /// The binding is in dry-run: see [`Withheld`].
    DryRun,
    /// Something was wished and the bounds let nothing of it through: see the restraints.
    Restrained,
    /// No policy is bound.
    NoPolicy,
    /// Every policy refused, failed or is in quarantine.
    Unanswered,
    /// Every policy abstained.
    Abstained,
    /// All is as wished.
    AsWished,
    /// For repairs: what is there is what is desired.
    Whole,
}

impl std::fmt::Display for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the binding does not act now",
            Self::DryRun => "dry-run",
            Self::Restrained => "the bounds let nothing through",
            Self::NoPolicy => "no policy is bound",
            Self::Unanswered => "no policy answered",
            Self::Abstained => "no policy asked for anything",
            Self::AsWished => "all is as wished",
            Self::Whole => "all that is desired is there",
        })
    }
}

/// What would have been done, had the binding acted. It is no [`Decision`], and no driver takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Withheld(Decision);

impl Withheld {
    pub(super) fn new(decision: Decision) -> Self {
        Self(decision)
    }

    /// The change of count that was not made.
    #[must_use]
    pub fn replicas(&self) -> Option<super::CountChange> {
        self.0.replicas()
    }

    /// The figures that were not set.
    #[must_use]
    pub fn resize(&self) -> &[crate::policy::ContainerResources] {
        self.0.resize()
    }

    /// The actions that were not done.
    #[must_use]
    pub fn actions(&self) -> &[InstanceAction] {
        self.0.actions()
    }

    /// Why they would have been.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.0.reason()
    }
}
