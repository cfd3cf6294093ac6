//! State that outlives the host: small values by key with compare-and-set, an append-only log per target, blobs by digest.
//!
//! Keeps bytes, keys and versions, and knows nothing of their meaning. Shaped for SQLite here and for a replicated store
//! later: no transaction spans targets, no SQL leaks out.

use std::fmt::Debug;

use async_trait::async_trait;

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

    /// Names of logs that begin with `prefix`.
    ///
    /// # Errors
    /// Where the store failed.
    async fn logs(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Drops entries older than `before_ms`, of logs that begin with `prefix`, oldest first, at most `limit`; returns how many.
    ///
    /// # Errors
    /// Where the store failed.
    async fn trim(&self, prefix: &str, before_ms: u64, limit: usize) -> Result<usize, StoreError>;

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

    /// Bytes that the store takes on disk.
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
