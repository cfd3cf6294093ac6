//! Policies that are uploaded to a running host, and which version of them its bindings use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::reload::wanted;
use super::steer_error::SteerError;
use super::steering::Steering;
use crate::audit::{self, Event, Span};
use crate::causes::with_causes;
use crate::config;
use crate::cycle::Happening;
use crate::registry::{Active, PushMeta, Rehearsal, TrialCase, Version};
use crate::snapshot::{Snapshot, TargetId};
use crate::telemetry::measures;

/// Targets whose last snapshots an upload is tried on.
const TARGETS_MAX: usize = 8;
/// Entries of a target's records that are looked through for one that still has its snapshot.
const ENTRIES_MAX: usize = 16;

/// A version that is to act.
#[derive(Debug, Clone, Copy)]
pub struct Activation<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// The version.
    pub digest: &'a str,
    /// For this binding; `None`: for all.
    pub binding: Option<&'a str>,
    /// Who wants it.
    pub who: &'a str,
    /// Whether it is gone back from by itself if it fails soon; `None`: as the configuration says.
    pub rollback_on_fault: Option<bool>,
}

impl Steering {
    /// Takes in an upload: it is compiled, and tried on what the targets that it would serve last looked like. It runs nowhere
    /// until it is activated. See [`Registry::push`](crate::registry::Registry::push).
    ///
    /// # Errors
    /// Where the host is to blame; a bad upload is a version in the state `rejected`.
    pub async fn push(&self, bytes: &[u8], meta: &PushMeta) -> Result<Version, SteerError> {
        let began = Instant::now();
        let pushed = self.registry().push(bytes, meta, &LastSeen(self)).await;
        let outcome = match &pushed {
            Ok(version) => version.rejected.as_ref().map_or("tried", |_| "rejected"),
            Err(_) => "failed",
        };
        measures::upload(outcome, began.elapsed());
        if self.registry().is_room_due() {
            self.make_room().await;
        }
        Ok(pushed?)
    }

    /// Forgets versions that nobody uses, bytes that nothing names and artefacts of neither, where more are kept than may be.
    pub(super) async fn make_room(&self) {
        let keep = self.in_force().lock().await.config.policies.keep;
        let made = async {
            let versions = self.registry().forget_surplus(&keep).await?;
            let unnamed = audit::forgotten_digests(self.store().as_ref()).await?;
            let policies = self.registry().forget_bytes(&unnamed).await?;
            let artefacts = self.registry().forget_artefacts(&keep).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((versions, policies, artefacts))
        };
        match made.await {
            Ok((versions, policies, artefacts)) => {
                tracing::debug!(versions, policies, artefacts, "what nobody uses is forgotten");
            }
            Err(error) => tracing::warn!(error = with_causes(&*error), "what nobody uses could not be forgotten"),
        }
    }

    /// Lets a version run: for one binding, or for all that use its name. At once and as a whole: turns in progress end on the
    /// version that they began with.
    ///
    /// # Errors
    /// Where there is no such version, or a binding does not take it: its parameters or readings do not suit. Then nothing
    /// has changed.
    pub async fn activate(
        &self,
        name: &str,
        digest: &str,
        binding: Option<&str>,
        who: &str,
    ) -> Result<Active, SteerError> {
        let activation = Activation { name, digest, binding, who, rollback_on_fault: None };
        self.activate_as(&activation).await
    }

    /// The same, with a word on what becomes of it if it fails soon.
    ///
    /// # Errors
    /// As [`Self::activate`].
    pub async fn activate_as(&self, activation: &Activation<'_>) -> Result<Active, SteerError> {
        let Activation { name, digest, binding, who, .. } = *activation;
        self.check_binding(binding)?;
        let at_ms = self.clock().now_ms();
        let (always, probation_ms) = {
            let settings = &self.in_force().lock().await.config.policies;
            (settings.rollback_on_faults, settings.probation_ms)
        };
        let mut planned = self.registry().plan_activation(name, digest, binding, at_ms, who).await?;
        if activation.rollback_on_fault.unwrap_or(always) {
            planned = planned.on_probation(binding, at_ms.saturating_add(probation_ms));
        }
        if self.is_failing(name, binding) {
            planned = planned.replacing_faulty();
        }
        let active = self.carry_out(planned).await?;
        tracing::info!(policy = name, digest, binding, who, "a version is active");
        self.tell(format!("version {digest} of {name} is active for {}, by {who}", binding.unwrap_or("all")));
        Ok(active)
    }

    /// Whether the active version of a name fails somewhere: for one binding, or for any.
    fn is_failing(&self, name: &str, binding: Option<&str>) -> bool {
        let shown = self.targets();
        let seats = shown.values().flat_map(|view| &view.seats);
        let slots = seats.filter(|seat| binding.is_none_or(|one| one == seat.binding)).flat_map(|seat| &seat.slots);
        let mut active = slots.filter(|slot| slot.role == "active" && *slot.policy == *name);
        active.any(|slot| slot.faults > 0)
    }

    /// Goes back to the version before: for one binding, or for all.
    ///
    /// # Errors
    /// Where there is none, or a binding does not take it any more. Then nothing has changed.
    pub async fn rollback(&self, name: &str, binding: Option<&str>, who: &str) -> Result<Active, SteerError> {
        self.check_binding(binding)?;
        let planned = self.registry().plan_rollback(name, binding).await?;
        let active = self.carry_out(planned).await?;
        tracing::warn!(policy = name, binding, who, "rolled back to the version before");
        self.tell(format!("{name} was rolled back for {}, by {who}", binding.unwrap_or("all")));
        Ok(active)
    }

    pub(super) fn tell(&self, text: String) {
        self.board().tell(self.clock().now_ms(), Happening::Steered { target: None, text });
    }

    pub(super) fn check_binding(&self, binding: Option<&str>) -> Result<(), SteerError> {
        match binding.filter(|name| self.bindings().iter().all(|binding| binding.name != **name)) {
            Some(name) => Err(SteerError::UnknownBinding { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}

/// What the targets of a policy last looked like, from their records.
struct LastSeen<'a>(&'a Steering);

#[async_trait]
impl Rehearsal for LastSeen<'_> {
    async fn cases(&self, name: &str) -> Vec<TrialCase> {
        let users = self.users(name).await;
        let mut cases = Vec::new();
        for (target, binding) in self.served(&users) {
            let Some(snapshot) = last_snapshot(self.0, &target, &binding).await else { continue };
            for params in users.get(&binding).into_iter().flatten() {
                let (binding, params) = (binding.clone(), params.clone());
                cases.push(TrialCase { binding, params, snapshot: Arc::clone(&snapshot) });
            }
        }
        cases
    }
}

/// Parameters, by binding.
type Users = BTreeMap<String, Vec<Map<String, Value>>>;

impl LastSeen<'_> {
    /// Bindings that use the name, and with which parameters.
    async fn users(&self, name: &str) -> Users {
        let in_force = self.0.in_force().lock().await;
        let params = |binding: &config::Binding| {
            let used = binding.policies.iter().filter(|used| used.uses == name);
            (binding.name.clone(), used.map(|used| used.params.clone()).collect::<Vec<_>>())
        };
        let users = wanted(&in_force.config, &in_force.own, &in_force.rows).into_iter().map(params);
        users.filter(|(_, params)| !params.is_empty()).collect()
    }

    /// Some of the targets that those bindings sit on.
    fn served(&self, users: &Users) -> Vec<(TargetId, String)> {
        let mut served = Vec::new();
        for view in self.0.targets().values() {
            let seat = view.seats.iter().find(|seat| users.contains_key(&seat.binding));
            served.extend(seat.map(|seat| (view.target.id.clone(), seat.binding.clone())));
            if served.len() >= TARGETS_MAX {
                break;
            }
        }
        served
    }
}

/// The snapshot of a target's last turn under a binding, where its record still has it.
async fn last_snapshot(steering: &Steering, target: &TargetId, binding: &str) -> Option<Arc<Snapshot>> {
    let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: ENTRIES_MAX };
    let events = match audit::history(steering.store().as_ref(), target, span).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(target_id = %target, %error, "an upload is not tried on it: its records cannot be read");
            return None;
        }
    };
    events.into_iter().rev().find_map(|event| match event {
        Event::Turn(turn) if turn.record.binding == binding => Some(turn.record.snapshot),
        _ => None,
    })
}
