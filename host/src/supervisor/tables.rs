//! Bindings that are kept in tables of databases: read at the start and every so often, and each row taken up as a binding that
//! comes by the API is. A row that is refused, a table that cannot be read: what was in force stays so. What was last taken is
//! kept under `table/<table>/<name>`, so that it holds over a start without the database.
//!
//! A row's name gives way to the file's and to the API's; its bounds to the operator's caps, as any binding's do.

mod check;
mod judge;
mod kept;
mod look;
mod refusal;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

pub use self::check::{TableChecked, check_tables};
use self::judge::{Surroundings, judge};
pub(super) use self::kept::{again, forget, take_up_kept};
pub(super) use self::look::keep_reading;
pub use self::refusal::Refusal;
use super::HostError;
use crate::config::{self, Config, TableAt};
use crate::sources::SourceError;
use crate::sources::sql::SqlSource;

/// Most bytes of one row's settings: a binding by hand has a few hundred.
const SETTINGS_BYTES_MAX: usize = 16 * 1024;
/// One more than a name may have.
const NAME_CHARS_READ: usize = 64;

/// A row that is in force.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The table that it comes from.
    pub(super) table: String,
    /// Its settings, as they were written.
    pub(super) settings: String,
    /// What they say.
    pub(super) binding: config::Binding,
}

/// Those in force, by name; no name is the file's or the API's.
pub(super) type Rows = BTreeMap<String, Row>;

/// A row as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) settings: String,
}

/// The tables of a host.
#[derive(Debug, Default)]
pub(super) struct Tables(Vec<Arc<Table>>);

/// A table, and how it was last found.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) at: TableAt,
    source: SqlSource,
    seen: Mutex<TableSeen>,
}

/// How a table was last found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableSeen {
    /// Its name in the configuration.
    pub name: String,
    /// When it was last read and taken up; `None`: not since the start.
    pub read_at_ms: Option<u64>,
    /// Why the last attempt came to nothing.
    pub problem: Option<String>,
    /// Attempts in a row that came to nothing.
    pub failures: u64,
    /// Its bindings in force, by name, with what their rows say.
    pub in_force: BTreeMap<String, Value>,
    /// Rows that were refused when it was last read, by name.
    pub refused: BTreeMap<String, RefusedRow>,
    /// Whether it had no row when it was last read.
    empty: bool,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Why.
    pub why: Refusal,
    /// What it said.
    settings: String,
}

impl Tables {
    /// The tables of a configuration; nothing is read yet.
    pub(super) fn open(config: &Config) -> Result<Self, HostError> {
        let open = |at: &TableAt| {
            let wrong = |what| HostError::Table { name: at.name.clone(), what };
            let source = SqlSource::new(&at.name, at.database.clone()).map_err(wrong)?;
            let seen = TableSeen { name: at.name.clone(), ..TableSeen::default() };
            Ok(Arc::new(Table { at: at.clone(), source, seen: Mutex::new(seen) }))
        };
        config.tables.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn all(&self) -> &[Arc<Table>] {
        &self.0
    }

    /// Says which rows are in force from now on.
    pub(super) fn hold(&self, rows: &Rows) {
        for table in &self.0 {
            let own = rows.iter().filter(|(_, row)| row.table == table.at.name);
            let shown = own.map(|(name, row)| (name.clone(), document_of(&row.settings))).collect();
            table.change(|seen| seen.in_force = shown);
        }
    }
}

impl Table {
    /// How it was last found.
    pub(super) fn seen(&self) -> TableSeen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut TableSeen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All rows, each cut to little more than it may have, so that no row is larger here than it may be.
    pub(super) async fn rows(&self) -> Result<Vec<Written>, String> {
        let query = self.at.query.trim().trim_end_matches(';').trim_end();
        let settings = SETTINGS_BYTES_MAX + 1;
        // In these words all three databases say the same of any type of column. The line's end ends a comment.
        let query = format!(
            "SELECT SUBSTR(CONCAT(written.name, ''), 1, {NAME_CHARS_READ}) AS name, \
             SUBSTR(CONCAT(written.settings, ''), 1, {settings}) AS settings FROM (\n{query}\n) AS written"
        );
        let rows = self.source.rows(&query).await.map_err(|error| match error {
            SourceError::Unreachable { what, .. } => format!("it did not answer: {what}"),
            SourceError::BadAnswer { what, .. } | SourceError::Reading { what, .. } => what,
        })?;
        let mut written = Vec::with_capacity(rows.len());
        for mut row in rows {
            let mut column = |name| row.remove(name).unwrap_or_default();
            written.push(Written { name: column("name"), settings: column("settings") });
        }
        Ok(written)
    }
}

/// What a row says, as the table `[binding.NAME]` in JSON; as it stands where it cannot be read.
fn document_of(settings: &str) -> Value {
    let read = if settings.trim_start().starts_with('{') {
        serde_json::from_str(settings).ok()
    } else {
        settings.parse::<toml::Table>().ok().and_then(|table| serde_json::to_value(table).ok())
    };
    read.unwrap_or_else(|| Value::String(settings.to_owned()))
}
