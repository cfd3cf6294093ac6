//! One cgroup per instance, in each hierarchy that can be written: limits while it runs, what it uses, and its end with all its
//! children.
//!
//! A machine may have cgroup v2, v1, or both (the hybrid layout, where v2 has no controllers). Limits go through v2 where its
//! root lists the controller, else through v1; a v2 group is made in any case where possible, since only v2 kills a group at
//! once. Groups are `<mount>/<root>/<host>/<workload>/<instance>`: not below the host's own group, which may end with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use procfs::process::Process;

use crate::snapshot::Resources;

/// Length of the CPU period, the kernel's default: the finest throttling that costs nothing.
const PERIOD_US: u64 = 100_000;
/// The kernel's least quota.
const QUOTA_US_MIN: u64 = 1_000;
/// Above so many bytes v1 means "no limit".
const V1_NO_LIMIT_BYTES: u64 = 1 << 60;
/// A group whose last process has just ended stays busy for a moment.
const REMOVE_TRIES: u32 = 40;
const REMOVE_PAUSE: Duration = Duration::from_millis(5);

/// The hierarchies of this machine that can be written.
#[derive(Debug, Clone, Default)]
pub(super) struct Cgroups {
    /// Of this host, below each mount.
    base: PathBuf,
    unified: Option<PathBuf>,
    cpu: Option<Controller>,
    memory: Option<Controller>,
    /// v1 only; v2 counts CPU in `cpu.stat`.
    cpuacct: Option<PathBuf>,
    /// Why there are no limits, for a person.
    pub why_not: Option<String>,
}

#[derive(Debug, Clone)]
enum Controller {
    V1(PathBuf),
    V2(PathBuf),
}

impl Controller {
    fn mount(&self) -> &Path {
        match self {
            Self::V1(mount) | Self::V2(mount) => mount,
        }
    }
}

/// The group of one instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupName<'a> {
    pub workload: &'a str,
    pub instance: &'a str,
}

impl Cgroups {
    /// Runs without.
    pub(super) fn none(why: &str) -> Self {
        Self { why_not: Some(why.to_owned()), ..Self::default() }
    }

    /// Looks at what is mounted, and tries it.
    pub(super) fn detect(root: &str, host: &str) -> Self {
        let mut found = Self { base: Path::new(root).join(host), ..Self::default() };
        let mounts = match Process::myself().and_then(|process| process.mountinfo()) {
            Ok(mounts) => mounts,
            Err(error) => return Self::none(&format!("the list of mounts cannot be read: {error}")),
        };
        for mount in mounts {
            let place = mount.mount_point;
            let writable = || fs::create_dir_all(place.join(&found.base)).is_ok();
            match mount.fs_type.as_str() {
                "cgroup2" if found.unified.is_none() && writable() => {
                    let listed = fs::read_to_string(place.join("cgroup.controllers")).unwrap_or_default();
                    for controller in listed.split_whitespace() {
                        match controller {
                            "cpu" if found.enable(&place, "cpu") => found.cpu = Some(Controller::V2(place.clone())),
                            "memory" if found.enable(&place, "memory") => {
                                found.memory = Some(Controller::V2(place.clone()));
                            }
                            _ => {}
                        }
                    }
                    found.unified = Some(place);
                }
                "cgroup" => {
                    let has = |controller: &str| mount.super_options.contains_key(controller);
                    if has("cpu") && found.cpu.is_none() && writable() {
                        found.cpu = Some(Controller::V1(place.clone()));
                    }
                    if has("memory") && found.memory.is_none() && writable() {
                        found.memory = Some(Controller::V1(place.clone()));
                    }
                    if has("cpuacct") && found.cpuacct.is_none() && writable() {
                        found.cpuacct = Some(place);
                    }
                }
                _ => {}
            }
        }
        // Made again with the first instance; a host that runs none leaves nothing behind.
        for mount in found.mounts() {
            let _ = fs::remove_dir(mount.join(&found.base));
        }
        if !found.limits() {
            found.why_not = Some("no cgroup hierarchy with cpu and memory can be written here".to_owned());
        }
        found
    }

    /// Whether both CPU and memory can be limited.
    pub(super) fn limits(&self) -> bool {
        self.cpu.is_some() && self.memory.is_some()
    }

    /// Passes a v2 controller on, from the mount down to the folder that holds the groups of `base`.
    fn enable(&self, mount: &Path, controller: &str) -> bool {
        self.pass_on(mount, &self.base, controller).is_ok()
    }

    fn pass_on(&self, mount: &Path, below: &Path, controller: &str) -> io::Result<()> {
        let mut place = mount.to_owned();
        fs::write(place.join("cgroup.subtree_control"), format!("+{controller}"))?;
        for part in below {
            place.push(part);
            fs::write(place.join("cgroup.subtree_control"), format!("+{controller}"))?;
        }
        Ok(())
    }

    fn mounts(&self) -> Vec<&Path> {
        let mut mounts: Vec<&Path> = [&self.cpu, &self.memory].into_iter().flatten().map(Controller::mount).collect();
        mounts.extend(self.cpuacct.as_deref());
        mounts.extend(self.unified.as_deref());
        mounts.sort_unstable();
        mounts.dedup();
        mounts
    }

    fn group(&self, mount: &Path, name: GroupName<'_>) -> PathBuf {
        mount.join(&self.base).join(name.workload).join(name.instance)
    }

    /// Makes the groups of an instance; returns the files by which a process enters them.
    pub(super) fn make(&self, name: GroupName<'_>) -> io::Result<Vec<PathBuf>> {
        let mut doors = Vec::new();
        for mount in self.mounts() {
            let group = self.group(mount, name);
            fs::create_dir_all(&group)?;
            doors.push(group.join("cgroup.procs"));
        }
        let below = self.base.join(name.workload);
        for (controller, word) in [(&self.cpu, "cpu"), (&self.memory, "memory")] {
            if let Some(Controller::V2(mount)) = controller {
                self.pass_on(mount, &below, word)?;
            }
        }
        Ok(doors)
    }

    /// Sets requests and limits; `None` lifts a limit.
    pub(super) fn apply(&self, name: GroupName<'_>, requests: Resources, limits: Resources) -> io::Result<()> {
        let set = |group: &Path, file: &str, text: String| {
            fs::write(group.join(file), &text)
                .map_err(|error| io::Error::new(error.kind(), format!("{file} refuses {text}: {error}")))
        };
        let quota_us = limits.cpu_millis.map(|millis| (millis.saturating_mul(PERIOD_US) / 1_000).max(QUOTA_US_MIN));
        let shares =
            requests.cpu_millis.map_or(1_024, |millis| (millis.saturating_mul(1_024) / 1_000).clamp(2, 262_144));
        match &self.cpu {
            Some(Controller::V1(mount)) => {
                let group = self.group(mount, name);
                set(&group, "cpu.cfs_period_us", PERIOD_US.to_string())?;
                set(&group, "cpu.cfs_quota_us", quota_us.map_or_else(|| "-1".to_owned(), |us| us.to_string()))?;
                set(&group, "cpu.shares", shares.to_string())?;
            }
            Some(Controller::V2(mount)) => {
                let group = self.group(mount, name);
                let quota = quota_us.map_or_else(|| "max".to_owned(), |us| us.to_string());
                set(&group, "cpu.max", format!("{quota} {PERIOD_US}"))?;
                // The kernel documentation's mapping of shares 2..=262144 to weights 1..=10000.
                set(&group, "cpu.weight", (1 + (shares - 2) * 9_999 / 262_142).to_string())?;
            }
            None => {}
        }
        if self.memory.is_some() {
            self.apply_memory(name, limits.memory_bytes, &set)?;
        }
        Ok(())
    }

    fn apply_memory(
        &self,
        name: GroupName<'_>,
        limit_bytes: Option<u64>,
        set: &dyn Fn(&Path, &str, String) -> io::Result<()>,
    ) -> io::Result<()> {
        // v2 would kill what does not fit; v1 would answer "busy".
        if let (Some(limit), Some(used)) = (limit_bytes, self.usage(name).memory_bytes)
            && used > limit
        {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("it uses {used} bytes of memory, more than {limit}"),
            ));
        }
        match &self.memory {
            Some(Controller::V1(mount)) => {
                let text = limit_bytes.map_or_else(|| "-1".to_owned(), |bytes| bytes.to_string());
                set(&self.group(mount, name), "memory.limit_in_bytes", text)
            }
            Some(Controller::V2(mount)) => {
                let text = limit_bytes.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string());
                set(&self.group(mount, name), "memory.max", text)
            }
            None => Ok(()),
        }
    }

    /// The limits in force; what cannot be read is not known.
    pub(super) fn limits_of(&self, name: GroupName<'_>) -> Resources {
        let cpu_millis = match &self.cpu {
            Some(Controller::V1(mount)) => {
                let group = self.group(mount, name);
                let period = number(&group.join("cpu.cfs_period_us"));
                number(&group.join("cpu.cfs_quota_us")).zip(period).and_then(|(quota, period)| millis(quota, period))
            }
            Some(Controller::V2(mount)) => {
                let text = fs::read_to_string(self.group(mount, name).join("cpu.max")).unwrap_or_default();
                let mut words = text.split_whitespace().map(|word| word.parse::<u64>().ok());
                let (quota, period) = (words.next().flatten(), words.next().flatten());
                quota.zip(period).and_then(|(quota, period)| millis(quota, period))
            }
            None => None,
        };
        let memory_bytes = match &self.memory {
            Some(Controller::V1(mount)) => number(&self.group(mount, name).join("memory.limit_in_bytes"))
                .filter(|bytes| *bytes < V1_NO_LIMIT_BYTES),
            Some(Controller::V2(mount)) => number(&self.group(mount, name).join("memory.max")),
            None => None,
        };
        Resources { cpu_millis, memory_bytes }
    }

    /// What it has used: CPU since the group was made, memory now without what the kernel could drop at once.
    pub(super) fn usage(&self, name: GroupName<'_>) -> Usage {
        let cpu_ns = match (&self.cpuacct, &self.unified) {
            (Some(mount), _) => number(&self.group(mount, name).join("cpuacct.usage")),
            (None, Some(mount)) => {
                line_of(&self.group(mount, name).join("cpu.stat"), "usage_usec").map(|us| us.saturating_mul(1_000))
            }
            (None, None) => None,
        };
        let (file, inactive) = match &self.memory {
            Some(Controller::V1(_)) => ("memory.usage_in_bytes", "total_inactive_file"),
            _ => ("memory.current", "inactive_file"),
        };
        let memory_bytes = self.memory.as_ref().and_then(|controller| {
            let group = self.group(controller.mount(), name);
            let idle = line_of(&group.join("memory.stat"), inactive).unwrap_or_default();
            number(&group.join(file)).map(|bytes| bytes.saturating_sub(idle))
        });
        Usage { cpu_ns, memory_bytes }
    }

    /// The processes in it.
    pub(super) fn pids(&self, name: GroupName<'_>) -> Vec<i32> {
        let Some(mount) = self.mounts().first().copied() else { return Vec::new() };
        let text = fs::read_to_string(self.group(mount, name).join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// Kills all that is in it at once, where the kernel can (v2, Linux 5.14); others are killed one by one by the caller.
    pub(super) fn kill(&self, name: GroupName<'_>) {
        if let Some(mount) = &self.unified {
            let file = self.group(mount, name).join("cgroup.kill");
            if file.exists()
                && let Err(error) = fs::write(&file, "1")
            {
                tracing::debug!(file = %file.display(), %error, "a group could not be killed at once");
            }
        }
    }

    /// Removes the groups of an instance, and what is above them if nothing else is there.
    pub(super) fn remove(&self, name: GroupName<'_>) -> io::Result<()> {
        for mount in self.mounts() {
            let group = self.group(mount, name);
            remove_group(&group)?;
            // Not empty while siblings are there: that is as it should be.
            for above in group.ancestors().skip(1).take(2) {
                if fs::remove_dir(above).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// What a group has used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub cpu_ns: Option<u64>,
    pub memory_bytes: Option<u64>,
}

fn remove_group(group: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match fs::remove_dir(group) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && tries < REMOVE_TRIES => {
                tries += 1;
                std::thread::sleep(REMOVE_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

fn millis(quota_us: u64, period_us: u64) -> Option<u64> {
    quota_us.saturating_mul(1_000).checked_div(period_us)
}

/// A file that holds one number; anything else (`max`, `-1`) is none.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number on the line that begins with this word.
fn line_of(path: &Path, word: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}
