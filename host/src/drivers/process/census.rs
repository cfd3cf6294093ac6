//! One look at all processes of the machine: which are ours, and whose.
//!
//! Ours carry this host's name and their instance's in their environment from the moment they are executed, and pass it to
//! their children. A process can overwrite what `/proc` shows of its environment (servers that set their title do); such a one is
//! still known by the file that its launcher wrote, and by its cgroup.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::io;

use procfs::process::{Process, Stat, all_processes};

use super::identity::{ProcessId, boot_ms, is_dead};

/// The variables that mark our processes.
pub(super) const HOST: &str = "TRIMTAB_HOST";
pub(super) const TARGET: &str = "TRIMTAB_TARGET";
pub(super) const INSTANCE: &str = "TRIMTAB_INSTANCE";
pub(super) const CHANGE: &str = "TRIMTAB_CHANGE";
pub(super) const ATTEMPT: &str = "TRIMTAB_ATTEMPT";
pub(super) const PORT: &str = "TRIMTAB_PORT";

/// Processes so old are what they are: a child of ours has long been executed, and shows our variables.
const SETTLED_MS: u64 = 10_000;

/// One process of ours.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub process: ProcessId,
    pub leads_session: bool,
    pub mark: Mark,
}

/// What its environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub target: String,
    pub instance: String,
    pub change: String,
    pub attempt: u32,
    pub port: Option<u16>,
}

/// Finds our processes, and remembers which are certainly not.
#[derive(Debug, Default)]
pub(super) struct Census {
    strangers: HashSet<(i32, u64)>,
}

impl Census {
    /// All living processes that carry this host's name, by target and instance.
    pub(super) fn take(&mut self, host: &str) -> io::Result<BTreeMap<(String, String), Vec<Found>>> {
        let now_ms = boot_ms();
        let mut ours: BTreeMap<(String, String), Vec<Found>> = BTreeMap::new();
        let mut strangers = HashSet::with_capacity(self.strangers.len());
        // A process that ends while it is read is none.
        for process in all_processes().map_err(io::Error::other)?.flatten() {
            let Ok(stat) = process.stat() else { continue };
            let key = (stat.pid, stat.starttime);
            if self.strangers.contains(&key) {
                strangers.insert(key);
                continue;
            }
            if is_dead(&stat) {
                continue;
            }
            match read_mark(&process, host) {
                Some(mark) => {
                    let found = found(&stat, mark);
                    ours.entry((found.mark.target.clone(), found.mark.instance.clone())).or_default().push(found);
                }
                None if ProcessId::of(&stat).started_boot_ms().saturating_add(SETTLED_MS) < now_ms => {
                    strangers.insert(key);
                }
                None => {}
            }
        }
        self.strangers = strangers;
        Ok(ours)
    }
}

fn found(stat: &Stat, mark: Mark) -> Found {
    Found { process: ProcessId::of(stat), leads_session: stat.session == stat.pid, mark }
}

fn read_mark(process: &Process, host: &str) -> Option<Mark> {
    let environment = process.environ().ok()?;
    let text = |name: &str| text_of(&environment, name);
    if text(HOST)? != host {
        return None;
    }
    Some(Mark {
        target: text(TARGET)?,
        instance: text(INSTANCE)?,
        change: text(CHANGE).unwrap_or_default(),
        attempt: text(ATTEMPT).and_then(|number| number.parse().ok()).unwrap_or_default(),
        port: text(PORT).and_then(|number| number.parse().ok()),
    })
}

fn text_of(environment: &HashMap<OsString, OsString>, name: &str) -> Option<String> {
    environment.get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str()).map(str::to_owned)
}
