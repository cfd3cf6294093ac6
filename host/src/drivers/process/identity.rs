//! Which process is meant, beyond its number: a number is used again, a number with its start time and boot is not.

use std::io;
use std::sync::OnceLock;

use procfs::ProcError;
use procfs::process::{Process, Stat};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// One process, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ProcessId {
    /// Its number.
    pub pid: i32,
    /// When it started, in ticks since boot: field 22 of `/proc/<pid>/stat`.
    pub start_ticks: u64,
    /// Which boot.
    pub boot: String,
}

impl ProcessId {
    pub(super) fn of(stat: &Stat) -> Self {
        Self { pid: stat.pid, start_ticks: stat.starttime, boot: boot_id().to_owned() }
    }

    /// The process that this number belongs to now, if it lives.
    pub(super) fn now_of(pid: i32) -> Option<Self> {
        let stat = living_stat(pid).ok()??;
        Some(Self::of(&stat))
    }

    /// Whether it lives. A zombie does not.
    pub(super) fn lives(&self) -> bool {
        self.boot == boot_id() && matches!(living_stat(self.pid), Ok(Some(stat)) if stat.starttime == self.start_ticks)
    }

    /// The handle that sources know it by.
    pub(super) fn handle(&self) -> String {
        format!("pid:{}:{}", self.pid, self.start_ticks)
    }

    /// When it started, in milliseconds since boot.
    pub(super) fn started_boot_ms(&self) -> u64 {
        self.start_ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1)
    }

    /// Sends it a signal, and never to another that has its number now: the descriptor is opened first and then the identity
    /// checked, so that whatever it stands for cannot change any more. Tells whether it was there.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(false) };
        let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => descriptor,
            Err(rustix::io::Errno::SRCH) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if !self.lives() {
            return Ok(false);
        }
        match pidfd_send_signal(&descriptor, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What `/proc` says of a process that lives; `None` where there is none, or a dead one that nobody has reaped.
pub(super) fn living_stat(pid: i32) -> Result<Option<Stat>, ProcError> {
    match Process::new(pid).and_then(|process| process.stat()) {
        Ok(stat) if is_dead(&stat) => Ok(None),
        Ok(stat) => Ok(Some(stat)),
        Err(ProcError::NotFound(_)) => Ok(None),
        Err(ProcError::Io(error, _)) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether it is a zombie, or on its way out.
pub(super) fn is_dead(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X' | 'x')
}

/// Tells this boot of the machine from all others. Empty where the kernel does not say, which then equals itself.
pub(super) fn boot_id() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    })
}

/// Milliseconds since boot, suspension included: goes on over restarts of the host and is never set.
pub(super) fn boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

/// Ticks since boot, as [`ProcessId::start_ticks`] counts them.
pub(super) fn boot_ticks() -> u64 {
    boot_ms().saturating_mul(procfs::ticks_per_second()) / 1_000
}

/// Milliseconds since the Unix epoch.
pub(super) fn wall_ms() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
