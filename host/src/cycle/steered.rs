//! What people said of targets while the host runs: pauses, pins, that all is well again, and the freeze of everything. The
//! bounds hear of most of it through their [`Gates`]; here it is only carried.

use std::collections::BTreeMap;

use crate::bounds::{Freeze, Gates, Pause, Pin};
use crate::snapshot::TargetId;

/// What holds now. What has ended by its own time counts for nothing; whoever keeps it drops it sooner or later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steered {
    /// Everything stops.
    pub freeze: Option<Freeze>,
    /// Targets that are left alone.
    pub pauses: BTreeMap<TargetId, Pause>,
    /// Counts that people pinned.
    pub pins: BTreeMap<TargetId, Pin>,
    /// When a person last said of a target that all is well again: its next turn forgets quarantines and losses. What has
    /// become of it the target's state keeps; this is forgotten after a while.
    pub cleared: BTreeMap<TargetId, u64>,
}

impl Steered {
    /// As the bounds hear of it for one target.
    pub(super) fn gates(&self, target: &TargetId) -> Gates {
        Gates {
            freeze: self.freeze.clone(),
            pause: self.pauses.get(target).cloned(),
            pin: self.pins.get(target).cloned(),
            ..Gates::default()
        }
    }
}
