//! From a binding of the configuration to one that can be run: policies loaded, parameters checked, needs known and met.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::causes::with_causes;
use crate::config::{self, Complaint, Config, Place, PolicyUse, Select};
use crate::cycle::{Binding, Selector, Slot};
use crate::policy::{Need, NeedKind, ParamValue, Policy, ProposalKind, check_params};
use crate::registry::Registry;
use crate::sources::ReadingSpec;

/// Makes a binding ready to be run, or says everything that is in the way.
///
/// # Errors
/// Every complaint, each at its line of the file.
pub async fn bind(registry: &Registry, config: &Config, wanted: &config::Binding) -> Result<Binding, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut slots = Vec::with_capacity(wanted.policies.len());
    for used in &wanted.policies {
        match fill(registry, wanted, used).await {
            Ok(slot) => slots.push(slot),
            Err(found) => complaints.extend(found),
        }
    }
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let mut settings = wanted.settings.clone();
    if config.dry_run {
        settings.mode = crate::bounds::Mode::DryRun;
    }
    Ok(Binding {
        name: wanted.name.clone(),
        digest: digest_of(wanted),
        select: match &wanted.select {
            Select::Ids(ids) => Selector::Ids(ids.clone()),
            Select::Labels { driver, labels } => Selector::Labels { driver: driver.clone(), labels: labels.clone() },
        },
        every_ms: wanted.every_ms,
        settings,
        readings: wanted.readings.iter().map(|spec| Arc::new(long_enough(spec, &slots))).collect(),
        slots,
    })
}

async fn fill(registry: &Registry, binding: &config::Binding, used: &PolicyUse) -> Result<Slot, Vec<Complaint>> {
    let path = format!("binding.{}.policy.{}", binding.name, used.slot);
    let complain = |place: Place, what: String, remedy: &str| {
        vec![Complaint { place, path: path.clone(), what, remedy: remedy.to_owned() }]
    };
    let policy = registry
        .resolve(&used.uses, used.tier)
        .await
        .map_err(|error| complain(used.place, with_causes(&error), "see `trimtab policy check`"))?;
    let params = check_params(&policy.manifest().parameters, &used.params).map_err(|found| {
        let place = |name: &str| used.param_places.get(name).copied().unwrap_or(used.place);
        let complaint = |one: crate::policy::ParamComplaint| Complaint {
            place: place(&one.name),
            path: format!("{path}.params"),
            what: one.to_string(),
            remedy: String::new(),
        };
        found.into_iter().map(complaint).collect::<Vec<_>>()
    })?;
    let needs = needs(&policy, &params).await.map_err(|what| complain(used.place, what, ""))?;
    let missing: Vec<&Need> = needs.iter().filter(|need| need.required && !is_met(need, &binding.readings)).collect();
    if !missing.is_empty() {
        let complaint = |need: &&Need| {
            let what = format!(
                "{} needs a reading {:?} of the {}, and the binding declares none",
                policy.manifest().name,
                need.name,
                need.subject
            );
            complain(used.place, what, "add a [[binding.….reading]] of that name and subject")
        };
        return Err(missing.iter().flat_map(complaint).collect());
    }
    let granted = granted(&policy, used.grants.as_deref());
    Ok(Slot { name: used.slot.clone(), policy, params, needs, granted })
}

/// What the policy declares, cut to what the operator grants.
fn granted(policy: &Policy, grants: Option<&[ProposalKind]>) -> Vec<ProposalKind> {
    let declared = policy.manifest().kinds.iter();
    declared.filter(|kind| grants.is_none_or(|grants| grants.contains(kind))).cloned().collect()
}

/// Asks the policy, off the runtime's own threads: it is a guest like any other.
async fn needs(policy: &Arc<Policy>, params: &[ParamValue]) -> Result<Vec<Need>, String> {
    let (policy, params) = (Arc::clone(policy), params.to_vec());
    let asked = tokio::task::spawn_blocking(move || policy.needs(&params)).await;
    match asked {
        Ok(Ok(needs)) => Ok(needs),
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(_) => Err("the policy could not be asked what it needs".to_owned()),
    }
}

fn is_met(need: &Need, readings: &[ReadingSpec]) -> bool {
    need.kind != NeedKind::Reading
        || readings.iter().any(|spec| *spec.name == *need.name && spec.subject == need.subject)
}

/// A reading that is kept as long as the policy that looks back farthest.
fn long_enough(spec: &ReadingSpec, slots: &[Slot]) -> ReadingSpec {
    let needs = slots
        .iter()
        .flat_map(|slot| &slot.needs)
        .filter(|need| need.kind == NeedKind::Reading && *need.name == *spec.name && need.subject == spec.subject);
    let farthest = needs.map(|need| need.look_back_ms).max().unwrap_or(0);
    ReadingSpec { look_back_ms: spec.look_back_ms.max(farthest), ..spec.clone() }
}

/// What tells two settings of one binding apart in records.
fn digest_of(binding: &config::Binding) -> String {
    hex::encode(Sha256::digest(format!("{binding:?}")))
}
