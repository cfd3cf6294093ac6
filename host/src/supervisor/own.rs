//! Bindings that were made by the API: kept under `binding/<name>` as they were written, each in place of the file's of that
//! name. Their version in the store is what whoever changes one must have seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::reload::strange;
use super::steer_error::SteerError;
use super::steering::Steering;
use crate::config::{self, Complaints, Config};
use crate::store::{Store, StoreError, Write, Written};

/// Beginning of their keys.
const OWN: &str = "binding/";
/// Read at once.
const PAGE: usize = 500;

/// A binding that was made by the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnBinding {
    /// Its name.
    pub name: String,
    /// The table `[binding.NAME]`, as JSON.
    pub document: Value,
    /// Counts its changes.
    pub version: u64,
}

impl Steering {
    /// Makes a binding, or another of one that was made so, and puts it into force. `document` is the table `[binding.NAME]`
    /// as JSON. `if_version`: only if it is at this version, 0 if there is none yet; `None`: whatever is there. Returns its
    /// version.
    ///
    /// # Errors
    /// Everything that is wrong with it, that it is at another version, or that a table's row is in force under this name. Then
    /// nothing has changed.
    pub async fn put_binding(&self, name: &str, document: &Value, if_version: Option<u64>) -> Result<u64, SteerError> {
        let mut in_force = self.in_force().lock().await;
        if let Some(row) = in_force.rows.get(name) {
            return Err(SteerError::OfTable { name: name.to_owned(), table: row.table.clone() });
        }
        let wanted = in_force.config.own_binding(name, document)?;
        let refuse = |complaints| Complaints { file: file_of(name), complaints };
        let complaints = strange(&in_force.config, [&wanted]);
        if !complaints.is_empty() {
            return Err(refuse(complaints).into());
        }
        let running = self.bindings();
        let made = self.binder(&in_force, None, &in_force.config).all(&[&wanted], &running).await;
        let made = made.map_err(refuse)?;

        let key = format!("{OWN}{name}");
        let version = match if_version {
            Some(version) => version,
            None => self.store().get(&key).await?.map_or(0, |kept| kept.version),
        };
        let value = document.to_string().into_bytes();
        let written = self.store().write(vec![Write::CompareAndSet { key, version, value }]).await?;
        let version = match written.as_slice() {
            [Written::Set(version)] => *version,
            [Written::Lost(found)] => return Err(SteerError::Stale { expected: version, found: *found }),
            _ => 0,
        };
        in_force.own.insert(name.to_owned(), wanted);
        let others = running.iter().filter(|binding| binding.name != name).map(Arc::clone);
        self.put_into_force(others.chain(made).collect());
        Ok(version)
    }

    /// Removes a binding that was made by the API; the file's of that name, if there is one, holds again. Its targets are left
    /// alone otherwise, and told of.
    ///
    /// # Errors
    /// Where there is none of that name, it is a table's or at another version, or the file's does not hold together. Then
    /// nothing has changed.
    pub async fn remove_binding(&self, name: &str, if_version: Option<u64>) -> Result<(), SteerError> {
        let mut in_force = self.in_force().lock().await;
        if let Some(row) = in_force.rows.get(name) {
            return Err(SteerError::OfTable { name: name.to_owned(), table: row.table.clone() });
        }
        let key = format!("{OWN}{name}");
        let kept = self.store().get(&key).await?;
        let found = kept.ok_or_else(|| SteerError::UnknownBinding { name: name.to_owned() })?.version;
        if let Some(expected) = if_version.filter(|expected| *expected != found) {
            return Err(SteerError::Stale { expected, found });
        }
        let running = self.bindings();
        let from_file: Vec<&config::Binding> = in_force.config.binding(name).into_iter().collect();
        let made = self.binder(&in_force, None, &in_force.config).all(&from_file, &running).await;
        let file = in_force.config.file.display().to_string();
        let made = made.map_err(|complaints| Complaints { file, complaints })?;
        self.store().write(vec![Write::Delete { key }]).await?;
        in_force.own.remove(name);
        let others = running.iter().filter(|binding| binding.name != name).map(Arc::clone);
        self.put_into_force(others.chain(made).collect());
        Ok(())
    }

    /// The bindings that were made by the API, by name.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn own_bindings(&self) -> Result<Vec<OwnBinding>, SteerError> {
        Ok(kept(self.store().as_ref()).await?)
    }
}

/// The bindings that were made by the API, checked against the rooms of the configuration.
pub(super) async fn load(
    store: &dyn Store,
    config: &Config,
) -> Result<Result<BTreeMap<String, config::Binding>, Complaints>, StoreError> {
    let mut own = BTreeMap::new();
    for OwnBinding { name, document, .. } in kept(store).await? {
        match config.own_binding(&name, &document) {
            Ok(binding) => drop(own.insert(name, binding)),
            Err(complaints) => return Ok(Err(complaints)),
        }
    }
    Ok(Ok(own))
}

async fn kept(store: &dyn Store) -> Result<Vec<OwnBinding>, StoreError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list(OWN, after.as_deref(), PAGE).await?;
        for (key, kept) in &page {
            let unreadable = |error: serde_json::Error| StoreError::Corrupt { what: format!("{key}: {error}") };
            let document = serde_json::from_slice(&kept.value).map_err(unreadable)?;
            let name = key.strip_prefix(OWN).unwrap_or(key).to_owned();
            found.push(OwnBinding { name, document, version: kept.version });
        }
        match page.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(found),
        }
    }
}

/// What stands in a complaint in place of a file.
fn file_of(name: &str) -> String {
    format!("binding {name}")
}
