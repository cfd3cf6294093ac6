//! Versions that watch beside the active ones of a running host.

use super::steer_error::SteerError;
use super::steering::Steering;
use crate::registry::{Active, Shadow};

/// A version that is to watch.
#[derive(Debug, Clone, Copy)]
pub struct ShadowWanted<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// The version.
    pub digest: &'a str,
    /// Beside the active one of this binding; `None`: of all that use the name.
    pub binding: Option<&'a str>,
    /// It is activated by itself after so many turns in a row in which it agreed, on every target; `None`: never.
    pub promote_after: Option<u32>,
    /// Whether it is then on probation.
    pub rollback_on_fault: bool,
}

/// How a version that watches does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShadowSeen {
    /// Targets on which it is asked.
    pub targets: usize,
    /// Turns in a row in which it agreed on all of them: the fewest of any.
    pub agreed: u32,
    /// Targets on which it fails.
    pub failing: usize,
}

impl Steering {
    /// Has a version watch: it is asked what the active one is asked, after it, and what it says is recorded and not done.
    /// Where it watches already, what is said of it anew holds.
    ///
    /// # Errors
    /// Where there is no such version, a binding does not take it (its parameters or readings do not suit), nobody would have
    /// it watch, or too many do. Then nothing has changed.
    pub async fn set_shadow(&self, wanted: &ShadowWanted<'_>, who: &str) -> Result<Active, SteerError> {
        let ShadowWanted { name, digest, binding, promote_after, rollback_on_fault } = *wanted;
        self.check_binding(binding)?;
        let shadow = Shadow {
            digest: digest.to_owned(),
            binding: binding.map(str::to_owned),
            promote_after,
            rollback_on_fault,
            by: who.to_owned(),
            at_ms: self.clock().now_ms(),
        };
        let planned = self.registry().plan_shadow(name, shadow).await?;
        let active = self.carry_out(planned).await?;
        tracing::info!(policy = name, digest, binding, promote_after, who, "a version watches");
        self.tell(format!("version {digest} of {name} watches for {}, by {who}", binding.unwrap_or("all")));
        Ok(active)
    }

    /// Ends a version's watching, for whom it was set. What it remembers is dropped.
    ///
    /// # Errors
    /// Where it does not watch for them.
    pub async fn remove_shadow(
        &self,
        name: &str,
        digest: &str,
        binding: Option<&str>,
        who: &str,
    ) -> Result<Active, SteerError> {
        let planned = self.registry().plan_unshadow(name, digest, binding).await?;
        let active = self.carry_out(planned).await?;
        tracing::info!(policy = name, digest, binding, who, "a version watches no longer");
        self.tell(format!("version {digest} of {name} watches no longer for {}, by {who}", binding.unwrap_or("all")));
        Ok(active)
    }

    /// How a version that watches does, as the last turns left it.
    #[must_use]
    pub fn shadow_seen(&self, name: &str, digest: &str, binding: Option<&str>) -> ShadowSeen {
        let shown = self.targets();
        let seats = shown.values().flat_map(|view| &view.seats);
        let slots = seats.filter(|seat| binding.is_none_or(|one| one == seat.binding)).flat_map(|seat| &seat.slots);
        let watching = slots.filter(|slot| *slot.policy == *name && slot.digest.as_ref() == digest);
        let mut seen: Option<ShadowSeen> = None;
        for (slot, agreed) in watching.filter_map(|slot| Some((slot, slot.agreed?))) {
            let so_far = seen.get_or_insert(ShadowSeen { agreed, ..ShadowSeen::default() });
            so_far.targets = so_far.targets.saturating_add(1);
            so_far.agreed = so_far.agreed.min(agreed);
            so_far.failing = so_far.failing.saturating_add(usize::from(slot.faults > 0));
        }
        seen.unwrap_or_default()
    }
}
