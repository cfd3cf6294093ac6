//! How far a change came whose host was killed or gave it up: told by present facts, never by what was meant.

use std::collections::HashMap;

use super::{Cycle, CycleError};
use crate::audit::{self, Closing};
use crate::drivers::{Observation, Outcome, Plan, Step};
use crate::snapshot::{Instance, Phase};

/// How far a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All that it was to create serves, all that it was to remove is gone.
    Applied,
    /// Some of it.
    Partial,
    /// None of it.
    Absent,
    /// The facts do not tell: the list is not whole, or the steps leave no trace.
    Unknown,
}

/// Tells from the instances that are there now. `None`: there is no whole list.
#[must_use]
pub fn standing(plan: &Plan, instances: Option<&[Instance]>) -> Standing {
    let Some(instances) = instances else { return Standing::Unknown };
    let phase_of = |id: &str| instances.iter().find(|instance| instance.id == id).map(|instance| instance.phase);
    let mut done = 0_usize;
    let mut open = 0_usize;
    let mut untold = 0_usize;
    for step in plan.steps() {
        let is_done = match step {
            Step::AwaitReady { instance } => phase_of(instance) == Some(Phase::Ready),
            Step::Remove { instance } => phase_of(instance).is_none(),
            Step::Resize | Step::SetCount | Step::Restart { .. } | Step::Start { .. } => {
                untold = untold.saturating_add(1);
                continue;
            }
            // Told by the steps that follow them.
            Step::Create { .. }
            | Step::Register { .. }
            | Step::Drain { .. }
            | Step::Deregister { .. }
            | Step::Stop { .. } => continue,
        };
        if is_done { done = done.saturating_add(1) } else { open = open.saturating_add(1) }
    }
    match (done, open, untold) {
        (0, 0, _) => Standing::Unknown,
        (_, 0, 0) => Standing::Applied,
        (0, _, 0) if plan.created().all(|id| phase_of(id).is_none()) => Standing::Absent,
        _ => Standing::Partial,
    }
}

/// What a change that was given up still waits for, for a person. Empty: it has settled, one way or the other, for what it
/// waited for is ready or gone for good. What the backend says nothing of (`Unknown`) may be either.
#[must_use]
pub(super) fn pending(plan: &Plan, instances: &[Instance]) -> Vec<String> {
    let phase_of = |id: &str| instances.iter().find(|instance| instance.id == id).map(|instance| instance.phase);
    plan.steps()
        .filter_map(|step| match step {
            Step::AwaitReady { instance } => match phase_of(instance) {
                Some(Phase::Unknown | Phase::Pending | Phase::Starting) => Some(format!("{instance} to be ready")),
                _ => None,
            },
            Step::Remove { instance } => match phase_of(instance) {
                Some(Phase::Unknown | Phase::Draining | Phase::Stopping) => Some(format!("{instance} to end")),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

impl Cycle {
    /// Closes what an earlier host left open, by present facts, and decides nothing: the turn that follows does, from those
    /// same facts.
    pub(super) async fn reconcile(&mut self, observation: &Observation, now_ms: u64) -> Result<(), CycleError> {
        let open = audit::open_records(self.parts.store.as_ref()).await?;
        let there: HashMap<_, _> = observation.targets.iter().map(|observed| (&observed.target.id, observed)).collect();
        let mut writes = Vec::new();
        let mut states = Vec::new();
        for record in open.iter().filter(|record| record.target.driver() == self.parts.driver.name()) {
            let mut state = self.states.get(&record.target).cloned().unwrap_or_default();
            let flight = state.flight.take_if(|flight| flight.record == record.id.as_str());
            let observed = there.get(&record.target).copied();
            let whole = observed.filter(|observed| observed.inventory.is_complete());
            let instances = whole.map(|observed| observed.instances.as_slice());
            let outcome = match flight.as_ref().map(|flight| standing(&flight.plan, instances)) {
                Some(Standing::Applied) => Outcome::Applied,
                Some(Standing::Partial) => Outcome::Partial,
                Some(Standing::Absent) => Outcome::Absent,
                Some(Standing::Unknown) | None => Outcome::Unknown,
            };
            tracing::warn!(target_id = %record.target, key = %record.id, %outcome, "an earlier host left this change open");
            let text = "the host ended while it was under way".to_owned();
            let closing = Closing { id: record.id.clone(), at_ms: now_ms, outcome, text, replicas: None };
            writes.extend(audit::close(&record.target, &closing));
            writes.push(state.write(&record.target)?);
            states.push((record.target.clone(), state));
        }
        self.parts.store.write(writes).await?;
        self.states.extend(states);
        Ok(())
    }
}
