//! Setting counts and sizes, and following what Swarm makes of them. Taking a step again asks how far it has come.

use std::time::{Duration, Instant};

use bollard::models::{Node, Service, Task};
use serde_json::Value;

use super::engine::One;
use super::observe::left_alone;
use super::progress::{Census, Rollout};
use super::size::Size;
use super::{Asked, SwarmDriver};
use crate::bounds::Decision;
use crate::drivers::{DriverError, StepState};
use crate::quantity::DurationMs;

/// A size that Swarm rolled back is not asked for again within this time: it would exchange all tasks twice, each time in vain.
const ROLLED_BACK_REST: Duration = Duration::from_secs(60 * 60);

/// One service, with all that every step needs of it.
struct Found {
    id: String,
    version: u64,
    /// The whole of it, as the manager said it.
    spec: Value,
    replicas: u64,
    size: Size,
    rollout: Rollout,
    tasks: Vec<Task>,
    nodes: Vec<Node>,
}

impl Found {
    fn of(one: One) -> Option<Self> {
        let One { service: mut raw, tasks, nodes } = one;
        let service: Service = serde_json::from_value(raw.clone()).ok()?;
        let spec = service.spec.as_ref()?;
        let replicas = spec.mode.as_ref()?.replicated.as_ref()?.replicas.unwrap_or(0);
        Some(Self {
            rollout: Rollout::of(&service),
            replicas: u64::try_from(replicas).ok()?,
            size: Size::of(spec.task_template.as_ref()),
            id: service.id?,
            version: service.version?.index?,
            spec: raw.get_mut("Spec").map(Value::take)?,
            tasks,
            nodes,
        })
    }

    fn census(&self) -> Census {
        Census::of(&self.tasks, &self.nodes, self.size)
    }
}

impl SwarmDriver {
    async fn find(&self, decision: &Decision) -> Result<Found, DriverError> {
        let name = decision.target().name();
        let found = self.engine.service(name).await?.and_then(Found::of);
        found.ok_or_else(|| self.refused(format!("there is no service {name} with a count of its own any more")))
    }

    // ----------------------------------------------------------------------------------------------------------- count

    /// Sets the count, if it is the one that was decided on, and waits until as many tasks run.
    pub(super) async fn set_count(&self, decision: &Decision) -> Result<StepState, DriverError> {
        let Some(change) = decision.replicas() else {
            return Err(self.refused("the decision changes no count".to_owned()));
        };
        let mut found = self.find(decision).await?;
        let (from, to) = (u64::from(change.from), u64::from(change.to));
        if found.replicas == to {
            return Ok(follow_count(&found, to > from));
        }
        if found.replicas != from {
            let now = found.replicas;
            return Err(
                self.refused(format!("somebody else has set {} to {now} since it was {from}", decision.target()))
            );
        }
        if let Some(why) = forbids_count(&found.rollout, to < from) {
            return Ok(waiting(why));
        }
        let Some(replicated) = found.spec.pointer_mut("/Mode/Replicated").and_then(Value::as_object_mut) else {
            return Err(self.refused(format!("{} has no count", decision.target())));
        };
        replicated.insert("Replicas".to_owned(), change.to.into());
        self.engine.update(&found.id, found.version, &found.spec).await?;
        Ok(waiting(format!("asked for {to} tasks")))
    }

    // ------------------------------------------------------------------------------------------------------------ size

    /// Sets the size of the template, and follows until all tasks were exchanged or Swarm gave up.
    pub(super) async fn resize(&self, decision: &Decision) -> Result<StepState, DriverError> {
        let mut found = self.find(decision).await?;
        // A task has one container, so every wish is for it.
        let wanted = decision.resize().iter().fold(found.size, |size, one| size.overlaid(one.requests, one.limits));
        let asked = self.desk().asked.get(&found.id).cloned();
        let begun = asked.as_ref().is_some_and(|asked| asked.key == decision.key());
        if wanted == found.size {
            return Ok(follow_size(&found));
        }
        if begun {
            return self.undone(&found, wanted);
        }
        if let Some(why) = self.rests(&found.id, wanted) {
            return Ok(StepState::Impossible { why });
        }
        match &found.rollout {
            Rollout::Going { why, .. } | Rollout::RolledBack { why, done: false } => {
                return Ok(waiting(format!("another update is under way: {why}")));
            }
            Rollout::Paused { why } => {
                let why = format!("an update is paused; resume or undo it first: {why}");
                return Ok(StepState::Impossible { why });
            }
            Rollout::None | Rollout::RolledBack { .. } => {}
        }
        if !wanted.write(&mut found.spec) {
            return Err(self.refused(format!("{} has no template", decision.target())));
        }
        self.engine.update(&found.id, found.version, &found.spec).await?;
        self.desk().asked.insert(found.id, Asked { key: decision.key().to_owned(), size: wanted });
        Ok(waiting("asked for the new size".to_owned()))
    }

    /// We asked for a size, and the service has another: Swarm or somebody else took it back.
    fn undone(&self, found: &Found, wanted: Size) -> Result<StepState, DriverError> {
        let Rollout::RolledBack { why, .. } = &found.rollout else {
            return Err(self.refused("somebody else has changed its size meanwhile".to_owned()));
        };
        self.desk().refused.insert(found.id.clone(), (wanted, Instant::now()));
        Ok(StepState::Impossible { why: format!("Swarm rolled it back: {why}") })
    }

    /// Why this size is not asked for now.
    fn rests(&self, id: &str, wanted: Size) -> Option<String> {
        let desk = self.desk();
        let (_, since) =
            desk.refused.get(id).filter(|(size, since)| *size == wanted && since.elapsed() < ROLLED_BACK_REST)?;
        let ms = |duration: Duration| DurationMs(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).rounded();
        let (ago, rest) = (ms(since.elapsed()), ms(ROLLED_BACK_REST));
        Some(format!("Swarm rolled this size back {ago} ago; it is not asked for again within {rest}"))
    }

    /// Says once of each update that Swarm gave up, and of each service that is left alone; forgets services that are no more.
    pub(super) fn notice(&self, services: &[Service]) {
        let mut desk = self.desk();
        let known = |id: &String| services.iter().any(|service| service.id.as_ref() == Some(id));
        desk.asked.retain(|id, _| known(id));
        desk.refused.retain(|id, _| known(id));
        desk.told.retain(|id, _| known(id));
        desk.left.retain(known);
        for service in services {
            let Some(id) = &service.id else { continue };
            let name = service.spec.as_ref().and_then(|spec| spec.name.as_deref()).unwrap_or(id);
            let target_id = format!("{}/{name}", self.name);
            if let Some(why) = left_alone(service)
                && desk.left.insert(id.clone())
            {
                tracing::info!(target_id, why, "a service is left alone");
            }
            let (what, why, rolled_back) = match Rollout::of(service) {
                Rollout::RolledBack { why, .. } => ("Swarm rolled a service back", why, true),
                Rollout::Paused { why } => ("Swarm paused an update", why, false),
                Rollout::None | Rollout::Going { .. } => continue,
            };
            let began = service.update_status.as_ref().and_then(|status| status.started_at.clone()).unwrap_or_default();
            let this = format!("{what} {began}");
            if desk.told.get(id) == Some(&this) {
                continue;
            }
            tracing::warn!(target_id, why, "{what}");
            desk.told.insert(id.clone(), this);
            // The size that we asked for last, where the service no longer has it.
            let size = service.spec.as_ref().map(|spec| Size::of(spec.task_template.as_ref())).unwrap_or_default();
            let asked = desk.asked.get(id).map(|asked| asked.size).filter(|asked| rolled_back && *asked != size);
            if let Some(asked) = asked {
                desk.refused.insert(id.clone(), (asked, Instant::now()));
            }
        }
    }
}

/// Why a count must wait for an exchange of tasks. A raise does not, unless Swarm would lose track of what to go back to: it
/// goes back to the specification before the last, and a new count would be the last.
fn forbids_count(rollout: &Rollout, lowers: bool) -> Option<String> {
    match rollout {
        Rollout::Going { why, restores } if lowers || *restores => Some(format!("an update is under way: {why}")),
        Rollout::RolledBack { why, done: false } => Some(format!("an update is being rolled back: {why}")),
        _ => None,
    }
}

fn follow_count(found: &Found, raised: bool) -> StepState {
    let census = found.census();
    let all = found.replicas;
    let settled = if raised { census.running >= all } else { census.wanted <= all && census.leaving == 0 };
    if settled {
        return StepState::Done;
    }
    waiting(census.waits(&format!("{} of {all} tasks run", census.running)))
}

fn follow_size(found: &Found) -> StepState {
    let census = found.census();
    let all = found.replicas;
    match &found.rollout {
        Rollout::Paused { why } => {
            let paused = format!("Swarm paused it: {why}");
            return StepState::Impossible { why: census.waits(&paused) };
        }
        Rollout::Going { why, .. } => {
            let tasks = format!("{} of {all} tasks have the new size ({why})", census.resized);
            return waiting(census.waits(&tasks));
        }
        Rollout::None | Rollout::RolledBack { .. } => {}
    }
    if census.resized >= all {
        return StepState::Done;
    }
    waiting(census.waits(&format!("{} of {all} tasks have the new size", census.resized)))
}

fn waiting(why: String) -> StepState {
    StepState::Waiting { why }
}
