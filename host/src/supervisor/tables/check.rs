//! What a start would make of the tables, without one: for `trimtab check --connect`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::judge::{Surroundings, judge};
use super::{Refusal, Rows, Tables};
use crate::config::Config;
use crate::sources::Sources;
use crate::store::MemoryStore;
use crate::supervisor::{HostError, binder, furnish, registry};

/// What the rows of a table come to, without a host.
#[derive(Debug)]
pub struct TableChecked {
    /// Its name in the configuration.
    pub name: String,
    /// The rows that are sound; or why it could not be read.
    pub sound: Result<Vec<String>, String>,
    /// The others, and why.
    pub refused: Vec<(String, Refusal)>,
}

/// Reads every table of a sound configuration once, and judges its rows as a start would that kept nothing.
///
/// # Errors
/// What could not be built.
pub async fn check_tables(config: &Config) -> Result<Vec<TableChecked>, HostError> {
    let registry = Arc::new(registry(config, Arc::new(MemoryStore::new()), None)?);
    let sources: Sources = config.sources.iter().map(furnish::source).collect::<Result<_, _>>()?;
    let (own, mut held, mut checked) = (BTreeMap::new(), Rows::new(), Vec::new());
    for table in Tables::open(config)?.all() {
        let name = table.at.name.clone();
        let rows = match table.rows().await {
            Ok(rows) => rows,
            Err(what) => {
                checked.push(TableChecked { name, sound: Err(what), refused: Vec::new() });
                continue;
            }
        };
        let binder = &binder(&registry, &sources, config);
        let around = Surroundings { config, own: &own, held: &held, binder, running: &[] };
        let judged = judge(&name, rows, &around).await;
        let taken: Rows = judged.taken.into_iter().map(|(row, _)| (row.binding.name.clone(), row)).collect();
        let sound = Ok(taken.keys().cloned().collect());
        held.extend(taken);
        let refused = judged.refused.into_iter().map(|(name, row)| (name, row.why)).collect();
        checked.push(TableChecked { name, sound, refused });
    }
    Ok(checked)
}
