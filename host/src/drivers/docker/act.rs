//! The steps: each looks first, does one thing, and can be taken again without harm.

mod again;
mod end;
mod make;
mod ready;
mod sizes;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use futures_util::future::join_all;

use super::clone::{INSTANCE, TARGET};
use super::engine::{Engine, EngineError};
use super::kept::Kept;
use super::observe::instant_ms;
use super::scan::{Maker, inspect, list, maker_of};
use super::{DockerWorkload, Inner, Place};
use crate::bounds::Decision;
use crate::drivers::{DriverError, Step, StepState};
use crate::snapshot::TargetId;

/// What is waited for is looked at again after this, though the engine has said nothing of it.
const GLANCE_AGE_MAX: Duration = Duration::from_secs(1);

/// What a step is about.
struct Job<'a> {
    decision: &'a Decision,
    target: &'a TargetId,
    workload: &'a str,
    instance: &'a str,
    settings: &'a DockerWorkload,
}

/// A container as its engine shows it now.
struct Found {
    engine: Arc<Engine>,
    id: String,
    details: ContainerInspectResponse,
}

impl Found {
    fn runs(&self) -> bool {
        let state = self.details.state.as_ref();
        // Podman says of one that is on its way out that it does not run, and refuses to start it.
        state.is_some_and(|state| {
            state.running == Some(true) || state.status == Some(ContainerStateStatusEnum::STOPPING)
        })
    }

    fn was_started(&self) -> bool {
        let started = self.details.state.as_ref().and_then(|state| instant_ms(state.started_at.as_deref()?));
        self.runs() || started.is_some()
    }

    fn maker(&self, target: &TargetId, kept: Option<&Kept>) -> Maker {
        let labels = self.details.config.as_ref().and_then(|config| config.labels.as_ref());
        let label = |label: &str| labels.and_then(|labels| labels.get(label)).map(String::as_str);
        maker_of(target.as_str(), &self.id, &label, kept)
    }

    fn name(&self) -> &str {
        self.details.name.as_deref().unwrap_or_default().trim_start_matches('/')
    }
}

fn waiting(why: impl Into<String>) -> StepState {
    StepState::Waiting { why: why.into() }
}

fn impossible(why: impl Into<String>) -> StepState {
    StepState::Impossible { why: why.into() }
}

fn wall_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

impl Inner {
    pub(super) async fn take(self: &Arc<Self>, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        let target = decision.target();
        if target.driver() != self.name {
            return Err(self.refused(format!("{target} is not one of its targets")));
        }
        if wall_ms() > decision.lease_expires_ms() {
            return Err(DriverError::LeaseEnded);
        }
        let workload = target.name();
        let instance = step.instance().unwrap_or_default();
        let job = Job { decision, target, workload, instance, settings: self.workload(workload) };
        match step {
            Step::Create { .. } => self.create(&job).await,
            Step::AwaitReady { .. } => self.await_news(&job).await,
            Step::Stop { .. } => self.stop(&job).await,
            Step::Remove { .. } => self.remove(&job).await,
            Step::Start { .. } => self.start_again(&job, false).await,
            Step::Restart { .. } => self.start_again(&job, true).await,
            Step::Resize => self.resize(&job).await,
            Step::SetCount => Ok(impossible("a Docker engine keeps no count")),
            Step::Register { .. } | Step::Drain { .. } | Step::Deregister { .. } => {
                Ok(impossible("this is a registrar's step"))
            }
        }
    }

    pub(super) async fn address(&self, target: &TargetId, instance: &str) -> Result<Option<String>, DriverError> {
        let found = self.find(target.name(), instance).await?;
        Ok(found.and_then(|found| self.address_of(target.name(), &found.engine.name, &found.details)))
    }

    // --------------------------------------------------------------------------------------------------------- looking

    /// A container as it is now; `None`: there is none. Where it cannot be told, an error.
    async fn find(&self, workload: &str, instance: &str) -> Result<Option<Found>, DriverError> {
        let key = (workload.to_owned(), instance.to_owned());
        let known = self.desk().places.get(&key).cloned();
        let place = match known {
            Some(place) => place,
            None => {
                let scan = self.scan().await;
                self.take_note(&scan);
                match self.desk().places.get(&key).cloned() {
                    Some(place) => place,
                    None => match scan.doubt() {
                        None => return Ok(None),
                        Some((host, why)) => {
                            let what = format!("{instance} was not found, and host {host} does not answer: {why}");
                            return Err(DriverError::Unreachable { driver: self.name.clone(), what });
                        }
                    },
                }
            }
        };
        let engine = Arc::clone(self.engine(&place.host)?);
        match engine.call(|client| inspect(client, place.container.clone())).await {
            Ok(details) => Ok(Some(Found { engine, id: place.container, details })),
            Err(EngineError::Missing(_)) => {
                self.desk().places.remove(&key);
                Ok(None)
            }
            Err(error) => Err(engine.error(&format!("look at {instance}"), &error)),
        }
    }

    /// The same, from what is known where the engine would have said that it is another by now: what is waited for is asked about
    /// ten times a second.
    async fn glance(&self, job: &Job<'_>) -> Result<Option<Found>, DriverError> {
        let place = self.desk().places.get(&(job.workload.to_owned(), job.instance.to_owned())).cloned();
        if let Some(Place { host, container }) = place {
            let known = self.desk().looks.of(&host, &container, GLANCE_AGE_MAX);
            let engine = Arc::clone(self.engine(&host)?);
            let details = match known {
                Some(known) => known,
                None => match self.look(&engine, &container).await {
                    Ok(details) => details,
                    Err(EngineError::Missing(_)) => return self.find(job.workload, job.instance).await,
                    Err(error) => return Err(engine.error(&format!("look at {}", job.instance), &error)),
                },
            };
            return Ok(Some(Found { engine, id: container, details: details.as_ref().clone() }));
        }
        self.find(job.workload, job.instance).await
    }

    /// The container that carries this instance's mark, whatever engine it is on.
    async fn find_mark(&self, job: &Job<'_>) -> Result<Option<Found>, DriverError> {
        let mark = format!("{INSTANCE}={}", job.instance);
        let asked = self.engines.values().map(|engine| {
            let mark = mark.clone();
            async move { (engine, list(engine, Some(mark)).await) }
        });
        let chosen = self.desk().chosen.get(job.instance).map(|chosen| chosen.host.clone());
        for (engine, answer) in join_all(asked).await {
            let found = match answer {
                Ok(found) => found,
                // It may have been made there a moment ago, and the answer lost.
                Err(error) if chosen.as_ref() == Some(&engine.name) => {
                    return Err(engine.error(&format!("look for {}", job.instance), &error));
                }
                Err(_) => continue,
            };
            let owned = |labels: &std::collections::HashMap<String, String>| {
                labels.get(TARGET).is_some_and(|owner| owner == job.target.as_str())
            };
            let found = found.into_iter().find(|one| one.labels.as_ref().is_some_and(owned));
            let Some(id) = found.and_then(|one| one.id) else { continue };
            self.note_place(job, &engine.name, &id);
            return self.find(job.workload, job.instance).await;
        }
        Ok(None)
    }

    fn note_place(&self, job: &Job<'_>, host: &str, container: &str) {
        let place = Place { host: host.to_owned(), container: container.to_owned() };
        self.desk().places.insert((job.workload.to_owned(), job.instance.to_owned()), place);
    }
}
