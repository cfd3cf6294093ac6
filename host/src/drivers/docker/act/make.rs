//! Makes a container after the template, and starts it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::models::NetworkConnectRequest;
use bollard::query_parameters::{CreateContainerOptions, CreateImageOptions, RemoveContainerOptions};
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;

use super::super::clone::{Newcomer, Request, name_by, sizes_of};
use super::super::engine::{Engine, EngineError};
use super::super::kept::{Sizes, Template};
use super::super::observe::sizes_in_force;
use super::super::place::{Candidate, Lack, Wish, place};
use super::super::{Chosen, Desk, DockerWorkload, Inner};
use super::{Job, waiting, wall_ms};
use crate::bounds::Origin;
use crate::drivers::{DriverError, StepState};
use crate::quantity::DurationMs;

/// Names that are tried before a taken one is a refusal.
const NAMES_MAX: u32 = 20;

impl Inner {
    pub(super) async fn create(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        // First of all: for as long as it waits, nobody is asked.
        if let Some(state) = self.held_back(job) {
            return Ok(state);
        }
        if let Some(found) = self.find_mark(job).await? {
            // Also where it has ended since: it was made, and what became of it is for an observation to say.
            return if found.was_started() {
                Ok(StepState::Done)
            } else {
                self.start_made(job, &found.engine, &found.id).await
            };
        }
        let made = self.create_new(job).await;
        if matches!(made, Err(DriverError::Refused { .. })) {
            // Nothing is there, and nothing will be.
            self.desk().chosen.remove(job.instance);
        }
        made
    }

    async fn create_new(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let (template, sizes) = {
            let desk = self.desk();
            let kept = desk.kept.get(job.workload);
            let template = kept.and_then(|kept| kept.template.clone());
            let template = template.ok_or_else(|| self.refused(format!("no template of {} is known", job.target)))?;
            let sizes = kept.and_then(|kept| kept.resized.map(|_| sizes_in_force(kept, &template)));
            (template, sizes)
        };
        let engine = self.choose(job, &template, sizes).await?;
        let image = match self.image_on(&engine, &template).await? {
            Ok(image) => image,
            Err(state) => return Ok(state),
        };
        let id = self.make(job, &engine, &template, &image, sizes).await?;
        self.note_place(job, &engine.name, &id);
        self.start_made(job, &engine, &id).await
    }

    /// The engine for a newcomer, which is remembered: taken again, the step goes to the same one.
    async fn choose(
        &self,
        job: &Job<'_>,
        template: &Template,
        sizes: Option<Sizes>,
    ) -> Result<Arc<Engine>, DriverError> {
        let chosen = self.desk().chosen.get(job.instance).map(|chosen| chosen.host.clone());
        if let Some(host) = chosen {
            return self.engine(&host).cloned();
        }
        let lacks = self.lacks(job.settings, template).await;
        let sizes = sizes.unwrap_or_else(|| sizes_of(&template.host_config));
        let wish = Wish {
            labels: &job.settings.host_labels,
            prefers: job.decision.placement(),
            memory_bytes: sizes.limits.memory_bytes.or(sizes.requests.memory_bytes).unwrap_or(0),
        };
        let best = {
            // With the desk held, so that two newcomers see each other.
            let mut desk = self.desk();
            let known = |engine: &Arc<Engine>| {
                let lacks = lacks.get(&engine.name).cloned();
                Candidate { lacks, ..candidate(&desk, engine, job.workload) }
            };
            let candidates: Vec<Candidate> = self.engines.values().map(known).collect();
            let silent = candidates.iter().all(|candidate| !candidate.reached);
            let refused = |why| match silent {
                true => DriverError::Unreachable { driver: self.name.clone(), what: why },
                false => self.refused(why),
            };
            let best = place(&candidates, wish).map_err(refused)?.name.clone();
            let (workload, host) = (job.workload.to_owned(), best.clone());
            desk.chosen.insert(job.instance.to_owned(), Chosen { workload, host, at: Instant::now() });
            best
        };
        for (host, lack) in &lacks {
            tracing::info!(driver = self.name, workload = job.workload, host, %lack, "a host takes no new container");
        }
        self.engine(&best).cloned()
    }

    /// What engines have not that a copy of the template needs, where there is a choice.
    async fn lacks(&self, settings: &DockerWorkload, template: &Template) -> BTreeMap<String, Lack> {
        if self.engines.len() < 2 {
            return BTreeMap::new();
        }
        let asked = self.engines.values().filter(|engine| engine.is_reached() && engine.config.schedulable);
        let asked = asked
            .map(|engine| async move { Some((engine.name.clone(), self.lack(engine, settings, template).await?)) });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// `None` also where the engine did not say: the next call to it will tell.
    async fn lack(&self, engine: &Arc<Engine>, settings: &DockerWorkload, template: &Template) -> Option<Lack> {
        if template.digests.is_empty() && self.image_there(engine, template).await.is_ok_and(|name| name.is_none()) {
            return Some(Lack::Image(template.config.image.clone().unwrap_or_default()));
        }
        if settings.empty_volumes || engine.name == template.host {
            return None;
        }
        for volume in template.volumes() {
            let asked = engine.call(|client| async move { client.inspect_volume(volume).await }).await;
            if matches!(asked, Err(EngineError::Missing(_))) {
                return Some(Lack::Volume(volume.to_owned()));
            }
        }
        None
    }

    /// How this engine calls the template's image: by its name where that means the same here, else by its id; else it is
    /// pulled by its digest, which takes a while.
    async fn image_on(
        &self,
        engine: &Arc<Engine>,
        template: &Template,
    ) -> Result<Result<String, StepState>, DriverError> {
        let named = template.config.image.clone().unwrap_or_default();
        let there = self.image_there(engine, template).await;
        if let Some(name) = there.map_err(|error| engine.error(&format!("look for image {named}"), &error))? {
            return Ok(Ok(name));
        }
        let Some(digest) = template.digests.first() else {
            let what = format!("image {named} ({}) is not on host {}", template.image, engine.name);
            return Err(self.refused(format!("{what}, and no registry is known for it: load it there")));
        };
        self.pull(engine, digest)
            .await
            .map(|()| Err(waiting(format!("image {digest} is being pulled on {}", engine.name))))
    }

    /// The name by which this engine knows the very same image.
    async fn image_there(&self, engine: &Engine, template: &Template) -> Result<Option<String>, EngineError> {
        let named = template.config.image.clone().unwrap_or_default();
        for name in [&named, &template.image].into_iter().chain(&template.digests) {
            match engine.call(|client| async move { client.inspect_image(name).await }).await {
                Ok(found) if found.id.as_ref() == Some(&template.image) => return Ok(Some(name.clone())),
                Ok(_) | Err(EngineError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn pull(&self, engine: &Arc<Engine>, digest: &str) -> Result<(), DriverError> {
        let key = (engine.name.clone(), digest.to_owned());
        let task = {
            let mut desk = self.desk();
            match desk.pulling.remove(&key) {
                Some(task) if !task.is_finished() => {
                    desk.pulling.insert(key, task);
                    return Ok(());
                }
                Some(task) => task,
                None => {
                    let (engine, digest) = (Arc::clone(engine), digest.to_owned());
                    let timeout = Duration::from_millis(self.config.pull_timeout.0);
                    let task = tokio::spawn(pull_image(engine, digest, timeout));
                    desk.pulling.insert(key, task);
                    return Ok(());
                }
            }
        };
        match task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(engine.error(&format!("pull {digest}"), &error)),
            Err(_) => Err(self.refused(format!("pulling {digest} on {} broke off", engine.name))),
        }
    }

    /// Makes the container, under the first name that is free.
    async fn make(
        &self,
        job: &Job<'_>,
        engine: &Engine,
        template: &Template,
        image: &str,
        sizes: Option<Sizes>,
    ) -> Result<String, DriverError> {
        let mut tries = 0;
        loop {
            let number = self.next_number(job.workload);
            let newcomer = Newcomer {
                instance: job.instance,
                target: job.target.as_str(),
                key: job.decision.key(),
                number,
                image,
                sizes,
            };
            let name = name_by(&job.settings.container_name, job.workload, job.instance, number);
            let Request { body, further_networks } = template.request(&newcomer);
            let options = CreateContainerOptions { name: name.clone(), platform: String::new() };
            let made = engine.call(|client| async move { client.create_container(Some(options), body).await }).await;
            tries += 1;
            let numbered = job.settings.container_name.contains("{number}");
            match made {
                Ok(made) => {
                    self.keep(job.workload, |kept| kept.note_made(job.instance, &made.id))?;
                    self.connect(job, engine, &made.id, further_networks).await?;
                    return Ok(made.id);
                }
                Err(EngineError::Conflict(_)) if numbered && tries < NAMES_MAX => {}
                Err(EngineError::Conflict(what)) => {
                    let name = name.unwrap_or_default();
                    return Err(self.refused(format!("name {name} is taken on host {}: {what}", engine.name)));
                }
                Err(error) => return Err(engine.error(&format!("make {}", job.instance), &error)),
            }
        }
    }

    fn next_number(&self, workload: &str) -> u32 {
        let mut desk = self.desk();
        let taken = desk.numbers.entry(workload.to_owned()).or_default();
        let free = (1..).find(|number| !taken.contains(number)).unwrap_or(u32::MAX);
        taken.insert(free);
        free
    }

    async fn connect(
        &self,
        job: &Job<'_>,
        engine: &Engine,
        id: &str,
        networks: Vec<(String, bollard::models::EndpointSettings)>,
    ) -> Result<(), DriverError> {
        for (network, endpoint) in networks {
            let request = NetworkConnectRequest { container: id.to_owned(), endpoint_config: Some(endpoint) };
            let name = network.clone();
            let connected = engine.call(|client| async move { client.connect_network(&name, request).await }).await;
            if let Err(error) = connected {
                self.discard(job, engine, id).await;
                return Err(engine.error(&format!("connect {} to network {network}", job.instance), &error));
            }
        }
        Ok(())
    }

    /// Starts what was just made. What cannot be started is not left behind, else every repair would leave one more.
    async fn start_made(&self, job: &Job<'_>, engine: &Engine, id: &str) -> Result<StepState, DriverError> {
        match engine.start(id).await {
            Ok(()) => Ok(StepState::Done),
            Err(error @ EngineError::Unreachable(_)) => Err(engine.error(&format!("start {}", job.instance), &error)),
            Err(error) => {
                self.discard(job, engine, id).await;
                self.keep(job.workload, |kept| kept.back_off.crashed(&self.config.restart, wall_ms()))?;
                Err(engine.error(&format!("start {}", job.instance), &error))
            }
        }
    }

    async fn discard(&self, job: &Job<'_>, engine: &Engine, id: &str) {
        let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
        if let Err(error) = engine.call(|client| async move { client.remove_container(id, Some(options)).await }).await
        {
            tracing::warn!(instance = job.instance, host = engine.name, %error, "a container that was not started is left");
        }
        self.forget(job);
    }

    fn held_back(&self, job: &Job<'_>) -> Option<StepState> {
        if job.decision.origin() != Origin::Repair {
            return None;
        }
        let now_ms = wall_ms();
        let desk = self.desk();
        let back_off = &desk.kept.get(job.workload)?.back_off;
        let left = DurationMs(back_off.until_ms(now_ms)?.saturating_sub(now_ms)).rounded();
        Some(waiting(format!("it failed {} times in a row and is tried again in {left}", back_off.failures)))
    }
}

/// What is known of an engine, with what was chosen for it and is not seen yet.
fn candidate(desk: &Desk, engine: &Engine, workload: &str) -> Candidate {
    let here = |one: &&crate::snapshot::Instance| one.node.as_ref() == Some(&engine.name) && one.phase.counts();
    let all: Vec<_> = desk.last.values().flatten().filter(here).collect();
    let mine = desk.last.get(workload).into_iter().flatten().filter(here).count();
    let coming = |test: &dyn Fn(&str) -> bool| {
        desk.chosen.values().filter(|one| one.host == engine.name && test(&one.workload)).count()
    };
    let memory = desk.systems.get(&engine.name).and_then(|system| system.mem_total);
    Candidate {
        name: engine.name.clone(),
        zone: engine.config.zone.clone(),
        labels: engine.config.labels.clone(),
        schedulable: engine.config.schedulable,
        reached: engine.is_reached(),
        of_workload: mine + coming(&|owner| owner == workload),
        of_all: all.len() + coming(&|_| true),
        memory_bytes: memory.and_then(|memory| u64::try_from(memory).ok()).unwrap_or(0),
        promised_bytes: all.iter().filter_map(|one| one.limits.memory_bytes).fold(0, u64::saturating_add),
        lacks: None,
    }
}

async fn pull_image(engine: Arc<Engine>, digest: String, timeout: Duration) -> Result<(), EngineError> {
    let client = engine.patient(timeout).await?;
    let options = CreateImageOptions { from_image: Some(digest), ..CreateImageOptions::default() };
    let mut progress = client.create_image(Some(options), None, None);
    while progress.try_next().await?.is_some() {}
    Ok(())
}
