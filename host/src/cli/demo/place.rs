//! The folder of the demo: empty at its beginning, gone at its end unless it is to be kept.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cli::Fail;

/// A data directory.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    keep: bool,
}

impl Place {
    /// The folder that was named, which must be empty, or a new one of our own among the temporary files.
    ///
    /// # Errors
    /// Where it holds anything: it may be a real host's.
    pub(super) fn take(named: Option<PathBuf>, keep: bool) -> Result<Self> {
        let Some(path) = named else {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            let name = format!("trimtab-demo-{}-{}", std::process::id(), since.as_micros());
            let path = std::env::temp_dir().join(name);
            DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("making {}", path.display()))?;
            return Ok(Self { path, keep });
        };
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("finding {}", path.display()))?;
        let used = fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))?.next().is_some();
        if used {
            let text =
                format!("{} is not empty, and may be a real host's: name another folder for the demo", path.display());
            return Err(Fail::usage(text));
        }
        Ok(Self { path, keep: true })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it; returns where it is if it is kept.
    pub(super) fn leave(self) -> Result<Option<PathBuf>> {
        if self.keep {
            return Ok(Some(self.path.clone()));
        }
        fs::remove_dir_all(&self.path).with_context(|| format!("removing {}", self.path.display()))?;
        Ok(None)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            // For ways out that are faults; in order it has gone already.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
