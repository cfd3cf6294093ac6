//! From a `use` to a loaded policy.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::activate::Planned;
use super::active::Active;
use super::builtin::{BUILTIN, builtin};
use super::error::RegistryError;
use super::index::StoreIndex;
use super::retention::Unseen;
use super::signature::{Keyring, SIGNATURE_BYTES_MAX, Signature};
use super::trust::Trust;
use super::upload::{Uploads, bare};
use super::version::{Grants, Version};
use crate::policy::{self, Policy, PolicyError};
use crate::sandbox::{Artefact, ArtefactCache, CompileRequest, Compiler, Sandbox, SandboxError, StringEncoding, Tier};
use crate::store::{Store, Write};

/// What a registry is made of.
#[derive(Debug)]
pub struct RegistryParts {
    /// Where policies run.
    pub sandbox: Arc<Sandbox>,
    /// What compiles them.
    pub compiler: Compiler,
    /// Where artefacts are kept; `None` compiles each time.
    pub cache: Option<ArtefactCache>,
    /// Where their bytes are kept.
    pub store: Arc<dyn Store>,
    /// What relative files are relative to.
    pub policies_dir: PathBuf,
}

/// All policies of this host.
#[derive(Debug)]
pub struct Registry {
    parts: RegistryParts,
    index: StoreIndex,
    /// Each policy is loaded once, however many bindings use it, and freed when the last of them lets go.
    loaded: Mutex<HashMap<Key, Arc<Mutex<Weak<Policy>>>>>,
    uploads: Uploads,
    trust: Trust,
    /// What this host has kept already. Looked at anew whenever a policy is loaded anew.
    kept: Mutex<HashSet<Key>>,
}

/// What makes two loaded policies different.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    digest: String,
    tier: Tier,
    encoding: Option<StringEncoding>,
}

impl Key {
    pub(super) fn is_of(&self, digest: &str) -> bool {
        self.digest == digest
    }
}

impl Registry {
    /// A registry.
    #[must_use]
    pub fn new(parts: RegistryParts) -> Self {
        let index = StoreIndex(Arc::clone(&parts.store));
        Self {
            parts,
            index,
            loaded: Mutex::default(),
            uploads: Uploads::default(),
            trust: Trust::default(),
            kept: Mutex::default(),
        }
    }

    /// The policy that a `use` names for whoever has no version of his own: see [`Self::resolve_for`].
    ///
    /// # Errors
    /// Where it cannot be had; [`RegistryError`] says why and what to do.
    pub async fn resolve(&self, uses: &str, tier: Option<Tier>) -> Result<Arc<Policy>, RegistryError> {
        self.resolve_for("", uses, tier, None).await
    }

    /// The policy that a binding's `use` names: a file (with a slash or ending in `.wasm`), `sha256:…`, or a name: then the
    /// version of it that is active for this binding, or as `planned` where that is about this name; and where none was
    /// uploaded, the one in this binary. `tier`: the limits that it runs under; `None`: as it was uploaded, or by its size.
    ///
    /// # Errors
    /// Where it cannot be had; [`RegistryError`] says why and what to do.
    pub async fn resolve_for(
        &self,
        binding: &str,
        uses: &str,
        tier: Option<Tier>,
        planned: Option<&Planned>,
    ) -> Result<Arc<Policy>, RegistryError> {
        let digest = self.assigned(binding, uses, planned).await?;
        self.resolve_assigned(uses, digest.as_deref(), tier).await
    }

    /// The digest of the version that a binding runs under the name `uses`, or as `planned` where that is about this name.
    /// `None`: the one in this binary, or `uses` is no name.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn assigned(
        &self,
        binding: &str,
        uses: &str,
        planned: Option<&Planned>,
    ) -> Result<Option<String>, RegistryError> {
        let assignment = self.assignment(uses, planned).await?;
        Ok(assignment.and_then(|active| active.digest_for(binding).map(str::to_owned)))
    }

    /// Which versions run and watch under the name `uses`, or as `planned` where that is about this name. `None`: none that
    /// was uploaded, or `uses` is no name.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn assignment(&self, uses: &str, planned: Option<&Planned>) -> Result<Option<Active>, RegistryError> {
        if !is_name(uses) {
            return Ok(None);
        }
        match planned.filter(|planned| planned.name == uses) {
            Some(planned) => Ok(Some(planned.active.clone())),
            None => self.active(uses).await,
        }
    }

    /// The policy that a `use` names, where `digest` is what [`Self::assigned`] said.
    ///
    /// # Errors
    /// As [`Self::resolve_for`].
    pub async fn resolve_assigned(
        &self,
        uses: &str,
        digest: Option<&str>,
        tier: Option<Tier>,
    ) -> Result<Arc<Policy>, RegistryError> {
        self.resolve_signed(uses, digest, tier, &self.keys()).await
    }

    /// As [`Self::resolve_assigned`], where other keys are about to be trusted.
    ///
    /// # Errors
    /// As [`Self::resolve_for`].
    pub async fn resolve_signed(
        &self,
        uses: &str,
        digest: Option<&str>,
        tier: Option<Tier>,
        keys: &Arc<Keyring>,
    ) -> Result<Arc<Policy>, RegistryError> {
        if let Some(digest) = digest.or_else(|| uses.strip_prefix("sha256:")) {
            self.check_kept(bare(digest), keys).await?;
            return self.kept_policy(bare(digest), tier).await;
        }
        if is_file(uses) {
            return self.load_file(uses, tier, keys).await;
        }
        if uses.is_empty() || uses.chars().any(char::is_control) {
            return Err(RegistryError::Form { uses: uses.to_owned() });
        }
        let found = builtin(uses).map_err(|source| RegistryError::Builtin { source })?;
        self.load(uses, found.bytes, tier, None).await
    }

    /// The policy in a file; its signature, where it must have one, stands beside it as `FILE.sig`.
    async fn load_file(&self, uses: &str, tier: Option<Tier>, keys: &Keyring) -> Result<Arc<Policy>, RegistryError> {
        let path = self.file_of(uses);
        let bytes_max = self.parts.sandbox.upload_limits().bytes_max;
        let unread = |source| RegistryError::File { path: path.clone(), source };
        let bytes = read_file(&path, bytes_max).map_err(unread)?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let signature = if keys.is_empty() { None } else { read_signature(&path).map_err(unread)? };
        let name = || uses.to_owned();
        let checked = self.check_signature(&digest, &bytes, signature.as_ref(), keys).await?;
        checked.map_err(|rejection| RegistryError::Untrusted { name: name(), rejection })?;
        let policy = self.load(uses, &bytes, tier, None).await?;
        if let Some(signature) = &signature {
            self.keep_signature(&digest, signature).await?;
        }
        Ok(policy)
    }

    /// The file that a `use` names; `None` where it names none.
    #[must_use]
    pub fn file_named(&self, uses: &str) -> Option<PathBuf> {
        is_file(uses).then(|| self.file_of(uses))
    }

    fn file_of(&self, uses: &str) -> PathBuf {
        self.parts.policies_dir.join(uses)
    }

    /// Most bytes of a policy.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        self.parts.sandbox.upload_limits().bytes_max
    }

    /// What a verdict over some bytes depends on beside them: this build's engine and contract, and the limits.
    pub(super) fn judged_under(&self, tier: Option<Tier>, encoding: Option<StringEncoding>) -> String {
        let sandbox = &self.parts.sandbox;
        let limits = [Tier::Compiled, Tier::Interpreted].map(|tier| sandbox.limits(tier));
        let text = format!(
            "{} {} {:?} {:?} {limits:?} {tier:?} {encoding:?}",
            sandbox.engine_hash(),
            policy::world().export(),
            sandbox.upload_limits(),
            sandbox.compile_limits()
        );
        hex::encode(Sha256::digest(text)).chars().take(16).collect()
    }

    /// What the operator lets the policy of this digest do.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn grants(&self, digest: &str) -> Result<Grants, RegistryError> {
        Ok(self.kept_version(digest).await?.map(|version| version.grants).unwrap_or_default())
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    pub(super) fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    pub(super) fn unseen(&self) -> &Unseen {
        self.uploads.unseen()
    }

    pub(super) fn kept(&self) -> &Mutex<HashSet<Key>> {
        &self.kept
    }

    pub(super) fn cache(&self) -> Option<&ArtefactCache> {
        self.parts.cache.as_ref()
    }

    pub(super) fn index(&self) -> &StoreIndex {
        &self.index
    }

    pub(super) fn engine_hash(&self) -> &str {
        self.parts.sandbox.engine_hash()
    }

    pub(super) fn trust_room(&self) -> &Trust {
        &self.trust
    }

    /// Whether anybody holds the code of this digest.
    pub(super) async fn is_loaded(&self, digest: &str) -> bool {
        let loaded = self.loaded.lock().await;
        let mut slots = loaded.iter().filter(|(key, _)| key.digest == digest);
        // A slot that is locked is being loaded.
        slots.any(|(_, slot)| slot.try_lock().map_or(true, |policy| policy.strong_count() > 0))
    }

    /// A policy whose bytes are kept here, and signed where they must be.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub async fn by_digest(&self, digest: &str, tier: Option<Tier>) -> Result<Arc<Policy>, RegistryError> {
        self.check_kept(digest, &self.keys()).await?;
        self.kept_policy(digest, tier).await
    }

    async fn kept_policy(&self, digest: &str, tier: Option<Tier>) -> Result<Arc<Policy>, RegistryError> {
        let failed = |source| RegistryError::Store { name: short(digest), source };
        let kept = self.parts.store.get(&encoding_key(digest)).await.map_err(failed)?;
        let encoding = kept.and_then(|kept| serde_json::from_slice(&kept.value).ok());
        let version = self.kept_version(digest).await?;
        if let Some(Version { grants, tier: own, bytes, .. }) = &version {
            let size = usize::try_from(*bytes).unwrap_or(usize::MAX);
            let tier = grants.tier.or(tier).or(*own).unwrap_or_else(|| self.parts.sandbox.tier_of_size(size));
            // Where somebody runs it already, its bytes need not be read.
            if let Some(policy) = self.running(&Key { digest: digest.to_owned(), tier, encoding }).await {
                return Ok(policy);
            }
        }
        let bytes = self.parts.store.get_blob(digest).await.map_err(failed)?;
        let bytes = bytes.ok_or_else(|| RegistryError::Unknown { digest: short(digest) })?;
        let tier = version.map_or(tier, |version| version.grants.tier.or(tier).or(version.tier));
        self.load(&short(digest), &bytes, tier, encoding).await
    }

    /// The policy that a record names, under the limits that it ran under (`None`: those that it would run under today). Keeps
    /// nothing: also where the store can only be read.
    ///
    /// # Errors
    /// As [`Self::resolve`]; [`RegistryError::Unknown`] where its bytes are gone.
    pub async fn recall(&self, digest: &str, tier: Option<Tier>) -> Result<Arc<Policy>, RegistryError> {
        let digest = bare(digest);
        let failed = |source| RegistryError::Store { name: short(digest), source };
        let kept = self.parts.store.get(&encoding_key(digest)).await.map_err(failed)?;
        let encoding = kept.and_then(|kept| serde_json::from_slice(&kept.value).ok());
        if let Some(tier) = tier
            && let Some(policy) = self.running(&Key { digest: digest.to_owned(), tier, encoding }).await
        {
            return Ok(policy);
        }
        let bytes = match self.parts.store.get_blob(digest).await.map_err(failed)? {
            Some(bytes) => bytes,
            None => {
                let own = BUILTIN.iter().find(|policy| policy.sha256 == digest);
                own.ok_or_else(|| RegistryError::Unknown { digest: short(digest) })?.bytes.to_vec()
            }
        };
        let tier = match (tier, self.kept_version(digest).await?) {
            (None, Some(version)) => version.grants.tier.or(version.tier),
            (tier, _) => tier,
        };
        self.make(&short(digest), &bytes, tier, encoding).await.map(|(policy, _)| policy)
    }

    /// Loads bytes and keeps nothing of them but their artefact: to look at a policy that nobody uploaded.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub async fn load_unkept(
        &self,
        name: &str,
        bytes: &[u8],
        tier: Option<Tier>,
        encoding: Option<StringEncoding>,
    ) -> Result<Arc<Policy>, RegistryError> {
        self.make(name, bytes, tier, encoding).await.map(|(policy, _)| policy)
    }

    /// Loads bytes and keeps them by digest. `encoding` is asked for where a core module does not state it. Where anything
    /// fails, nothing is kept.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub async fn load(
        &self,
        name: &str,
        bytes: &[u8],
        tier: Option<Tier>,
        encoding: Option<StringEncoding>,
    ) -> Result<Arc<Policy>, RegistryError> {
        let (policy, key) = self.make(name, bytes, tier, encoding).await?;
        self.keep(name, bytes, &key).await?;
        Ok(policy)
    }

    /// Loads bytes, and keeps nothing of them but their artefact.
    pub(super) async fn make(
        &self,
        name: &str,
        bytes: &[u8],
        tier: Option<Tier>,
        encoding: Option<StringEncoding>,
    ) -> Result<(Arc<Policy>, Key), RegistryError> {
        let tier = tier.unwrap_or_else(|| self.parts.sandbox.tier_of_size(bytes.len()));
        let key = Key { digest: hex::encode(Sha256::digest(bytes)), tier, encoding };
        let slot = self.slot(&key).await;
        // Whoever asks for the same policy meanwhile waits here and finds it loaded.
        let mut slot = slot.lock().await;
        if let Some(policy) = slot.upgrade() {
            return Ok((policy, key));
        }
        self.kept.lock().await.remove(&key);
        let policy = self.load_anew(name, bytes, &key).await?;
        *slot = Arc::downgrade(&policy);
        Ok((policy, key))
    }

    /// A policy that somebody holds.
    async fn running(&self, key: &Key) -> Option<Arc<Policy>> {
        let loaded = self.loaded.lock().await;
        loaded.get(key)?.try_lock().ok()?.upgrade()
    }

    async fn slot(&self, key: &Key) -> Arc<Mutex<Weak<Policy>>> {
        let mut loaded = self.loaded.lock().await;
        // Slots of policies that nobody uses any more, and that nobody is loading.
        loaded.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|policy| policy.strong_count() > 0)
        });
        Arc::clone(loaded.entry(key.clone()).or_default())
    }

    /// By the cache if it has an artefact that loads, else by the compiler.
    async fn load_anew(&self, name: &str, bytes: &[u8], key: &Key) -> Result<Arc<Policy>, RegistryError> {
        let failed = |source| RegistryError::Component { name: name.to_owned(), source };
        let cache_key = self.cache_key(key);
        if let Some(cache) = &self.parts.cache
            && let Some(artefact) = cache.get(&cache_key, &self.index).await.map_err(failed)?
        {
            match self.link(name, artefact, key).await {
                Err(RegistryError::Component { source: SandboxError::Cache { .. }, .. }) => {
                    tracing::warn!(
                        policy = name,
                        digest = key.digest,
                        "an artefact does not load and is compiled anew"
                    );
                }
                linked => return linked.map(|(policy, _)| policy),
            }
        }
        let artefact = self.compile(bytes, key).await.map_err(failed)?;
        let (policy, artefact) = self.link(name, artefact, key).await?;
        if let Some(cache) = &self.parts.cache
            && let Err(error) = cache.put(&cache_key, &artefact, &self.index).await
        {
            // The policy is loaded and may run; the next start compiles again.
            tracing::warn!(policy = name, %error, "an artefact was not kept");
        }
        Ok(policy)
    }

    async fn compile(&self, bytes: &[u8], key: &Key) -> Result<Artefact, SandboxError> {
        let request = CompileRequest {
            world: policy::world(),
            string_encoding: key.encoding,
            upload: self.parts.sandbox.upload_limits().clone(),
            compile: self.parts.sandbox.compile_limits().clone(),
        };
        // Whoever watches an upload is told how far it is.
        let validated = || self.uploads().validated(&key.digest);
        let hash = self.parts.sandbox.engine_hash();
        self.parts.compiler.compile_telling(&request, bytes, hash, &validated).await
    }

    /// Makes a policy of an artefact: runs its code for the first time, so on a thread that may block.
    async fn link(&self, name: &str, artefact: Artefact, key: &Key) -> Result<(Arc<Policy>, Artefact), RegistryError> {
        let (sandbox, key, name) = (Arc::clone(&self.parts.sandbox), key.clone(), name.to_owned());
        let linked = tokio::task::spawn_blocking(move || {
            let component =
                sandbox.load(&artefact).map_err(|source| RegistryError::Component { name: name.clone(), source })?;
            let policy = Policy::load(&sandbox, &component, &key.digest, key.tier);
            let policy = policy.map_err(|source: PolicyError| RegistryError::Policy { name, source })?;
            Ok((Arc::new(policy), artefact))
        });
        linked.await.map_err(|_cancelled| RegistryError::ShuttingDown)?
    }

    pub(super) async fn keep(&self, name: &str, bytes: &[u8], key: &Key) -> Result<(), RegistryError> {
        let failed = |source| RegistryError::Store { name: name.to_owned(), source };
        let mut kept = self.kept.lock().await;
        if kept.contains(key) {
            return Ok(());
        }
        self.parts.store.put_blob(bytes).await.map_err(failed)?;
        if let Some(encoding) = key.encoding {
            let value = serde_json::to_vec(&encoding).unwrap_or_default();
            let write = Write::Set { key: encoding_key(&key.digest), value };
            self.parts.store.write(vec![write]).await.map_err(failed)?;
        }
        kept.insert(key.clone());
        Ok(())
    }

    /// All that an artefact depends on.
    fn cache_key(&self, key: &Key) -> String {
        let encoding = match key.encoding {
            None => "own",
            Some(StringEncoding::Utf8) => "utf8",
            Some(StringEncoding::Utf16) => "utf16",
        };
        format!("{}-{encoding}-{}", key.digest, self.parts.sandbox.engine_hash())
    }
}

/// Whether a `use` is the name of a file.
fn is_file(uses: &str) -> bool {
    uses.contains('/') || Path::new(uses).extension().is_some_and(|extension| extension == "wasm")
}

/// Whether it can be a policy's name; a manifest has none that is longer.
fn is_name(uses: &str) -> bool {
    const NAME_BYTES_MAX: usize = 64;
    uses.len() <= NAME_BYTES_MAX
        && uses.bytes().all(|byte| byte.is_ascii_graphic())
        && !uses.starts_with("sha256:")
        && !is_file(uses)
}

pub(super) fn encoding_key(digest: &str) -> String {
    format!("policy-encoding/{digest}")
}

/// One byte more than allowed is read at most; the sandbox then refuses it.
fn read_file(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The signature beside a file, `FILE.sig`; `None`: there is none.
pub fn read_signature(path: &Path) -> std::io::Result<Option<Signature>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sig");
    let file = match std::fs::File::open(&beside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut raw = Vec::new();
    file.take(SIGNATURE_BYTES_MAX as u64 + 1).read_to_end(&mut raw)?;
    Signature::read(&raw).map(Some).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}

pub(super) fn short(digest: &str) -> String {
    digest.chars().take(64).collect()
}
