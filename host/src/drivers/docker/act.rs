//! The steps: each looks first, does one thing, and can be taken again without harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, ContainerUpdateBody, HostConfig, NetworkConnectRequest,
};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, RemoveContainerOptions, StopContainerOptions,
};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::clone::{INSTANCE, Newcomer, Request, TARGET, name_by, resize, sizes_of};
use super::engine::{Engine, EngineError};
use super::kept::{Kept, Sizes, Template, Updated};
use super::observe::{end_of, instant_ms, is_stopped, may_go, sizes_in_force};
use super::place::{Candidate, Lack, Wish, place};
use super::scan::{Maker, Standing, inspect, list, maker_of, phase_of};
use super::{Chosen, DockerWorkload, Inner, Place, podman};
use crate::bounds::{Decision, Origin};
use crate::causes::with_causes;
use crate::drivers::{DriverError, Step, StepState};
use crate::quantity::DurationMs;
use crate::snapshot::{Phase, Resources, TargetId};

/// What the engine gives a container that says nothing of it.
const GRACE_SECONDS: u64 = 10;
/// After the grace the engine kills; so much later it has answered.
const KILL_WAIT: Duration = Duration::from_secs(30);
/// How long a step waits for news of its container before it says that it waits: a change can be cancelled only in between.
const NEWS_WAIT: Duration = Duration::from_secs(1);
/// Between two questions meanwhile.
const NEWS_POLL: Duration = Duration::from_millis(100);
/// Names that are tried before a taken one is a refusal.
const NAMES_MAX: u32 = 20;
/// Containers that change size side by side.
const RESIZES_AT_ONCE: usize = 8;
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

    // ---------------------------------------------------------------------------------------------------------- create

    async fn create(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
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
        match engine.call(|client| async move { client.start_container(id, None).await }).await {
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

    async fn await_ready(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let Some(found) = self.glance(job).await? else {
            return Ok(impossible(format!("{} does not exist", job.instance)));
        };
        let stopped = self.is_stopped(job, &found);
        let standing = Standing { ours: self.is_ours(job, &found), stopped, overdue: false };
        let state = found.details.state.as_ref();
        let health = state.and_then(|state| state.health.as_ref());
        let last = health.and_then(|health| health.log.as_ref()?.last()?.output.clone()).unwrap_or_default();
        let last: String = last.trim().chars().take(200).collect();
        // By our own watch: the engine's clock may be another.
        let since = *self.desk().awaited.entry(job.instance.to_owned()).or_insert_with(Instant::now);
        let overdue = since.elapsed() > Duration::from_millis(job.settings.ready_timeout.0);
        let ended = match phase_of(&found.details, standing) {
            Phase::Ready => StepState::Done,
            Phase::Failed => impossible(format!("it ended by itself: {}", end_of(&found.details))),
            Phase::Unready | Phase::Starting if overdue => {
                impossible(format!("it was not ready within {}: {last}", job.settings.ready_timeout))
            }
            Phase::Starting | Phase::Unready => waiting(format!("it is not ready; last check: {last}")),
            Phase::Pending | Phase::Unknown => waiting("it has not started"),
            other => impossible(format!("it is {other:?}").to_lowercase()),
        };
        if !matches!(ended, StepState::Waiting { .. }) {
            self.desk().awaited.remove(job.instance);
        }
        Ok(ended)
    }

    /// Asks whether it is ready, and for a moment again and again, at once when the engine says something of it: until it is
    /// entered it serves nobody.
    async fn await_news(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let until = Instant::now() + NEWS_WAIT;
        loop {
            let place = self.desk().places.get(&(job.workload.to_owned(), job.instance.to_owned())).cloned();
            // Listened to before it is asked: what happens in between is not missed.
            let news = place.map(|place| self.desk().looks.next_news(&place.container));
            let state = self.await_ready(job).await?;
            let (StepState::Waiting { .. }, Some(news)) = (&state, news) else { return Ok(state) };
            if Instant::now() >= until {
                return Ok(state);
            }
            // Also where nothing is said: the engine's events may not be heard.
            let _ = tokio::time::timeout(NEWS_POLL, news.notified()).await;
        }
    }

    // ------------------------------------------------------------------------------------------------------------ stop

    fn is_stopped(&self, job: &Job<'_>, found: &Found) -> bool {
        let desk = self.desk();
        desk.kept.get(job.workload).is_some_and(|kept| is_stopped(kept, &found.id, &found.details))
    }

    fn is_ours(&self, job: &Job<'_>, found: &Found) -> bool {
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

    async fn stop(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        match self.find(job.workload, job.instance).await? {
            None => Ok(StepState::Done),
            Some(found) => match self.spared(job, &found) {
                Some(spared) => Ok(spared),
                None => Ok(self.see_out(job, &found).await?.unwrap_or(StepState::Done)),
            },
        }
    }

    /// Goes on with stopping: the engine signals, waits for the grace, and kills. `None` once it does not run.
    async fn see_out(&self, job: &Job<'_>, found: &Found) -> Result<Option<StepState>, DriverError> {
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

    async fn remove(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
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

    fn forget(&self, job: &Job<'_>) {
        let mut desk = self.desk();
        let place = desk.places.remove(&(job.workload.to_owned(), job.instance.to_owned()));
        if let Some(place) = place {
            desk.looks.forget(&place.container);
        }
        desk.chosen.remove(job.instance);
        desk.started.remove(job.instance);
        desk.awaited.remove(job.instance);
    }

    // ----------------------------------------------------------------------------------------------------- start again

    /// `Start` runs what does not run; `Restart` also ends what does. The change's key tells a step taken again from a new one.
    async fn start_again(&self, job: &Job<'_>, restart: bool) -> Result<StepState, DriverError> {
        let Some(found) = self.find(job.workload, job.instance).await? else {
            return Err(self.refused(format!("{} does not exist", job.instance)));
        };
        let key = job.decision.key();
        let begun = self.desk().started.get(job.instance).is_some_and(|last| last == key);
        if begun || (found.runs() && !restart && !self.is_stopped(job, &found)) {
            return Ok(StepState::Done);
        }
        if found.runs()
            && let Some(state) = self.see_out(job, &found).await?
        {
            return Ok(state);
        }
        let id = found.id.as_str();
        match found.engine.call(|client| async move { client.start_container(id, None).await }).await {
            Ok(()) => {
                self.keep(job.workload, |kept| drop(kept.stopped.remove(id)))?;
                {
                    let mut desk = self.desk();
                    desk.started.insert(job.instance.to_owned(), key.to_owned());
                    desk.awaited.remove(job.instance);
                    desk.looks.forget(id);
                }
                self.resize_started(job, id).await;
                Ok(StepState::Done)
            }
            Err(error) => Err(found.engine.error(&format!("start {}", job.instance), &error)),
        }
    }

    /// At its start Podman gives a container the sizes that it was made with.
    async fn resize_started(&self, job: &Job<'_>, id: &str) {
        let updated = self.desk().kept.get(job.workload).and_then(|kept| kept.updated.get(id).cloned());
        let Some(updated) = updated else { return };
        if let Err(error) = self.resize_one(job.workload, job.instance.to_owned(), updated.sizes).await {
            let instance = job.instance;
            tracing::warn!(driver = self.name, instance, error = %with_causes(&error), "it has its old sizes again");
        }
    }

    // ---------------------------------------------------------------------------------------------------------- resize

    async fn resize(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
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

    async fn resize_one(&self, workload: &str, instance: String, sizes: Sizes) -> Result<(), DriverError> {
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

/// What is known of an engine, with what was chosen for it and is not seen yet.
fn candidate(desk: &super::Desk, engine: &Engine, workload: &str) -> Candidate {
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

async fn stop_container(engine: Arc<Engine>, id: String, grace_seconds: u64) -> Result<(), EngineError> {
    let client = engine.patient(Duration::from_secs(grace_seconds).saturating_add(KILL_WAIT)).await?;
    let options = StopContainerOptions { t: Some(i32::try_from(grace_seconds).unwrap_or(i32::MAX)), signal: None };
    match client.stop_container(&id, Some(options)).await.map_err(EngineError::from) {
        Ok(()) | Err(EngineError::Missing(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn pull_image(engine: Arc<Engine>, digest: String, timeout: Duration) -> Result<(), EngineError> {
    let client = engine.patient(timeout).await?;
    let options = CreateImageOptions { from_image: Some(digest), ..CreateImageOptions::default() };
    let mut progress = client.create_image(Some(options), None, None);
    while progress.try_next().await?.is_some() {}
    Ok(())
}
