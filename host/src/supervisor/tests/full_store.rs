//! A store in memory whose disk a test can fill.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::store::{Entry, LogRange, MemoryStore, Recent, Store, StoreError, Versioned, Write, Written};

#[derive(Debug, Default)]
pub(super) struct FullStore {
    inner: MemoryStore,
    /// While it is set, nothing can be written.
    pub(super) full: AtomicBool,
}

#[async_trait]
impl Store for FullStore {
    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError> {
        if self.full.load(Ordering::Relaxed) {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
            return Err(StoreError::Io { what: "write".to_owned(), source });
        }
        self.inner.write(writes).await
    }

    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.inner.get(key).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, StoreError> {
        self.inner.list(prefix, after, limit).await
    }

    async fn read_log(&self, log: &str, range: LogRange) -> Result<Vec<Entry>, StoreError> {
        self.inner.read_log(log, range).await
    }

    async fn recent(&self, prefix: &str, before: Option<u64>, limit: usize) -> Result<Recent, StoreError> {
        self.inner.recent(prefix, before, limit).await
    }

    async fn logs(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.logs(prefix).await
    }

    async fn trim(&self, prefix: &str, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        self.inner.trim(prefix, before_ms, limit).await
    }

    async fn trim_to_size(&self, prefix: &str, bytes_max: u64, limit: usize) -> Result<usize, StoreError> {
        self.inner.trim_to_size(prefix, bytes_max, limit).await
    }

    async fn oldest_ms(&self, prefix: &str) -> Result<Option<u64>, StoreError> {
        self.inner.oldest_ms(prefix).await
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<String, StoreError> {
        self.inner.put_blob(bytes).await
    }

    async fn get_blob(&self, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get_blob(sha256).await
    }

    async fn blobs(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        self.inner.blobs(after, limit).await
    }

    async fn delete_blob(&self, sha256: &str) -> Result<bool, StoreError> {
        self.inner.delete_blob(sha256).await
    }

    async fn size_bytes(&self) -> Result<u64, StoreError> {
        self.inner.size_bytes().await
    }
}
