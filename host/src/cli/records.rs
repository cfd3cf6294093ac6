//! What commands read of a data directory, also while a host runs on it: nothing is ever written.

use anyhow::{Context, Result};

use super::{Fail, Global};
use crate::audit::{Event, Span, history, log_of};
use crate::snapshot::TargetId;
use crate::store::{SqliteStore, Store};

/// The store of a host, opened for reading, and a runtime to read it with.
pub(super) struct Records {
    store: SqliteStore,
    runtime: tokio::runtime::Runtime,
}

impl Records {
    /// Opens the store of the data directory that the command line or the configuration names.
    pub(super) fn open(global: &Global) -> Result<Self> {
        let data_dir = global.data_dir()?;
        if !data_dir.is_dir() {
            let text = format!(
                "there is no data directory {}: has `trimtab run` been here? Name another with --data-dir",
                data_dir.display()
            );
            return Err(Fail::not_found(text));
        }
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
        let _entered = runtime.enter();
        let store = SqliteStore::open_read_only(&data_dir)
            .with_context(|| format!("opening the store of {}", data_dir.display()))?;
        Ok(Self { store, runtime })
    }

    /// The store and the runtime, for who reads with other words than these.
    pub(super) fn into_parts(self) -> (SqliteStore, tokio::runtime::Runtime) {
        (self.store, self.runtime)
    }

    /// Targets that have records, ordered by id.
    pub(super) fn targets(&self) -> Result<Vec<TargetId>> {
        let prefix = "record/";
        let logs = self.runtime.block_on(self.store.logs(prefix)).context("listing the records")?;
        Ok(logs.iter().filter_map(|log| log.strip_prefix(prefix)?.parse().ok()).collect())
    }

    /// What happened to a target, oldest first.
    ///
    /// # Errors
    /// Where nothing was ever recorded of it.
    pub(super) fn history(&self, target: &TargetId, span: Span) -> Result<Vec<Event>> {
        let events = self.runtime.block_on(history(&self.store, target, span)).context("reading the records")?;
        if events.is_empty() && !self.targets()?.contains(target) {
            let known: Vec<String> = self.targets()?.iter().map(ToString::to_string).collect();
            let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
            return Err(Fail::not_found(format!(
                "nothing is recorded of {target} (in {}); recorded are: {known}",
                log_of(target)
            )));
        }
        Ok(events)
    }
}

/// A target's id as it stands on the command line.
pub(super) fn target_id(text: &str) -> Result<TargetId> {
    text.parse().map_err(|error| Fail::usage(format!("{error}; see `trimtab target list`")))
}
