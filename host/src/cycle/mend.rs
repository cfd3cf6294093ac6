//! Keeps the registrars' entries true to what is there: a registrar that was restarted has forgotten, the dead are taken out, and
//! what is reached elsewhere since, as a container that was restarted, is entered there.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;

use super::state::TargetState;
use crate::drivers::ObservedTarget;
use crate::registrars::{Registrar, RegistrarError};
use crate::snapshot::{Instance, Phase};

/// Enters what serves and is not entered, or has another address than when it was seen last, and takes out what is gone. What a
/// change in flight is about is left to it. Where the list is not whole, or too much of it is lost at once, nothing is taken out.
/// `before`: the instances as they were seen last; `None`: this host has not seen them yet, and an earlier one may have entered
/// them elsewhere. Returns whether all of it succeeded.
pub(super) async fn entries(
    registrars: &[Arc<dyn Registrar>],
    observed: &ObservedTarget,
    state: &TargetState,
    before: Option<&[Instance]>,
    may_take_out: bool,
) -> bool {
    let target = &observed.target.id;
    let mut mended = true;
    for registrar in registrars.iter().filter(|registrar| registrar.serves(target)) {
        if let Err(error) = mend(registrar.as_ref(), observed, state, before, may_take_out).await {
            tracing::warn!(target_id = %target, registrar = registrar.name(), %error, "entries could not be mended");
            mended = false;
        }
    }
    mended
}

async fn mend(
    registrar: &dyn Registrar,
    observed: &ObservedTarget,
    state: &TargetState,
    before: Option<&[Instance]>,
    may_take_out: bool,
) -> Result<(), RegistrarError> {
    let target = &observed.target.id;
    let entered: BTreeSet<String> = registrar.entered(target).await?.into_iter().collect();
    let busy: BTreeSet<&str> =
        state.flight.iter().flat_map(|flight| flight.plan.steps()).filter_map(crate::drivers::Step::instance).collect();
    let missing = observed.instances.iter().filter(|instance| {
        let wanted = !entered.contains(&instance.id) || has_moved(instance, before);
        instance.phase == Phase::Ready && wanted && !busy.contains(instance.id.as_str())
    });
    // All at once: a proxy that polls takes as long for one as for fifty.
    let registers =
        missing.filter_map(|instance| Some(registrar.register(target, &instance.id, instance.address.as_ref()?)));
    join_all(registers).await.into_iter().collect::<Result<(), _>>()?;
    if !may_take_out || !observed.inventory.is_complete() {
        return Ok(());
    }
    let gone = entered.iter().filter(|id| {
        let phase = observed.instances.iter().find(|instance| &instance.id == *id).map(|instance| instance.phase);
        // What has failed serves nobody, also where the change in flight clears it away once others stand in for it.
        let left_alone = busy.contains(id.as_str()) && phase != Some(Phase::Failed);
        !left_alone && phase.is_none_or(|phase| phase.is_lost() || matches!(phase, Phase::Stopped | Phase::Stopping))
    });
    // One that must wait until a proxy has taken the change keeps no other entered.
    join_all(gone.map(|id| registrar.deregister(target, id))).await.into_iter().collect()
}

/// Whether it may be entered with an address that is not its own any more. A registrar tells who is entered, not where; to enter
/// once more what is entered there already changes nothing.
fn has_moved(instance: &Instance, before: Option<&[Instance]>) -> bool {
    let Some(before) = before else { return true };
    before.iter().find(|one| one.id == instance.id).is_none_or(|one| one.address != instance.address)
}
