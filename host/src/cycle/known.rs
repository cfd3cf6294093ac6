//! The turn of an event looks at what is known already, where that is young enough: the backend is not asked for all that it
//! has because of one reading. Such a turn never lowers, and each act is still made from the target's own state. An event of the
//! backend itself is another matter: what is known is what it has changed.

use std::collections::HashMap;

use super::{Cycle, Occasion};
use crate::audit::Trigger;
use crate::drivers::{Observation, ObservedTarget};

/// What was seen longer ago than this is not known any more, nor is what was seen longer ago than the binding's `every`.
const KNOWN_MS_MAX: u64 = 5_000;

impl Cycle {
    /// What is known of the targets of an event's turn; `None`: the backend must be asked. Of a target that a change is under
    /// way for, or has been since it was seen, nothing is known.
    pub(super) fn known(&self, occasion: &Occasion<'_>, now_ms: u64) -> Option<Observation> {
        let of_event = matches!(occasion.trigger, Trigger::Event { .. }) && !occasion.anew;
        let only = occasion.only.filter(|_| of_event)?;
        if !self.reconciled || !self.jumped.is_empty() {
            return None;
        }
        let every: HashMap<&str, u64> =
            occasion.bindings.iter().map(|binding| (binding.name.as_str(), binding.every_ms)).collect();
        let mut targets = Vec::with_capacity(only.len());
        for id in only {
            let view = self.board.target(id)?;
            let every_ms = view.seats.iter().filter_map(|seat| every.get(seat.binding.as_str()).copied()).min()?;
            let age_ms = now_ms.saturating_sub(view.seen_ms?);
            let at_rest = view.in_flight.is_none() && !self.running.contains_key(id);
            if !at_rest || !view.inventory.is_complete() || age_ms > every_ms.min(KNOWN_MS_MAX) {
                return None;
            }
            targets.push(ObservedTarget {
                target: view.target.clone(),
                instances: view.instances.clone(),
                inventory: view.inventory.clone(),
                // For those who look on; the driver itself waits.
                back_off_until_ms: None,
            });
        }
        Some(Observation { targets, nodes: self.nodes.clone(), unreadable: Vec::new() })
    }
}
