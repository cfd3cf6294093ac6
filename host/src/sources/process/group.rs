//! What a process's own cgroup tells, v2 or v1. Only a group named after the instance is its own; the one that it shares with
//! others says nothing of it.

use std::fs;
use std::path::{Path, PathBuf};

use procfs::process::Process;

/// Above so many bytes v1 means "no limit".
const V1_NO_LIMIT_BYTES: u64 = 1 << 60;

/// Where the hierarchies are mounted.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    mounts: Vec<Mount>,
}

#[derive(Debug, Clone)]
struct Mount {
    place: PathBuf,
    /// The group that the mount shows as its root: not `/` within a container.
    root: PathBuf,
    /// v1: its controllers; v2: empty.
    controllers: Vec<String>,
}

/// The folders of one instance's group.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    unified: Option<PathBuf>,
    cpu: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
    memory: Option<PathBuf>,
}

impl Groups {
    /// Reads the list of mounts; where there is none, there are no groups.
    pub(super) fn find() -> Self {
        let mounts = Process::myself().and_then(|process| process.mountinfo());
        let mounts = mounts.into_iter().flatten().filter_map(|mount| match mount.fs_type.as_str() {
            "cgroup2" => Some((mount, Vec::new())),
            "cgroup" => {
                let names = ["cpu", "cpuacct", "memory"].map(str::to_owned);
                let here: Vec<String> =
                    names.into_iter().filter(|name| mount.super_options.contains_key(name)).collect();
                (!here.is_empty()).then_some((mount, here))
            }
            _ => None,
        });
        let mounts = mounts.map(|(mount, controllers)| Mount {
            place: mount.mount_point,
            root: PathBuf::from(mount.root),
            controllers,
        });
        Self { mounts: mounts.collect() }
    }

    /// The group of this process, where its name is the instance's.
    pub(super) fn of(&self, process: &Process, instance: &str) -> Group {
        let mut group = Group::default();
        let Ok(entries) = process.cgroups() else { return group };
        for entry in entries {
            let path = Path::new(&entry.pathname);
            if path.file_name().is_none_or(|name| name != instance) {
                continue;
            }
            let unified = entry.controllers.iter().all(String::is_empty);
            let fits = |mount: &&Mount| {
                if unified {
                    mount.controllers.is_empty()
                } else {
                    mount.controllers.iter().any(|name| entry.controllers.contains(name))
                }
            };
            let Some(mount) = self.mounts.iter().find(fits) else { continue };
            let below = path.strip_prefix(&mount.root).or_else(|_| path.strip_prefix("/")).unwrap_or(path);
            let folder = mount.place.join(below);
            if unified {
                group.unified = Some(folder);
                continue;
            }
            let has = |name: &str| mount.controllers.iter().any(|controller| controller == name);
            group.cpu = group.cpu.or_else(|| has("cpu").then(|| folder.clone()));
            group.cpuacct = group.cpuacct.or_else(|| has("cpuacct").then(|| folder.clone()));
            group.memory = group.memory.or_else(|| has("memory").then_some(folder));
        }
        group
    }
}

impl Group {
    /// Its processes; empty where it has no group.
    pub(super) fn pids(&self) -> Vec<i32> {
        let folder = [&self.unified, &self.cpu, &self.cpuacct, &self.memory].into_iter().flatten().next();
        let text = folder.and_then(|folder| fs::read_to_string(folder.join("cgroup.procs")).ok()).unwrap_or_default();
        text.lines().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// CPU time used since the group was made.
    pub(super) fn cpu_ns(&self) -> Option<u64> {
        let v1 = self.cpuacct.as_ref().and_then(|folder| number(&folder.join("cpuacct.usage")));
        v1.or_else(|| line(&self.unified.as_ref()?.join("cpu.stat"), "usage_usec").map(|us| us.saturating_mul(1_000)))
    }

    /// Memory held, without file pages that nobody has touched for long.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        let (folder, used, inactive) = match (&self.memory, &self.unified) {
            (Some(folder), _) => (folder, "memory.usage_in_bytes", "total_inactive_file"),
            (None, Some(folder)) => (folder, "memory.current", "inactive_file"),
            (None, None) => return None,
        };
        let idle = line(&folder.join("memory.stat"), inactive).unwrap_or_default();
        number(&folder.join(used)).map(|bytes| bytes.saturating_sub(idle))
    }

    /// Thousandths of a core; `None` without a limit.
    pub(super) fn cpu_limit_millis(&self) -> Option<u64> {
        let (quota, period) = match (&self.cpu, &self.unified) {
            (Some(folder), _) => {
                (number(&folder.join("cpu.cfs_quota_us"))?, number(&folder.join("cpu.cfs_period_us"))?)
            }
            (None, Some(folder)) => {
                let text = fs::read_to_string(folder.join("cpu.max")).ok()?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.parse().ok()?, period.parse().ok()?)
            }
            (None, None) => return None,
        };
        quota.saturating_mul(1_000).checked_div(period)
    }

    /// Bytes; `None` without a limit.
    pub(super) fn memory_limit_bytes(&self) -> Option<u64> {
        match (&self.memory, &self.unified) {
            (Some(folder), _) => {
                number(&folder.join("memory.limit_in_bytes")).filter(|bytes| *bytes < V1_NO_LIMIT_BYTES)
            }
            (None, Some(folder)) => number(&folder.join("memory.max")),
            (None, None) => None,
        }
    }

    /// CPU periods in which it was held back, and all in which it ran.
    pub(super) fn throttling(&self) -> Option<(u64, u64)> {
        let file = self.cpu.as_ref().or(self.unified.as_ref())?.join("cpu.stat");
        Some((line(&file, "nr_throttled")?, line(&file, "nr_periods")?))
    }
}

/// A file that holds one number; anything else (`max`, `-1`) is none.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number on the line that begins with this word.
fn line(path: &Path, word: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}
