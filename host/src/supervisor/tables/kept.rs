//! Rows that were taken up, as the store keeps them: for a start without the database, and for a reload.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Row, Rows};
use crate::config::{self, Complaint, Complaints, Config};
use crate::cycle::Binding;
use crate::store::{Store, StoreError, Write};
use crate::supervisor::bind::Binder;

/// Beginning of their keys.
const TABLES: &str = "table/";
/// Read at once.
const PAGE: usize = 500;

/// The write that keeps a row.
pub(super) fn keep(row: &Row) -> Write {
    Write::Set { key: key(&row.table, &row.binding.name), value: row.settings.clone().into_bytes() }
}

/// The write that forgets it.
pub(in crate::supervisor) fn forget(table: &str, name: &str) -> Write {
    Write::Delete { key: key(table, name) }
}

fn key(table: &str, name: &str) -> String {
    format!("{TABLES}{table}/{name}")
}

/// What was last taken up, as far as it suits the configuration, and ready to be run. What does not suit any more stands in
/// nobody's way: the table's next reading tells of it. Rows of tables that the configuration does not name any more are
/// forgotten.
pub(in crate::supervisor) async fn take_up_kept(
    store: &dyn Store,
    config: &Config,
    own: &BTreeMap<String, config::Binding>,
    binder: &Binder<'_>,
) -> Result<(Rows, Vec<Arc<Binding>>), StoreError> {
    let (mut rows, mut bindings, mut forgotten) = (Rows::new(), Vec::new(), Vec::new());
    for (table, name, settings) in kept(store).await? {
        if config.tables.iter().all(|at| at.name != table) {
            tracing::warn!(table, binding = name, "the configuration names this table no more: its row is forgotten");
            forgotten.push(forget(&table, &name));
            continue;
        }
        if config.binding(&name).is_some() || own.contains_key(&name) || rows.contains_key(&name) {
            continue;
        }
        match ready(&table, &name, &settings, config, binder).await {
            Ok((binding, made)) => {
                rows.insert(name, Row { table, settings, binding });
                bindings.extend(made);
            }
            Err(error) => tracing::warn!(table, binding = name, %error, "a row that was kept does not suit any more"),
        }
    }
    if !forgotten.is_empty() {
        store.write(forgotten).await?;
    }
    Ok((rows, bindings))
}

async fn ready(
    table: &str,
    name: &str,
    settings: &str,
    config: &Config,
    binder: &Binder<'_>,
) -> Result<(config::Binding, Vec<Arc<Binding>>), Complaints> {
    let file = format!("table {table}, row {name}");
    let binding = config.row_binding(&file, name, settings)?;
    let made = binder.all(&[&binding], &[]).await.map_err(|complaints| Complaints { file, complaints })?;
    Ok((binding, made))
}

/// Table, name and settings of every row.
async fn kept(store: &dyn Store) -> Result<Vec<(String, String, String)>, StoreError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(TABLES, after.as_deref(), PAGE).await?;
        for (key, kept) in &page {
            let settings = String::from_utf8_lossy(&kept.value).into_owned();
            if let Some((table, name)) = key.strip_prefix(TABLES).and_then(|rest| rest.split_once('/')) {
                found.push((table.to_owned(), name.to_owned(), settings));
            }
        }
        match page.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(found),
        }
    }
}

/// The rows in force, read against another configuration, without those whose names its file has taken; or what is wrong with
/// them there.
pub(in crate::supervisor) fn again(fresh: &Config, rows: &Rows) -> Result<Rows, Vec<Complaint>> {
    let (mut read, mut complaints) = (Rows::new(), Vec::new());
    for (name, row) in rows.iter().filter(|(name, _)| fresh.binding(name).is_none()) {
        match fresh.row_binding("", name, &row.settings) {
            Ok(binding) => drop(read.insert(name.clone(), Row { binding, ..row.clone() })),
            // Their places are those in the row, not in the file.
            Err(found) => complaints.extend(found.complaints.into_iter().map(|complaint| Complaint {
                place: config::Place::default(),
                path: format!("bindings_from.{}: {}", row.table, complaint.path),
                ..complaint
            })),
        }
    }
    if complaints.is_empty() { Ok(read) } else { Err(complaints) }
}
