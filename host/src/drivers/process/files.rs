//! What is kept on disk of each instance, so that it survives the host: written before anything is done about it.
//!
//! ```text
//! <state>/.identity                     names this host in its children's environment
//! <state>/<workload>/.workload.json     present requests and limits, back-off
//! <state>/<workload>/<instance>.json    the wish: written by the host
//! <state>/<workload>/<instance>.pid     the process: written by the launcher, just before it becomes the command
//! <state>/<workload>/<instance>.lock    held by whoever changes one of these two
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::census::Mark;
use super::identity::{ProcessId, wall_ms};
use crate::snapshot::Resources;

/// Number of the form of these files; another is refused.
pub(super) const FORMAT: u32 = 1;
/// Largest file that is read: ours are below 2 KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// How long a lock is waited for: whoever holds one does so for milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(2);

/// What the host wants of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceFile {
    /// [`FORMAT`].
    pub format: u32,
    /// Its id.
    pub instance: String,
    /// Key of the change that made it.
    pub made_by: String,
    /// When it was asked for.
    pub created_ms: u64,
    /// Counts the starts. A launcher of an earlier one gives up.
    pub attempt: u32,
    /// Starts after the first.
    pub restarts: u32,
    /// Its port.
    pub port: Option<u16>,
    /// Run or stop.
    pub wish: Wish,
    /// Key of the last change that restarted or started it: taking that step again does no more.
    pub start_key: Option<String>,
    /// Number of the start whose end was counted as a crash.
    pub crash_counted: u32,
}

impl InstanceFile {
    /// A new instance, not started yet.
    pub(super) fn new(instance: &str, made_by: &str) -> Self {
        Self {
            format: FORMAT,
            instance: instance.to_owned(),
            made_by: made_by.to_owned(),
            created_ms: wall_ms(),
            attempt: 0,
            restarts: 0,
            port: None,
            wish: Wish::Run,
            start_key: None,
            crash_counted: 0,
        }
    }

    /// An instance of which only its processes are left to tell.
    pub(super) fn of_mark(mark: &Mark) -> Self {
        Self { attempt: mark.attempt, port: mark.port, ..Self::new(&mark.instance, &mark.change) }
    }
}

/// Run or stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Wish {
    /// Run.
    Run,
    /// Stop.
    Stop {
        /// Since when, in milliseconds since boot.
        since_boot_ms: u64,
        /// Of this boot.
        boot: String,
        /// Whether the stop signal was sent.
        signalled: bool,
    },
}

/// What the launcher noted of the process that it was about to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PidFile {
    /// Which process.
    pub process: ProcessId,
    /// Of which start.
    pub attempt: u32,
    /// When.
    pub started_ms: u64,
}

/// What is kept of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadFile {
    /// [`FORMAT`].
    pub format: u32,
    /// Requests and limits of the last resize; without one the config's hold.
    #[serde(default)]
    pub resized: Option<Sizes>,
    /// Crashes in a row.
    #[serde(default)]
    pub back_off: BackOff,
}

/// Requests and limits of each instance of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    /// What is set aside.
    pub requests: Resources,
    /// What it may use at most.
    pub limits: Resources,
}

/// Crashes in a row, and until when nothing is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::drivers) struct BackOff {
    /// How many.
    pub failures: u32,
    /// When the last was seen.
    pub last_ms: u64,
    /// Not before.
    pub next_start_ms: u64,
}

/// Paths of one instance's files.
#[derive(Debug, Clone)]
pub(super) struct InstancePaths {
    pub wish: PathBuf,
    pub pid: PathBuf,
    pub lock: PathBuf,
}

impl InstancePaths {
    pub(super) fn new(dir: &Path, instance: &str) -> Self {
        let with = |ending: &str| dir.join(format!("{instance}.{ending}"));
        Self { wish: with("json"), pid: with("pid"), lock: with("lock") }
    }

    /// Holds the lock until dropped. Whoever waited for it while its file was removed has nothing in hand, and takes it anew.
    pub(super) fn lock(&self) -> io::Result<File> {
        let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&self.lock);
        let mut file = open()?;
        let until = Instant::now() + LOCK_WAIT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_still_at(&file, &self.lock)? => return Ok(file),
                Ok(()) => file = open()?,
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOCK_POLL),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes all three, and what a write left half done; the lock last, so that a launcher that waits for it finds nothing.
    pub(super) fn remove(&self) -> io::Result<()> {
        for path in [&self.wish, &partial(&self.wish), &self.pid, &partial(&self.pid), &self.lock] {
            remove_if_there(path)?;
        }
        Ok(())
    }
}

/// Whether this very file still has this name.
fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where a file is written before it takes its name.
fn partial(path: &Path) -> PathBuf {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    PathBuf::from(fresh)
}

/// Removes what a host killed while it removed or made an instance left in a workload's folder: files without a wish. To be
/// called before anything is begun. The note of a process that lives is kept: it is taken in by the next observation.
pub(super) fn sweep(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        let endings = [".json.new", ".pid.new", ".pid", ".lock"];
        let id = name.to_str().and_then(|name| endings.iter().find_map(|ending| name.strip_suffix(ending)));
        let Some(id) = id.filter(|id| super::config::is_file_name(id)) else { continue };
        let paths = InstancePaths::new(dir, id);
        // A note that cannot be read tells of no process; without a wish nobody else will read it either.
        let lives = matches!(read::<PidFile>(&paths.pid), Ok(Some(pid)) if pid.process.lives());
        if !paths.wish.exists() && !lives {
            paths.remove()?;
        }
    }
    Ok(())
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a file; `None` where there is none.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match fs::metadata(path) {
        Ok(meta) if meta.len() > FILE_BYTES_MAX => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has {} bytes", meta.len())));
        }
        Ok(_) => fs::read(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes a file whole or not at all, durably: what it says is acted on next.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    let fresh = partial(path);
    let mut file = File::create(&fresh)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    let parent = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(parent)?.sync_all()
}

/// Reads the name that this host goes by in its children's environment, or makes one.
pub(super) fn host_identity(state: &Path) -> io::Result<String> {
    let path = state.join(".identity");
    match fs::read_to_string(&path) {
        Ok(text) if super::config::is_file_name(text.trim()) => return Ok(text.trim().to_owned()),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let fresh = fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned();
    let partial = state.join(".identity.new");
    let mut file = File::create(&partial)?;
    file.write_all(fresh.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, &path)?;
    File::open(state)?.sync_all()?;
    Ok(fresh)
}

/// Ids of the instances of which there is a file, ordered.
pub(super) fn instances(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".json"))
            && super::config::is_file_name(id)
        {
            ids.push(id.to_owned());
        }
    }
    ids.sort_unstable();
    Ok(ids)
}
