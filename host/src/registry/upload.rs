//! From bytes to a version that can be activated: received, validated, compiled, tried; or rejected, with a code and the remedy.
//!
//! What is in progress is kept in memory only: a host that ends in the midst of it knows nothing of the upload, and takes it
//! again. Of a rejected upload the verdict is kept and not the bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Semaphore};

use super::error::RegistryError;
use super::load::{Registry, short};
use super::rejection::Rejection;
use super::retention::Unseen;
use super::signature::Signature;
use super::trial::{Rehearsal, Trial, rehearse};
use super::version::{Grants, VERSIONS, Version, VersionState};
use crate::policy::{Policy, Tier};
use crate::sandbox::StringEncoding;
use crate::store::Write;

/// Uploads that are held in memory at once; more are told to come again.
const UPLOADS_MAX: usize = 8;
/// Rejected uploads whose verdict is kept; of more, the oldest are forgotten.
const REJECTED_MAX: usize = 200;
/// Versions read at once.
const PAGE: usize = 500;

/// Who uploads, and how it is to be run.
#[derive(Debug, Clone, Default)]
pub struct PushMeta {
    /// Who.
    pub by: String,
    /// When.
    pub at_ms: u64,
    /// Limits that it runs under where a binding does not say; `None`: its size decides.
    pub tier: Option<Tier>,
    /// How a core module holds its texts, where it does not say so itself.
    pub encoding: Option<StringEncoding>,
    /// What the operator lets it do.
    pub grants: Grants,
    /// The signature that came with it.
    pub signature: Option<Signature>,
}

/// Uploads in progress.
#[derive(Debug)]
pub(super) struct Uploads {
    places: Semaphore,
    /// One at a time of each digest: who comes second finds it done.
    of_digest: Lock<HashMap<String, Arc<Mutex<()>>>>,
    /// How far each has come.
    seen: Lock<HashMap<String, Version>>,
    /// What came in since it was last looked what goes.
    unseen: Unseen,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            places: Semaphore::new(UPLOADS_MAX),
            of_digest: Lock::default(),
            seen: Lock::default(),
            unseen: Unseen::default(),
        }
    }
}

impl Uploads {
    fn show(&self, version: &Version) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(version.digest.clone(), version.clone());
    }

    /// An upload is accepted, and is compiled now. Of what is loaded for other reasons nothing is shown.
    pub(super) fn validated(&self, digest: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = seen.get_mut(digest) {
            version.state = VersionState::Validated;
        }
    }

    fn get(&self, digest: &str) -> Option<Version> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    pub(super) fn is_in_progress(&self, digest: &str) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains_key(digest)
    }

    pub(super) fn unseen(&self) -> &Unseen {
        &self.unseen
    }

    fn all(&self) -> Vec<Version> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn turn_of(&self, digest: &str) -> Arc<Mutex<()>> {
        let mut turns = self.of_digest.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(digest.to_owned()).or_default())
    }
}

/// Ends the showing of an upload, also where the caller goes away in the midst of it.
struct Shown<'a> {
    uploads: &'a Uploads,
    digest: &'a str,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.uploads.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(self.digest);
    }
}

impl Registry {
    /// Takes in an upload and sees it through. The same bytes again are no work: the version there is is returned, as it is,
    /// also where they were rejected (unless another try may end otherwise). How far it has come is told by
    /// [`Self::version`] meanwhile.
    ///
    /// # Errors
    /// Where the host is to blame, not the upload: the store failed, it is shutting down, or too many uploads are in
    /// progress. A bad upload is a [`Version`] in the state `rejected`.
    pub async fn push(
        &self,
        bytes: &[u8],
        meta: &PushMeta,
        rehearsal: &dyn Rehearsal,
    ) -> Result<Version, RegistryError> {
        let _place =
            self.uploads().places.try_acquire().map_err(|_full| RegistryError::Busy { uploads_max: UPLOADS_MAX })?;
        let digest = digest_of(bytes);
        let turn = self.uploads().turn_of(&digest);
        let _turn = turn.lock().await;
        if let Some(known) = self.known(&digest, bytes, meta).await? {
            return Ok(known);
        }
        let _shown = Shown { uploads: self.uploads(), digest: &digest };
        let mut version = received(&digest, bytes, meta);
        self.uploads().show(&version);
        version.judged_under = self.judged_under(meta.tier, meta.encoding);
        self.uploads().unseen().add(bytes.len());
        match self.take_through(bytes, &mut version, meta, rehearsal).await {
            Ok(trials) => {
                version.state = VersionState::Tried;
                version.trials = trials;
                tracing::info!(policy = version.name, version = version.version, digest, "uploaded and tried");
            }
            Err(RegistryError::Rejected { rejection }) => {
                tracing::warn!(digest, code = rejection.code, text = rejection.text, "an upload is rejected");
                self.forget_rejected().await?;
                version.state = VersionState::Rejected;
                version.rejected = Some(rejection);
            }
            Err(error) => return Err(error),
        }
        self.keep_version(&version).await?;
        Ok(version)
    }

    /// The version of these bytes, where there is nothing left to be done: they were taken in, or judged under the same
    /// build and limits. A signature that comes with them is kept if it holds; if they must be signed and are not, what is
    /// returned is rejected, and what is kept stays as it was.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn known(&self, digest: &str, bytes: &[u8], meta: &PushMeta) -> Result<Option<Version>, RegistryError> {
        let Some(known) = self.version(digest).await? else { return Ok(None) };
        match (&known.rejected, known.state) {
            (Some(rejection), _) => {
                let same = known.judged_under == self.judged_under(meta.tier, meta.encoding);
                return Ok((same && !rejection.passing).then_some(known));
            }
            (None, VersionState::Received | VersionState::Validated | VersionState::Compiled) => return Ok(None),
            (None, _) => {}
        }
        let signature = meta.signature.as_ref();
        match self.check_signature(digest, bytes, signature, &self.keys()).await? {
            Err(rejection) => Ok(Some(Version { state: VersionState::Rejected, rejected: Some(rejection), ..known })),
            Ok(signed_by) if signed_by.is_none() || signed_by == known.signed_by => Ok(Some(known)),
            Ok(signed_by) => {
                if let Some(signature) = signature {
                    self.keep_signature(digest, signature).await?;
                }
                if let Some(kept) = self.kept_version(digest).await? {
                    self.keep_version(&Version { signed_by: signed_by.clone(), ..kept }).await?;
                }
                Ok(Some(Version { signed_by, ..known }))
            }
        }
    }

    /// Checks its signature, loads and tries it, in this order: what nobody vouches for is not compiled.
    async fn take_through(
        &self,
        bytes: &[u8],
        version: &mut Version,
        meta: &PushMeta,
        rehearsal: &dyn Rehearsal,
    ) -> Result<Vec<Trial>, RegistryError> {
        let checked = self.check_signature(&version.digest, bytes, meta.signature.as_ref(), &self.keys()).await?;
        version.signed_by = checked.map_err(|rejection| RegistryError::Rejected { rejection })?;
        let tier = version.grants.tier.or(version.tier);
        let (policy, key) = self.make(&version.digest, bytes, tier, version.encoding).await.map_err(rejected)?;
        version.name.clone_from(&policy.manifest().name);
        version.version.clone_from(&policy.manifest().version);
        version.state = VersionState::Compiled;
        self.uploads().show(version);
        let cases = rehearsal.cases(&version.name).await;
        let tried = self.rehearse(Arc::clone(&policy), cases).await?;
        let trials = tried.map_err(|rejection| RegistryError::Rejected { rejection })?;
        self.keep(&version.digest, bytes, &key).await?;
        if let Some(signature) = meta.signature.as_ref().filter(|_| version.signed_by.is_some()) {
            self.keep_signature(&version.digest, signature).await?;
        }
        Ok(trials)
    }

    async fn rehearse(
        &self,
        policy: Arc<Policy>,
        cases: Vec<super::trial::TrialCase>,
    ) -> Result<Result<Vec<Trial>, Rejection>, RegistryError> {
        let tried = tokio::task::spawn_blocking(move || rehearse(&policy, &cases));
        tried.await.map_err(|_cancelled| RegistryError::ShuttingDown)
    }

    /// The version of this digest (with or without `sha256:` in front), as it stands now.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn version(&self, digest: &str) -> Result<Option<Version>, RegistryError> {
        let digest = bare(digest);
        if let Some(seen) = self.uploads().get(digest) {
            return Ok(Some(seen));
        }
        match self.kept_version(digest).await? {
            Some(kept) => self.stand(kept).await.map(Some),
            None => Ok(None),
        }
    }

    /// All versions that were uploaded, or those of one name; by name, then the newest first.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn versions(&self, name: Option<&str>) -> Result<Vec<Version>, RegistryError> {
        let mut versions = self.uploads().all();
        for kept in self.kept_versions().await? {
            if versions.iter().all(|seen| seen.digest != kept.digest) {
                versions.push(self.stand(kept).await?);
            }
        }
        versions.retain(|version| name.is_none_or(|name| version.name == name));
        versions.sort_by(|a, b| (&a.name, b.uploaded_ms, &a.digest).cmp(&(&b.name, a.uploaded_ms, &b.digest)));
        Ok(versions)
    }

    /// Says what a policy may do, whatever bindings say. Holds from the next binding on.
    ///
    /// # Errors
    /// Where there is no such version, or the store failed.
    pub async fn grant(&self, digest: &str, grants: Grants) -> Result<Version, RegistryError> {
        let digest = bare(digest);
        let kept = self.kept_version(digest).await?;
        let kept = kept.ok_or_else(|| RegistryError::Unknown { digest: short(digest) })?;
        let granted = Version { grants, ..kept };
        self.keep_version(&granted).await?;
        self.stand(granted).await
    }

    /// Forgets a version that nobody uses; whether it was there. Its bytes stay while a record names them: see
    /// [`Self::forget_bytes`].
    ///
    /// # Errors
    /// Where it is active, watches or still runs, or the store failed.
    pub async fn remove(&self, digest: &str) -> Result<bool, RegistryError> {
        let Some(version) = self.version(digest).await? else { return Ok(false) };
        if matches!(version.state, VersionState::Active | VersionState::Shadow | VersionState::Draining) {
            let Version { name, digest, state, .. } = version;
            return Err(RegistryError::InUse { name, digest, state });
        }
        let failed = |source| RegistryError::Store { name: short(digest), source };
        let delete = Write::Delete { key: Version::key(&version.digest) };
        self.store().write(vec![delete]).await.map_err(failed)?;
        Ok(true)
    }

    /// What is kept of a version.
    pub(super) async fn kept_version(&self, digest: &str) -> Result<Option<Version>, RegistryError> {
        let failed = |source| RegistryError::Store { name: short(digest), source };
        let kept = self.store().get(&Version::key(digest)).await.map_err(failed)?;
        kept.map(|kept| read(digest, &kept.value)).transpose()
    }

    pub(super) async fn keep_version(&self, version: &Version) -> Result<(), RegistryError> {
        let failed = |source| RegistryError::Store { name: short(&version.digest), source };
        let value = serde_json::to_vec(version).map_err(|error| unreadable(&version.digest, &error))?;
        let write = Write::Set { key: Version::key(&version.digest), value };
        self.store().write(vec![write]).await.map_err(failed)?;
        Ok(())
    }

    pub(super) async fn kept_versions(&self) -> Result<Vec<Version>, RegistryError> {
        let failed = |source| RegistryError::Store { name: "versions".to_owned(), source };
        let mut versions = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store().list(VERSIONS, after.as_deref(), PAGE).await.map_err(failed)?;
            for (key, kept) in &page {
                versions.push(read(key, &kept.value)?);
            }
            match page.into_iter().last() {
                Some((key, _)) => after = Some(key),
                None => return Ok(versions),
            }
        }
    }

    /// How a version stands now: whether it is active or watches, or was active and still runs.
    async fn stand(&self, mut version: Version) -> Result<Version, RegistryError> {
        if !version.is_tried() {
            return Ok(version);
        }
        let active = self.active(&version.name).await?.unwrap_or_default();
        if let Some(activated_ms) = version.activated_ms.filter(|_| active.names(&version.digest)) {
            (version.state, version.state_since_ms) = (VersionState::Active, activated_ms);
        } else if let Some(set_ms) = active.shadowed_ms(&version.digest) {
            (version.state, version.state_since_ms) = (VersionState::Shadow, set_ms);
        } else if let Some(activated_ms) = version.activated_ms {
            let runs = self.is_loaded(&version.digest).await;
            version.state = if runs { VersionState::Draining } else { VersionState::Retired };
            version.state_since_ms = active.replaced_ms(&version.digest).unwrap_or(activated_ms);
        }
        Ok(version)
    }

    /// Makes room for one more verdict.
    async fn forget_rejected(&self) -> Result<(), RegistryError> {
        let mut rejected = self.kept_versions().await?;
        rejected.retain(|version| version.rejected.is_some());
        rejected.sort_by_key(|version| std::cmp::Reverse(version.uploaded_ms));
        let surplus = rejected.into_iter().skip(REJECTED_MAX.saturating_sub(1));
        let writes: Vec<Write> = surplus.map(|version| Write::Delete { key: Version::key(&version.digest) }).collect();
        let failed = |source| RegistryError::Store { name: "versions".to_owned(), source };
        if !writes.is_empty() {
            self.store().write(writes).await.map_err(failed)?;
        }
        Ok(())
    }
}

pub(super) fn received(digest: &str, bytes: &[u8], meta: &PushMeta) -> Version {
    Version {
        name: String::new(),
        version: String::new(),
        digest: digest.to_owned(),
        state: VersionState::Received,
        state_since_ms: meta.at_ms,
        bytes: bytes.len() as u64,
        uploaded_by: meta.by.clone(),
        uploaded_ms: meta.at_ms,
        tier: meta.tier,
        encoding: meta.encoding,
        rejected: None,
        trials: Vec::new(),
        grants: meta.grants.clone(),
        signed_by: None,
        judged_under: String::new(),
        activated_ms: None,
    }
}

/// The upload is to blame, where it is.
fn rejected(error: RegistryError) -> RegistryError {
    match Rejection::of(&error) {
        Some(rejection) => RegistryError::Rejected { rejection },
        None => error,
    }
}

fn read(what: &str, value: &[u8]) -> Result<Version, RegistryError> {
    serde_json::from_slice(value).map_err(|error| unreadable(what, &error))
}

pub(super) fn unreadable(what: &str, error: &serde_json::Error) -> RegistryError {
    let source = crate::store::StoreError::Corrupt { what: format!("{what}: {error}") };
    RegistryError::Store { name: short(what), source }
}

/// A digest without its algorithm.
pub(super) fn bare(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
