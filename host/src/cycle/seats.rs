//! Which binding sits on which target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bounds::{Mode, Settings};
use crate::policy::{Need, NeedKind, ParamValue, Policy, ProposalKind};
use crate::snapshot::{Target, TargetId};
use crate::sources::ReadingSpec;

/// A binding, ready to be run: its policies are loaded, its parameters checked, its needs known.
#[derive(Debug)]
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
    /// Its policies, in order.
    pub slots: Vec<Slot>,
    /// Alerts that are for its targets: those that carry all labels of one of these.
    pub alerts: Vec<BTreeMap<String, String>>,
}

impl Binding {
    /// Whether a policy of it asks for alerts.
    #[must_use]
    pub fn asks_for_alerts(&self) -> bool {
        self.slots.iter().any(|slot| slot.needs.iter().any(|need| need.kind == NeedKind::Alerts))
    }
}

/// One policy of a binding.
#[derive(Debug)]
pub struct Slot {
    /// Its name in the binding.
    pub name: String,
    /// The code.
    pub policy: Arc<Policy>,
    /// Its parameters, in the manifest's order.
    pub params: Vec<ParamValue>,
    /// What it asked for.
    pub needs: Vec<Need>,
    /// What it may propose: what it declares, cut to what the operator granted.
    pub granted: Vec<ProposalKind>,
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
pub(super) struct Seats<'a> {
    /// The binding that acts, or of which the target awaits that it would.
    pub acting: Option<&'a Arc<Binding>>,
    /// Bindings that decide and record, and do not act.
    pub dry: Vec<&'a Arc<Binding>>,
    /// Names of all acting bindings where there are several: then the target holds.
    pub conflict: Vec<String>,
}

/// Seats the bindings on one target. Bindings that are off have no seat.
#[must_use]
pub(super) fn seat<'a>(bindings: &'a [Arc<Binding>], target: &Target) -> Seats<'a> {
    let mut acting: Vec<&Arc<Binding>> = Vec::new();
    let mut dry = Vec::new();
    for binding in bindings.iter().filter(|binding| binding.select.fits(target)) {
        match binding.settings.mode {
            Mode::Act | Mode::RaiseOnly => acting.push(binding),
            Mode::DryRun => dry.push(binding),
            Mode::Off => {}
        }
    }
    let conflict = match acting.as_slice() {
        [] | [_] => Vec::new(),
        several => several.iter().map(|binding| binding.name.clone()).collect(),
    };
    Seats { acting: acting.first().copied(), dry, conflict }
}
