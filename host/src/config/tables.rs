//! `[bindings_from.NAME.sql]`: bindings that are kept in a table of a database, and where that is.

use std::path::Path;

use super::complaint::Place;
use super::file::check_name;
use super::reader::{Item, Table};
use super::rooms::{complain_all, deserialize};
use crate::secret::SecretAt;
use crate::sources::sql::{SqlConfig, SqlTls};

/// Tables that are read.
const TABLES_MAX: usize = 16;
/// What a table is asked where the file does not say.
const QUERY_DEFAULT: &str = "SELECT name, settings FROM trimtab_bindings";
const EVERY_MS_DEFAULT: u64 = 30_000;
const EVERY_MS_MIN: u64 = 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// As many rows as bindings in a file.
const ROWS_MAX: u32 = 10_000;
const ROWS_DEFAULT: u32 = 1_000;
const TIMEOUT_MS_DEFAULT: u64 = 5_000;

/// A table that bindings are read from.
#[derive(Debug, Clone, PartialEq)]
pub struct TableAt {
    /// The operator's name for it.
    pub name: String,
    /// Where it is, and how many rows it may have.
    pub database: SqlConfig,
    /// What it is asked: a row's columns are `name` and `settings`.
    pub query: String,
    /// How often it is read.
    pub every_ms: u64,
    /// Where it stands in the file.
    pub place: Place,
}

/// Reads `[bindings_from.NAME.sql]`; relative paths start from `base`.
pub(super) fn read_tables(root: &Table<'_>, base: &Path) -> Vec<TableAt> {
    let Some(named) = root.get("bindings_from").and_then(|item| item.table()) else { return Vec::new() };
    let entries = named.entries();
    if entries.len() > TABLES_MAX {
        named.complain(format!("{} tables are more than {TABLES_MAX}", entries.len()), "keep bindings together");
        return Vec::new();
    }
    let read = |(name, item): &(String, Item<'_>)| {
        let named_well = check_name(name, item);
        let table = item.table()?;
        let sql =
            table.need("sql", "write [bindings_from.NAME.sql] with a url").and_then(|item| read_sql(name, &item, base));
        table.finish();
        sql.filter(|_| named_well)
    };
    entries.iter().filter_map(read).collect()
}

fn read_sql(name: &str, item: &Item<'_>, base: &Path) -> Option<TableAt> {
    const TLS: [(&str, SqlTls); 2] = [("verify", SqlTls::Verify), ("off", SqlTls::Off)];
    let table = item.table()?;
    let url = table.need("url", "write url = \"postgres://host/database\", mysql://… or sqlite:path");
    let url = url.and_then(|item| item.line());
    let user = table.get("user").and_then(|item| item.line());
    let password = table.get("password").and_then(|item| deserialize::<SecretAt>(&item));
    let tls = table.get("tls").and_then(|item| item.word(&TLS)).unwrap_or_default();
    let ca_file = table.get("ca_file").and_then(|item| item.line()).map(Into::into);
    let query = table.get("query").and_then(|item| item.line());
    let every_ms = table.get("every").and_then(|item| item.duration_ms(EVERY_MS_MIN..=DAY_MS));
    let timeout_ms = table.get("timeout").and_then(|item| item.duration_ms(100..=60_000)).unwrap_or(TIMEOUT_MS_DEFAULT);
    let rows_max = table.get("rows_max").and_then(|item| item.count(1..=ROWS_MAX)).unwrap_or(ROWS_DEFAULT);
    table.finish();
    let mut database = SqlConfig {
        user,
        password,
        tls,
        ca_file,
        // One that reads, and one that is on its way out.
        connections_max: 2,
        rows_max,
        connect_timeout_ms: timeout_ms,
        timeout_ms,
        ..SqlConfig::new(&url?)
    };
    complain_all(item, &database.complaints());
    database.root_at(base);
    Some(TableAt {
        name: name.to_owned(),
        database,
        query: query.unwrap_or_else(|| QUERY_DEFAULT.to_owned()),
        every_ms: every_ms.unwrap_or(EVERY_MS_DEFAULT),
        place: item.key_place(),
    })
}
