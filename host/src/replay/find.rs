//! From a word to a policy that is kept here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::ReplayError;
use crate::policy::Policy;
use crate::registry::{Registry, RegistryError, VersionState, builtin};
use crate::store::Store;

/// Fewer digits of a digest tell too little.
const PREFIX_CHARS_MIN: usize = 8;
const DIGEST_CHARS: usize = 64;
/// Digests named where several would do.
const NAMED_MAX: usize = 5;
/// Digests read at once.
const PAGE: usize = 500;

/// The policy that a word means: `sha256:…` or a digest, of which the first eight digits will do; `name@version`; or a name,
/// which means the version that is active for all bindings, or the one in this binary. Keeps nothing.
///
/// # Errors
/// Where no policy is meant, or several are, or it cannot be loaded.
pub async fn find(registry: &Registry, store: &dyn Store, word: &str) -> Result<Arc<Policy>, ReplayError> {
    let digits = word.strip_prefix("sha256:").unwrap_or(word);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    if is_hex && (PREFIX_CHARS_MIN..=DIGEST_CHARS).contains(&digits.len()) {
        let mut begun = begun_by(registry, store, digits).await?.into_iter();
        match (begun.next(), begun.next()) {
            (Some(digest), None) => return Ok(registry.recall(&digest, None).await?),
            (Some(first), Some(second)) => {
                let digests = [first, second].into_iter().chain(begun).take(NAMED_MAX).collect();
                return Err(ReplayError::Ambiguous { word: word.to_owned(), digests });
            }
            // It may be a name that looks like one.
            (None, _) => {}
        }
    }
    let found = match word.split_once('@') {
        Some((name, version)) => of_version(registry, name, version).await?,
        None => of_name(registry, word).await?,
    };
    found.ok_or_else(|| ReplayError::NoSuchPolicy { word: word.chars().take(DIGEST_CHARS * 2).collect() })
}

/// All digests with this beginning, of versions, of kept bytes and of what is in this binary.
async fn begun_by(registry: &Registry, store: &dyn Store, digits: &str) -> Result<BTreeSet<String>, ReplayError> {
    let mut found: BTreeSet<String> = builtin::BUILTIN.iter().map(|policy| policy.sha256.to_owned()).collect();
    let versions = registry.versions(None).await?;
    let kept = versions.into_iter().filter(|version| version.state != VersionState::Rejected);
    found.extend(kept.map(|version| version.digest));
    let mut after: Option<String> = None;
    loop {
        let page = store.blobs(after.as_deref(), PAGE).await?;
        after = page.last().cloned();
        found.extend(page);
        if after.is_none() {
            break;
        }
    }
    found.retain(|digest| digest.starts_with(digits));
    Ok(found)
}

/// The newest upload of that version, else the one in this binary if it is of that version.
async fn of_version(registry: &Registry, name: &str, version: &str) -> Result<Option<Arc<Policy>>, RegistryError> {
    let versions = registry.versions(Some(name)).await?;
    if let Some(found) = versions.iter().find(|one| one.version == version && one.is_tried()) {
        return registry.recall(&found.digest, None).await.map(Some);
    }
    let own = of_binary(registry, name).await?;
    Ok(own.filter(|policy| policy.manifest().version == version))
}

async fn of_name(registry: &Registry, name: &str) -> Result<Option<Arc<Policy>>, RegistryError> {
    match registry.active(name).await?.and_then(|active| active.default) {
        Some(digest) => registry.recall(&digest, None).await.map(Some),
        None => of_binary(registry, name).await,
    }
}

async fn of_binary(registry: &Registry, name: &str) -> Result<Option<Arc<Policy>>, RegistryError> {
    match builtin::builtin(name) {
        Ok(own) => registry.recall(own.sha256, None).await.map(Some),
        Err(_) => Ok(None),
    }
}
