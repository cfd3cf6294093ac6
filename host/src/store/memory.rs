//! A store that ends with the process: for stories, benches and trials. The same rules as the one on disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;

use super::{
    Entry, LogRange, Recent, Store, StoreError, VALUE_BYTES_MAX, Versioned, Write, Written, checked, digest_of, within,
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    values: BTreeMap<String, Versioned>,
    /// By log, then by sequence number.
    logs: BTreeMap<String, BTreeMap<u64, Entry>>,
    /// Which log each entry is in: the order in which entries were written, over all logs.
    written: BTreeMap<u64, String>,
    blobs: BTreeMap<String, Vec<u8>>,
    seq: u64,
    bytes: u64,
}

impl MemoryStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A poisoned lock is taken all the same: no write of ours stops half-way but by a lack of memory, which ends us.
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.state().values.get(key).cloned())
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, StoreError> {
        Ok(beginning(&self.state().values, prefix, after).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError> {
        writes.iter().try_for_each(Write::check)?;
        let mut state = self.state();
        Ok(writes.into_iter().map(|write| state.apply(write)).collect())
    }

    async fn read_log(&self, log: &str, range: LogRange) -> Result<Vec<Entry>, StoreError> {
        let state = self.state();
        let Some(entries) = state.logs.get(log) else { return Ok(Vec::new()) };
        let fits = |entry: &&Entry| {
            (range.from_ms..range.to_ms).contains(&entry.at_ms)
                && (range.kinds.is_empty() || range.kinds.contains(&entry.kind))
        };
        Ok(if range.newest_first {
            let before = range.after.map_or(Bound::Unbounded, Bound::Excluded);
            let entries = entries.range((Bound::Unbounded, before)).rev().map(|(_, entry)| entry);
            entries.filter(fits).take(range.limit).cloned().collect()
        } else {
            let after = range.after.map_or(Bound::Unbounded, Bound::Excluded);
            let entries = entries.range((after, Bound::Unbounded)).map(|(_, entry)| entry);
            entries.filter(fits).take(range.limit).cloned().collect()
        })
    }

    async fn recent(&self, prefix: &str, before: Option<u64>, limit: usize) -> Result<Recent, StoreError> {
        let state = self.state();
        let before = before.map_or(Bound::Unbounded, Bound::Excluded);
        let mut recent = Recent::default();
        let mut looked = 0;
        for (seq, log) in state.written.range((Bound::Unbounded, before)).rev().take(limit) {
            looked += 1;
            recent.reached = Some(*seq);
            if let Some(entry) =
                state.logs.get(log).and_then(|entries| entries.get(seq)).filter(|_| log.starts_with(prefix))
            {
                recent.entries.push((log.clone(), entry.clone()));
            }
        }
        recent.reached = recent.reached.filter(|_| looked == limit);
        Ok(recent)
    }

    async fn logs(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(beginning(&self.state().logs, prefix, None).map(|(name, _)| name.clone()).collect())
    }

    async fn trim(&self, prefix: &str, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        Ok(self.state().drop_oldest(prefix, limit, |_, entry| entry.at_ms < before_ms))
    }

    async fn trim_to_size(&self, prefix: &str, bytes_max: u64, limit: usize) -> Result<usize, StoreError> {
        Ok(self.state().drop_oldest(prefix, limit, |bytes, _| bytes > bytes_max))
    }

    async fn oldest_ms(&self, prefix: &str) -> Result<Option<u64>, StoreError> {
        let state = self.state();
        let oldest = state.written.iter().find(|(_, log)| log.starts_with(prefix));
        Ok(oldest.and_then(|(seq, log)| state.logs.get(log)?.get(seq)).map(|entry| entry.at_ms))
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<String, StoreError> {
        let digest = digest_of(bytes);
        within(&digest, bytes.len(), VALUE_BYTES_MAX)?;
        let mut state = self.state();
        if state.blobs.insert(digest.clone(), bytes.to_vec()).is_none() {
            state.bytes += bytes.len() as u64;
        }
        Ok(digest)
    }

    async fn get_blob(&self, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.state().blobs.get(sha256).cloned();
        bytes.map(|bytes| checked(sha256, bytes)).transpose()
    }

    async fn blobs(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        Ok(beginning(&self.state().blobs, "", after).take(limit).map(|(digest, _)| digest.clone()).collect())
    }

    async fn delete_blob(&self, sha256: &str) -> Result<bool, StoreError> {
        let mut state = self.state();
        let dropped = state.blobs.remove(sha256);
        state.bytes -= dropped.as_ref().map_or(0, Vec::len) as u64;
        Ok(dropped.is_some())
    }

    async fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.state().bytes)
    }
}

impl State {
    fn apply(&mut self, write: Write) -> Written {
        match write {
            Write::Set { key, value } => self.set(key, value),
            Write::CompareAndSet { key, version, value } => {
                let present = self.values.get(&key).map_or(0, |present| present.version);
                if present == version { self.set(key, value) } else { Written::Lost(present) }
            }
            Write::Delete { key } => {
                let dropped = self.values.remove(&key).map_or(0, |dropped| key.len() + dropped.value.len());
                self.bytes -= dropped as u64;
                Written::Deleted
            }
            Write::Append { log, at_ms, kind, body } => {
                self.seq += 1;
                self.bytes += (log.len() + body.len()) as u64;
                self.written.insert(self.seq, log.clone());
                self.logs.entry(log).or_default().insert(self.seq, Entry { seq: self.seq, at_ms, kind, body });
                Written::Appended(self.seq)
            }
        }
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Written {
        self.bytes += (key.len() + value.len()) as u64;
        let present = self.values.get(&key);
        let version = present.map_or(0, |present| present.version) + 1;
        self.bytes -= present.map_or(0, |present| key.len() + present.value.len()) as u64;
        self.values.insert(key, Versioned { version, value });
        Written::Set(version)
    }

    /// Drops entries in the order in which they were written, while `goes` says so of the bytes there are and the entry.
    fn drop_oldest(&mut self, prefix: &str, limit: usize, goes: impl Fn(u64, &Entry) -> bool) -> usize {
        let oldest: Vec<_> = self.written.iter().filter(|(_, log)| log.starts_with(prefix)).take(limit).collect();
        let oldest: Vec<_> = oldest.into_iter().map(|(seq, log)| (*seq, log.clone())).collect();
        let mut dropped = 0;
        for (seq, log) in oldest {
            let Some(entries) = self.logs.get_mut(&log) else { break };
            let Some(entry) = entries.get(&seq) else { break };
            if !goes(self.bytes, entry) {
                break;
            }
            self.bytes -= (log.len() + entry.body.len()) as u64;
            entries.remove(&seq);
            if entries.is_empty() {
                self.logs.remove(&log);
            }
            self.written.remove(&seq);
            dropped += 1;
        }
        dropped
    }
}

/// What begins with `prefix`, in order, after `after`.
fn beginning<'a, V>(
    map: &'a BTreeMap<String, V>,
    prefix: &'a str,
    after: Option<&str>,
) -> impl Iterator<Item = (&'a String, &'a V)> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    map.range::<str, _>((from, Bound::Unbounded)).take_while(move |(key, _)| key.starts_with(prefix))
}
