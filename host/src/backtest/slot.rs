//! One policy of a run.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::policy::{Need, NeedsError, ParamComplaint, ParamValue, Policy, ProposalKind, check_params};

/// A policy with its parameters, as a slot of a binding holds it.
#[derive(Debug, Clone)]
pub struct Slot {
    /// Its name within the binding.
    pub name: String,
    /// The code.
    pub policy: Arc<Policy>,
    /// Its parameters, checked.
    pub params: Vec<ParamValue>,
    /// What it needs, with these parameters.
    pub needs: Vec<Need>,
    /// Kinds that it may propose.
    pub granted: Vec<ProposalKind>,
}

/// Why a policy cannot run with these parameters.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// Parameters that do not suit.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Params(Vec<ParamComplaint>),
    /// It refuses them, or fails.
    #[error("the policy does not say what it needs")]
    Needs(#[source] NeedsError),
}

impl Slot {
    /// Checks the parameters, as TOML or JSON has them, and asks the policy what it needs. Runs a guest: on a thread with
    /// [`crate::policy::Policy::evaluate`]'s stack.
    ///
    /// # Errors
    /// Where the parameters do not suit the manifest, or the policy refuses them.
    pub fn new(
        name: &str,
        policy: &Arc<Policy>,
        params: &Map<String, Value>,
        grants: Option<&[ProposalKind]>,
    ) -> Result<Self, SlotError> {
        let checked = check_params(&policy.manifest().parameters, params).map_err(SlotError::Params)?;
        let needs = policy.needs(&checked).map_err(SlotError::Needs)?;
        let kinds = policy.manifest().kinds.iter();
        let granted = kinds.filter(|kind| grants.is_none_or(|grants| grants.contains(kind))).cloned().collect();
        Ok(Self { name: name.to_owned(), policy: Arc::clone(policy), params: checked, needs, granted })
    }
}
