//! From what a driver observed and the sources measured to the snapshots of one turn.

use std::sync::Arc;

use super::seats::Binding;
use super::state::TargetState;
use super::zones;
use crate::alerts::OpenAlerts;
use crate::drivers::ObservedTarget;
use crate::policy::NeedKind;
use crate::snapshot::{Alert, InFlight, Inventory, Limits, Node, Reading, SNAPSHOT_FORMAT, Snapshot, Target};

/// What a snapshot is made of.
pub(super) struct Facts<'a> {
    /// As the driver saw it.
    pub(super) observed: &'a ObservedTarget,
    /// What the host keeps of it.
    pub(super) state: &'a TargetState,
    /// The backend's nodes.
    pub(super) nodes: &'a [Node],
    /// The alerts that are open.
    pub(super) alerts: &'a OpenAlerts,
    /// Whether the backend keeps the desired count.
    pub(super) backend_counts: bool,
    /// The turn's time.
    pub(super) now_ms: u64,
}

/// Makes the snapshot of one target as one binding sees it.
pub(super) fn snapshot(facts: &Facts<'_>, binding: &Binding, readings: Vec<Reading>) -> Arc<Snapshot> {
    let needs = |kind: NeedKind| binding.slots.iter().flat_map(|slot| &slot.needs).any(|need| need.kind == kind);
    Arc::new(Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms: facts.now_ms,
        target: target(facts, binding),
        in_flight: in_flight(facts),
        instances: facts.observed.instances.clone(),
        nodes: if needs(NeedKind::Nodes) { facts.nodes.to_vec() } else { Vec::new() },
        readings,
        alerts: if needs(NeedKind::Alerts) { alerts_of(facts, binding) } else { Vec::new() },
        changes: facts.state.changes.clone(),
        transitions: zones::transitions(binding, facts.now_ms),
        inventory: inventory(facts, binding.settings.lost_window_ms),
    })
}

fn alerts_of(facts: &Facts<'_>, binding: &Binding) -> Vec<Alert> {
    facts.alerts.of(&facts.observed.target.id, &binding.name)
}

fn target(facts: &Facts<'_>, binding: &Binding) -> Target {
    let (least, most) = binding.settings.least_and_most();
    let mut target = facts.observed.target.clone();
    target.limits = Limits {
        replicas_min: binding.settings.replicas.min,
        replicas_max: binding.settings.replicas.max,
        least,
        most,
    };
    if !facts.backend_counts {
        target.desired = facts.state.desired.unwrap_or(target.desired);
    }
    target
}

fn in_flight(facts: &Facts<'_>) -> Option<InFlight> {
    let flight = facts.state.flight.as_ref()?;
    let mut change = flight.change.clone();
    change.pending = super::reconcile::pending(&flight.plan, &facts.observed.instances);
    Some(change)
}

/// A list that is suddenly empty is not believed before it has stayed so for `believe_after_ms`: a backend that forgot
/// everything looks the same as one where everything died, and mostly remembers soon.
fn inventory(facts: &Facts<'_>, believe_after_ms: u64) -> Inventory {
    let wanted = if facts.backend_counts { facts.observed.target.desired } else { facts.state.desired.unwrap_or(0) };
    let since_ms = facts.state.empty_since_ms.filter(|_| facts.state.seen > 0);
    let sudden = since_ms.is_some_and(|since_ms| facts.now_ms.saturating_sub(since_ms) < believe_after_ms);
    if facts.observed.inventory.is_complete() && sudden && wanted > 0 && facts.state.flight.is_none() {
        return Inventory::SuddenlyEmpty { before: facts.state.seen };
    }
    facts.observed.inventory.clone()
}
