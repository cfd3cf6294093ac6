//! Other bindings in a running host: from its file, from the API, or since another version of a policy is active. All or
//! nothing: what does not hold together leaves everything as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::bind::{Binder, Found};
use super::keys::keyring;
use super::steer_error::SteerError;
use super::steering::Steering;
use super::tables::{self, Rows};
use crate::config::{self, Complaint, Complaints, Config, Named, PolicySettings};
use crate::cycle::{Binding, Slot};
use crate::registry::{Active, Grants, Keyring, Planned, Version};
use crate::sources::Sources;

/// Reads the configuration again, with what the command line put in its place.
pub type Loader = Arc<dyn Fn() -> Result<Config, Complaints> + Send + Sync>;

/// What the bindings in force came from.
pub(super) struct InForce {
    /// The configuration. Its rooms are those that run, also where the file says otherwise by now.
    pub(super) config: Config,
    /// Bindings that were made by the API, by name; each in place of the file's of that name.
    pub(super) own: BTreeMap<String, config::Binding>,
    /// Bindings that come from rows of tables.
    pub(super) rows: Rows,
    /// The sources that run.
    pub(super) sources: Arc<Sources>,
    /// How the configuration is read again.
    pub(super) load: Loader,
}

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InForce").field("file", &self.config.file).finish_non_exhaustive()
    }
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ReloadReport {
    /// Bindings that are new.
    pub added: Vec<String>,
    /// Bindings that run otherwise than before.
    pub changed: Vec<String>,
    /// Bindings that are gone; their targets are left alone, and told of.
    pub removed: Vec<String>,
    /// Bindings that run as before.
    pub unchanged: usize,
    /// Settings that the file changes and that hold only after a restart.
    pub needs_restart: Vec<String>,
    /// What is doubtful and did not stand in the way.
    pub warnings: Vec<Complaint>,
}

impl Steering {
    /// Says how the configuration is read again. Without this: from its file, with the data directory as it is.
    pub async fn reload_by(&self, load: Loader) {
        self.in_force().lock().await.load = load;
    }

    /// Reads the configuration again and puts its bindings into force, all or nothing. Whatever else it changes holds after a
    /// restart, and the report says so.
    ///
    /// # Errors
    /// Everything that is wrong with it; then what runs stays as it is.
    pub async fn reload(&self) -> Result<ReloadReport, SteerError> {
        let mut in_force = self.in_force().lock().await;
        let load = Arc::clone(&in_force.load);
        let read = tokio::task::spawn_blocking(move || load()).await;
        let fresh = read.map_err(|_cancelled| SteerError::Turn { what: "the host is ending".to_owned() })??;
        let mut complaints = strange(&in_force.config, &fresh.bindings);
        let rows = tables::again(&fresh, &in_force.rows).unwrap_or_else(|found| {
            complaints.extend(found);
            Rows::new()
        });
        let wanted = wanted(&fresh, &in_force.own, &rows);
        let running = self.bindings();
        let keys = keyring(&fresh.policies).unwrap_or_else(|found| {
            complaints.extend(found);
            Keyring::default()
        });
        let binder = Binder { keys: Arc::new(keys.clone()), ..self.binder(&in_force, None, &fresh) };
        let bindings = match binder.all(&wanted, &running).await {
            Ok(bindings) => bindings,
            Err(found) => {
                complaints.extend(found);
                Vec::new()
            }
        };
        if !complaints.is_empty() {
            return Err(Complaints { file: fresh.file.display().to_string(), complaints }.into());
        }
        let mut report = compare(&running, &bindings);
        report.needs_restart = needs_restart(&in_force.config, &fresh);
        report.warnings.clone_from(&fresh.warnings);
        drop(binder);
        let ousted = in_force.rows.iter().filter(|(name, _)| !rows.contains_key(*name));
        let forgotten: Vec<_> = ousted.map(|(name, row)| tables::forget(&row.table, name)).collect();
        if !forgotten.is_empty() {
            self.store().write(forgotten).await?;
        }
        self.tables().hold(&rows);
        in_force.rows = rows;
        in_force.config.bindings = fresh.bindings;
        in_force.config.dry_run = fresh.dry_run;
        in_force.config.caps = fresh.caps;
        in_force.config.groups = fresh.groups;
        let PolicySettings { watch, activate, .. } = in_force.config.policies;
        in_force.config.policies = PolicySettings { watch, activate, ..fresh.policies };
        self.registry().trust(keys);
        self.put_into_force(bindings);
        Ok(report)
    }

    /// Puts the versions into force that are active by now, for every binding that names one. Turns in progress end on those
    /// before.
    ///
    /// # Errors
    /// Where a binding would not take its version; then what runs stays as it is.
    pub async fn rebind(&self) -> Result<(), SteerError> {
        let in_force = self.in_force().lock().await;
        let bindings = self.bound(&in_force, None).await?;
        self.put_into_force(bindings);
        Ok(())
    }

    /// Says what a version may do, whatever bindings say, and puts that into force. Returns it as it is now.
    ///
    /// # Errors
    /// Where there is no such version, or a binding that runs it may not any more: then nothing has changed.
    pub async fn grant(&self, digest: &str, grants: Grants) -> Result<Version, SteerError> {
        let in_force = self.in_force().lock().await;
        let wanted = wanted(&in_force.config, &in_force.own, &in_force.rows);
        let binder = Binder { granting: Some((digest, &grants)), ..self.binder(&in_force, None, &in_force.config) };
        let file = in_force.config.file.display().to_string();
        let made = binder.all(&wanted, &self.bindings()).await;
        let bindings = made.map_err(|complaints| Complaints { file, complaints })?;
        let version = self.registry().grant(digest, grants.clone()).await?;
        self.put_into_force(bindings);
        Ok(version)
    }

    /// Makes a planned change of active versions, if every binding that it concerns takes it: nothing is changed otherwise.
    pub(super) async fn carry_out(&self, planned: Planned) -> Result<Active, SteerError> {
        let in_force = self.in_force().lock().await;
        let bindings = self.bound(&in_force, Some(&planned)).await?;
        if let Some(digest) = planned.shadows() {
            let watches = |slot: &Slot| slot.role.is_shadow() && slot.policy.digest() == digest;
            if !bindings.iter().any(|binding| binding.slots.iter().any(watches)) {
                let (name, digest) = (planned.name.clone(), digest.to_owned());
                return Err(SteerError::NothingToWatch { name, digest });
            }
        }
        let active = self.registry().carry_out(planned).await?;
        self.put_into_force(bindings);
        Ok(active)
    }

    /// The bindings with the versions that are active, or as `planned`; those that a plan does not concern as they run.
    async fn bound(&self, in_force: &InForce, planned: Option<&Planned>) -> Result<Vec<Arc<Binding>>, SteerError> {
        let wanted = wanted(&in_force.config, &in_force.own, &in_force.rows);
        let concerned = |binding: &&config::Binding| {
            let names = |planned: &Planned| binding.policies.iter().any(|used| used.uses == planned.name);
            planned.is_none_or(names)
        };
        let concerned: Vec<&config::Binding> = wanted.into_iter().filter(concerned).collect();
        let running = self.bindings();
        let made = self.binder(in_force, planned, &in_force.config).all(&concerned, &running).await;
        let made =
            made.map_err(|complaints| Complaints { file: in_force.config.file.display().to_string(), complaints })?;
        let mut made: BTreeMap<String, Arc<Binding>> =
            made.into_iter().map(|binding| (binding.name.clone(), binding)).collect();
        let bound = |running: &Arc<Binding>| made.remove(&running.name).unwrap_or_else(|| Arc::clone(running));
        Ok(running.iter().map(bound).collect())
    }

    pub(super) fn binder<'a>(
        &'a self,
        in_force: &'a InForce,
        planned: Option<&'a Planned>,
        config: &'a Config,
    ) -> Binder<'a> {
        let (registry, sources) = (self.registry(), in_force.sources.as_ref());
        Binder { registry, sources, planned, config, keys: registry.keys(), granting: None, found: Found::default() }
    }
}

/// The file's bindings and the API's, the latter in place of the former of the same name; and those of rows, none of which
/// bears the name of either.
pub(super) fn wanted<'a>(
    config: &'a Config,
    own: &'a BTreeMap<String, config::Binding>,
    rows: &'a Rows,
) -> Vec<&'a config::Binding> {
    let from_file = config.bindings.iter().filter(|binding| !own.contains_key(&binding.name));
    from_file.chain(own.values()).chain(rows.values().map(|row| &row.binding)).collect()
}

/// Rooms that bindings name and that do not run in this host.
pub(super) fn strange<'a>(running: &Config, bindings: impl IntoIterator<Item = &'a config::Binding>) -> Vec<Complaint> {
    let drivers: BTreeSet<&str> = running.drivers.iter().map(|driver| driver.name.as_str()).collect();
    let sources: BTreeSet<&str> = running.sources.iter().map(|source| source.name.as_str()).collect();
    let mut complaints = Vec::new();
    for binding in bindings {
        let mut complain = |place, word: &str, name: &str| {
            complaints.push(Complaint {
                place,
                path: format!("binding.{}", binding.name),
                what: format!("the {word} {name:?} does not run in this host"),
                remedy: "restart the host to bring it up, then bind to it".to_owned(),
            });
        };
        for driver in binding.select.drivers().into_iter().filter(|driver| !drivers.contains(driver)) {
            complain(binding.place, "driver", driver);
        }
        for spec in binding.readings.iter().filter(|spec| !sources.contains(spec.source.as_str())) {
            let place = binding.reading_places.get(&(spec.name.as_ref().to_owned(), spec.subject.clone()));
            complain(place.copied().unwrap_or(binding.place), "source", &spec.source);
        }
    }
    complaints
}

fn compare(before: &[Arc<Binding>], after: &[Arc<Binding>]) -> ReloadReport {
    let mut report = ReloadReport::default();
    let by_name: BTreeMap<&str, &Arc<Binding>> = before.iter().map(|one| (one.name.as_str(), one)).collect();
    for binding in after {
        match by_name.get(binding.name.as_str()) {
            None => report.added.push(binding.name.clone()),
            Some(before) if Arc::ptr_eq(before, binding) => report.unchanged = report.unchanged.saturating_add(1),
            Some(_) => report.changed.push(binding.name.clone()),
        }
    }
    let gone = before.iter().filter(|binding| after.iter().all(|other| other.name != binding.name));
    report.removed = gone.map(|binding| binding.name.clone()).collect();
    report
}

/// What differs from the host that runs and cannot change in it.
fn needs_restart(running: &Config, fresh: &Config) -> Vec<String> {
    let mut names = Vec::new();
    let mut differs = |name: &str, differs: bool| names.extend(differs.then(|| name.to_owned()));
    differs("data_dir", running.data_dir != fresh.data_dir);
    differs("policies_dir", running.policies_dir != fresh.policies_dir);
    let folder = |config: &Config| (config.policies.watch, config.policies.activate);
    differs("policies.watch", folder(running) != folder(fresh));
    differs("api", running.api != fresh.api);
    let at = |tables: &[config::TableAt]| -> Vec<_> {
        tables.iter().map(|at| config::TableAt { place: config::Place::default(), ..at.clone() }).collect()
    };
    differs("bindings_from", at(&running.tables) != at(&fresh.tables));
    differs("telemetry", running.telemetry != fresh.telemetry);
    differs("notice", running.notices != fresh.notices);
    differs("records", running.quiet != fresh.quiet || running.retention != fresh.retention);
    differs("sandbox", running.sandbox != fresh.sandbox);
    names.extend(rooms("driver", &running.drivers, &fresh.drivers));
    names.extend(rooms("source", &running.sources, &fresh.sources));
    names.extend(rooms("registrar", &running.registrars, &fresh.registrars));
    names
}

fn rooms<K: PartialEq>(word: &str, running: &[Named<K>], fresh: &[Named<K>]) -> Vec<String> {
    let in_other = |one: &Named<K>, others: &[Named<K>]| {
        others.iter().any(|other| other.name == one.name && other.kind == one.kind)
    };
    let changed = fresh.iter().filter(|one| !in_other(one, running));
    let gone = running.iter().filter(|one| fresh.iter().all(|other| other.name != one.name));
    changed.chain(gone).map(|one| format!("{word}.{}", one.name)).collect()
}
