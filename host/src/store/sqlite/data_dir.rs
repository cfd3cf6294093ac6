//! The data directory: made private, and held by one host at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::store::StoreError;

/// How long a lock is waited for. A process that a host is just starting holds its lock until it becomes another program, also
/// where that host has ended meanwhile.
const LOCK_WAIT: Duration = Duration::from_millis(500);

/// A data directory that is ours. The lock is the kernel's and ends with the process, however it ends; the file is opened
/// close-on-exec, so that processes which outlive the host do not keep it.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, readable by us alone, and locks it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let make = DirBuilder::new().recursive(true).mode(0o700).create(path);
        make.map_err(|error| refused(format!("make the data_dir {}", path.display()), error))?;
        let name = path.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name);
        let lock = lock.map_err(|error| refused(format!("open {}", name.display()), error))?;
        let begun = Instant::now();
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(Errno::WOULDBLOCK) if begun.elapsed() < LOCK_WAIT => std::thread::sleep(LOCK_WAIT / 20),
                Err(Errno::WOULDBLOCK) => return Err(StoreError::Locked { path: path.display().to_string() }),
                Err(error) => return Err(refused(format!("lock {}", name.display()), error.into())),
            }
        }
    }

    /// Makes an empty file, readable by us alone (SQLite gives its side files the same rights), and the name durable.
    pub(super) fn make_file(&self, path: &Path) -> Result<(), StoreError> {
        let make = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        make.map_err(|error| refused(format!("make {}", path.display()), error))?;
        for dir in [Some(self.path.as_path()), self.path.parent()].into_iter().flatten() {
            // A parent that we may not open is one that we did not make.
            let Ok(dir) = File::open(dir) else { continue };
            dir.sync_all().map_err(|error| refused(format!("flush {}", self.path.display()), error))?;
        }
        Ok(())
    }
}

/// Which file a name stands for: device and inode.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

fn refused(what: String, error: io::Error) -> StoreError {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => ": give this user the right to write there, or name another data_dir",
        io::ErrorKind::ReadOnlyFilesystem => ": its file system is read-only; name another data_dir",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": free some space first",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ": a file is in its place",
        _ => "",
    };
    StoreError::Io { what: what + remedy, source: Box::new(error) }
}
