//! How long records are kept, and which bytes they still name.

use serde::{Deserialize, Serialize};

use super::{AuditError, LOGS, NAMED};
use crate::store::Store;

/// Blobs looked at in one go.
const PAGE: usize = 256;

/// How long records are kept. Both hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// At most so old.
    pub age_ms: u64,
    /// Together at most so many bytes.
    pub bytes_max: u64,
    /// Dropped at most at once; a call takes some 2 µs for each, and writes wait for it.
    pub entries_max: usize,
}

impl Default for Retention {
    /// A week, a gigabyte.
    fn default() -> Self {
        Self { age_ms: 7 * 24 * 60 * 60 * 1000, bytes_max: 1024 * 1024 * 1024, entries_max: 10_000 }
    }
}

/// What was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Entries that were too old.
    pub by_age: usize,
    /// Entries that were too many.
    pub by_size: usize,
}

/// Drops the oldest records, if it is time. To be called now and then, again soon where it dropped as many as it may.
///
/// # Errors
/// Where the store failed.
pub async fn retain(store: &dyn Store, retention: &Retention, now_ms: u64) -> Result<Retained, AuditError> {
    let before_ms = now_ms.saturating_sub(retention.age_ms);
    Ok(Retained {
        by_age: store.trim(LOGS, before_ms, retention.entries_max).await?,
        by_size: store.trim_to_size(LOGS, retention.bytes_max, retention.entries_max).await?,
    })
}

/// Digests of kept bytes that no kept record names. Whoever drops them must hold back those that a binding or the registry
/// still uses.
///
/// # Errors
/// Where the store failed.
pub async fn forgotten_digests(store: &dyn Store) -> Result<Vec<String>, AuditError> {
    let oldest_ms = store.oldest_ms(LOGS).await?;
    let mut forgotten = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.blobs(after.as_deref(), PAGE).await?;
        let Some(last) = page.last().cloned() else { return Ok(forgotten) };
        for digest in page {
            if !is_named(store, &digest, oldest_ms).await? {
                forgotten.push(digest);
            }
        }
        after = Some(last);
    }
}

/// Whether a record that is kept may name it: one that is as old as the oldest, or younger.
async fn is_named(store: &dyn Store, digest: &str, oldest_ms: Option<u64>) -> Result<bool, AuditError> {
    let (Some(oldest_ms), Some(named)) = (oldest_ms, store.get(&format!("{NAMED}{digest}")).await?) else {
        return Ok(false);
    };
    // What cannot be read is kept.
    let until_ms = std::str::from_utf8(&named.value).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    Ok(until_ms >= oldest_ms)
}
