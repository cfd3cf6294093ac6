//! What there is: one census of all processes against all files, for all workloads.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tokio::sync::watch;

use super::census::Found;
use super::cgroup::GroupName;
use super::config::WorkloadConfig;
use super::files::{self, FORMAT, InstanceFile, InstancePaths, PidFile, Sizes, Wish, WorkloadFile};
use super::health::{Check, Verdict};
use super::identity::{ProcessId, boot_id, boot_ms, wall_ms};
use super::{Desk, Inner};
use crate::drivers::{DriverError, Observation, ObservedTarget};
use crate::snapshot::{
    Abilities, Container, Instance, Inventory, Limits, Node, Phase, ResizeAbility, Resources, Target, TargetId,
    VictimAbility,
};

/// Our processes by target and instance.
pub(super) type Ours = BTreeMap<(String, String), Vec<Found>>;

/// One instance as it was found.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub file: InstanceFile,
    pub pid: Option<PidFile>,
    /// The process that the command became, if it lives.
    pub main: Option<ProcessId>,
    /// Other living processes of the instance: its children, or a launcher that has not come far.
    pub others: Vec<ProcessId>,
}

impl Seen {
    /// Whether the last start that was wished for came as far as a process.
    pub(super) fn was_started(&self) -> bool {
        self.pid.as_ref().is_some_and(|pid| pid.attempt == self.file.attempt) || self.main.is_some()
    }

    /// Whether it ended by itself.
    pub(super) fn has_failed(&self) -> bool {
        self.file.wish == Wish::Run && self.main.is_none() && self.was_started()
    }
}

impl Inner {
    /// Everything there is, and the checks of adopted instances that have decided nothing yet.
    pub(super) fn observe(&self, now_ms: u64) -> Result<(Observation, Vec<watch::Receiver<Verdict>>), DriverError> {
        // So that tasks for checks can be begun from this thread.
        let _runtime = tokio::runtime::Handle::current();
        let mut desk = self.desk();
        desk.reap();
        let mut ours = desk.census.take(&self.host).map_err(self.io("read /proc"))?;
        let mut observation = Observation { nodes: self.node().into_iter().collect(), ..Observation::default() };
        let mut present: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (workload, config) in &self.config.workload {
            match self.observe_workload(&mut desk, workload, config, &mut ours, now_ms) {
                Ok((target, failed)) => {
                    let ids = target.instances.iter().map(|instance| instance.id.clone()).collect();
                    present.insert(workload.clone(), ids);
                    observation.unreadable.extend(failed);
                    observation.targets.push(target);
                }
                Err(error) => observation.unreadable.push((format!("{}/{workload}", self.name), error.to_string())),
            }
        }
        let known = |workload: &str, instance: &str| {
            present.get(workload).is_none_or(|ids| ids.iter().any(|id| id == instance))
        };
        desk.health.retain(known);
        desk.meters.retain(known);
        observation.unreadable.extend(self.unconfigured(&ours));
        let unsettled = desk.health.unsettled();
        Ok((observation, unsettled))
    }

    fn observe_workload(
        &self,
        desk: &mut Desk,
        workload: &str,
        config: &WorkloadConfig,
        ours: &mut Ours,
        now_ms: u64,
    ) -> io::Result<(ObservedTarget, Vec<(String, String)>)> {
        let target_name = format!("{}/{workload}", self.name);
        let id: TargetId = target_name.parse().map_err(io::Error::other)?;
        let mut kept = self.workload_file(workload)?;
        let mut failed = Vec::new();
        let mut seen = Vec::new();
        for instance in files::instances(&self.dir(workload))? {
            let found = ours.remove(&(target_name.clone(), instance.clone())).unwrap_or_default();
            match self.see(workload, &instance, &found) {
                Ok(Some(one)) => seen.push(one),
                Ok(None) => {}
                Err(error) => failed.push((format!("{target_name}/{instance}"), error.to_string())),
            }
        }
        seen.extend(self.adopt(desk, workload, &target_name, ours)?);
        seen.sort_by(|a, b| a.file.instance.cmp(&b.file.instance));

        let back_off = kept.back_off;
        for one in &mut seen {
            self.note_crash(desk, workload, config, one, &mut kept, now_ms)?;
        }
        if kept.back_off != back_off {
            files::write(&self.dir(workload).join(".workload.json"), &kept)?;
        }
        let instances: Vec<Instance> =
            seen.iter().map(|one| self.describe(desk, workload, config, one, &kept)).collect();
        let inventory = match failed.as_slice() {
            [] => Inventory::Complete,
            [(name, why), ..] => {
                Inventory::Partial { why: format!("{} of its instances cannot be read; {name}: {why}", failed.len()) }
            }
        };
        let target = self.target(id, config, &kept, &instances);
        let back_off_until_ms = kept.back_off.until_ms(now_ms);
        Ok((ObservedTarget { target, instances, inventory, back_off_until_ms }, failed))
    }

    fn target(&self, id: TargetId, config: &WorkloadConfig, kept: &WorkloadFile, instances: &[Instance]) -> Target {
        let count = |test: &dyn Fn(&Instance) -> bool| {
            u32::try_from(instances.iter().filter(|instance| test(instance)).count()).unwrap_or(u32::MAX)
        };
        let resizes = self.cgroups.limits();
        let sizes = kept.sizes(config);
        let kinds = ["scale", "restart", "replace", "remove", "start", "resize"];
        Target {
            id,
            kind: "process-group".to_owned(),
            zones: Vec::new(),
            labels: config.labels.clone(),
            desired: config.replicas,
            total: count(&|_| true),
            ready: count(&|instance| instance.phase == Phase::Ready),
            containers: vec![Container {
                name: "main".to_owned(),
                requests: sizes.requests,
                limits: if resizes { sizes.limits } else { Resources::default() },
            }],
            abilities: Abilities {
                victims: VictimAbility::Exact,
                resize: if resizes { ResizeAbility::Live } else { ResizeAbility::None },
                supersede: true,
                kinds: kinds
                    .iter()
                    .filter(|kind| resizes || **kind != "resize")
                    .map(|kind| (*kind).to_owned())
                    .collect(),
                sizes: Vec::new(),
            },
            limits: Limits {
                replicas_min: 0,
                replicas_max: config.instances_max,
                least: Resources::default(),
                most: Resources::default(),
            },
        }
    }

    /// One instance from its files and what the census found of it; `None` if its file has gone meanwhile.
    pub(super) fn see(&self, workload: &str, instance: &str, found: &[Found]) -> io::Result<Option<Seen>> {
        let paths = InstancePaths::new(&self.dir(workload), instance);
        let Some(file) = files::read::<InstanceFile>(&paths.wish)? else { return Ok(None) };
        if file.format != FORMAT || file.instance != instance {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not of this trimtab", paths.wish.display()),
            ));
        }
        let pid: Option<PidFile> = files::read(&paths.pid)?;
        let noted = pid.as_ref().map(|pid| &pid.process).filter(|process| process.lives()).cloned();
        // Without the launcher's note the leader of the session is the one: the launcher made it so.
        let leader = || {
            let leads = |one: &&Found| one.leads_session && one.mark.attempt == file.attempt;
            found.iter().find(leads).map(|one| one.process.clone())
        };
        let main = noted.or_else(leader);
        let mut others: Vec<ProcessId> = found.iter().map(|one| one.process.clone()).collect();
        others.extend(self.cgroups.pids(GroupName { workload, instance }).into_iter().filter_map(ProcessId::now_of));
        others.sort_by_key(|process| (process.pid, process.start_ticks));
        others.dedup();
        others.retain(|process| Some(process) != main.as_ref());
        Ok(Some(Seen { file, pid, main, others }))
    }

    /// Takes in processes that are ours and have no file: the folder was lost, or its disk went back in time.
    fn adopt(&self, desk: &mut Desk, workload: &str, target: &str, ours: &mut Ours) -> io::Result<Vec<Seen>> {
        let keys: Vec<_> = ours.keys().filter(|(owner, _)| owner == target).cloned().collect();
        let mut adopted = Vec::new();
        for key in keys {
            let Some(found) = ours.remove(&key) else { continue };
            let (_, instance) = key;
            let Some(leader) = found.iter().find(|one| one.leads_session).or_else(|| found.first()) else { continue };
            if !super::config::is_file_name(&instance) {
                continue;
            }
            tracing::warn!(
                target_id = target,
                instance,
                pid = leader.process.pid,
                "adopted a process that had no file"
            );
            self.write_adopted(workload, leader)?;
            if let Some(port) = leader.mark.port {
                desk.ports.found(port, &instance);
            }
            adopted.extend(self.see(workload, &instance, &found)?);
        }
        Ok(adopted)
    }

    /// Writes the files of an instance of which only its processes are left.
    pub(super) fn write_adopted(&self, workload: &str, leader: &Found) -> io::Result<()> {
        std::fs::create_dir_all(self.dir(workload))?;
        let paths = InstancePaths::new(&self.dir(workload), &leader.mark.instance);
        let _lock = paths.lock()?;
        files::write(&paths.wish, &InstanceFile::of_mark(&leader.mark))?;
        if !leader.leads_session {
            return Ok(());
        }
        let age_ms = boot_ms().saturating_sub(leader.process.started_boot_ms());
        let pid = PidFile {
            process: leader.process.clone(),
            attempt: leader.mark.attempt,
            started_ms: wall_ms().saturating_sub(age_ms),
        };
        files::write(&paths.pid, &pid)
    }

    /// Counts the end of an instance once, and says how it came.
    fn note_crash(
        &self,
        desk: &mut Desk,
        workload: &str,
        config: &WorkloadConfig,
        one: &mut Seen,
        kept: &mut WorkloadFile,
        now_ms: u64,
    ) -> io::Result<()> {
        if !one.has_failed() || one.file.crash_counted == one.file.attempt {
            return Ok(());
        }
        let rebooted = one.pid.as_ref().is_some_and(|pid| pid.process.boot != boot_id());
        let end = one.pid.as_ref().and_then(|pid| desk.ends.remove(&pid.process.pid));
        let how = if rebooted {
            "the machine was restarted".to_owned()
        } else {
            end.unwrap_or_else(|| "its end was not seen".to_owned())
        };
        tracing::warn!(
            target_id = format!("{}/{workload}", self.name),
            instance = one.file.instance,
            how,
            "an instance ended by itself"
        );
        if !rebooted {
            kept.back_off.crashed(&config.restart, now_ms);
        }
        one.file.crash_counted = one.file.attempt;
        let paths = InstancePaths::new(&self.dir(workload), &one.file.instance);
        let lock = paths.lock()?;
        files::write(&paths.wish, &one.file)?;
        drop(lock);
        Ok(())
    }

    fn describe(
        &self,
        desk: &mut Desk,
        workload: &str,
        config: &WorkloadConfig,
        one: &Seen,
        kept: &WorkloadFile,
    ) -> Instance {
        let name = GroupName { workload, instance: &one.file.instance };
        let verdict = self.check_health(desk, workload, config, one);
        let phase = self.phase(config, one, verdict.as_ref());
        let used =
            one.main.as_ref().map(|process| desk.meters.measure(&self.cgroups, name, process)).unwrap_or_default();
        let limited = self.cgroups.limits() && one.main.is_some();
        Instance {
            id: one.file.instance.clone(),
            name: one.file.instance.clone(),
            node: node_name(),
            zone: None,
            phase,
            started_ms: one.pid.as_ref().filter(|pid| pid.attempt == one.file.attempt).map(|pid| pid.started_ms),
            restarts: one.file.restarts,
            requests: kept.sizes(config).requests,
            limits: if limited { self.cgroups.limits_of(name) } else { Resources::default() },
            usage: used.now,
            memory_peak_bytes: used.memory_peak_bytes,
            protected: false,
            address: one.file.port.map(|port| address(config, port)),
            handle: one.main.as_ref().map(ProcessId::handle),
            made_by: Some(one.file.made_by.clone()).filter(|key| !key.is_empty()),
        }
    }

    /// Sees to it that the instance's check runs, and reads what it found.
    pub(super) fn check_health(
        &self,
        desk: &mut Desk,
        workload: &str,
        config: &WorkloadConfig,
        one: &Seen,
    ) -> Option<Verdict> {
        let running = one.main.clone().filter(|_| one.file.wish == Wish::Run);
        let check = running.and_then(|process| Check::new(&config.health, config.host, one.file.port, process));
        desk.health.ensure(workload, &one.file.instance, check, self.opened_ticks);
        desk.health.verdict(workload, &one.file.instance)
    }

    /// Where an instance stands. `verdict` is `None` where its running is all that is asked.
    pub(super) fn phase(&self, config: &WorkloadConfig, one: &Seen, verdict: Option<&Verdict>) -> Phase {
        match (&one.file.wish, &one.main) {
            (Wish::Stop { .. }, None) if one.others.is_empty() => Phase::Stopped,
            (Wish::Stop { .. }, _) => Phase::Stopping,
            (Wish::Run, None) if one.was_started() => Phase::Failed,
            (Wish::Run, None) => Phase::Pending,
            (Wish::Run, Some(process)) => match verdict {
                None => Phase::Ready,
                Some(verdict) if verdict.healthy => Phase::Ready,
                Some(verdict) if verdict.was_healthy => Phase::Unready,
                // It may have served for days: that this host has just begun makes it no starting one.
                Some(verdict) if verdict.is_unsettled() => Phase::Unknown,
                Some(verdict) if verdict.known && is_overdue(config, process) => Phase::Unready,
                Some(_) => Phase::Starting,
            },
        }
    }

    /// Workloads that run and are no longer in the config: reported, not touched.
    fn unconfigured(&self, ours: &Ours) -> Vec<(String, String)> {
        let mut running: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (target, instance) in ours.keys() {
            running.entry(target).or_default().push(instance);
        }
        let reason = |ids: Vec<&str>| {
            format!("it is not in the config and still runs {} instances: {}", ids.len(), ids.join(", "))
        };
        running.into_iter().map(|(target, ids)| (target.to_owned(), reason(ids))).collect()
    }

    /// What is kept of a workload.
    pub(super) fn workload_file(&self, workload: &str) -> io::Result<WorkloadFile> {
        let path = self.dir(workload).join(".workload.json");
        match files::read::<WorkloadFile>(&path)? {
            Some(kept) if kept.format == FORMAT => Ok(kept),
            Some(kept) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} has format {}", path.display(), kept.format),
            )),
            None => Ok(WorkloadFile { format: FORMAT, resized: None, back_off: files::BackOff::default() }),
        }
    }

    /// This machine.
    fn node(&self) -> Option<Node> {
        let cores = std::thread::available_parallelism().ok().and_then(|cores| u64::try_from(cores.get()).ok());
        let memory = <procfs::Meminfo as procfs::Current>::current().ok();
        Some(Node {
            id: node_name()?,
            zone: String::new(),
            ready: true,
            schedulable: true,
            capacity: Resources {
                cpu_millis: cores.map(|cores| cores.saturating_mul(1_000)),
                memory_bytes: memory.as_ref().map(|memory| memory.mem_total),
            },
            free: Resources { cpu_millis: None, memory_bytes: memory.and_then(|memory| memory.mem_available) },
        })
    }
}

impl Desk {
    /// Takes note of children that have ended.
    pub(super) fn reap(&mut self) {
        let Self { children, ends, .. } = self;
        children.retain(|pid, child| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                ends.insert(*pid, status.to_string());
                false
            }
            Err(_) => false,
        });
        // Ends that nobody asks about, of launchers that gave up, are few; they must not become many.
        if ends.len() > 10_000 {
            ends.clear();
        }
    }
}

/// Whether the process should long be serving.
pub(super) fn is_overdue(config: &WorkloadConfig, process: &ProcessId) -> bool {
    let since_ms = boot_ms().saturating_sub(process.started_boot_ms());
    since_ms > config.ready_timeout.0
}

pub(super) fn address(config: &WorkloadConfig, port: u16) -> String {
    std::net::SocketAddr::new(config.host, port).to_string()
}

fn node_name() -> Option<String> {
    let name = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

impl WorkloadFile {
    /// The requests and limits in force.
    pub(super) fn sizes(&self, config: &WorkloadConfig) -> Sizes {
        self.resized.unwrap_or_else(|| Sizes { requests: config.requests.into(), limits: config.limits.into() })
    }
}
