//! The one thread that writes.

mod batch;

use std::path::PathBuf;
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use self::batch::{Batch, Heads};
use super::data_dir::{DataDir, identity};
use super::failure::{Failed, damaged};
use crate::store::{StoreError, Write, Written};

/// Requests that wait; whoever comes after waits to be let in.
const WAITING_MAX: usize = 4096;

/// Bytes after which a commit takes no further request.
const COMMIT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Free pages are kept for reuse up to this share of the file (1/n), then given back, so many at a time (4 MiB).
const FREE_SHARE: i64 = 4;
const FREED_PAGES_MAX: i64 = 1024;

/// Something to be written.
#[derive(Debug)]
pub(super) enum Work {
    Write(Vec<Write>),
    PutBlob { sha256: String, bytes: Vec<u8> },
    DeleteBlob { sha256: String },
    Trim { prefix: String, what: Trim, limit: usize },
}

/// Which entries go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trim {
    Before(u64),
    ToSize(u64),
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Write(writes) => writes.iter().map(Write::bytes).sum(),
            Self::PutBlob { bytes, .. } => bytes.len(),
            Self::DeleteBlob { .. } | Self::Trim { .. } => 0,
        }
    }
}

#[derive(Debug)]
struct Request {
    work: Work,
    reply: oneshot::Sender<Result<Vec<Written>, StoreError>>,
}

/// The way to the writing thread. Dropping it waits until everything asked for is written.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Writer {
    /// Starts the thread. It holds the data directory until it ends.
    pub(super) fn start(conn: Connection, path: PathBuf, dir: DataDir) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let identities = [path.clone(), path.with_extension("db-wal")].map(|path| (identity(&path), path));
        let heads = Heads::load(&conn).failed("read", &path)?;
        let thread = Thread { conn, heads, path: path.clone(), identities, _dir: dir };
        let start = std::thread::Builder::new().name("store-writer".into()).spawn(move || thread.run(waiting));
        let thread = start
            .map_err(|error| StoreError::Io { what: "start its writing thread".into(), source: Box::new(error) })?;
        Ok(Self { requests: Some(requests), thread: Some(thread), path })
    }

    /// Has something written. Once this was polled it is written also if nobody awaits the answer.
    pub(super) async fn ask(&self, work: Work) -> Result<Vec<Written>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Io {
            what: format!("write to {}", self.path.display()),
            source: "its writing thread has ended".into(),
        };
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(Request { work, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked but by a bug, and then there is nothing left to save.
            let _ = thread.join();
        }
    }
}

struct Thread {
    conn: Connection,
    heads: Heads,
    path: PathBuf,
    /// The file and its log, as they were at start.
    identities: [(Option<(u64, u64)>, PathBuf); 2],
    /// Last, so that the file is closed before another host may open it.
    _dir: DataDir,
}

impl Thread {
    fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut bytes = first.work.bytes();
            let mut batch = vec![first];
            while bytes < COMMIT_BYTES_MAX
                && let Ok(next) = waiting.try_recv()
            {
                bytes += next.work.bytes();
                batch.push(next);
            }
            let trims = batch.iter().any(|request| matches!(request.work, Work::Trim { .. }));
            self.answer(batch);
            if trims {
                // What could not be given back now will be after the next trim.
                let _ = self.give_back();
            }
        }
    }

    /// Commits all at once; if that fails, each alone, so that one that cannot be written does not take others with it.
    fn answer(&mut self, batch: Vec<Request>) {
        let alone = batch.len() == 1;
        let (works, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|request| (request.work, request.reply)).unzip();
        match self.commit(&works) {
            Ok(answers) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    // Whoever asked may have gone; it is written all the same.
                    let _ = reply.send(Ok(answer));
                }
            }
            Err(error) if alone => {
                let _ = replies.into_iter().next().map(|reply| reply.send(Err(error)));
            }
            Err(_) => {
                for (work, reply) in works.iter().zip(replies) {
                    let answer = self.commit(std::slice::from_ref(work));
                    let _ = reply.send(answer.map(|mut answers| answers.pop().unwrap_or_default()));
                }
            }
        }
    }

    fn commit(&mut self, works: &[Work]) -> Result<Vec<Vec<Written>>, StoreError> {
        let done = self.transact(works);
        if done.is_err() {
            self.heads.forget();
        }
        done
    }

    fn transact(&mut self, works: &[Work]) -> Result<Vec<Vec<Written>>, StoreError> {
        self.check_files()?;
        let path = &self.path;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).failed("write to", path)?;
        let answers = Batch::run(&tx, &mut self.heads, works).failed("write to", path)?;
        tx.commit().failed("write to", path)?;
        Ok(answers)
    }

    /// A file that was removed or replaced still takes writes, into nowhere: say so instead.
    fn check_files(&self) -> Result<(), StoreError> {
        match self.identities.iter().find(|(was, path)| was.is_some() && identity(path) != *was) {
            Some((_, path)) => Err(damaged(path, "it was removed or replaced while a host ran on it")),
            None => Ok(()),
        }
    }

    fn give_back(&self) -> rusqlite::Result<()> {
        let pages = |name| self.conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let free = pages("freelist_count")? - pages("page_count")? / FREE_SHARE;
        if free <= 0 {
            return Ok(());
        }
        let mut statement = self.conn.prepare(&format!("PRAGMA incremental_vacuum({})", free.min(FREED_PAGES_MAX)))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }
}
