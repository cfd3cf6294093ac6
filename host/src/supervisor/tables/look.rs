//! One look at a table after another, and what each puts into force.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::judge::Judged;
use super::kept::{forget, keep};
use super::{Rows, Surroundings, Table, TableSeen, Written, document_of, judge};
use crate::access::{Change, Identity, Permission};
use crate::causes::with_causes;
use crate::store::{StoreError, Write};
use crate::supervisor::steering::Steering;
use crate::telemetry::measures;

/// Names that one line tells; all stand in the log of changes.
const NAMES_TOLD_MAX: usize = 20;

/// Reads a table at once, and then as often as it says.
pub(in crate::supervisor) async fn keep_reading(steering: Steering, table: Arc<Table>, shutdown: CancellationToken) {
    let every = Duration::from_millis(table.at.every_ms);
    loop {
        steering.read_table(&table).await;
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

impl Steering {
    /// How the tables of bindings were last found, in the order of their names.
    #[must_use]
    pub fn tables_seen(&self) -> Vec<TableSeen> {
        self.tables().all().iter().map(|table| table.seen()).collect()
    }

    /// Reads a table once, and puts into force what can be. Whatever else it comes to is told, and changes nothing.
    pub(in crate::supervisor) async fn read_table(&self, table: &Table) {
        let name = &table.at.name;
        let came = match table.rows().await {
            Ok(rows) => self.take_up(table, rows).await,
            Err(what) => Err(what),
        };
        measures::table_read(name, if came.is_ok() { "read" } else { "failed" });
        match came {
            Ok(()) => {
                let failures = table.change(|seen| {
                    (seen.read_at_ms, seen.problem) = (Some(self.clock().now_ms()), None);
                    std::mem::take(&mut seen.failures)
                });
                if failures > 0 {
                    tracing::info!(table = name, failures, "the table of bindings is read again");
                    self.tell(format!("table {name} is read again"));
                }
            }
            Err(what) => self.complain_of_table(table, &what),
        }
    }

    /// Said the first time, and then ever more seldom.
    fn complain_of_table(&self, table: &Table, what: &str) {
        let name = &table.at.name;
        let failures = table.change(|seen| {
            seen.problem = Some(what.to_owned());
            seen.failures = seen.failures.saturating_add(1);
            seen.failures
        });
        if failures.is_power_of_two() {
            tracing::warn!(
                table = name,
                failures,
                what,
                "the table of bindings is not taken up: what was in force stays"
            );
        }
        if failures == 1 {
            self.tell(format!("table {name} is not taken up, and what was in force stays: {what}"));
        }
    }

    async fn take_up(&self, table: &Table, rows: Vec<Written>) -> Result<(), String> {
        let name = &table.at.name;
        let mut in_force = self.in_force().lock().await;
        let (none, had_some) = (rows.is_empty(), in_force.rows.values().any(|row| row.table == *name));
        let was_empty = table.change(|seen| std::mem::replace(&mut seen.empty, none));
        if none && had_some && !was_empty {
            // Whoever fills a table anew may empty it first.
            return Err("it has no rows, and had some; that holds if the next reading says so, too".to_owned());
        }
        let running = self.bindings();
        let binder = self.binder(&in_force, None, &in_force.config);
        let (config, own, held) = (&in_force.config, &in_force.own, &in_force.rows);
        let around = Surroundings { config, own, held, binder: &binder, running: &running };
        let judged = judge(name, rows, &around).await;
        drop(binder);
        self.tell_refused(table, &judged);
        if !judged.taken.is_empty() || !judged.gone.is_empty() {
            let kept = self.keep_rows(name, &judged, &in_force.rows).await;
            kept.map_err(|error| format!("it cannot be kept: {}", with_causes(&error)))?;
            let names: Vec<&str> = judged.taken.iter().map(|(row, _)| row.binding.name.as_str()).collect();
            tell_changes(name, &names, &judged.gone);
            let changes = |binding: &str| names.contains(&binding) || judged.gone.iter().any(|gone| gone == binding);
            let others = running.iter().filter(|binding| !changes(&binding.name)).map(Arc::clone);
            let bindings = others.chain(judged.taken.iter().map(|(_, made)| Arc::clone(made))).collect();
            judged.gone.iter().for_each(|gone| drop(in_force.rows.remove(gone)));
            let taken = judged.taken.into_iter().map(|(row, _)| (row.binding.name.clone(), row));
            in_force.rows.extend(taken);
            self.tables().hold(&in_force.rows);
            self.put_into_force(bindings);
        }
        measures::table_rows(name, table.seen().in_force.len(), judged.refused.len());
        table.change(|seen| seen.refused = judged.refused);
        Ok(())
    }

    /// Each row that is refused is told of once, and again if it is refused for another reason.
    fn tell_refused(&self, table: &Table, judged: &Judged) {
        let before = table.seen().refused;
        for (name, row) in judged.refused.iter().filter(|(name, row)| before.get(*name) != Some(*row)) {
            let (table, why) = (&table.at.name, row.why.to_string().replace('\n', "; "));
            tracing::warn!(table, binding = name, why, "a row is refused: what was in force stays");
            self.tell(format!("row {name} of table {table} is refused, and what was in force stays: {why}"));
        }
    }

    /// Keeps the rows and who changed what in one commit.
    async fn keep_rows(&self, table: &str, judged: &Judged, held: &Rows) -> Result<(), StoreError> {
        let change = |name: &str| {
            let object = format!("binding {name}");
            let change = Change::new(self.clock().now_ms(), &Identity::host(), Permission::BindingWrite, object);
            let change = Change { who: format!("table {table}"), ..change };
            held.get(name).iter().fold(change, |change, row| change.from(&document_of(&row.settings)))
        };
        let mut writes: Vec<Write> = Vec::new();
        for (row, _) in &judged.taken {
            let noted = change(&row.binding.name).to(&document_of(&row.settings));
            writes.extend([keep(row), noted.write()]);
        }
        for name in &judged.gone {
            writes.extend([forget(table, name), change(name).write()]);
        }
        self.store().write(writes).await?;
        Ok(())
    }
}

fn tell_changes(table: &str, changed: &[&str], gone: &[String]) {
    let first = changed.get(..NAMES_TOLD_MAX).unwrap_or(changed);
    let first_gone = gone.get(..NAMES_TOLD_MAX).unwrap_or(gone);
    let (changes, removals) = (changed.len(), gone.len());
    tracing::info!(
        table,
        changes,
        removals,
        changed = ?first,
        removed = ?first_gone,
        "bindings of a table are in force"
    );
}
