//! Which rows of a table can be in force, each judged by itself: one that is wrong is in no other's way.

use std::collections::{BTreeMap, HashMap};
use std::slice;
use std::sync::Arc;

use super::{Refusal, RefusedRow, Row, Rows, SETTINGS_BYTES_MAX, Written};
use crate::config::{self, Complaint, Complaints, Config};
use crate::cycle::Binding;
use crate::supervisor::bind::Binder;
use crate::supervisor::reload::strange;

/// What rows are judged against.
pub(super) struct Surroundings<'a> {
    pub(super) config: &'a Config,
    /// Bindings that were made by the API.
    pub(super) own: &'a BTreeMap<String, config::Binding>,
    /// Rows that are in force, of all tables.
    pub(super) held: &'a Rows,
    pub(super) binder: &'a Binder<'a>,
    pub(super) running: &'a [Arc<Binding>],
}

/// What the rows of a table came to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Those that are new, or say something else than those in force.
    pub(super) taken: Vec<(Row, Arc<Binding>)>,
    /// Those that cannot be in force, by name. Of each an earlier row may still be.
    pub(super) refused: BTreeMap<String, RefusedRow>,
    /// Names that are in force and of which there is no row any more.
    pub(super) gone: Vec<String>,
}

/// Judges all rows of a table.
pub(super) async fn judge(table: &str, rows: Vec<Written>, around: &Surroundings<'_>) -> Judged {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Written { name, settings } in rows {
        by_name.entry(name).or_default().push(settings);
    }
    let running: HashMap<&str, &Arc<Binding>> =
        around.running.iter().map(|binding| (binding.name.as_str(), binding)).collect();
    let held = |name: &str| around.held.get(name).filter(|row| row.table == table);
    let mut judged = Judged::default();
    for (name, row) in around.held {
        if row.table == table && !by_name.contains_key(name) {
            judged.gone.push(name.clone());
        }
    }
    for (name, mut settings) in by_name {
        let several = settings.len() > 1;
        let settings = settings.pop().unwrap_or_default();
        if !several && held(&name).is_some_and(|row| row.settings == settings) {
            continue;
        }
        let before = running.get(name.as_str()).copied();
        match one(table, &name, &settings, several, before, around).await {
            Ok((binding, made)) => {
                let row = Row { table: table.to_owned(), settings, binding };
                judged.taken.push((row, made));
            }
            Err(why) => drop(judged.refused.insert(name, RefusedRow { why, settings })),
        }
    }
    judged
}

async fn one(
    table: &str,
    name: &str,
    settings: &str,
    several: bool,
    running: Option<&Arc<Binding>>,
    around: &Surroundings<'_>,
) -> Result<(config::Binding, Arc<Binding>), Refusal> {
    if around.config.binding(name).is_some() {
        return Err(Refusal::InFile);
    }
    if around.own.contains_key(name) {
        return Err(Refusal::ByApi);
    }
    if let Some(other) = around.held.get(name).filter(|row| row.table != table) {
        return Err(Refusal::InTable { table: other.table.clone() });
    }
    if several {
        return Err(Refusal::Twice);
    }
    if settings.len() > SETTINGS_BYTES_MAX {
        return Err(Refusal::TooLong);
    }
    let row = format!("table {table}, row {name}");
    let wanted = around.config.row_binding(&row, name, settings)?;
    let mut complaints = files_named(&wanted);
    complaints.extend(strange(around.config, [&wanted]));
    if complaints.is_empty() {
        match around.binder.all(&[&wanted], running.map(slice::from_ref).unwrap_or_default()).await {
            Ok(made) => {
                if let Some(made) = made.into_iter().next() {
                    return Ok((wanted, made));
                }
            }
            Err(found) => complaints.extend(found),
        }
    }
    Err(Complaints { file: row, complaints }.into())
}

/// Policies that a row names by their files: who may write a table is not who may place code on the host.
fn files_named(wanted: &config::Binding) -> Vec<Complaint> {
    let is_file = |uses: &str| uses.contains('/') || uses.ends_with(".wasm");
    let named = wanted.policies.iter().filter(|used| is_file(&used.uses));
    let complaint = |used: &config::PolicyUse| Complaint {
        place: used.place,
        path: format!("binding.{}.policy.{}", wanted.name, used.slot),
        what: "a row cannot name a file of the host".to_owned(),
        remedy: "upload the policy, and write its name".to_owned(),
    };
    named.map(complaint).collect()
}
