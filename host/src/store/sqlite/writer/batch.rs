//! What one commit does.

use std::collections::{HashMap, HashSet};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::super::log::BLOCK_ENTRIES;
use super::super::{count, number};
use super::{Trim, Work};
use crate::store::{Write, Written};

/// Logs whose heads are kept in memory, some 150 bytes each; beyond that they are read again.
const HEADS_MAX: usize = 262_144;

/// Entries that a trim passes over at most, being of other logs, beyond those that it drops.
const PASSED_MAX: usize = 16_384;

/// Entries dropped at a time until the size is looked at again.
const CHUNK_ENTRIES: usize = 256;

/// The ends of the logs, as the last commit left them: only the writing thread changes them.
#[derive(Debug, Default)]
pub(super) struct Heads {
    by_name: HashMap<String, usize>,
    heads: Vec<Head>,
    /// Of `heads`, those that this commit changed.
    changed: Vec<usize>,
    next_seq: u64,
    /// Bytes of all entries.
    log_bytes: u64,
    /// By prefix: entries up to this one are of other logs or gone.
    trimmed: HashMap<String, i64>,
    stale: bool,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    id: i64,
    last: i64,
    entries: u64,
    /// The last entry that names a block, and the times of those after it.
    mark: i64,
    low_ms: i64,
    high_ms: i64,
    changed: bool,
}

impl Heads {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut heads = Self::default();
        heads.reload(conn)?;
        Ok(heads)
    }

    /// After a commit that failed nothing here can be relied on.
    pub(super) fn forget(&mut self) {
        *self = Self { stale: true, ..Self::default() };
    }

    fn reload(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let mut meta = conn.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
        self.next_seq = count(meta.query_row(["next_seq"], |row| row.get(0))?);
        self.log_bytes = count(meta.query_row(["log_bytes"], |row| row.get(0))?);
        self.stale = false;
        Ok(())
    }
}

/// One transaction's work. Statements are looked up once per commit, not once per write.
pub(super) struct Batch<'a> {
    conn: &'a Connection,
    heads: &'a mut Heads,
    append: CachedStatement<'a>,
    set: CachedStatement<'a>,
    swap: CachedStatement<'a>,
    delete: CachedStatement<'a>,
    counters_changed: bool,
}

impl<'a> Batch<'a> {
    /// Does the work of all these requests; the answers are in their order.
    pub(super) fn run(
        conn: &'a Connection,
        heads: &'a mut Heads,
        works: &[Work],
    ) -> rusqlite::Result<Vec<Vec<Written>>> {
        let mut batch = Self::new(conn, heads)?;
        let answers = works.iter().map(|work| batch.apply(work)).collect::<Result<_, _>>()?;
        batch.finish()?;
        Ok(answers)
    }

    fn new(conn: &'a Connection, heads: &'a mut Heads) -> rusqlite::Result<Self> {
        if heads.heads.len() > HEADS_MAX {
            heads.forget();
        }
        if heads.stale {
            heads.reload(conn)?;
        }
        Ok(Self {
            append: conn.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?,
            set: conn.prepare_cached(
                "INSERT INTO kv VALUES (?1, 1, ?2)
                 ON CONFLICT (key) DO UPDATE SET version = version + 1, value = excluded.value RETURNING version",
            )?,
            swap: conn.prepare_cached(
                "UPDATE kv SET version = version + 1, value = ?3 WHERE key = ?1 AND version = ?2 RETURNING version",
            )?,
            delete: conn.prepare_cached("DELETE FROM kv WHERE key = ?1")?,
            counters_changed: false,
            conn,
            heads,
        })
    }

    /// Does one request's work. A count is told as so many answers.
    fn apply(&mut self, work: &Work) -> rusqlite::Result<Vec<Written>> {
        match work {
            Work::Write(writes) => writes.iter().map(|write| self.write(write)).collect(),
            Work::PutBlob { sha256, bytes } => {
                let sql = "INSERT INTO blobs VALUES (?1, ?2) ON CONFLICT (sha256) DO UPDATE SET bytes = excluded.bytes";
                self.conn.prepare_cached(sql)?.execute(params![sha256, bytes])?;
                Ok(vec![Written::Set(1)])
            }
            Work::DeleteBlob { sha256 } => {
                let gone = self.conn.prepare_cached("DELETE FROM blobs WHERE sha256 = ?1")?.execute([sha256])?;
                Ok(vec![Written::Deleted; gone])
            }
            Work::Trim { prefix, what, limit } => Ok(vec![Written::Deleted; self.trim(prefix, *what, *limit)?]),
        }
    }

    /// Writes what was kept in memory until now: once per log and commit.
    fn finish(&mut self) -> rusqlite::Result<()> {
        let sql = "UPDATE logs SET last = ?2, entries = ?3, mark = ?4, low_ms = ?5, high_ms = ?6 WHERE id = ?1";
        let mut update = self.conn.prepare_cached(sql)?;
        let mut changed = std::mem::take(&mut self.heads.changed);
        changed.sort_unstable_by_key(|at| self.heads.heads.get(*at).map(|head| head.id));
        for at in changed {
            let Some(head) = self.heads.heads.get_mut(at) else { continue };
            head.changed = false;
            update.execute(params![head.id, head.last, number(head.entries), head.mark, head.low_ms, head.high_ms])?;
        }
        if std::mem::take(&mut self.counters_changed) {
            let mut meta = self.conn.prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?;
            meta.execute(params!["next_seq", number(self.heads.next_seq)])?;
            meta.execute(params!["log_bytes", number(self.heads.log_bytes)])?;
        }
        Ok(())
    }

    fn write(&mut self, write: &Write) -> rusqlite::Result<Written> {
        Ok(match write {
            Write::Set { key, value } => {
                Written::Set(count(self.set.query_row(params![key, value], |row| row.get(0))?))
            }
            Write::CompareAndSet { key, version, value } => self.compare_and_set(key, *version, value)?,
            Write::Delete { key } => {
                self.delete.execute([key])?;
                Written::Deleted
            }
            Write::Append { log, at_ms, kind, body } => self.append(log, *at_ms, *kind, body)?,
        })
    }

    fn compare_and_set(&mut self, key: &str, version: u64, value: &[u8]) -> rusqlite::Result<Written> {
        let present = |conn: &Connection| {
            let mut get = conn.prepare_cached("SELECT version FROM kv WHERE key = ?1")?;
            Ok::<_, rusqlite::Error>(get.query_row([key], |row| row.get(0)).optional()?.map_or(0, count))
        };
        if version == 0 {
            return Ok(match present(self.conn)? {
                0 => Written::Set(count(self.set.query_row(params![key, value], |row| row.get(0))?)),
                found => Written::Lost(found),
            });
        }
        let set = self.swap.query_row(params![key, number(version), value], |row| row.get(0)).optional()?;
        Ok(match set {
            Some(version) => Written::Set(count(version)),
            None => Written::Lost(present(self.conn)?),
        })
    }

    fn append(&mut self, log: &str, at_ms: u64, kind: u8, body: &[u8]) -> rusqlite::Result<Written> {
        let at = self.head(log)?;
        let seq = self.heads.next_seq;
        self.heads.next_seq += 1;
        self.heads.log_bytes += body.len() as u64;
        self.counters_changed = true;
        let Some(head) = self.heads.heads.get_mut(at) else { return Err(rusqlite::Error::InvalidQuery) };
        let (at_ms, prev) = (number(at_ms), head.last);
        head.entries += 1;
        head.last = number(seq);
        let (skip, low_ms, high_ms) = if head.entries % BLOCK_ENTRIES == 0 {
            let block = (head.mark, head.low_ms, head.high_ms);
            (head.mark, head.low_ms, head.high_ms) = (head.last, i64::MAX, 0);
            block
        } else {
            (head.low_ms, head.high_ms) = (head.low_ms.min(at_ms), head.high_ms.max(at_ms));
            (0, 0, 0)
        };
        if !head.changed {
            head.changed = true;
            self.heads.changed.push(at);
        }
        let entry = params![head.last, head.id, prev, skip, low_ms, high_ms, at_ms, kind, body];
        self.append.execute(entry)?;
        Ok(Written::Appended(seq))
    }

    /// Where the head of this log is kept; makes the log.
    fn head(&mut self, log: &str) -> rusqlite::Result<usize> {
        if let Some(at) = self.heads.by_name.get(log) {
            return Ok(*at);
        }
        let sql = "SELECT id, last, entries, mark, low_ms, high_ms FROM logs WHERE name = ?1";
        let found = self.conn.prepare_cached(sql)?.query_row([log], |row| {
            Ok(Head {
                id: row.get(0)?,
                last: row.get(1)?,
                entries: count(row.get(2)?),
                mark: row.get(3)?,
                low_ms: row.get(4)?,
                high_ms: row.get(5)?,
                changed: false,
            })
        });
        let head = match found.optional()? {
            Some(head) => head,
            None => {
                let sql = "INSERT INTO logs (name, last, entries, mark, low_ms, high_ms) VALUES (?1, 0, 0, 0, ?2, 0)";
                self.conn.prepare_cached(sql)?.execute(params![log, i64::MAX])?;
                let id = self.conn.last_insert_rowid();
                Head { id, last: 0, entries: 0, mark: 0, low_ms: i64::MAX, high_ms: 0, changed: false }
            }
        };
        self.heads.heads.push(head);
        let at = self.heads.heads.len() - 1;
        self.heads.by_name.insert(log.to_owned(), at);
        Ok(at)
    }

    /// Drops what the trait's `trim` and `trim_to_size` say; tells how many.
    fn trim(&mut self, prefix: &str, what: Trim, limit: usize) -> rusqlite::Result<usize> {
        // What is dropped is told from what the tables say.
        self.finish()?;
        let mut dropped = 0;
        while dropped < limit {
            if matches!(what, Trim::ToSize(bytes_max) if self.heads.log_bytes <= bytes_max) {
                break;
            }
            let found = self.oldest(prefix, what, CHUNK_ENTRIES.min(limit - dropped))?;
            if found.entries == 0 {
                break;
            }
            dropped += found.entries;
            self.remove(&found)?;
        }
        Ok(dropped)
    }

    /// The first entries that go, in the order in which they were written.
    fn oldest(&mut self, prefix: &str, what: Trim, limit: usize) -> rusqlite::Result<Oldest> {
        let sql = "SELECT entries.seq, entries.log, entries.at_ms, length(entries.body), logs.name
                   FROM entries CROSS JOIN logs ON logs.id = entries.log
                   WHERE entries.seq > ?1 ORDER BY entries.seq LIMIT ?2";
        let from = self.heads.trimmed.get(prefix).copied().unwrap_or(0);
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![from, number(limit + PASSED_MAX)])?;
        let mut found = Oldest { passed: from, ..Oldest::default() };
        let mut room = match what {
            Trim::Before(_) => u64::MAX,
            Trim::ToSize(bytes_max) => self.heads.log_bytes.saturating_sub(bytes_max),
        };
        let mut follows = false;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            if !row.get_ref(4)?.as_str()?.starts_with(prefix) {
                found.passed = seq;
                follows = false;
                continue;
            }
            let stays = matches!(what, Trim::Before(before_ms) if row.get::<_, i64>(2)? >= number(before_ms));
            if stays || room == 0 || found.entries == limit {
                break;
            }
            found.passed = seq;
            found.entries += 1;
            let bytes = count(row.get(3)?);
            found.bytes += bytes;
            room = room.saturating_sub(bytes);
            found.logs.insert(row.get(1)?);
            match found.ranges.last_mut() {
                Some((_, last)) if follows => *last = seq,
                _ => found.ranges.push((seq, seq)),
            }
            follows = true;
        }
        drop(rows);
        self.heads.trimmed.insert(prefix.to_owned(), found.passed);
        Ok(found)
    }

    fn remove(&mut self, found: &Oldest) -> rusqlite::Result<()> {
        self.heads.log_bytes = self.heads.log_bytes.saturating_sub(found.bytes);
        self.counters_changed = true;
        let mut delete = self.conn.prepare_cached("DELETE FROM entries WHERE seq BETWEEN ?1 AND ?2")?;
        for (first, last) in &found.ranges {
            delete.execute(params![first, last])?;
        }
        // A log of which nothing is left goes too.
        let mut empty = self.conn.prepare_cached("DELETE FROM logs WHERE id = ?1 AND last <= ?2 RETURNING name")?;
        for log in &found.logs {
            let name = empty.query_row(params![log, found.passed], |row| row.get::<_, String>(0)).optional()?;
            if let Some(name) = name {
                self.heads.by_name.remove(&name);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Oldest {
    /// From, to, both included; nothing of other logs is in between.
    ranges: Vec<(i64, i64)>,
    entries: usize,
    bytes: u64,
    logs: HashSet<i64>,
    /// The last entry that was looked at and is behind us.
    passed: i64,
}
