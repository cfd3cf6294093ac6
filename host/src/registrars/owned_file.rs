//! A file that a proxy reads and that is ours alone: it says so in its first line, and one that does not is never touched.
//!
//! All of it waits for the disk, and is done on a thread of its own.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::post::{Failure, aside};
use super::roster;

/// Most bytes of such a file.
const BYTES_MAX: u64 = 16 << 20;

/// The file, and the line that marks it as ours.
#[derive(Debug, Clone)]
pub(super) struct OwnedFile {
    owned: Arc<Owned>,
}

#[derive(Debug)]
struct Owned {
    path: PathBuf,
    mark: String,
}

/// What stood there before a change, so that it can be put back.
#[derive(Debug)]
pub(super) struct Before(Option<Vec<u8>>);

impl OwnedFile {
    pub(super) fn new(path: &Path, registrar: &str) -> Self {
        let mark = format!("# Written by trimtab for its registrar {registrar}; changes by hand are lost.\n");
        Self { owned: Arc::new(Owned { path: path.to_owned(), mark }) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.owned.path
    }

    /// Whether it says exactly this, and nothing is in doubt.
    pub(super) async fn says(&self, text: String) -> Result<bool, Failure> {
        let owned = Arc::clone(&self.owned);
        aside(move || {
            let present = owned.present()?;
            let says =
                present.is_some_and(|present| present.strip_prefix(owned.mark.as_bytes()) == Some(text.as_bytes()));
            Ok(says && !owned.doubt().exists())
        })
        .await
    }

    /// Replaces what it says. What it said before is kept beside it as `.NAME.old`.
    pub(super) async fn replace(&self, text: String) -> Result<Before, Failure> {
        let owned = Arc::clone(&self.owned);
        aside(move || {
            let present = owned.present()?;
            if let Some(present) = &present {
                owned.write(&roster::beside(&owned.path, "old"), present)?;
            }
            owned.write(&owned.path, format!("{}{text}", owned.mark).as_bytes())?;
            Ok(Before(present))
        })
        .await
    }

    /// Puts back what stood there.
    pub(super) async fn put_back(&self, before: Before) -> Result<(), Failure> {
        let owned = Arc::clone(&self.owned);
        aside(move || match &before.0 {
            Some(bytes) => owned.write(&owned.path, bytes),
            None => fs::remove_file(&owned.path).map_err(|error| owned.failed(&error)),
        })
        .await
    }

    /// Notes that it is not certain whether the proxy has what the file says, in `.NAME.doubt` beside it. The note outlives the
    /// host: one that is killed between the file and the reload finds it at its next start.
    pub(super) async fn doubt(&self) -> Result<(), Failure> {
        let owned = Arc::clone(&self.owned);
        aside(move || {
            // Whose file it is, is asked first: nothing is laid beside a stranger's.
            owned.present()?;
            owned.write(&owned.doubt(), owned.mark.as_bytes())
        })
        .await
    }

    /// The proxy has it for certain.
    pub(super) async fn certain(&self) -> Result<(), Failure> {
        let owned = Arc::clone(&self.owned);
        aside(move || match fs::remove_file(owned.doubt()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(owned.failed(&error)),
            _ => Ok(()),
        })
        .await
    }

    /// Whether we may write it: it is ours or not there, and its folder is.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let owned = Arc::clone(&self.owned);
        aside(move || {
            owned.present()?;
            let folder = owned.path.parent().unwrap_or_else(|| Path::new("/"));
            if folder.is_dir() {
                return Ok(());
            }
            Err(Failure::Refused(format!("there is no folder {}; make it", folder.display())))
        })
        .await
    }
}

impl Owned {
    fn doubt(&self) -> PathBuf {
        roster::beside(&self.path, "doubt")
    }

    fn present(&self) -> Result<Option<Vec<u8>>, Failure> {
        let present = roster::read(&self.path, BYTES_MAX).map_err(|error| self.failed(&error))?;
        match &present {
            Some(bytes) if !bytes.is_empty() && !bytes.starts_with(self.mark.as_bytes()) => {
                let path = self.path.display();
                Err(Failure::Refused(format!("{path} is not this registrar's; move it away, or name another `file`")))
            }
            _ => Ok(present),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        roster::write(path, bytes).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::Refused(refusal(&self.path, error))
    }
}

/// Why a file of ours could not be written or read, and the remedy.
pub(super) fn refusal(path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "; make its folder",
        io::ErrorKind::PermissionDenied => "; let the user that trimtab runs as write its folder",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on its disk",
        io::ErrorKind::ReadOnlyFilesystem => "; name a place that can be written",
        _ => "",
    };
    format!("{}: {error}{remedy}", path.display())
}
