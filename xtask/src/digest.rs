//! SHA-256 as lower-case hexadecimal digits.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The digest of some bytes.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// One digest over several files, which changes when any of them does.
#[derive(Default)]
pub(crate) struct Inputs(Sha256);

impl Inputs {
    /// Adds a file, or each file below a folder, by name and content.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub(crate) fn path(mut self, path: &Path) -> Result<Self> {
        if path.is_dir() {
            let mut entries = fs::read_dir(path)
                .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
                .with_context(|| format!("listing {}", path.display()))?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                self = self.path(&entry.path())?;
            }
            return Ok(self);
        }
        if let Some(name) = path.file_name() {
            self.add(name.as_encoded_bytes());
        }
        self.add(&fs::read(path).with_context(|| format!("reading {}", path.display()))?);
        Ok(self)
    }

    /// The digest of all that was added.
    pub(crate) fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }

    /// The length goes in first, so that moving a byte from one input to the next changes the digest.
    fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}
