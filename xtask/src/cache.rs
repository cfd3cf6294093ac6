//! The folder for what is fetched: `$TRIMTAB_CACHE`, else `$XDG_CACHE_HOME/trimtab`, else `~/.cache/trimtab`.
//!
//! It outlives `cargo clean` and may be deleted at any time. A folder in it is either whole or absent: it is filled under
//! another name and renamed last, so that an interrupted run leaves nothing half-made under a name that a later run trusts.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::steps::say;

/// The end of a folder's name while it is being filled.
pub(crate) const HALF: &str = ".half";

/// The cache folder, locked against other xtasks for as long as this value lives.
pub(crate) struct Cache {
    root: PathBuf,
    _lock: File,
}

impl Cache {
    /// Opens the cache folder and waits until no other xtask is filling it.
    ///
    /// # Errors
    /// Where there is no place for it, or it cannot be written.
    pub(crate) fn open() -> Result<Self> {
        let root = place()?;
        fs::create_dir_all(&root).with_context(|| {
            format!("making the cache folder {}; set TRIMTAB_CACHE to another place", root.display())
        })?;
        let lock = File::create(root.join("lock")).with_context(|| {
            format!("locking the cache folder {}; set TRIMTAB_CACHE to another place", root.display())
        })?;
        if lock.try_lock().is_err() {
            say(format!("waiting for another xtask that is using {}", root.display()));
            lock.lock().with_context(|| format!("locking {}", root.display()))?;
        }
        Ok(Self { root, _lock: lock })
    }

    /// A path in the cache.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// The folder `name`; if it is not there, `fill` is asked to fill an empty one that then takes the name.
    ///
    /// # Errors
    /// Where `fill` fails or the disk does.
    pub(crate) fn folder(&self, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let folder = self.path(name);
        if folder.is_dir() {
            return Ok(folder);
        }
        let half = self.path(format!("{name}{HALF}"));
        if half.exists() {
            fs::remove_dir_all(&half).with_context(|| format!("removing the leftover {}", half.display()))?;
        }
        fs::create_dir_all(&half).with_context(|| format!("making {}", half.display()))?;
        fill(&half)?;
        fs::rename(&half, &folder).with_context(|| format!("renaming {} to {}", half.display(), folder.display()))?;
        Ok(folder)
    }

    /// Notes that something failed, so that [`Cache::failed_within`] can spare the next run the same wait.
    ///
    /// # Errors
    /// Where the note cannot be written.
    pub(crate) fn note_failure(&self, name: &str, reason: &str) -> Result<()> {
        let note = self.path(format!("{name}.failed"));
        fs::write(&note, reason).with_context(|| format!("writing {}", note.display()))
    }

    /// Whether such a note was made within the time given.
    pub(crate) fn failed_within(&self, name: &str, age: Duration) -> bool {
        let written = fs::metadata(self.path(format!("{name}.failed"))).and_then(|meta| meta.modified());
        written.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|passed| passed < age))
    }
}

fn place() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let place = if let Some(folder) = set("TRIMTAB_CACHE") {
        folder
    } else if let Some(folder) = set("XDG_CACHE_HOME") {
        folder.join("trimtab")
    } else if let Some(home) = set("HOME") {
        home.join(".cache/trimtab")
    } else {
        bail!("no place for the cache folder: set TRIMTAB_CACHE to one");
    };
    // Wrapper scripts and linker settings hold paths into it, and run from other folders.
    std::path::absolute(&place).with_context(|| format!("finding {}", place.display()))
}
