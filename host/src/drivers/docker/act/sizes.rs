//! Changes what containers may use, while they run.

use bollard::models::{ContainerUpdateBody, HostConfig};
use futures_util::StreamExt as _;

use super::super::clone::{resize, sizes_of};
use super::super::engine::EngineError;
use super::super::kept::{Sizes, Updated};
use super::super::observe::sizes_in_force;
use super::super::{Inner, podman};
use super::{Found, Job};
use crate::drivers::{DriverError, StepState};
use crate::snapshot::Resources;

/// Containers that change size side by side.
const RESIZES_AT_ONCE: usize = 8;

impl Inner {
    pub(super) async fn resize(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let sizes = self.wanted(job)?;
        let instances: Vec<String> = {
            let desk = self.desk();
            // Those on a host that is taken for gone would hold up all others.
            let gone = |host: &str| self.engines.get(host).is_some_and(|engine| self.is_lost(engine));
            let there = desk.places.iter().filter(|((owner, _), place)| owner == job.workload && !gone(&place.host));
            there.map(|((_, one), _)| one.clone()).collect()
        };
        let all = instances.len();
        let resized =
            futures_util::stream::iter(instances).map(|instance| self.resize_one(job.workload, instance, sizes));
        let ends: Vec<Result<(), DriverError>> = resized.buffer_unordered(RESIZES_AT_ONCE).collect().await;
        let failed: Vec<DriverError> = ends.into_iter().filter_map(Result::err).collect();
        if let Some(first) = failed.first() {
            return Err(self.refused(format!("{} of {all} containers were not resized; {first}", failed.len())));
        }
        self.keep(job.workload, |kept| kept.resized = Some(sizes))?;
        Ok(StepState::Done)
    }

    /// The sizes in force, with what the decision changes.
    fn wanted(&self, job: &Job<'_>) -> Result<Sizes, DriverError> {
        let mut sizes = {
            let desk = self.desk();
            let kept = desk.kept.get(job.workload);
            let known = kept.and_then(|kept| Some(sizes_in_force(kept, kept.template.as_ref()?)));
            known.ok_or_else(|| self.refused(format!("no template of {} is known", job.target)))?
        };
        for wanted in job.decision.resize() {
            if !matches!(wanted.container.as_str(), "" | "main") {
                let what = format!("{} has no container {}; its only one is main", job.target, wanted.container);
                return Err(self.refused(what));
            }
            overlay(&mut sizes.requests, wanted.requests);
            overlay(&mut sizes.limits, wanted.limits);
        }
        Ok(sizes)
    }

    pub(super) async fn resize_one(&self, workload: &str, instance: String, sizes: Sizes) -> Result<(), DriverError> {
        let Some(found) = self.find(workload, &instance).await? else { return Ok(()) };
        let before = {
            let desk = self.desk();
            let shown = || found.details.host_config.clone().unwrap_or_default();
            desk.kept.get(workload).map_or_else(shown, |kept| podman::sized(kept, &found.id, &found.details))
        };
        let mut after = before.clone();
        resize(&mut after, sizes);
        if after == before {
            return Ok(());
        }
        let (id, body) = (found.id.as_str(), update_of(&after));
        let updated = match found.engine.call(|client| async move { client.update_container(id, body).await }).await {
            // Podman knows the container, and not this call.
            Err(EngineError::Missing(why)) => self.resize_podman(workload, &found, &after, &why).await?,
            other => other.map(drop),
        };
        self.desk().looks.forget(id);
        updated.map_err(|error| found.engine.error(&format!("resize {instance}"), &error))
    }

    /// What Podman gives a container it does not show; one that does not run gets it when it is started.
    async fn resize_podman(
        &self,
        workload: &str,
        found: &Found,
        host: &HostConfig,
        why: &str,
    ) -> Result<Result<(), EngineError>, DriverError> {
        let mut since = String::new();
        if found.runs() {
            if let Err(error) = podman::update(&found.engine, &found.id, host, why).await {
                return Ok(Err(error));
            }
            since = podman::start_of(&found.details);
        }
        let updated = Updated { since, sizes: sizes_of(host) };
        self.keep(workload, |kept| kept.updated.insert(found.id.clone(), updated))?;
        Ok(Ok(()))
    }
}

fn overlay(old: &mut Resources, new: Resources) {
    old.cpu_millis = new.cpu_millis.or(old.cpu_millis);
    old.memory_bytes = new.memory_bytes.or(old.memory_bytes);
}

/// What a live update says: sizes only, for the rest stays as it is.
fn update_of(host: &HostConfig) -> ContainerUpdateBody {
    ContainerUpdateBody {
        nano_cpus: host.nano_cpus,
        cpu_shares: host.cpu_shares,
        memory: host.memory,
        memory_swap: host.memory_swap,
        memory_reservation: host.memory_reservation,
        ..ContainerUpdateBody::default()
    }
}
