//! The code that records name, loaded once; and what it needs for which parameters, asked once.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::ReplayError;
use crate::audit::{Record, Slot};
use crate::causes::with_causes;
use crate::policy::{Fault, Need, NeedsError, ParamValue, Policy, Tier};
use crate::registry::{Registry, RegistryError};

/// Policies held at once; of a history with more versions, those that come again are loaded again.
const LOADED_MAX: usize = 32;
/// Sets of parameters whose needs are remembered.
const ASKED_MAX: usize = 1024;

/// The code that records name.
#[derive(Debug, Default)]
pub(super) struct Codes {
    loaded: HashMap<(String, Option<Tier>), Result<Arc<Policy>, String>>,
    asked: HashMap<Asked, Result<Arc<[Need]>, NeedsError>>,
}

/// A policy, its limits, and parameters as JSON.
type Asked = (String, Tier, String);

impl Codes {
    /// Loads what these records name. What cannot be had is remembered as such.
    pub(super) async fn fetch(&mut self, registry: &Registry, records: &[(u64, Record)]) -> Result<(), ReplayError> {
        if self.loaded.len() > LOADED_MAX {
            self.loaded.clear();
        }
        for slot in records.iter().flat_map(|(_, record)| &record.slots) {
            let key = (slot.policy.digest.clone(), slot.tier);
            if self.loaded.contains_key(&key) {
                continue;
            }
            let found = match registry.recall(&key.0, key.1).await {
                Ok(policy) => Ok(policy),
                Err(RegistryError::ShuttingDown) => return Err(RegistryError::ShuttingDown.into()),
                Err(RegistryError::Unknown { .. }) => Err("its bytes are gone".to_owned()),
                Err(error) => Err(with_causes(&error)),
            };
            self.loaded.insert(key, found);
        }
        Ok(())
    }

    /// The code of a slot, or why there is none.
    pub(super) fn of(&self, slot: &Slot) -> Result<Arc<Policy>, String> {
        let key = (slot.policy.digest.clone(), slot.tier);
        self.loaded.get(&key).cloned().unwrap_or_else(|| Err("it was not looked for".to_owned()))
    }

    /// What a policy needs, given these parameters. Runs its code.
    pub(super) fn needs(&mut self, policy: &Policy, params: &[ParamValue]) -> Result<Arc<[Need]>, NeedsError> {
        let params_text = serde_json::to_string(params).unwrap_or_default();
        let key = (policy.digest().to_owned(), policy.tier(), params_text);
        if let Some(known) = self.asked.get(&key) {
            return known.clone();
        }
        let needs = policy.needs(params).map(Arc::from);
        if let Err(NeedsError::Faulted { fault: Fault::Timeout { .. } }) = &needs {
            // The machine's doing: the next time may end otherwise.
            return needs;
        }
        if self.asked.len() >= ASKED_MAX {
            self.asked.clear();
        }
        self.asked.insert(key, needs.clone());
        needs
    }

    /// What a recorded slot was given, as far as its code can say so.
    pub(super) fn needs_of(&mut self, slot: &Slot) -> Option<Arc<[Need]>> {
        let policy = self.of(slot).ok()?;
        self.needs(&policy, &values(slot)).ok()
    }
}

/// The parameters of a slot, in the order in which they cross.
pub(super) fn values(slot: &Slot) -> Vec<ParamValue> {
    slot.params.iter().map(|(_, value)| value.clone()).collect()
}
