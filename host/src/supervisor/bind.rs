//! From a binding of the configuration to one that can be run: policies loaded, parameters checked, needs known and met.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::labels::Labels;
use crate::causes::with_causes;
use crate::config::{self, Complaint, Config, Place, PolicyUse, Select};
use crate::cycle::{Binding, CapRule, Fitting, Group, Selector, Slot};
use crate::policy::{Need, NeedKind, ParamValue, Policy, ProposalKind, Tier, check_params};
use crate::registry::{Grants, Planned, Registry, RegistryError};
use crate::sources::{ReadingSpec, Sources};

/// Makes bindings of a configuration ready to be run. Thousands of bindings may use one policy: it is looked up once.
pub(super) struct Binder<'a> {
    pub(super) registry: &'a Arc<Registry>,
    pub(super) sources: &'a Sources,
    /// A change of active versions that is asked about, and not made.
    pub(super) planned: Option<&'a Planned>,
    /// Where caps and groups stand, and whether every binding is to decide and record only.
    pub(super) config: &'a Config,
    pub(super) found: Found,
}

/// Policies that were looked up: by what `use` says, the digest assigned, and the tier.
pub(super) type Found = Mutex<HashMap<(String, Option<String>, Option<Tier>), (Arc<Policy>, Grants)>>;

impl Binder<'_> {
    /// All of them, or every complaint of all. Those that come out as they are `running` stay the very same.
    pub(super) async fn all(
        &self,
        wanted: &[&config::Binding],
        running: &[Arc<Binding>],
    ) -> Result<Vec<Arc<Binding>>, Vec<Complaint>> {
        let mut bindings = Vec::with_capacity(wanted.len());
        let mut complaints: Vec<Complaint> = Vec::new();
        let running: HashMap<&str, &Arc<Binding>> =
            running.iter().map(|binding| (binding.name.as_str(), binding)).collect();
        for wanted in wanted {
            complaints.extend(reading_complaints(self.sources, wanted));
            match self.bind(wanted).await {
                Ok(binding) => match running.get(wanted.name.as_str()).filter(|running| is_same(running, &binding)) {
                    Some(running) => bindings.push(Arc::clone(running)),
                    None => bindings.push(Arc::new(binding)),
                },
                Err(found) => complaints.extend(found),
            }
        }
        if complaints.is_empty() { Ok(bindings) } else { Err(complaints) }
    }

    /// Makes a binding ready to be run, or says everything that is in the way, each at its line of the file.
    pub(super) async fn bind(&self, wanted: &config::Binding) -> Result<Binding, Vec<Complaint>> {
        let mut complaints = Vec::new();
        let mut slots = Vec::with_capacity(wanted.policies.len());
        for used in &wanted.policies {
            match self.fill(wanted, used).await {
                Ok(slot) => slots.push(slot),
                Err(found) => complaints.extend(found),
            }
        }
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let mut settings = wanted.settings.clone();
        if self.config.dry_run {
            settings.mode = crate::bounds::Mode::DryRun;
        }
        let group = wanted.group.as_ref().and_then(|name| self.config.groups.iter().find(|group| group.name == *name));
        let group = group.map(|group| Group { name: group.name.clone(), replicas_max: group.replicas_max });
        let caps = caps_on(self.config, wanted);
        Ok(Binding {
            name: wanted.name.clone(),
            digest: digest_of(wanted, group.as_ref(), &caps, self.config.dry_run),
            select: selector(&wanted.select),
            every_ms: wanted.every_ms,
            settings,
            readings: wanted.readings.iter().map(|spec| Arc::new(long_enough(spec, &slots))).collect(),
            slots,
            caps: wanted.caps,
            group: group.map(Arc::new),
            fitting: self.fitting(wanted, caps),
        })
    }

    /// How labels and caps change it; `None`: nothing does.
    fn fitting(&self, wanted: &config::Binding, caps: Vec<CapRule>) -> Option<Arc<Fitting>> {
        if wanted.labels_allowed.is_empty() && caps.is_empty() {
            return None;
        }
        let labels = Labels::new(self.registry, wanted, self.config.dry_run);
        Some(Arc::new(Fitting::new(wanted.labels_allowed.clone(), caps, Arc::new(labels))))
    }

    /// The policy, and what the operator lets it do.
    async fn find(&self, binding: &str, used: &PolicyUse) -> Result<(Arc<Policy>, Grants), RegistryError> {
        let digest = self.registry.assigned(binding, &used.uses, self.planned).await?;
        let key = (used.uses.clone(), digest, used.tier);
        if let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.clone());
        }
        let policy = self.registry.resolve_assigned(&used.uses, key.1.as_deref(), used.tier).await?;
        let found = (Arc::clone(&policy), self.registry.grants(policy.digest()).await?);
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }

    async fn fill(&self, binding: &config::Binding, used: &PolicyUse) -> Result<Slot, Vec<Complaint>> {
        let (policy, grants) = self.find(&binding.name, used).await.map_err(|error| {
            let path = format!("binding.{}.policy.{}", binding.name, used.slot);
            let remedy = "see `trimtab policy check`".to_owned();
            vec![Complaint { place: used.place, path, what: with_causes(&error), remedy }]
        })?;
        suit(binding, used, policy, &grants).await
    }
}

/// Holds a policy to what the operator lets it do, its parameters to its manifest, and its needs to the binding's readings.
pub(super) async fn suit(
    binding: &config::Binding,
    used: &PolicyUse,
    policy: Arc<Policy>,
    grants: &Grants,
) -> Result<Slot, Vec<Complaint>> {
    let path = format!("binding.{}.policy.{}", binding.name, used.slot);
    let complain = |place: Place, what: String, remedy: &str| {
        vec![Complaint { place, path: path.clone(), what, remedy: remedy.to_owned() }]
    };
    if !grants.lets(&binding.name) {
        let what = format!("the operator does not let {} be used by this binding", policy.manifest().name);
        return Err(complain(used.place, what, "grant it, or use another policy"));
    }
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
    let missing = missing(&policy, &needs, binding);
    if !missing.is_empty() {
        let remedy = "add a [[binding.….reading]] of that name and subject";
        return Err(missing.into_iter().flat_map(|what| complain(used.place, what, remedy)).collect());
    }
    let granted = granted(&policy, used.grants.as_deref(), grants.kinds.as_deref());
    Ok(Slot { name: used.slot.clone(), policy, params, needs, granted })
}

/// The operator's caps that may concern targets of a binding.
fn caps_on(config: &Config, wanted: &config::Binding) -> Vec<CapRule> {
    let drivers = wanted.select.drivers();
    let concerns = |rule: &&config::CapsRule| !rule.select.drivers().is_disjoint(&drivers);
    let rule =
        |rule: &config::CapsRule| CapRule { name: rule.name.clone(), select: selector(&rule.select), caps: rule.caps };
    config.caps.iter().filter(concerns).map(rule).collect()
}

fn selector(select: &Select) -> Selector {
    match select {
        Select::Ids(ids) => Selector::Ids(ids.clone()),
        Select::Labels { driver, labels } => Selector::Labels { driver: driver.clone(), labels: labels.clone() },
    }
}

/// Readings that the policy must have and that the binding does not declare.
fn missing(policy: &Policy, needs: &[Need], binding: &config::Binding) -> Vec<String> {
    let missing = needs.iter().filter(|need| need.required && !is_met(need, &binding.readings));
    let name = &policy.manifest().name;
    missing
        .map(|need| {
            format!("{name} needs a reading {:?} of the {}, and the binding declares none", need.name, need.subject)
        })
        .collect()
}

/// What the sources say of the readings of a binding. It also tells them which readings there will be.
fn reading_complaints(sources: &Sources, wanted: &config::Binding) -> Vec<Complaint> {
    let refusal = |spec: &ReadingSpec| sources.get(&spec.source)?.check_reading(spec).err();
    let complaint = |spec: &ReadingSpec| {
        let place = wanted.reading_places.get(&(spec.name.as_ref().to_owned(), spec.subject.clone()));
        Some(Complaint {
            place: place.copied().unwrap_or(wanted.place),
            path: format!("binding.{}.reading.{}", wanted.name, spec.name),
            what: refusal(spec)?.to_string(),
            remedy: String::new(),
        })
    };
    wanted.readings.iter().filter_map(complaint).collect()
}

/// Whether a binding would run as another does.
fn is_same(one: &Binding, other: &Binding) -> bool {
    let same_slot = |(one, other): (&Slot, &Slot)| {
        Arc::ptr_eq(&one.policy, &other.policy)
            && one.params == other.params
            && one.needs == other.needs
            && one.granted == other.granted
    };
    one.digest == other.digest
        && one.settings == other.settings
        && one.slots.len() == other.slots.len()
        && one.slots.iter().zip(&other.slots).all(same_slot)
}

/// What the policy declares, cut to what the binding and the operator grant.
fn granted(
    policy: &Policy,
    by_binding: Option<&[ProposalKind]>,
    by_operator: Option<&[ProposalKind]>,
) -> Vec<ProposalKind> {
    let lets = |kind: &ProposalKind| [by_binding, by_operator].into_iter().flatten().all(|kinds| kinds.contains(kind));
    policy.manifest().kinds.iter().filter(|kind| lets(kind)).cloned().collect()
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
pub(super) fn long_enough(spec: &ReadingSpec, slots: &[Slot]) -> ReadingSpec {
    let needs = slots
        .iter()
        .flat_map(|slot| &slot.needs)
        .filter(|need| need.kind == NeedKind::Reading && *need.name == *spec.name && need.subject == spec.subject);
    let farthest = needs.map(|need| need.look_back_ms).max().unwrap_or(0);
    ReadingSpec { look_back_ms: spec.look_back_ms.max(farthest), ..spec.clone() }
}

/// What tells two settings of one binding apart in records; where they stand in the file does not.
fn digest_of(binding: &config::Binding, group: Option<&Group>, caps: &[CapRule], dry_run: bool) -> String {
    let mut bare = binding.clone();
    bare.place = Place::default();
    bare.reading_places.clear();
    for used in &mut bare.policies {
        used.place = Place::default();
        used.param_places.clear();
    }
    hex::encode(Sha256::digest(format!("{bare:?}{group:?}{caps:?}{dry_run}")))
}
