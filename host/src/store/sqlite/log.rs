//! Reading a log: from its head backwards, passing over blocks of entries that are not wanted.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::{count, number};
use crate::store::{Entry, LogRange, Recent};

/// Every so many entries of a log one names the one so many before it.
pub(super) const BLOCK_ENTRIES: u64 = 64;

/// Entries of one log, as the store's trait says.
pub(super) fn read(conn: &Connection, log: &str, range: &LogRange) -> rusqlite::Result<Vec<Entry>> {
    let head =
        conn.prepare_cached("SELECT last FROM logs WHERE name = ?1")?.query_row([log], |row| row.get(0)).optional()?;
    let Some(head) = head else { return Ok(Vec::new()) };
    if range.newest_first { newest_first(conn, head, range) } else { oldest_first(conn, head, range) }
}

fn newest_first(conn: &Connection, head: i64, range: &LogRange) -> rusqlite::Result<Vec<Entry>> {
    let mut found = Vec::new();
    walk(conn, head, range, |seq, row| {
        if found.len() >= range.limit {
            return Ok(ControlFlow::Break(()));
        }
        found.push(entry(seq, row)?);
        Ok(if found.len() < range.limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// Walks all the way back keeping numbers only, then reads the first `limit`.
fn oldest_first(conn: &Connection, head: i64, range: &LogRange) -> rusqlite::Result<Vec<Entry>> {
    let mut seqs = Vec::new();
    walk(conn, head, range, |seq, _| {
        seqs.push(seq);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut statement = statement(conn)?;
    let wanted = seqs.into_iter().rev().take(range.limit);
    wanted.map(|seq| statement.query_row([seq], |row| entry(seq, row))).collect()
}

fn statement(conn: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    conn.prepare_cached("SELECT prev, skip, low_ms, high_ms, at_ms, kind, body FROM entries WHERE seq = ?1")
}

fn entry(seq: i64, row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry { seq: count(seq), at_ms: count(row.get(4)?), kind: row.get(5)?, body: row.get(6)? })
}

/// Calls `visit` for each entry in the range, newest first. A missing entry is one that was trimmed: the log begins after it.
fn walk(
    conn: &Connection,
    head: i64,
    range: &LogRange,
    mut visit: impl FnMut(i64, &rusqlite::Row<'_>) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<()> {
    let (from_ms, to_ms) = (number(range.from_ms), number(range.to_ms));
    // Sequence numbers below `floor` and from `ceiling` on are not wanted.
    let (floor, ceiling) = match (range.after, range.newest_first) {
        (None, _) => (1, i64::MAX),
        (Some(after), true) => (1, number(after)),
        (Some(after), false) => (number(after).saturating_add(1), i64::MAX),
    };
    let mut statement = statement(conn)?;
    let mut seq = head;
    while seq >= floor {
        let next = statement
            .query_row([seq], |row| {
                let (at_ms, kind) = (row.get::<_, i64>(4)?, row.get::<_, u8>(5)?);
                let in_range = from_ms <= at_ms && at_ms < to_ms && seq < ceiling;
                let wanted = in_range && (range.kinds.is_empty() || range.kinds.contains(&kind));
                if wanted && visit(seq, row)?.is_break() {
                    return Ok(0);
                }
                let (prev, skip): (i64, i64) = (row.get(0)?, row.get(1)?);
                let (low_ms, high_ms): (i64, i64) = (row.get(2)?, row.get(3)?);
                let block_unwanted = high_ms < from_ms || low_ms >= to_ms || skip >= ceiling;
                Ok(if skip > 0 && block_unwanted { skip } else { prev })
            })
            .optional()?;
        let Some(next) = next else { break };
        seq = next;
    }
    Ok(())
}

/// The newest entries of all logs, as the store's trait says.
pub(super) fn recent(conn: &Connection, prefix: &str, before: Option<u64>, limit: usize) -> rusqlite::Result<Recent> {
    // As below: the entries are passed through in their order, each with the name of its log.
    let sql = "SELECT logs.name, entries.seq, entries.at_ms, entries.kind, entries.body \
               FROM entries CROSS JOIN logs ON logs.id = entries.log \
               WHERE entries.seq < ?1 ORDER BY entries.seq DESC LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([before.map_or(i64::MAX, number), number(limit)])?;
    let (mut recent, mut looked) = (Recent::default(), 0);
    while let Some(row) = rows.next()? {
        let seq = count(row.get(1)?);
        looked += 1;
        recent.reached = Some(seq);
        if row.get_ref(0)?.as_str()?.starts_with(prefix) {
            let entry = Entry { seq, at_ms: count(row.get(2)?), kind: row.get(3)?, body: row.get(4)? };
            recent.entries.push((row.get(0)?, entry));
        }
    }
    recent.reached = recent.reached.filter(|_| looked == limit);
    Ok(recent)
}

/// Time of the first kept entry of logs that begin with `prefix`.
pub(super) fn oldest_ms(conn: &Connection, prefix: &str) -> rusqlite::Result<Option<u64>> {
    // A cross join is not reordered: the entries are passed through, not all logs sorted.
    let sql =
        "SELECT entries.at_ms, logs.name FROM entries CROSS JOIN logs ON logs.id = entries.log ORDER BY entries.seq";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if row.get_ref(1)?.as_str()?.starts_with(prefix) {
            return Ok(Some(count(row.get(0)?)));
        }
    }
    Ok(None)
}
