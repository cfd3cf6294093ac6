//! Targets that leave a selector, for somebody edited a label: they are told of once and left alone, neither recounted nor
//! removed; and when they come back they are taken up as they were left.

use std::sync::Arc;

use super::seats::Binding;
use super::{Cycle, CycleError, TurnReport};
use crate::audit::{self, Note};
use crate::drivers::ObservedTarget;

/// What is noted of a target that no binding selects any more.
const LEFT: &str = "no binding selects it any more: it is left alone";

/// Notes who left and who came back.
pub(super) async fn tell(
    cycle: &mut Cycle,
    targets: &[ObservedTarget],
    bindings: &[Arc<Binding>],
    now_ms: u64,
    report: &mut TurnReport,
) -> Result<(), CycleError> {
    let mut notes = Vec::new();
    for observed in targets {
        let id = &observed.target.id;
        let selected = bindings.iter().any(|binding| binding.select.fits(&observed.target));
        let text = match (selected, cycle.met.contains_key(id), cycle.left.contains(id)) {
            (false, true, false) => LEFT.to_owned(),
            (true, _, true) => {
                let desired = cycle.states.get(id).and_then(|state| state.desired);
                let desired = desired.map_or_else(String::new, |desired| format!(", {desired} replicas desired"));
                format!("a binding selects it again: it is taken up as it was left{desired}")
            }
            _ => continue,
        };
        tracing::warn!(target_id = %id, "{text}");
        report.troubles.extend((!selected).then(|| format!("{id}: {text}")));
        notes.push((id.clone(), selected, audit::note(id, &Note { at_ms: now_ms, text })));
    }
    if notes.is_empty() {
        return Ok(());
    }
    let writes = notes.iter().map(|(_, _, write)| write.clone()).collect();
    cycle.parts.store.write(writes).await?;
    for (id, selected, _) in notes {
        // Its next turn is as the first after a start: its windows know nothing of the time between.
        cycle.met.remove(&id);
        if selected {
            cycle.left.remove(&id)
        } else {
            cycle.left.insert(id)
        };
    }
    Ok(())
}
