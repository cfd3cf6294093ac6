//! The tables, how they came about, and how a connection that writes is set up.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::failure::{Failed, damaged};
use crate::store::StoreError;

/// "Trim": marks the file as ours.
const APPLICATION_ID: i64 = 0x5472_696d;

/// A larger file is not read through at start but in its small tables: at some 500 MB/s this is half a second.
const CHECKED_BYTES_MAX: i64 = 256 * 1024 * 1024;

/// How long to wait for another program that has the file open (a backup).
const BUSY_TIMEOUT_MS: u64 = 5_000;

/// Steps from nothing to the present schema, in order; the number of a step is its place here, from 1. A published step
/// never changes.
///
/// Entries are one table in the order in which they were written, and carry no index: an index by log would touch one page
/// per target and turn, 4 KiB to keep 100 bytes. Instead each names the one before it in its log (`prev`), the log's head is
/// in the small table `logs`, and every 64th entry (`skip`) names the 64th before it and the times in between, so that a
/// reader passes over what it does not want. Trimming removes a range at the table's beginning.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE kv (key TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE logs (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, entries INTEGER NOT NULL,
        mark INTEGER NOT NULL, low_ms INTEGER NOT NULL, high_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY, log INTEGER NOT NULL, prev INTEGER NOT NULL, skip INTEGER NOT NULL,
        low_ms INTEGER NOT NULL, high_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE blobs (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    INSERT INTO meta VALUES ('next_seq', 1), ('log_bytes', 0);
"];

/// The highest schema that this trimtab knows.
#[expect(clippy::cast_possible_truncation, reason = "there are as many as are written above")]
pub(super) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// Checks a file, brings it up to the present schema and sets up the connection that writes to it.
pub(super) fn prepare(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    conn.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS)).failed("open", path)?;
    let found = version(conn, path)?;
    if found == 0 {
        // Only an empty file takes it: freed pages can then be given back a few at a time.
        conn.pragma_update(None, "auto_vacuum", "INCREMENTAL").failed("set up", path)?;
    } else {
        check(conn, path)?;
    }
    set_up(conn, path)?;
    for (step, sql) in (1..).zip(MIGRATIONS).skip(found as usize) {
        migrate(conn, step, sql).failed(&format!("bring to schema {step} the file"), path)?;
    }
    Ok(())
}

/// The schema of a file, 0 for an empty one.
pub(super) fn version(conn: &Connection, path: &Path) -> Result<u32, StoreError> {
    let read = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).failed("read", path);
    let (application, version) = (read("application_id")?, read("user_version")?);
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).failed("read", path)?;
    if tables == 0 && application == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(StoreError::Corrupt {
            what: format!("{} is the file of another program; give trimtab a data_dir of its own", path.display()),
        });
    }
    match u32::try_from(version) {
        Ok(found) if (1..=KNOWN).contains(&found) => Ok(found),
        Ok(found) if found > KNOWN => Err(StoreError::Newer { found, known: KNOWN }),
        _ => Err(damaged(path, &format!("schema {version}"))),
    }
}

fn check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).failed("read", path);
    let bytes = pragma("page_count")? * pragma("page_size")?;
    let tables: &[&str] = if bytes <= CHECKED_BYTES_MAX { &[""] } else { &["('meta')", "('kv')", "('logs')"] };
    for table in tables {
        let sql = format!("PRAGMA quick_check{table}");
        let told: String = conn.query_row(&sql, [], |row| row.get(0)).failed("read", path)?;
        if told != "ok" {
            return Err(damaged(path, &told));
        }
    }
    Ok(())
}

fn set_up(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        .failed("write to", path)?;
    conn.pragma_update(None, "synchronous", "FULL").failed("set up", path)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024).failed("set up", path)?;
    conn.pragma_update(None, "cache_size", -16 * 1024).failed("set up", path)?;
    conn.pragma_update(None, "wal_autocheckpoint", 4096).failed("set up", path)?;
    let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).failed("read", path)?;
    let sync: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0)).failed("read", path)?;
    if mode == "wal" && sync == 2 {
        return Ok(());
    }
    Err(StoreError::Io {
        what: format!("make {} durable: choose a data_dir on a local file system", path.display()),
        source: format!("journal_mode is {mode} and synchronous is {sync}, wal and 2 are needed").into(),
    })
}

fn migrate(conn: &mut Connection, step: i64, sql: &str) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    tx.execute_batch(sql)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", step)?;
    tx.commit()
}
