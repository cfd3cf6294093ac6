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
    let user = table.get("user").map(|item| item.line());
    let password = table.get("password").map(|item| deserialize::<SecretAt>(&item));
    let tls = table.get("tls").map_or(Some(SqlTls::default()), |item| item.word(&TLS));
    let ca_file = table.get("ca_file").map(|item| item.line());
    let query = table.get("query").map_or_else(|| Some(QUERY_DEFAULT.to_owned()), |item| item.line());
    let every = table.get("every").map_or(Some(EVERY_MS_DEFAULT), |item| item.duration_ms(EVERY_MS_MIN..=DAY_MS));
    let timeout = table.get("timeout").map_or(Some(TIMEOUT_MS_DEFAULT), |item| item.duration_ms(100..=60_000));
    let rows_max = table.get("rows_max").map_or(Some(ROWS_DEFAULT), |item| item.count(1..=ROWS_MAX));
    table.finish();
    let mut database = SqlConfig {
        user: user.map_or(Some(None), |user| user.map(Some))?,
        password: password.map_or(Some(None), |password| password.map(Some))?,
        tls: tls?,
        ca_file: ca_file.map_or(Some(None), |file| file.map(|file| Some(file.into())))?,
        // One that reads, and one that is on its way out.
        connections_max: 2,
        rows_max: rows_max?,
        connect_timeout_ms: timeout?,
        timeout_ms: timeout?,
        ..SqlConfig::new(&url?)
    };
    complain_all(item, &database.complaints());
    database.root_at(base);
    Some(TableAt { name: name.to_owned(), database, query: query?, every_ms: every?, place: item.key_place() })
}
