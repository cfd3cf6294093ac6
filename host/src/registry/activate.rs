//! Which version runs, changed and gone back: each one compare-and-set, planned first, so that whoever binds policies can say
//! whether the bindings would take it before anything has changed.

use super::active::{Active, Probation};
use super::error::RegistryError;
use super::load::{Registry, short};
use super::upload::{bare, unreadable};
use super::version::Version;
use crate::store::{Write, Written};

/// Beginning of the keys that say which version runs.
pub(super) const ACTIVE: &str = "policy/active/";

/// A change that has not been made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The policy's name.
    pub name: String,
    /// What runs then.
    pub active: Active,
    /// The store's version of what runs now; 0: nothing was uploaded under that name before.
    from_version: u64,
    /// The version that is activated, and when.
    activates: Option<(String, u64)>,
    /// The version that is set to watch: bindings that do not take it stand in the way.
    pub(super) shadows: Option<String>,
}

impl Planned {
    /// A change that activates nothing.
    pub(super) fn of(name: &str, active: Active, from_version: u64) -> Self {
        Self { name: name.to_owned(), active, from_version, activates: None, shadows: None }
    }

    /// With the version that it activates on probation.
    #[must_use]
    pub fn on_probation(mut self, binding: Option<&str>, until_ms: u64) -> Self {
        if let Some((digest, _)) = &self.activates {
            let (binding, digest) = (binding.map(str::to_owned), digest.clone());
            self.active.probations.push(Probation { binding, digest, until_ms });
        }
        self
    }

    /// With what it replaces known to fail.
    #[must_use]
    pub fn replacing_faulty(mut self) -> Self {
        if let Some(before) = self.active.previous.last_mut().filter(|_| self.activates.is_some()) {
            before.faulty = true;
        }
        self
    }

    /// The version that it sets to watch, if it does that.
    #[must_use]
    pub fn shadows(&self) -> Option<&str> {
        self.shadows.as_deref()
    }
}

impl Registry {
    /// Which version of a name runs; `None`: none that was uploaded.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn active(&self, name: &str) -> Result<Option<Active>, RegistryError> {
        Ok(self.versioned_active(name).await?.map(|(_, active)| active))
    }

    /// What activating a version comes to: for one binding, or for all. `digest` may have `sha256:` in front.
    ///
    /// # Errors
    /// Where there is no such version of that name, or it was not tried or is rejected.
    pub async fn plan_activation(
        &self,
        name: &str,
        digest: &str,
        binding: Option<&str>,
        at_ms: u64,
        by: &str,
    ) -> Result<Planned, RegistryError> {
        let digest = bare(digest);
        self.check_tried(name, digest).await?;
        let (from_version, now) = self.versioned_active(name).await?.unwrap_or_default();
        let active = now.with(digest, binding, at_ms, by);
        Ok(Planned { activates: Some((digest.to_owned(), at_ms)), ..Planned::of(name, active, from_version) })
    }

    /// Whether there is such a version of that name, and it may run.
    pub(super) async fn check_tried(&self, name: &str, digest: &str) -> Result<(), RegistryError> {
        let version = self.version(digest).await?.filter(|version| version.name == name);
        let Some(version) = version else {
            return Err(RegistryError::NoVersion { name: name.to_owned(), digest: short(digest) });
        };
        if !version.is_tried() {
            let Version { digest, state, .. } = version;
            return Err(RegistryError::NotTried { digest, state });
        }
        self.check_kept(digest, &self.keys()).await
    }

    /// What going back comes to: for one binding, or for all.
    ///
    /// # Errors
    /// Where there is nothing to go back to.
    pub async fn plan_rollback(&self, name: &str, binding: Option<&str>) -> Result<Planned, RegistryError> {
        let nothing = || RegistryError::NothingBefore { name: name.to_owned() };
        let (from_version, now) = self.versioned_active(name).await?.ok_or_else(nothing)?;
        let active = now.before(binding).ok_or_else(nothing)?;
        if active.default.is_none() && binding.is_none() && super::builtin::builtin(name).is_err() {
            // Nothing of that name would be left to run.
            return Err(nothing());
        }
        Ok(Planned::of(name, active, from_version))
    }

    /// Makes a planned change, at once or not at all.
    ///
    /// # Errors
    /// Where somebody else was faster, or the store failed: then nothing has changed.
    pub async fn carry_out(&self, planned: Planned) -> Result<Active, RegistryError> {
        let Planned { name, active, from_version, activates, shadows: _ } = planned;
        let failed = |source| RegistryError::Store { name: name.clone(), source };
        let value = serde_json::to_vec(&active).map_err(|error| unreadable(&name, &error))?;
        let write = Write::CompareAndSet { key: format!("{ACTIVE}{name}"), version: from_version, value };
        let written = self.store().write(vec![write]).await.map_err(failed)?;
        if !matches!(written.as_slice(), [Written::Set(_)]) {
            return Err(RegistryError::Raced { name });
        }
        if let Some((digest, at_ms)) = activates
            && let Err(error) = self.note_activated(&digest, at_ms).await
        {
            // It is active all the same; only what is told of it later lacks the time.
            tracing::warn!(policy = name, digest, %error, "that a version was activated could not be noted");
        }
        Ok(active)
    }

    async fn note_activated(&self, digest: &str, at_ms: u64) -> Result<(), RegistryError> {
        match self.kept_version(digest).await? {
            Some(version) => self.keep_version(&Version { activated_ms: Some(at_ms), ..version }).await,
            None => Ok(()),
        }
    }

    /// Makes a version the active one. Asks no binding: see the supervisor, which does first.
    ///
    /// # Errors
    /// As [`Self::plan_activation`] and [`Self::carry_out`].
    pub async fn activate(
        &self,
        name: &str,
        digest: &str,
        binding: Option<&str>,
        at_ms: u64,
        by: &str,
    ) -> Result<Active, RegistryError> {
        let planned = self.plan_activation(name, digest, binding, at_ms, by).await?;
        self.carry_out(planned).await
    }

    /// Goes back to the version before. Asks no binding.
    ///
    /// # Errors
    /// As [`Self::plan_rollback`] and [`Self::carry_out`].
    pub async fn rollback(&self, name: &str, binding: Option<&str>) -> Result<Active, RegistryError> {
        let planned = self.plan_rollback(name, binding).await?;
        self.carry_out(planned).await
    }

    pub(super) async fn versioned_active(&self, name: &str) -> Result<Option<(u64, Active)>, RegistryError> {
        let failed = |source| RegistryError::Store { name: short(name), source };
        let Some(kept) = self.store().get(&format!("{ACTIVE}{name}")).await.map_err(failed)? else {
            return Ok(None);
        };
        let active = serde_json::from_slice(&kept.value).map_err(|error| unreadable(name, &error))?;
        Ok(Some((kept.version, active)))
    }
}
