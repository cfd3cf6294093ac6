//! Stops and removes a container.

use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::{RemoveContainerOptions, StopContainerOptions};

use super::super::Inner;
use super::super::engine::{Engine, EngineError};
use super::super::observe::{is_stopped, may_go};
use super::super::scan::Maker;
use super::{Found, Job, impossible, waiting};
use crate::drivers::{DriverError, StepState};

/// What the engine gives a container that says nothing of it.
const GRACE_SECONDS: u64 = 10;
/// After the grace the engine kills; so much later it has answered.
const KILL_WAIT: Duration = Duration::from_secs(30);

impl Inner {
    pub(super) fn is_stopped(&self, job: &Job<'_>, found: &Found) -> bool {
        let desk = self.desk();
        desk.kept.get(job.workload).is_some_and(|kept| is_stopped(kept, &found.id, &found.details))
    }

    pub(super) fn is_ours(&self, job: &Job<'_>, found: &Found) -> bool {
        matches!(found.maker(job.target, self.desk().kept.get(job.workload)), Maker::Us { .. })
    }

    /// Why a container is neither stopped nor removed: others made it, and the operator has not said that such may go.
    fn spared(&self, job: &Job<'_>, found: &Found) -> Option<StepState> {
        let (maker, is_template) = {
            let desk = self.desk();
            let kept = desk.kept.get(job.workload);
            let template = kept.and_then(|kept| kept.template.as_ref());
            (found.maker(job.target, kept), template.is_some_and(|template| template.container == found.id))
        };
        if matches!(maker, Maker::Us { .. }) || may_go(job.settings, is_template) {
            return None;
        }
        let name = found.name();
        Some(impossible(match maker {
            _ if is_template => format!("{name} is the template; set remove_template to let it go"),
            Maker::Copied => format!(
                "{name} has the labels of an instance and is not the container that was made for it; set remove_foreign to let it go"
            ),
            _ => format!("{name} was not made by trimtab; set remove_foreign to let it go"),
        }))
    }

    pub(super) async fn stop(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        match self.find(job.workload, job.instance).await? {
            None => Ok(StepState::Done),
            Some(found) => match self.spared(job, &found) {
                Some(spared) => Ok(spared),
                None => Ok(self.see_out(job, &found).await?.unwrap_or(StepState::Done)),
            },
        }
    }

    /// Goes on with stopping: the engine signals, waits for the grace, and kills. `None` once it does not run.
    pub(super) async fn see_out(&self, job: &Job<'_>, found: &Found) -> Result<Option<StepState>, DriverError> {
        let ended = {
            let mut desk = self.desk();
            match desk.stopping.remove(&found.id) {
                Some(task) if found.runs() && !task.is_finished() => {
                    desk.stopping.insert(found.id.clone(), task);
                    return Ok(Some(waiting("it was told to stop")));
                }
                other => other,
            }
        };
        if !found.runs() {
            return Ok(None);
        }
        if let Some(task) = ended
            && let Ok(Err(error)) = task.await
            // In the way of itself: it is told once more.
            && !matches!(error, EngineError::Conflict(_))
        {
            return Err(found.engine.error(&format!("stop {}", job.instance), &error));
        }
        let since = found.details.state.as_ref().and_then(|state| state.started_at.clone()).unwrap_or_default();
        self.keep(job.workload, |kept| kept.stopped.insert(found.id.clone(), since))?;
        let config = found.details.config.as_ref();
        let own = config.and_then(|config| config.stop_timeout).and_then(|seconds| u64::try_from(seconds).ok());
        // Podman tells 0 where nothing was said, and would kill at once.
        let own = own.filter(|seconds| *seconds > 0);
        let grace = job.settings.grace.map_or(own.unwrap_or(GRACE_SECONDS), |grace| grace.0.div_ceil(1_000));
        let task = tokio::spawn(stop_container(Arc::clone(&found.engine), found.id.clone(), grace));
        self.desk().stopping.insert(found.id.clone(), task);
        Ok(Some(waiting(format!("it was told to stop and has {grace} s"))))
    }

    pub(super) async fn remove(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let Some(found) = self.find(job.workload, job.instance).await? else {
            self.forget(job);
            return Ok(StepState::Done);
        };
        if let Some(spared) = self.spared(job, &found) {
            return Ok(spared);
        }
        if let Some(state) = self.see_out(job, &found).await? {
            return Ok(state);
        }
        // Made and never started, as the engine has it. Killed while it started it, it may have it run and not know: what it starts
        // once more it can end, and where it cannot, it says so. Removed as it is, that process would stay for good.
        if self.is_ours(job, &found) && !found.was_started() {
            match found.engine.start(&found.id).await {
                Ok(()) => return Ok(waiting("its engine is to know that it runs before it ends it")),
                Err(error @ EngineError::Unreachable(_)) => {
                    return Err(found.engine.error(&format!("remove {}", job.instance), &error));
                }
                Err(_) => {}
            }
        }
        let options = RemoveContainerOptions { v: job.settings.remove_volumes, ..RemoveContainerOptions::default() };
        let id = found.id.as_str();
        match found.engine.call(|client| async move { client.remove_container(id, Some(options)).await }).await {
            Ok(()) | Err(EngineError::Missing(_)) => {
                self.forget(job);
                Ok(StepState::Done)
            }
            Err(EngineError::Conflict(why)) => Ok(waiting(why)),
            Err(error) => Err(found.engine.error(&format!("remove {}", job.instance), &error)),
        }
    }

    pub(super) fn forget(&self, job: &Job<'_>) {
        let mut desk = self.desk();
        let place = desk.places.remove(&(job.workload.to_owned(), job.instance.to_owned()));
        if let Some(place) = place {
            desk.looks.forget(&place.container);
        }
        desk.chosen.remove(job.instance);
        desk.started.remove(job.instance);
        desk.awaited.remove(job.instance);
    }
}

async fn stop_container(engine: Arc<Engine>, id: String, grace_seconds: u64) -> Result<(), EngineError> {
    let client = engine.patient(Duration::from_secs(grace_seconds).saturating_add(KILL_WAIT)).await?;
    let options = StopContainerOptions { t: Some(i32::try_from(grace_seconds).unwrap_or(i32::MAX)), signal: None };
    match client.stop_container(&id, Some(options)).await.map_err(EngineError::from) {
        Ok(()) | Err(EngineError::Missing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
