//! What the stories share: a driver over a temporary folder, steps taken until they are done, and an end for every process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;
use trimtab::bounds::{Decision, Gates, Past, Question, RepairQuestion, Settings, Vote, VoteAnswer, decide, repair};
use trimtab::drivers::process::{ProcessConfig, ProcessDriver};
use trimtab::drivers::{Driver, ObservedTarget, Step, StepState};
use trimtab::policy::{ContainerResources, Proposal, ProposalKind};
use trimtab::snapshot::{
    Abilities, Container, Instance, Inventory, Limits, Phase, Resources, SNAPSHOT_FORMAT, Snapshot, Target, TargetId,
};

/// No story waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

static RIGS: AtomicU32 = AtomicU32::new(0);

pub(super) struct Rig {
    pub(super) dir: TempDir,
    pub(super) config: ProcessConfig,
    pub(super) driver: ProcessDriver,
}

impl Rig {
    /// A driver `local` with these workloads.
    pub(super) fn new(toml: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config: ProcessConfig = toml::from_str(toml).unwrap();
        config.launcher = Some(PathBuf::from(env!("CARGO_BIN_EXE_trimtab")));
        config.cgroup_root = format!("trimtab-test-{}-{}", std::process::id(), RIGS.fetch_add(1, Ordering::Relaxed));
        let driver = ProcessDriver::open("local", config.clone(), dir.path()).unwrap();
        Self { dir, config, driver }
    }

    /// A host that was ended and started again: everything held in memory is lost.
    pub(super) fn restart_host(&mut self) {
        self.driver = ProcessDriver::open("local", self.config.clone(), self.dir.path()).unwrap();
    }

    pub(super) fn state(&self) -> PathBuf {
        self.dir.path().join("process/local")
    }

    pub(super) fn host(&self) -> String {
        fs::read_to_string(self.state().join(".identity")).unwrap_or_default()
    }

    /// Takes a step once.
    pub(super) async fn take(&self, decision: &Decision, step: Step) -> Result<StepState, String> {
        self.driver.take(decision, &step).await.map_err(|error| chain(&error))
    }

    /// Takes a step until it is done.
    pub(super) async fn done(&self, decision: &Decision, step: Step) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.driver.take(decision, &step).await.map_err(|error| chain(&error)) {
                Ok(StepState::Done) => return,
                Ok(StepState::Waiting { .. }) if Instant::now() < until => tokio::time::sleep(POLL).await,
                other => panic!("{step:?} came to {other:?}"),
            }
        }
    }

    pub(super) async fn create(&self, workload: &str, instance: &str) {
        self.done(&decision(workload), Step::Create { instance: instance.to_owned() }).await;
    }

    pub(super) async fn observe(&self, workload: &str) -> ObservedTarget {
        let observation = self.driver.observe(now_ms()).await.unwrap();
        let name = format!("local/{workload}");
        let found = observation.targets.into_iter().find(|target| target.target.id.as_str() == name);
        found.unwrap_or_else(|| panic!("{name} was not observed: {:?}", observation.unreadable))
    }

    pub(super) async fn instance(&self, workload: &str, instance: &str) -> Instance {
        let target = self.observe(workload).await;
        let found = target.instances.iter().find(|one| one.id == instance).cloned();
        found.unwrap_or_else(|| panic!("{instance} was not observed, only {:?}", target.instances))
    }

    /// Observes until the instance is in this phase.
    pub(super) async fn phase(&self, workload: &str, instance: &str, phase: Phase) -> Instance {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.instance(workload, instance).await;
            if found.phase == phase {
                return found;
            }
            assert!(Instant::now() < until, "{instance} is still {:?}, not {phase:?}", found.phase);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Numbers of the living processes of an instance, the launcher's and children included.
    pub(super) fn pids(&self, instance: &str) -> Vec<i32> {
        marked(&self.host()).into_iter().filter(|(_, owner)| owner == instance).map(|(pid, _)| pid).collect()
    }

    /// Limits can be set here; says so loudly where not.
    pub(super) fn has_limits(&self, story: &str) -> bool {
        let writable = ["cpu", "memory"].iter().all(|controller| {
            controllers().iter().any(|(place, listed)| listed.iter().any(|name| name == controller) && place.is_dir())
        }) && rustix::process::geteuid().is_root();
        if !writable {
            let line = format!(
                "SKIPPED process cgroups: {story}: no cgroup hierarchy with cpu and memory can be written here"
            );
            eprintln!("{line}");
            if let Ok(log) = std::env::var("TRIMTAB_SKIPPED_LOG") {
                use std::io::Write;
                let mut log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
                writeln!(log, "{line}").unwrap();
            }
        }
        writable
    }

    /// A file of the instance's group, of whichever hierarchy has it.
    pub(super) fn group_file(&self, workload: &str, instance: &str, file: &str) -> Option<String> {
        controllers().iter().find_map(|(place, _)| {
            let root = place.join(&self.config.cgroup_root);
            let host = fs::read_dir(root).ok()?.flatten().map(|entry| entry.path()).find(|path| path.is_dir())?;
            fs::read_to_string(host.join(workload).join(instance).join(file)).ok().map(|text| text.trim().to_owned())
        })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let host = self.host();
        let until = Instant::now() + Duration::from_secs(5);
        while !host.is_empty() && Instant::now() < until {
            let left = marked(&host);
            if left.is_empty() {
                break;
            }
            left.iter().for_each(|(pid, _)| kill(*pid));
            std::thread::sleep(POLL);
        }
        for (place, _) in controllers() {
            remove_groups(&place.join(&self.config.cgroup_root));
        }
    }
}

/// Groups are removed from the innermost outwards; files in them are the kernel's.
fn remove_groups(group: &Path) {
    for inner in fs::read_dir(group).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        remove_groups(&inner.path());
    }
    let _ = fs::remove_dir(group);
}

/// Mounts of cgroups and the controllers that each has.
fn controllers() -> Vec<(PathBuf, Vec<String>)> {
    let mounts = Process::myself().and_then(|process| process.mountinfo()).unwrap();
    let mounts = mounts.into_iter().filter(|mount| mount.fs_type.starts_with("cgroup"));
    mounts
        .map(|mount| {
            let v1 = mount.super_options.keys().cloned();
            let v2 = fs::read_to_string(mount.mount_point.join("cgroup.controllers")).unwrap_or_default();
            let listed = v1.chain(v2.split_whitespace().map(str::to_owned)).collect();
            (mount.mount_point, listed)
        })
        .collect()
}

/// Living processes that carry this host's name, with their instance's.
pub(super) fn marked(host: &str) -> Vec<(i32, String)> {
    let mut found = Vec::new();
    for process in all_processes().unwrap().flatten() {
        let Ok(environment) = process.environ() else { continue };
        let value =
            |name: &str| environment.get(std::ffi::OsStr::new(name)).map(|value| value.to_string_lossy().into_owned());
        let alive = process.stat().is_ok_and(|stat| stat.state != 'Z');
        if alive && value("TRIMTAB_HOST").as_deref() == Some(host) {
            found.push((process.pid, value("TRIMTAB_INSTANCE").unwrap_or_default()));
        }
    }
    found
}

pub(super) fn alive(pid: i32) -> bool {
    Process::new(pid).and_then(|process| process.stat()).is_ok_and(|stat| stat.state != 'Z')
}

pub(super) fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid)
        && let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty())
    {
        let _ = pidfd_send_signal(&descriptor, Signal::KILL);
    }
}

pub(super) async fn until(what: &str, mut test: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !test() {
        assert!(Instant::now() < until, "in vain: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// A decision that some policy wanted: what most steps are taken for.
pub(super) fn decision(workload: &str) -> Decision {
    wanted(workload, "key-1", None)
}

/// A decision of this key that a policy wanted; with a resize, if one is given.
pub(super) fn wanted(workload: &str, key: &str, resize: Option<Resources>) -> Decision {
    let scale = Proposal { kind: ProposalKind::Scale, count: Some(2), ..Proposal::default() };
    let resize = resize.map(|limits| Proposal {
        kind: ProposalKind::Resize,
        resources: vec![ContainerResources { container: "main".to_owned(), limits, ..ContainerResources::default() }],
        ..Proposal::default()
    });
    let kinds = vec![ProposalKind::Scale, ProposalKind::Resize];
    let votes = [Vote {
        slot: "story".to_owned(),
        granted: kinds.clone(),
        declared: kinds,
        answer: VoteAnswer::Proposals([Some(scale), resize].into_iter().flatten().collect()),
    }];
    let ruling = decide(&Question {
        snapshot: &snapshot(workload),
        settings: &Settings::default(),
        votes: &votes,
        past: &Past::default(),
        gates: &Gates::default(),
        key,
        lease_epoch: 1,
        lease_expires_ms: now_ms() + 600_000,
    });
    ruling.decision.unwrap_or_else(|| panic!("nothing was decided: {:?}", ruling.restraints))
}

/// The host's own decision to make up for what is missing.
pub(super) fn repair_of(workload: &str, key: &str) -> Decision {
    let ruling = repair(&RepairQuestion {
        snapshot: &snapshot(workload),
        settings: &Settings::default(),
        past: &Past::default(),
        gates: &Gates::default(),
        key,
        lease_epoch: 1,
        lease_expires_ms: now_ms() + 600_000,
    });
    ruling.decision.unwrap_or_else(|| panic!("nothing was decided: {:?}", ruling.restraints))
}

/// One instance is desired, none is there, and its container has next to nothing: whatever is wished is a raise.
fn snapshot(workload: &str) -> Snapshot {
    Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms: now_ms(),
        target: Target {
            id: TargetId::new("local", workload).unwrap(),
            kind: "process-group".to_owned(),
            zones: Vec::new(),
            labels: BTreeMap::new(),
            desired: 1,
            total: 0,
            ready: 0,
            containers: vec![Container {
                name: "main".to_owned(),
                requests: Resources::default(),
                limits: Resources { cpu_millis: Some(10), memory_bytes: Some(64 << 10) },
            }],
            abilities: Abilities::default(),
            limits: Limits {
                replicas_min: 1,
                replicas_max: 10,
                least: Resources::default(),
                most: Resources::default(),
            },
        },
        in_flight: None,
        instances: Vec::new(),
        nodes: Vec::new(),
        readings: Vec::new(),
        alerts: Vec::new(),
        changes: Vec::new(),
        transitions: Vec::new(),
        inventory: Inventory::Complete,
    }
}

pub(super) fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

pub(super) fn pid_of(instance: &Instance) -> i32 {
    let handle = instance.handle.as_deref().expect("it has a process");
    handle.split(':').nth(1).unwrap().parse().unwrap()
}
