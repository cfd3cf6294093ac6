//! The digests of artefacts, in the store: apart from the artefacts, which lie in files.

use std::sync::Arc;

use async_trait::async_trait;

use crate::sandbox::ArtefactIndex;
use crate::store::{Store, Write};

/// Beginning of the keys.
const INDEX: &str = "artefact/";
/// Keys read at once.
const PAGE: usize = 500;

/// An index of artefacts under the store's keys `artefact/…`.
#[derive(Debug)]
pub(super) struct StoreIndex(pub(super) Arc<dyn Store>);

#[async_trait]
impl ArtefactIndex for StoreIndex {
    async fn keys(&self, after: Option<&str>) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
        let after = after.map(|key| format!("{INDEX}{key}"));
        let page = self.0.list(INDEX, after.as_deref(), PAGE).await?;
        Ok(page.into_iter().filter_map(|(key, _)| key.strip_prefix(INDEX).map(str::to_owned)).collect())
    }

    async fn forget(&self, key: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.write(vec![Write::Delete { key: format!("{INDEX}{key}") }]).await?;
        Ok(())
    }

    async fn digest(&self, key: &str) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        let kept = self.0.get(&format!("{INDEX}{key}")).await?;
        Ok(kept.map(|versioned| String::from_utf8_lossy(&versioned.value).into_owned()))
    }

    async fn keep(&self, key: &str, sha256: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let write = Write::Set { key: format!("{INDEX}{key}"), value: sha256.as_bytes().to_vec() };
        self.0.write(vec![write]).await?;
        Ok(())
    }
}
