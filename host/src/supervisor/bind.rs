//! From a binding of the configuration to one that can be run: policies loaded, parameters checked, needs known and met.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::labels::Labels;
use crate::causes::with_causes;
use crate::config::{self, Complaint, Config, OnQuarantine, Place, PolicyUse, Select};
use crate::cycle::{Binding, CapRule, Fitting, Group, Probation, Promotion, Role, Selector, Slot};
use crate::policy::{Need, NeedKind, ParamValue, Policy, ProposalKind, Tier, check_params};
use crate::registry::builtin::builtin;
use crate::registry::{Active, Grants, Keyring, Planned, Registry, RegistryError};
use crate::sources::{ReadingSpec, Sources};

/// Makes bindings of a configuration ready to be run. Thousands of bindings may use one policy: it is looked up once.
pub(super) struct Binder<'a> {
    pub(super) registry: &'a Arc<Registry>,
    pub(super) sources: &'a Sources,
    /// A change of active versions that is asked about, and not made.
    pub(super) planned: Option<&'a Planned>,
    /// Where caps and groups stand, and whether every binding is to decide and record only.
    pub(super) config: &'a Config,
    /// The keys of which one must have signed a policy.
    pub(super) keys: Arc<Keyring>,
    /// Grants of a version that are asked about, and not made.
    pub(super) granting: Option<(&'a str, &'a Grants)>,
    pub(super) found: Found,
}

/// What was looked up.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By name: which versions run and watch.
    assignments: Mutex<HashMap<String, Option<Arc<Active>>>>,
    /// By what `use` says, the digest assigned, and the tier.
    policies: Mutex<HashMap<(String, Option<String>, Option<Tier>), (Arc<Policy>, Grants)>>,
}

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
            match self.active(wanted, used).await {
                Ok(slot) => slots.push(slot),
                Err(found) => complaints.extend(found),
            }
        }
        for used in &wanted.policies {
            slots.extend(self.stand_in(wanted, used).await);
        }
        for used in &wanted.policies {
            match self.shadows(wanted, used).await {
                Ok(shadows) => slots.extend(shadows),
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

    /// The policy that acts.
    async fn active(&self, binding: &config::Binding, used: &PolicyUse) -> Result<Slot, Vec<Complaint>> {
        let assignment = self.assignment(used).await.map_err(|error| unusable(binding, used, &error))?;
        let digest = assignment.as_ref().and_then(|active| active.digest_for(&binding.name));
        let probation = assignment.as_ref().and_then(|active| active.probation_for(&binding.name));
        let probation = probation.map(|one| Probation { until_ms: one.until_ms, for_all: one.binding.is_none() });
        self.fill(binding, used, digest, Role::Active { probation }).await
    }

    /// The version that is asked while the active one is in quarantine, where the binding wants one and it still suits.
    async fn stand_in(&self, binding: &config::Binding, used: &PolicyUse) -> Option<Slot> {
        if used.on_quarantine != OnQuarantine::LastGood {
            return None;
        }
        let assignment = self.assignment(used).await.ok().flatten()?;
        let digest = assignment.last_good(&binding.name, builtin(&used.uses).is_ok())?;
        match self.fill(binding, used, digest, Role::StandIn).await {
            Ok(slot) => Some(slot),
            Err(found) => {
                warn_of(binding, used, digest, "the last good version cannot stand in", &found);
                None
            }
        }
    }

    /// The versions that watch. One that does not suit stands in nobody's way, but in its own when it is set.
    async fn shadows(&self, binding: &config::Binding, used: &PolicyUse) -> Result<Vec<Slot>, Vec<Complaint>> {
        let assignment = self.assignment(used).await.ok().flatten();
        let mut slots = Vec::new();
        for shadow in assignment.iter().flat_map(|active| active.shadows_for(&binding.name)) {
            let promotion = shadow.promote_after.map(|after| Promotion {
                after,
                for_all: shadow.binding.is_none(),
                rollback_on_fault: shadow.rollback_on_fault,
            });
            match self.fill(binding, used, Some(&shadow.digest), Role::Shadow { promotion }).await {
                Ok(slot) => slots.push(slot),
                Err(found) if self.planned.and_then(Planned::shadows) == Some(shadow.digest.as_str()) => {
                    return Err(found);
                }
                Err(found) => warn_of(binding, used, Some(&shadow.digest), "a version cannot watch", &found),
            }
        }
        Ok(slots)
    }

    /// Which versions of what is used run and watch.
    async fn assignment(&self, used: &PolicyUse) -> Result<Option<Arc<Active>>, RegistryError> {
        if let Some(found) = self.found.assignments.lock().unwrap_or_else(PoisonError::into_inner).get(&used.uses) {
            return Ok(found.clone());
        }
        let found = self.registry.assignment(&used.uses, self.planned).await?.map(Arc::new);
        let mut assignments = self.found.assignments.lock().unwrap_or_else(PoisonError::into_inner);
        assignments.insert(used.uses.clone(), found.clone());
        Ok(found)
    }

    /// The policy, and what the operator lets it do.
    async fn find(&self, used: &PolicyUse, digest: Option<&str>) -> Result<(Arc<Policy>, Grants), RegistryError> {
        let key = (used.uses.clone(), digest.map(str::to_owned), used.tier);
        if let Some(found) = self.found.policies.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.clone());
        }
        let policy = self.registry.resolve_signed(&used.uses, digest, used.tier, &self.keys).await?;
        let grants = match self.granting.filter(|(digest, _)| *digest == policy.digest()) {
            Some((_, planned)) => planned.clone(),
            None => self.registry.grants(policy.digest()).await?,
        };
        let found = (policy, grants);
        self.found.policies.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }

    async fn fill(
        &self,
        binding: &config::Binding,
        used: &PolicyUse,
        digest: Option<&str>,
        role: Role,
    ) -> Result<Slot, Vec<Complaint>> {
        let (policy, grants) = self.find(used, digest).await.map_err(|error| unusable(binding, used, &error))?;
        suit(binding, used, policy, &grants, role).await
    }
}

/// Holds a policy to what the operator lets it do, its parameters to its manifest, and its needs to the binding's readings.
pub(super) async fn suit(
    binding: &config::Binding,
    used: &PolicyUse,
    policy: Arc<Policy>,
    grants: &Grants,
    role: Role,
) -> Result<Slot, Vec<Complaint>> {
    let path = path_of(binding, used);
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
    Ok(Slot { name: used.slot.clone(), role, policy, params, needs, granted })
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

fn path_of(binding: &config::Binding, used: &PolicyUse) -> String {
    format!("binding.{}.policy.{}", binding.name, used.slot)
}

fn unusable(binding: &config::Binding, used: &PolicyUse, error: &RegistryError) -> Vec<Complaint> {
    let remedy = remedy(error).to_owned();
    vec![Complaint { place: used.place, path: path_of(binding, used), what: with_causes(error), remedy }]
}

fn warn_of(binding: &config::Binding, used: &PolicyUse, digest: Option<&str>, text: &str, found: &[Complaint]) {
    let (binding, slot) = (&binding.name, &used.slot);
    let why = found.iter().map(|complaint| complaint.what.as_str()).collect::<Vec<_>>().join("; ");
    tracing::warn!(binding, slot, digest, why, "{text}");
}

fn remedy(error: &RegistryError) -> &str {
    match error {
        RegistryError::Untrusted { rejection, .. } => &rejection.remedy,
        _ => "see `trimtab policy check`",
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
            && one.role == other.role
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
