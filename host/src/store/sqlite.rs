//! The store in one SQLite file, `trimtab.db` under the data directory.
//!
//! One thread writes, and whoever asks while it commits joins its next commit: thousands of writes for one flush of the disk.
//! Readers have connections of their own and never wait for it (WAL). Nothing is said to be written before SQLite, run with
//! `synchronous=FULL`, says that it is on the disk.

mod data_dir;
mod failure;
mod log;
mod readers;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use self::data_dir::DataDir;
use self::failure::Failed;
use self::readers::Readers;
use self::writer::{Trim, Work, Writer};
use super::{
    Entry, LogRange, Recent, Store, StoreError, VALUE_BYTES_MAX, Versioned, Write, Written, checked, digest_of, within,
};

/// Name of the file under the data directory.
pub(in crate::store) const FILE: &str = "trimtab.db";

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    readers: Arc<Readers>,
    /// `None` where it was opened for reading only.
    writer: Option<Writer>,
}

impl SqliteStore {
    /// Opens the store of a data directory, which is made where it is missing, and keeps others out until dropped.
    /// Reads the file through, up to a quarter of a gigabyte: call it where waiting is allowed.
    ///
    /// # Errors
    /// Where another host has it, it cannot be made, read or written, it is damaged, or a newer trimtab wrote it.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        Self::open_up_to(data_dir, None)
    }

    /// With a file that grows to so many pages and no further: a disk that is full.
    #[cfg(test)]
    pub(in crate::store) fn open_with_pages_max(data_dir: &Path, pages_max: u32) -> Result<Self, StoreError> {
        Self::open_up_to(data_dir, Some(pages_max))
    }

    fn open_up_to(data_dir: &Path, pages_max: Option<u32>) -> Result<Self, StoreError> {
        let dir = DataDir::take(data_dir)?;
        let path = data_dir.join(FILE);
        dir.make_file(&path)?;
        let mut conn = Connection::open_with_flags(&path, readers::flags_to_write()).failed("open", &path)?;
        schema::prepare(&mut conn, &path)?;
        if let Some(pages_max) = pages_max {
            conn.pragma_update(None, "max_page_count", pages_max).failed("set up", &path)?;
        }
        let writer = Writer::start(conn, path.clone(), dir)?;
        Ok(Self { readers: Arc::new(Readers::new(path.clone(), false)), path, writer: Some(writer) })
    }

    /// Opens the store of a data directory for reading, also while a host runs on it. Every write is refused.
    ///
    /// # Errors
    /// Where there is none, it cannot be read, it is damaged, or a newer trimtab wrote it.
    pub fn open_read_only(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join(FILE);
        let readers = Readers::of_existing(path.clone())?;
        Ok(Self { path, readers: Arc::new(readers), writer: None })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Arc::clone(&self.readers).run(read).await
    }

    async fn ask(&self, work: Work) -> Result<Vec<Written>, StoreError> {
        match &self.writer {
            Some(writer) => writer.ask(work).await,
            None => Err(StoreError::Io {
                what: format!("write to {}: it was opened for reading", self.path.display()),
                source: "a host may be running on it; ask that host".into(),
            }),
        }
    }

    async fn count(&self, work: Work) -> Result<usize, StoreError> {
        Ok(self.ask(work).await?.len())
    }
}

impl Drop for SqliteStore {
    /// Reading connections go first: the last one to close folds the write-ahead log into the file.
    fn drop(&mut self) {
        self.readers.close();
        self.writer = None;
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, StoreError> {
        let key = key.to_owned();
        self.read(move |conn| {
            let mut get = conn.prepare_cached("SELECT version, value FROM kv WHERE key = ?1")?;
            get.query_row([key], |row| Ok(Versioned { version: count(row.get(0)?), value: row.get(1)? })).optional()
        })
        .await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Versioned)>, StoreError> {
        let (prefix, after) = (prefix.to_owned(), after.unwrap_or_default().to_owned());
        self.read(move |conn| {
            let sql =
                "SELECT key, version, value FROM kv WHERE key >= ?1 AND (?2 = '' OR key > ?2) ORDER BY key LIMIT ?3";
            let mut list = conn.prepare_cached(sql)?;
            let from = if after > prefix { &after } else { &prefix };
            let mut rows = list.query(params![from, after, number(limit)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                if !key.starts_with(&prefix) {
                    break;
                }
                found.push((key, Versioned { version: count(row.get(1)?), value: row.get(2)? }));
            }
            Ok(found)
        })
        .await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError> {
        writes.iter().try_for_each(Write::check)?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(Work::Write(writes)).await
    }

    async fn read_log(&self, log: &str, range: LogRange) -> Result<Vec<Entry>, StoreError> {
        let log = log.to_owned();
        self.read(move |conn| log::read(conn, &log, &range)).await
    }

    async fn recent(&self, prefix: &str, before: Option<u64>, limit: usize) -> Result<Recent, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |conn| log::recent(conn, &prefix, before, limit)).await
    }

    async fn logs(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |conn| names(conn, "SELECT name FROM logs WHERE name >= ?1 ORDER BY name", &prefix)).await
    }

    async fn trim(&self, prefix: &str, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        self.count(Work::Trim { prefix: prefix.to_owned(), what: Trim::Before(before_ms), limit }).await
    }

    async fn trim_to_size(&self, prefix: &str, bytes_max: u64, limit: usize) -> Result<usize, StoreError> {
        self.count(Work::Trim { prefix: prefix.to_owned(), what: Trim::ToSize(bytes_max), limit }).await
    }

    async fn oldest_ms(&self, prefix: &str) -> Result<Option<u64>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |conn| log::oldest_ms(conn, &prefix)).await
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<String, StoreError> {
        let digest = digest_of(bytes);
        within(&digest, bytes.len(), VALUE_BYTES_MAX)?;
        self.ask(Work::PutBlob { sha256: digest.clone(), bytes: bytes.to_vec() }).await?;
        Ok(digest)
    }

    async fn get_blob(&self, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let key = sha256.to_owned();
        let get = move |conn: &Connection| {
            let mut get = conn.prepare_cached("SELECT bytes FROM blobs WHERE sha256 = ?1")?;
            get.query_row([key], |row| row.get::<_, Vec<u8>>(0)).optional()
        };
        self.read(get).await?.map(|bytes| checked(sha256, bytes)).transpose()
    }

    async fn blobs(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |conn| {
            let mut list =
                conn.prepare_cached("SELECT sha256 FROM blobs WHERE sha256 > ?1 ORDER BY sha256 LIMIT ?2")?;
            list.query_map(params![after, number(limit)], |row| row.get(0))?.collect()
        })
        .await
    }

    async fn delete_blob(&self, sha256: &str) -> Result<bool, StoreError> {
        Ok(self.count(Work::DeleteBlob { sha256: sha256.to_owned() }).await? > 0)
    }

    async fn size_bytes(&self) -> Result<u64, StoreError> {
        self.read(|conn| {
            let page = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let pages = page("page_count")? - page("freelist_count")?;
            Ok(count(pages * page("page_size")?))
        })
        .await
    }
}

/// First columns of the rows that begin with `prefix`, of a query that is ordered by it and starts there.
fn names(conn: &Connection, sql: &str, prefix: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([prefix])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if !name.starts_with(prefix) {
            break;
        }
        found.push(name);
    }
    Ok(found)
}

/// SQLite's numbers are signed; ours stay below their half. A greater one (an open end of a range) is its greatest.
fn number<N: TryInto<i64>>(number: N) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A number of SQLite's; a negative one, which we never write, is 0.
fn count(number: i64) -> u64 {
    number.try_into().unwrap_or(0)
}
