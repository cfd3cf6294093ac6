//! State that outlives the host: small values by key with compare-and-set, an append-only log per target, blobs by digest.
//!
//! Keeps bytes, keys and versions, and knows nothing of their meaning. Shaped for SQLite here and for a replicated store
//! later: no transaction spans targets, no SQL leaks out.

mod memory;
mod sqlite;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

pub use self::memory::MemoryStore;
pub use self::sqlite::SqliteStore;

/// Most bytes of a key or of a log's name.
pub const KEY_BYTES_MAX: usize = 1024;

/// Most bytes of one value, entry or blob.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A store.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// The value under a key.
    ///
    /// # Errors
    /// Where the store failed.
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError>;

    /// Keys that begin with `prefix`, ordered, with their values; at most `limit`, after `after`.
    ///
    /// # Errors
    /// Where the store failed.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, StoreError>;

    /// Writes all of these durably in one commit, in order; each write's own condition decides about it alone. When this
    /// returns, what was written survives the loss of power.
    ///
    /// # Errors
    /// Where the store failed; then nothing was written. A compare-and-set that lost is not an error but in the answer.
    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError>;

    /// Entries of one log with `from_ms <= at_ms < to_ms`, oldest first (or newest first), after sequence number `after`.
    ///
    /// # Errors
    /// Where the store failed.
    async fn read_log(&self, log: &str, range: LogRange) -> Result<Vec<Entry>, StoreError>;

    /// Looks at the newest `limit` entries of all logs, before sequence number `before`, and gives those of logs that begin
    /// with `prefix`, newest first.
    ///
    /// # Errors
    /// Where the store failed.
    async fn recent(&self, prefix: &str, before: Option<u64>, limit: usize) -> Result<Recent, StoreError>;

    /// Names of logs that begin with `prefix`.
    ///
    /// # Errors
    /// Where the store failed.
    async fn logs(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Drops entries older than `before_ms`, of logs that begin with `prefix`, in the order in which they were written, at
    /// most `limit`; returns how many. Stops at the first that is young enough: an entry is dropped only after all that
    /// were written before it, so that no log has a hole, whatever the clock did.
    ///
    /// # Errors
    /// Where the store failed.
    async fn trim(&self, prefix: &str, before_ms: u64, limit: usize) -> Result<usize, StoreError>;

    /// Drops entries of logs that begin with `prefix`, in the order in which they were written, at most `limit`, while the
    /// store is larger than `bytes_max`; returns how many.
    ///
    /// # Errors
    /// Where the store failed.
    async fn trim_to_size(&self, prefix: &str, bytes_max: u64, limit: usize) -> Result<usize, StoreError>;

    /// Time of the entry that was written first among those kept, of logs that begin with `prefix`.
    ///
    /// # Errors
    /// Where the store failed.
    async fn oldest_ms(&self, prefix: &str) -> Result<Option<u64>, StoreError>;

    /// Keeps bytes under their SHA-256 (lower-case hex), durably; returns it.
    ///
    /// # Errors
    /// Where the store failed.
    async fn put_blob(&self, bytes: &[u8]) -> Result<String, StoreError>;

    /// The bytes of this SHA-256, checked against it.
    ///
    /// # Errors
    /// Where the store failed or the bytes do not fit the digest.
    async fn get_blob(&self, sha256: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Digests of the blobs there are, ordered, at most `limit`, after `after`.
    ///
    /// # Errors
    /// Where the store failed.
    async fn blobs(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Drops a blob; whether it was there.
    ///
    /// # Errors
    /// Where the store failed.
    async fn delete_blob(&self, sha256: &str) -> Result<bool, StoreError>;

    /// Bytes that the store's content takes; a file that was trimmed may be larger for a while, its free pages are used
    /// first.
    ///
    /// # Errors
    /// Where the store failed.
    async fn size_bytes(&self) -> Result<u64, StoreError>;
}

/// A value and the version that a compare-and-set must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Counts the writes of this key, from 1.
    pub version: u64,
    /// The value.
    pub value: Vec<u8>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a key whatever is there.
    Set {
        /// The key.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Sets a key if its version is this; `0`: if it does not exist.
    CompareAndSet {
        /// The key.
        key: String,
        /// The version it must have.
        version: u64,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a key.
    Delete {
        /// The key.
        key: String,
    },
    /// Appends to a log.
    Append {
        /// The log.
        log: String,
        /// Time of the entry.
        at_ms: u64,
        /// A small number that readers can filter by.
        kind: u8,
        /// The entry.
        body: Vec<u8>,
    },
}

/// What came of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was set; this is its version now.
    Set(u64),
    /// Another was faster; this is the version there is (0: none).
    Lost(u64),
    /// It was removed.
    Deleted,
    /// It was appended under this sequence number, which grows within the store.
    Appended(u64),
}

/// Which entries of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRange {
    /// From this time on.
    pub from_ms: u64,
    /// Before this time.
    pub to_ms: u64,
    /// After (newest first: before) this sequence number.
    pub after: Option<u64>,
    /// Of these kinds; empty for all.
    pub kinds: Vec<u8>,
    /// Newest first.
    pub newest_first: bool,
    /// At most so many.
    pub limit: usize,
}

impl LogRange {
    /// The newest `limit` entries.
    #[must_use]
    pub fn newest(limit: usize) -> Self {
        Self { from_ms: 0, to_ms: u64::MAX, after: None, kinds: Vec::new(), newest_first: true, limit }
    }
}

/// Entries of many logs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recent {
    /// Each with the name of its log.
    pub entries: Vec<(String, Entry)>,
    /// The oldest sequence number that was looked at; `None`: there is nothing before these.
    pub reached: Option<u64>,
}

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its sequence number.
    pub seq: u64,
    /// Its time.
    pub at_ms: u64,
    /// Its kind.
    pub kind: u8,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Write {
    /// Bytes that it brings.
    fn bytes(&self) -> usize {
        match self {
            Self::Set { key, value } | Self::CompareAndSet { key, value, .. } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
            Self::Append { log, body, .. } => log.len() + body.len(),
        }
    }

    /// Refuses what is too large before it reaches a batch, where its failure would be its neighbours' too.
    fn check(&self) -> Result<(), StoreError> {
        let (name, value) = match self {
            Self::Set { key, value } | Self::CompareAndSet { key, value, .. } => (key, value.len()),
            Self::Delete { key } => (key, 0),
            Self::Append { log, body, .. } => (log, body.len()),
        };
        within(name, name.len(), KEY_BYTES_MAX)?;
        within(name, value, VALUE_BYTES_MAX)
    }
}

fn within(what: &str, bytes: usize, bytes_max: usize) -> Result<(), StoreError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let what = what.chars().take(80).collect();
    Err(StoreError::TooLarge { what, bytes, bytes_max })
}

/// The name of a blob: its SHA-256 in lower-case hex.
fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Gives the bytes back if they are those that were asked for.
fn checked(sha256: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let found = digest_of(&bytes);
    if found == sha256 {
        return Ok(bytes);
    }
    Err(StoreError::Corrupt {
        what: format!("the bytes kept as {sha256} are {found}; check the disk, then upload them again"),
    })
}

/// What went wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, read-only or broken.
    #[error("the store could not {what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another host has it open.
    #[error("another trimtab uses {path}: stop it, or give this one a data_dir of its own")]
    Locked {
        /// The data directory.
        path: String,
    },
    /// A key, value, entry or blob is larger than the store takes.
    #[error("{what:?} takes {bytes} bytes, the store takes at most {bytes_max}")]
    TooLarge {
        /// Its key or log.
        what: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// What is there cannot be read.
    #[error("the store holds what this trimtab cannot read: {what}")]
    Corrupt {
        /// What is wrong, and the remedy.
        what: String,
    },
    /// It was written by a newer trimtab.
    #[error("the store has schema {found}, this trimtab knows up to {known}: use a newer trimtab, or another data_dir")]
    Newer {
        /// The schema found.
        found: u32,
        /// The highest schema known.
        known: u32,
    },
}
