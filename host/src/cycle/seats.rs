//! Which binding sits on which target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fitting::{self, Fitted, Fitting, Freshness, KeptLabels};
use crate::bounds::{Mode, Range, Settings};
use crate::policy::{Need, ParamValue, Policy, ProposalKind};
use crate::snapshot::{Target, TargetId};
use crate::sources::ReadingSpec;

/// A binding, ready to be run: its policies are loaded, its parameters checked, its needs known.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name in the config.
    pub name: String,
    /// Digest of the settings that it came from.
    pub digest: String,
    /// Which targets.
    pub select: Selector,
    /// Distance of its turns.
    pub every_ms: u64,
    /// Its bounds.
    pub settings: Settings,
    /// Its readings, each with the longest look-back that a policy asked for.
    pub readings: Vec<Arc<ReadingSpec>>,
    /// Its policies, in order: those that act, then those that stand in for one of them, then those that watch one.
    pub slots: Vec<Slot>,
    /// What neither labels nor a person's pin exceed.
    pub caps: Range<u32>,
    /// The group whose budget its raises are taken from.
    pub group: Option<Arc<Group>>,
    /// How it is fitted to single targets; `None`: it is the same for all.
    pub fitting: Option<Arc<Fitting>>,
}

/// Bindings whose targets share a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name in the config.
    pub name: String,
    /// Most replicas of all their targets together.
    pub replicas_max: u32,
}

/// One policy of a binding.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its name in the binding; of a policy that stands in or watches, the name of the one that it does so for.
    pub name: String,
    /// What becomes of its answers.
    pub role: Role,
    /// The code.
    pub policy: Arc<Policy>,
    /// Its parameters, in the manifest's order.
    pub params: Vec<ParamValue>,
    /// What it asked for.
    pub needs: Vec<Need>,
    /// What it may propose: what it declares, cut to what the operator granted.
    pub granted: Vec<ProposalKind>,
}

/// What becomes of a policy's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// They count.
    Active {
        /// It is gone back from, if it fails soon.
        probation: Option<Probation>,
    },
    /// They count while the active one of the slot is in quarantine, and it is asked only then.
    StandIn,
    /// They are recorded, and nothing of them is done.
    Shadow {
        /// When it takes the active one's place by itself.
        promotion: Option<Promotion>,
    },
}

/// Until when a version is gone back from by itself, if it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probation {
    /// Until when.
    pub until_ms: u64,
    /// Whether it was activated for all bindings, and not for this one.
    pub for_all: bool,
}

/// When a version that watches takes the active one's place by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promotion {
    /// After so many turns in a row in which it agreed, on every target.
    pub after: u32,
    /// Whether it watches for all bindings, and not for this one.
    pub for_all: bool,
    /// Whether it is then on probation.
    pub rollback_on_fault: bool,
}

impl Role {
    /// Its word, as the board and the API show it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active { .. } => "active",
            Self::StandIn => "stand-in",
            Self::Shadow { .. } => "shadow",
        }
    }

    /// Whether it only watches.
    #[must_use]
    pub fn is_shadow(self) -> bool {
        matches!(self, Self::Shadow { .. })
    }
}

impl Slot {
    /// Under which a target keeps what a version beside the active one remembers. `None`: it is the active one, and keeps it
    /// under the slot's name.
    #[must_use]
    pub fn beside_key(&self) -> Option<String> {
        let mark = match self.role {
            Role::Active { .. } => return None,
            Role::StandIn => '+',
            Role::Shadow { .. } => '~',
        };
        Some(format!("{}{mark}{}", self.name, short(self.policy.digest())))
    }
}

/// So much of a digest as tells the versions of one policy apart.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Which targets a binding sits on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Exactly these.
    Ids(BTreeSet<TargetId>),
    /// All of one driver that carry all of these labels.
    Labels {
        /// The driver.
        driver: String,
        /// Labels and their values; none: every target of the driver.
        labels: BTreeMap<String, String>,
    },
}

impl Selector {
    /// Whether it fits this target.
    #[must_use]
    pub fn fits(&self, target: &Target) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(&target.id),
            Self::Labels { driver, labels } => {
                target.id.driver() == driver
                    && labels.iter().all(|(label, value)| target.labels.get(label) == Some(value))
            }
        }
    }
}

/// The bindings of one target: at most one may act, any number may look on.
#[derive(Debug)]
pub(super) struct Seats {
    /// The binding that acts, or of which the target awaits that it would.
    pub acting: Option<Fitted>,
    /// Bindings that decide and record, and do not act.
    pub dry: Vec<Fitted>,
    /// Names of all acting bindings where there are several: then the target holds.
    pub conflict: Vec<String>,
    /// Whether nobody has looked yet at what the target's labels make of a binding.
    pub unready: bool,
}

/// Seats the bindings on one target, each as it is fitted to it. Bindings that are off have no seat. `kept`: labels of the
/// target that last made sense to a binding.
#[must_use]
pub(super) fn seat(bindings: &[Arc<Binding>], target: &Target, kept: &KeptLabels) -> Seats {
    let mut acting: Vec<Fitted> = Vec::new();
    let mut dry = Vec::new();
    let mut unready = false;
    for binding in bindings.iter().filter(|binding| binding.select.fits(target)) {
        let Ok(fitted) = fitting::fitted(binding, target, kept.get(&binding.name), Freshness::Any) else {
            unready = true;
            continue;
        };
        match fitted.binding.settings.mode {
            Mode::Act | Mode::RaiseOnly => acting.push(fitted),
            Mode::DryRun => dry.push(fitted),
            Mode::Off => {}
        }
    }
    let conflict = match acting.as_slice() {
        [] | [_] => Vec::new(),
        several => several.iter().map(|fitted| fitted.binding.name.clone()).collect(),
    };
    Seats { acting: acting.into_iter().next(), dry, conflict, unready }
}
