//! A file that a proxy reads and that is ours alone: it says so in its first line, and one that does not is never touched.

use std::fs;
use std::path::{Path, PathBuf};

use super::post::Failure;
use super::roster;

/// Most bytes of such a file.
const BYTES_MAX: u64 = 16 << 20;

/// The file, and the line that marks it as ours.
#[derive(Debug)]
pub(super) struct OwnedFile {
    path: PathBuf,
    mark: String,
}

/// What stood there before a change, so that it can be put back.
#[derive(Debug)]
pub(super) struct Before(Option<Vec<u8>>);

impl OwnedFile {
    pub(super) fn new(path: &Path, registrar: &str) -> Self {
        let mark = format!("# Written by trimtab for its registrar {registrar}; changes by hand are lost.\n");
        Self { path: path.to_owned(), mark }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it says exactly this.
    pub(super) fn says(&self, text: &str) -> Result<bool, Failure> {
        let present = self.present()?;
        Ok(present.is_some_and(|present| present.strip_prefix(self.mark.as_bytes()) == Some(text.as_bytes())))
    }

    /// Replaces what it says. What it said before is kept beside it as `.NAME.old`.
    pub(super) fn replace(&self, text: &str) -> Result<Before, Failure> {
        let present = self.present()?;
        if let Some(present) = &present {
            roster::write(&roster::beside(&self.path, "old"), present).map_err(|error| self.failed(&error))?;
        }
        self.write(format!("{}{text}", self.mark).as_bytes())?;
        Ok(Before(present))
    }

    /// Puts back what stood there.
    pub(super) fn put_back(&self, before: &Before) -> Result<(), Failure> {
        match &before.0 {
            Some(bytes) => self.write(bytes),
            None => fs::remove_file(&self.path).map_err(|error| self.failed(&error)),
        }
    }

    /// Whether we may write it: it is ours or not there, and its folder is.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.present()?;
        let folder = self.path.parent().unwrap_or_else(|| Path::new("/"));
        if folder.is_dir() {
            return Ok(());
        }
        Err(Failure::Refused(format!("there is no folder {}; make it", folder.display())))
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

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        roster::write(&self.path, bytes).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::Refused(format!("{}: {error}", self.path.display()))
    }
}
