//! The steps: each looks first, does one thing, and can be taken again without harm.

use std::path::PathBuf;

use rustix::process::Signal;

use super::census::Found;
use super::cgroup::GroupName;
use super::config::{StopSignal, WorkloadConfig, is_file_name};
use super::files::{self, InstanceFile, InstancePaths, Sizes, Wish};
use super::identity::{ProcessId, boot_id, boot_ms, wall_ms};
use super::observe::{Seen, address, is_overdue};
use super::spawn::Launched;
use super::{Desk, Inner};
use crate::bounds::{Decision, Origin};
use crate::drivers::{DriverError, Step, StepState};
use crate::quantity::DurationMs;
use crate::snapshot::{Phase, Resources, TargetId};

/// Grace of an instance whose workload is no longer in the config.
const GRACE_MS: u64 = 10_000;

/// What a step is about.
struct Job<'a> {
    decision: &'a Decision,
    target: &'a TargetId,
    workload: &'a str,
    instance: &'a str,
    /// `None`: no longer in the config; then an instance can only be stopped and removed.
    config: Option<&'a WorkloadConfig>,
}

impl Job<'_> {
    fn group(&self) -> GroupName<'_> {
        GroupName { workload: self.workload, instance: self.instance }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.target, self.instance)
    }
}

fn waiting(why: impl Into<String>) -> StepState {
    StepState::Waiting { why: why.into() }
}

impl Inner {
    pub(super) fn take(&self, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        let target = decision.target();
        if target.driver() != self.name {
            return Err(self.refused(format!("{target} is not one of its targets")));
        }
        if wall_ms() > decision.lease_expires_ms() {
            return Err(DriverError::LeaseEnded);
        }
        let workload = target.name();
        let config = self.config.workload.get(workload);
        let instance = step.instance().unwrap_or_default();
        if !is_file_name(workload) || (!instance.is_empty() && !is_file_name(instance)) {
            return Err(self.refused(format!("{workload} or {instance} cannot be a file's name")));
        }
        let job = Job { decision, target, workload, instance, config };
        let mut desk = self.desk();
        desk.reap();
        match step {
            Step::Create { .. } => self.create(&mut desk, &job),
            Step::AwaitReady { .. } => self.await_ready(&mut desk, &job),
            Step::Stop { .. } => self.stop(&mut desk, &job),
            Step::Remove { .. } => self.remove(&mut desk, &job),
            Step::Start { .. } | Step::Restart { .. } => {
                self.start_again(&mut desk, &job, matches!(step, Step::Restart { .. }))
            }
            Step::Resize => self.resize(&job),
            Step::SetCount => Ok(StepState::Impossible { why: "processes have no count of their own".to_owned() }),
            Step::Register { .. } | Step::Drain { .. } | Step::Deregister { .. } => {
                Ok(StepState::Impossible { why: "this is a registrar's step".to_owned() })
            }
        }
    }

    pub(super) fn address(&self, target: &TargetId, instance: &str) -> Result<Option<String>, DriverError> {
        let Some(config) = self.config.workload.get(target.name()).filter(|_| is_file_name(instance)) else {
            return Ok(None);
        };
        let paths = InstancePaths::new(&self.dir(target.name()), instance);
        let file: Option<InstanceFile> =
            files::read(&paths.wish).map_err(self.io(format!("read {}", paths.wish.display())))?;
        Ok(file.and_then(|file| file.port).map(|port| address(config, port)))
    }

    // ---------------------------------------------------------------------------------------------------------- create

    fn create(&self, desk: &mut Desk, job: &Job<'_>) -> Result<StepState, DriverError> {
        let config = self.configured(job)?;
        if let Some(seen) = self.look(desk, job)? {
            return match &seen.file.wish {
                Wish::Stop { .. } => {
                    Err(self.refused(format!("{} was told to stop; it is not made again", job.name())))
                }
                // Also where it has ended since: it was made, and what became of it is for an observation to say.
                Wish::Run if seen.was_started() => Ok(StepState::Done),
                Wish::Run => self.start(desk, job, config, seen),
            };
        }
        if let Some(state) = self.held_back(job)? {
            return Ok(state);
        }
        let dir = self.dir(job.workload);
        let existing = files::instances(&dir).map_err(self.io(format!("read {}", dir.display())))?.len();
        if existing >= usize::try_from(config.instances_max).unwrap_or(usize::MAX) {
            return Err(
                self.refused(format!("{} has {existing} instances already, which is instances_max", job.target))
            );
        }
        std::fs::create_dir_all(&dir).map_err(self.io(format!("make {}", dir.display())))?;
        let file = InstanceFile::new(job.instance, job.decision.key());
        let end = self.start(desk, job, config, Seen { file, pid: None, main: None, others: Vec::new() });
        // Nothing runs: nothing is left behind, else every repair that fails would leave one more.
        if end.is_err()
            && let Err(error) = self.forget(desk, job).and_then(|()| self.count_crash(job, config))
        {
            tracing::warn!(instance = job.name(), %error, "an instance that was not started left something behind");
        }
        end
    }

    /// Starts the command of an instance that does not run.
    fn start(
        &self,
        desk: &mut Desk,
        job: &Job<'_>,
        config: &WorkloadConfig,
        seen: Seen,
    ) -> Result<StepState, DriverError> {
        if !seen.others.is_empty() {
            self.kill(job, &seen.others)?;
            return Ok(waiting(format!("{} processes of its last run still end", seen.others.len())));
        }
        let mut file = seen.file;
        if let Some(range) = config.ports {
            let port = desk.ports.take(range, config.host, job.instance, file.port);
            let port = port.ok_or_else(|| {
                self.refused(format!("no port of {}-{} is free for {}", range.first, range.last, job.name()))
            })?;
            file.port = Some(port);
        }
        file.restarts = file.restarts.saturating_add(u32::from(file.attempt > 0));
        file.attempt = file.attempt.saturating_add(1);
        file.wish = Wish::Run;
        self.write_wish(job, &file)?;

        let groups = self.groups(job, config)?;
        match self.spawn(job.workload, config, &file, groups) {
            Ok(Launched::Running(child) | Launched::Already(child)) => {
                desk.keep(child);
                // So that its first health check is under way before anybody asks.
                if let Some(seen) = self.look_at_files(job)? {
                    self.check_health(desk, job.workload, config, &seen);
                }
                Ok(StepState::Done)
            }
            Ok(Launched::Slow(child)) => {
                desk.keep(child);
                Ok(waiting("its launcher has not become the command yet"))
            }
            Ok(Launched::Failed(child, why)) => {
                desk.keep(child);
                Err(self.refused(format!("{} was not started: {why}", job.name())))
            }
            Err(why) => Err(self.refused(format!("{} was not started: {why}", job.name()))),
        }
    }

    /// Makes the instance's groups and sets its limits. Limits that cannot be set keep it from starting.
    fn groups(&self, job: &Job<'_>, config: &WorkloadConfig) -> Result<Vec<PathBuf>, DriverError> {
        let kept = self.workload_file(job.workload).map_err(self.io(format!("read what is kept of {}", job.target)))?;
        let sizes = kept.sizes(config);
        let groups = self.cgroups.make(job.group()).map_err(self.io(format!("make the cgroups of {}", job.name())))?;
        self.cgroups
            .apply(job.group(), sizes.requests, sizes.limits)
            .map_err(self.io(format!("set the limits of {}", job.name())))?;
        Ok(groups)
    }

    fn await_ready(&self, desk: &mut Desk, job: &Job<'_>) -> Result<StepState, DriverError> {
        let config = self.configured(job)?;
        let impossible = |why: String| Ok(StepState::Impossible { why });
        let Some(seen) = self.look_at_files(job)? else {
            return impossible(format!("{} does not exist", job.name()));
        };
        let verdict = self.check_health(desk, job.workload, config, &seen);
        let complaint = verdict.as_ref().map(|verdict| verdict.complaint.clone()).unwrap_or_default();
        match self.phase(config, &seen, verdict.as_ref()) {
            Phase::Ready => Ok(StepState::Done),
            Phase::Unknown => Ok(waiting("its first checks since the host began have not ended".to_owned())),
            Phase::Starting | Phase::Pending => Ok(waiting(format!("it is starting; last check: {complaint}"))),
            Phase::Unready if seen.main.as_ref().is_some_and(|process| !is_overdue(config, process)) => {
                Ok(waiting(format!("it is not ready; last check: {complaint}")))
            }
            Phase::Unready => impossible(format!("it was not ready within {}: {complaint}", config.ready_timeout)),
            Phase::Failed => {
                let end = seen.pid.as_ref().and_then(|pid| desk.ends.get(&pid.process.pid));
                impossible(
                    end.map_or_else(|| "it ended by itself".to_owned(), |end| format!("it ended by itself: {end}")),
                )
            }
            other => impossible(format!("it is {other:?}").to_lowercase()),
        }
    }

    // ------------------------------------------------------------------------------------------------------------ stop

    fn stop(&self, desk: &mut Desk, job: &Job<'_>) -> Result<StepState, DriverError> {
        match self.look_quickly(desk, job)? {
            None => Ok(StepState::Done),
            Some(mut seen) => Ok(self.see_out(job, &mut seen)?.unwrap_or(StepState::Done)),
        }
    }

    /// Goes on with stopping an instance: signal, grace, then the end of it and all its children. `None` once nothing of it
    /// lives.
    fn see_out(&self, job: &Job<'_>, seen: &mut Seen) -> Result<Option<StepState>, DriverError> {
        let fresh = Wish::Stop { since_boot_ms: boot_ms(), boot: boot_id().to_owned(), signalled: false };
        if !matches!(&seen.file.wish, Wish::Stop { boot, .. } if boot == boot_id()) {
            seen.file.wish = fresh;
            self.write_wish(job, &seen.file)?;
        }
        let Wish::Stop { since_boot_ms, signalled, .. } = &mut seen.file.wish else { return Ok(None) };
        let Some(main) = &seen.main else {
            if seen.others.is_empty() {
                return Ok(None);
            }
            // The command has ended in order; whatever it left behind serves nobody.
            self.kill(job, &seen.others)?;
            return Ok(Some(waiting(format!("{} processes that it left behind still end", seen.others.len()))));
        };
        let grace_ms = job.config.map_or(GRACE_MS, |config| config.grace.0);
        let waited_ms = boot_ms().saturating_sub(*since_boot_ms);
        let waited = DurationMs(waited_ms).rounded();
        if !*signalled {
            let signal = job.config.map_or(StopSignal::Term, |config| config.stop_signal).number();
            main.signal(signal).map_err(self.io(format!("signal {}", job.name())))?;
            *signalled = true;
            self.write_wish(job, &seen.file)?;
            return Ok(Some(waiting(format!("it was told to stop and has {}", DurationMs(grace_ms)))));
        }
        if waited_ms < grace_ms {
            return Ok(Some(waiting(format!("it was told to stop {waited} ago and has {}", DurationMs(grace_ms)))));
        }
        let all: Vec<ProcessId> = seen.others.iter().chain([main]).cloned().collect();
        self.kill(job, &all)?;
        Ok(Some(waiting(format!("it was killed, {} processes, after {waited}", all.len()))))
    }

    fn kill(&self, job: &Job<'_>, processes: &[ProcessId]) -> Result<(), DriverError> {
        self.cgroups.kill(job.group());
        for process in processes {
            process.signal(Signal::KILL).map_err(self.io(format!("kill process {} of {}", process.pid, job.name())))?;
        }
        Ok(())
    }

    fn remove(&self, desk: &mut Desk, job: &Job<'_>) -> Result<StepState, DriverError> {
        if let Some(mut seen) = self.look(desk, job)?
            && let Some(state) = self.see_out(job, &mut seen)?
        {
            return Ok(state);
        }
        self.forget(desk, job)?;
        Ok(StepState::Done)
    }

    /// Removes what is kept of an instance of which nothing lives.
    fn forget(&self, desk: &mut Desk, job: &Job<'_>) -> Result<(), DriverError> {
        let paths = InstancePaths::new(&self.dir(job.workload), job.instance);
        if paths.wish.exists() {
            let lock = paths.lock().map_err(self.io(format!("lock {}", paths.lock.display())))?;
            paths.remove().map_err(self.io(format!("remove the files of {}", job.name())))?;
            drop(lock);
        }
        self.cgroups.remove(job.group()).map_err(self.io(format!("remove the cgroups of {}", job.name())))?;
        desk.ports.give_back(job.instance);
        desk.health.ensure(job.workload, job.instance, None, self.opened_ticks);
        if let Some(config) = job.config {
            self.prune_output(job.workload, config);
        }
        Ok(())
    }

    // ----------------------------------------------------------------------------------------------------- start again

    /// `Start` runs what does not run; `Restart` also ends what does. The change's key tells a step taken again from a new one.
    fn start_again(&self, desk: &mut Desk, job: &Job<'_>, restart: bool) -> Result<StepState, DriverError> {
        let config = self.configured(job)?;
        let Some(mut seen) = self.look(desk, job)? else {
            return Err(self.refused(format!("{} does not exist", job.name())));
        };
        let key = job.decision.key();
        let begun = seen.file.start_key.as_deref() == Some(key);
        let runs = seen.main.is_some() && seen.file.wish == Wish::Run;
        if runs && (begun || !restart) {
            return Ok(StepState::Done);
        }
        // It was started by this very change and has ended since: for an observation to say.
        if begun && seen.has_failed() {
            return Ok(StepState::Done);
        }
        if seen.has_failed()
            && let Some(state) = self.held_back(job)?
        {
            return Ok(state);
        }
        if (seen.main.is_some() || matches!(seen.file.wish, Wish::Stop { .. }))
            && let Some(state) = self.see_out(job, &mut seen)?
        {
            return Ok(state);
        }
        seen.file.start_key = Some(key.to_owned());
        self.start(desk, job, config, seen)
    }

    /// Whether a repair must wait: the workload has just crashed.
    fn held_back(&self, job: &Job<'_>) -> Result<Option<StepState>, DriverError> {
        if job.decision.origin() != Origin::Repair {
            return Ok(None);
        }
        let kept = self.workload_file(job.workload).map_err(self.io(format!("read what is kept of {}", job.target)))?;
        let now_ms = wall_ms();
        Ok(kept.back_off.until_ms(now_ms).map(|until_ms| {
            let (failures, left) = (kept.back_off.failures, DurationMs(until_ms.saturating_sub(now_ms)).rounded());
            waiting(format!("it crashed {failures} times in a row and is started again in {left}"))
        }))
    }

    fn count_crash(&self, job: &Job<'_>, config: &WorkloadConfig) -> Result<(), DriverError> {
        let error = || self.io(format!("keep the back-off of {}", job.target));
        let mut kept = self.workload_file(job.workload).map_err(error())?;
        kept.back_off.crashed(&config.restart, wall_ms());
        files::write(&self.dir(job.workload).join(".workload.json"), &kept).map_err(error())
    }

    // ---------------------------------------------------------------------------------------------------------- resize

    /// Sets the limits of all instances that run, then those of the template: a host killed between the two finds the old
    /// template and decides anew.
    fn resize(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let config = self.configured(job)?;
        if !self.cgroups.limits() {
            let why = self.cgroups.why_not.clone().unwrap_or_default();
            return Ok(StepState::Impossible { why: format!("limits cannot be set: {why}") });
        }
        let error = || self.io(format!("keep the limits of {}", job.target));
        let mut kept = self.workload_file(job.workload).map_err(error())?;
        let mut sizes = kept.sizes(config);
        for wanted in job.decision.resize() {
            if !matches!(wanted.container.as_str(), "" | "main") {
                return Err(
                    self.refused(format!("{} has no container {}; its only one is main", job.target, wanted.container))
                );
            }
            overlay(&mut sizes.requests, wanted.requests);
            overlay(&mut sizes.limits, wanted.limits);
        }
        let dir = self.dir(job.workload);
        let instances = files::instances(&dir).map_err(self.io(format!("read {}", dir.display())))?;
        let mut complaints = Vec::new();
        for instance in &instances {
            let one = Job { instance, ..*job };
            // An instance without a process gets them when it is started.
            if self.look_at_files(&one)?.is_some_and(|seen| seen.main.is_some())
                && let Err(why) = self.cgroups.apply(one.group(), sizes.requests, sizes.limits)
            {
                complaints.push(format!("{instance}: {why}"));
            }
        }
        if let Some(first) = complaints.first() {
            return Err(self.refused(format!(
                "{} of {} instances were not resized; {first}",
                complaints.len(),
                instances.len()
            )));
        }
        kept.resized = Some(Sizes { ..sizes });
        std::fs::create_dir_all(&dir).map_err(error())?;
        files::write(&dir.join(".workload.json"), &kept).map_err(error())?;
        Ok(StepState::Done)
    }

    // ---------------------------------------------------------------------------------------------------------- looking

    fn configured<'a>(&self, job: &Job<'a>) -> Result<&'a WorkloadConfig, DriverError> {
        job.config.ok_or_else(|| self.refused(format!("{} is not in the config", job.target)))
    }

    /// Looks at one instance with a census, so that nothing of it is missed.
    fn look(&self, desk: &mut Desk, job: &Job<'_>) -> Result<Option<Seen>, DriverError> {
        let mut ours = desk.census.take(&self.host).map_err(self.io("read /proc"))?;
        let key = (job.target.as_str().to_owned(), job.instance.to_owned());
        let found = ours.remove(&key).unwrap_or_default();
        let seen = self.look_with(job, &found)?;
        let leader = found.iter().find(|one| one.leads_session).or_else(|| found.first());
        match (seen, leader) {
            // It has processes and no file: write one first, so that every step finds it.
            (None, Some(leader)) => {
                self.write_adopted(job.workload, leader).map_err(self.io(format!("adopt {}", job.name())))?;
                self.look_with(job, &found)
            }
            (seen, _) => Ok(seen),
        }
    }

    /// Looks at the files and the one process that they name.
    fn look_at_files(&self, job: &Job<'_>) -> Result<Option<Seen>, DriverError> {
        self.look_with(job, &[])
    }

    /// As `look`, without a census as long as the command runs: what is asked many times a second must be cheap.
    fn look_quickly(&self, desk: &mut Desk, job: &Job<'_>) -> Result<Option<Seen>, DriverError> {
        if let Some(seen) = self.look_at_files(job)?
            && seen.main.is_some()
            && let Wish::Stop { since_boot_ms, .. } = &seen.file.wish
            && boot_ms().saturating_sub(*since_boot_ms) < job.config.map_or(GRACE_MS, |config| config.grace.0)
        {
            return Ok(Some(seen));
        }
        self.look(desk, job)
    }

    fn look_with(&self, job: &Job<'_>, found: &[Found]) -> Result<Option<Seen>, DriverError> {
        self.see(job.workload, job.instance, found).map_err(self.io(format!("read the files of {}", job.name())))
    }

    fn write_wish(&self, job: &Job<'_>, file: &InstanceFile) -> Result<(), DriverError> {
        let dir = self.dir(job.workload);
        let paths = InstancePaths::new(&dir, job.instance);
        let write = || {
            std::fs::create_dir_all(&dir)?;
            let _lock = paths.lock()?;
            files::write(&paths.wish, file)
        };
        write().map_err(self.io(format!("write {}", paths.wish.display())))
    }

    /// Removes the oldest output of instances that are no more. What cannot be removed is tried again next time.
    fn prune_output(&self, workload: &str, config: &WorkloadConfig) {
        let dir = self.output_dir(workload, config);
        let Ok(entries) = std::fs::read_dir(&dir) else { return };
        let living = files::instances(&self.dir(workload)).unwrap_or_default();
        let owner = |name: &str| name.trim_end_matches(".1").rsplit_once('.').map(|(owner, _)| owner.to_owned());
        let mut dead: Vec<(std::time::SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let ours = [".out", ".err", ".out.1", ".err.1"].iter().any(|ending| name.ends_with(ending));
                ours && owner(&name).is_some_and(|owner| living.binary_search(&owner).is_err())
            })
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        dead.sort();
        // Two files each: standard output and error.
        let kept = usize::try_from(config.output_kept).unwrap_or(usize::MAX).saturating_mul(2);
        let surplus = dead.len().saturating_sub(kept);
        for (_, path) in dead.into_iter().take(surplus) {
            if let Err(error) = files::remove_if_there(&path) {
                tracing::debug!(path = %path.display(), %error, "old output could not be removed");
            }
        }
    }
}

impl Desk {
    fn keep(&mut self, child: std::process::Child) {
        if let Ok(pid) = i32::try_from(child.id()) {
            self.children.insert(pid, child);
        }
    }
}

fn overlay(kept: &mut Resources, wanted: Resources) {
    kept.cpu_millis = wanted.cpu_millis.or(kept.cpu_millis);
    kept.memory_bytes = wanted.memory_bytes.or(kept.memory_bytes);
}
