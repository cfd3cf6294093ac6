//! From what an operator writes to a policy.

use std::sync::Arc;

use tempfile::TempDir;

use super::{Registry, RegistryError, RegistryParts};
use crate::policy::Tier;
use crate::policy::probe::{Probe, sandbox};
use crate::sandbox::{ArtefactCache, Compiler, StringEncoding};
use crate::store::{MemoryStore, Store};

struct Home {
    folder: TempDir,
    store: Arc<dyn Store>,
    registry: Registry,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let registry = Registry::new(RegistryParts {
            sandbox: sandbox(),
            compiler: Compiler::in_process(),
            cache: Some(ArtefactCache::open(folder.path()).unwrap()),
            store: Arc::clone(&store),
            policies_dir: folder.path().to_owned(),
        });
        Self { folder, store, registry }
    }
}

/// A probe that says itself how it holds its texts, as a file must.
fn file() -> Vec<u8> {
    let further = r#"(@custom "trimtab:string-encoding" "utf8")"#.to_owned();
    Probe { further, ..Probe::default() }.module()
}

#[tokio::test]
async fn a_file_is_found_beside_the_config_and_kept_by_digest() {
    let home = Home::new();
    std::fs::write(home.folder.path().join("mine.wasm"), file()).unwrap();
    let policy = home.registry.resolve("./mine.wasm", None).await.unwrap();
    assert_eq!(policy.manifest().name, "probe");
    let same = home.registry.resolve("mine.wasm", None).await.unwrap();
    assert!(Arc::ptr_eq(&policy, &same));
    let by_digest = home.registry.resolve(&format!("sha256:{}", policy.digest()), None).await.unwrap();
    assert!(Arc::ptr_eq(&policy, &by_digest));
    let roomier = home.registry.resolve("mine.wasm", Some(Tier::Interpreted)).await.unwrap();
    assert!(!Arc::ptr_eq(&policy, &roomier), "other limits make another policy of it");
}

#[tokio::test]
async fn the_encoding_stated_at_upload_is_kept_with_the_bytes() {
    let home = Home::new();
    let bytes = Probe::default().module();
    home.registry.load("probe", &bytes, None, None).await.unwrap_err();
    let digest = {
        let policy = home.registry.load("probe", &bytes, None, Some(StringEncoding::Utf8)).await.unwrap();
        policy.digest().to_owned()
    };
    home.registry.by_digest(&digest, None).await.unwrap();
}

#[tokio::test]
async fn what_does_not_load_is_not_kept() {
    let home = Home::new();
    let broken = Probe { describe: "unreachable".to_owned(), ..Probe::default() }.module();
    let error = home.registry.load("broken", &broken, None, Some(StringEncoding::Utf8)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Policy { .. }), "{error:?}");
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&broken));
    assert!(home.store.get_blob(&digest).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_to_do() {
    let home = Home::new();
    let said = |error: RegistryError| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    };
    let text = said(home.registry.resolve("no-such-policy", None).await.unwrap_err());
    assert!(text.contains("no-such-policy") && text.contains("polic"), "{text}");
    let text = said(home.registry.resolve("./gone.wasm", None).await.unwrap_err());
    assert!(text.contains("gone.wasm"), "{text}");
    let text = said(home.registry.resolve(&format!("sha256:{}", "0".repeat(64)), None).await.unwrap_err());
    assert!(text.contains("upload it"), "{text}");
}

#[tokio::test]
async fn the_built_in_policies_load() {
    let home = Home::new();
    for builtin in super::builtin::BUILTIN {
        let policy = home.registry.resolve(builtin.name, None).await.unwrap();
        assert_eq!((policy.manifest().name.as_str(), policy.digest()), (builtin.name, builtin.sha256));
    }
}
