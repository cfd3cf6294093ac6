//! Which keys this host trusts, and which signatures it keeps: under `policy-signature/<digest>`, beside the bytes.
//!
//! Asked wherever a policy is about to be loaded, whichever door it came through, and before it is compiled. The policies in
//! this binary are part of it and need no signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::builtin::BUILTIN;
use super::error::RegistryError;
use super::load::{Registry, short};
use super::signature::{Keyring, Signature};
use crate::store::Write;

/// Digests that are remembered as checked; of more, all are checked again.
const CHECKED_MAX: usize = 10_000;

/// The keys, and what was checked under them.
#[derive(Debug, Default)]
pub(super) struct Trust {
    keys: RwLock<Arc<Keyring>>,
    /// Under which keys the kept bytes of a digest were found signed.
    checked: Mutex<HashMap<String, Arc<Keyring>>>,
}

impl Registry {
    /// Trusts these keys, and no others, from now on. What runs is not looked at: whoever binds policies does so first.
    pub fn trust(&self, keys: Keyring) {
        *self.trust_room().keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The keys that are trusted.
    #[must_use]
    pub fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.trust_room().keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether bytes that are at hand are signed as they must be; then the name of the key. `given`: the signature that came
    /// with them; else one that is kept is looked for.
    pub(super) async fn check_signature(
        &self,
        digest: &str,
        bytes: &[u8],
        given: Option<&Signature>,
        keys: &Keyring,
    ) -> Result<Result<Option<String>, super::Rejection>, RegistryError> {
        if keys.is_empty() || is_built_in(digest) {
            return Ok(Ok(None));
        }
        let kept = match given {
            Some(_) => None,
            None => self.kept_signature(digest).await?,
        };
        Ok(keys.check(bytes, given.or(kept.as_ref())))
    }

    /// Whether kept bytes are signed as they must be.
    ///
    /// # Errors
    /// Where they are not, or the store failed.
    pub(super) async fn check_kept(&self, digest: &str, keys: &Arc<Keyring>) -> Result<(), RegistryError> {
        if keys.is_empty() || is_built_in(digest) {
            return Ok(());
        }
        let known = |checked: &HashMap<String, Arc<Keyring>>| checked.get(digest).is_some_and(|under| under == keys);
        if known(&self.trust_room().checked.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let failed = |source| RegistryError::Store { name: short(digest), source };
        let bytes = self.store().get_blob(digest).await.map_err(failed)?;
        let bytes = bytes.ok_or_else(|| RegistryError::Unknown { digest: short(digest) })?;
        match self.check_signature(digest, &bytes, None, keys).await? {
            Ok(_) => {
                let mut checked = self.trust_room().checked.lock().unwrap_or_else(PoisonError::into_inner);
                if checked.len() >= CHECKED_MAX {
                    checked.clear();
                }
                checked.insert(digest.to_owned(), Arc::clone(keys));
                Ok(())
            }
            Err(rejection) => Err(RegistryError::Untrusted { name: short(digest), rejection }),
        }
    }

    /// Keeps a signature that was checked.
    pub(super) async fn keep_signature(&self, digest: &str, signature: &Signature) -> Result<(), RegistryError> {
        let failed = |source| RegistryError::Store { name: short(digest), source };
        let write = Write::Set { key: signature_key(digest), value: signature.text().into_bytes() };
        self.store().write(vec![write]).await.map_err(failed)?;
        Ok(())
    }

    async fn kept_signature(&self, digest: &str) -> Result<Option<Signature>, RegistryError> {
        let failed = |source| RegistryError::Store { name: short(digest), source };
        let kept = self.store().get(&signature_key(digest)).await.map_err(failed)?;
        Ok(kept.and_then(|kept| Signature::read(&kept.value).ok()))
    }
}

/// Whether this binary has these very bytes.
fn is_built_in(digest: &str) -> bool {
    BUILTIN.iter().any(|policy| policy.sha256 == digest)
}

pub(super) fn signature_key(digest: &str) -> String {
    format!("policy-signature/{digest}")
}
