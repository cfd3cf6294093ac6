//! Connections that only read, a few of them, used in turn.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

use super::failure::Failed;
use super::schema;
use crate::store::StoreError;

/// Reads at a time; further ones wait.
const READERS_MAX: usize = 4;

/// How long a read waits while the write-ahead log is recovered.
const BUSY_TIMEOUT_MS: u64 = 5_000;

pub(super) fn flags_to_write() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE
}

fn flags_to_read() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE
        | OpenFlags::SQLITE_OPEN_URI
}

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    /// Whether the file stands still: it was closed in order and lies where nobody can write.
    immutable: bool,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, immutable: bool) -> Self {
        Self { path, immutable, idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// Readers of a file that another process may be writing.
    pub(super) fn of_existing(path: PathBuf) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Io {
                what: format!("find {}: start a host on this data_dir first, or name another", path.display()),
                source: std::io::Error::from(std::io::ErrorKind::NotFound).into(),
            });
        }
        let mut readers = Self::new(path, false);
        let mut opened = readers.open().and_then(|conn| touch(&conn).map(|()| conn));
        // Reading a WAL file takes a side file, which cannot be made in a read-only directory. Without a log nothing is
        // missed by reading the file as it stands.
        let side_file_refused = matches!(
            opened.as_ref().map_err(rusqlite::Error::sqlite_error_code),
            Err(Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
        );
        if side_file_refused && !readers.path.with_extension("db-wal").exists() {
            readers.immutable = true;
            opened = readers.open();
        }
        let conn = opened.failed("open", &readers.path)?;
        if schema::version(&conn, &readers.path)? == 0 {
            return Err(super::failure::damaged(&readers.path, "it is empty"));
        }
        readers.put_back(conn);
        Ok(readers)
    }

    /// Runs `read` in a transaction of its own, off the runtime's threads.
    pub(super) async fn run<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = |path: &Path| StoreError::Io {
            what: format!("read {}", path.display()),
            source: "the store was closed".into(),
        };
        let path = self.path.clone();
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return Err(ended(&path)) };
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let idle = self.idle().pop();
            let conn = idle.map_or_else(|| self.open(), Ok).failed("open", &self.path)?;
            let told = conn.unchecked_transaction().and_then(|tx| {
                let told = read(&tx)?;
                tx.commit()?;
                Ok(told)
            });
            self.put_back(conn);
            told.failed("read", &self.path)
        });
        done.await.unwrap_or_else(|_| Err(ended(&path)))
    }

    /// Ends the connections that nobody uses, and lets none be made any more.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, conn: Connection) {
        if !self.permits.is_closed() {
            self.idle().push(conn);
        }
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let conn = if self.immutable {
            let mut uri = String::from("file:");
            for byte in self.path.as_os_str().as_encoded_bytes() {
                uri.push_str(&format!("%{byte:02x}"));
            }
            Connection::open_with_flags(uri + "?immutable=1", flags_to_read())?
        } else {
            // A plain name: only `file:` would be taken for a URI.
            Connection::open_with_flags(Path::new(".").join(&self.path), flags_to_read())?
        };
        conn.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        Ok(conn)
    }
}

/// SQLite opens a file when it is first read.
fn touch(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}
