//! The processes of an instance that has no cgroup of its own: those of its session. `/proc` is walked at most once a question.

use std::collections::HashMap;

use procfs::process::{Process, Stat, all_processes};

use super::rates::Counter;

/// All processes, once they were asked for.
#[derive(Debug, Default)]
pub(super) struct Tree {
    sessions: Option<HashMap<i32, Vec<Stat>>>,
}

impl Tree {
    /// Those of the session that this process leads, itself included.
    pub(super) fn session(&mut self, leader: i32) -> Vec<Stat> {
        let sessions = self.sessions.get_or_insert_with(|| {
            let mut sessions: HashMap<i32, Vec<Stat>> = HashMap::new();
            for stat in all_processes().into_iter().flatten().flatten().filter_map(|process| process.stat().ok()) {
                sessions.entry(stat.session).or_default().push(stat);
            }
            sessions
        });
        match sessions.get(&leader) {
            Some(members) => members.clone(),
            // It leads none: then it stands for itself.
            None => self.these(&[leader]),
        }
    }

    /// Exactly these, as far as they live.
    #[expect(clippy::unused_self, reason = "the two ways to find an instance's processes are asked alike")]
    pub(super) fn these(&self, pids: &[i32]) -> Vec<Stat> {
        pids.iter().filter_map(|pid| Process::new(*pid).and_then(|process| process.stat()).ok()).collect()
    }
}

/// CPU time of one process in nanoseconds. Its start is in the key, so that a number used again is another counter.
pub(super) fn cpu_counter(stat: &Stat) -> Counter {
    let ticks = stat.utime.saturating_add(stat.stime);
    let pid = u64::from(stat.pid.unsigned_abs());
    Counter {
        key: stat.starttime.wrapping_mul(1 << 22) ^ pid,
        value: ticks.saturating_mul(1_000_000_000) / procfs::ticks_per_second().max(1),
    }
}
