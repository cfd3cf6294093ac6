//! Compiled components, kept on disk: loading one takes a fraction of a millisecond, compiling it up to many seconds.
//!
//! An artefact is native code that runs with the host's rights. Only what our own child wrote is ever loaded: its SHA-256 is
//! kept apart from it, in the store, and the very bytes that were checked are the ones that are loaded.

use std::fmt::Debug;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::engine::Sandbox;
use super::error::SandboxError;
use super::fault::Fault;

/// Remembers the SHA-256 of each artefact, somewhere else than where the artefacts are.
#[async_trait]
pub trait ArtefactIndex: Send + Sync + Debug {
    /// The digest kept under this key, if any.
    ///
    /// # Errors
    /// Where the index cannot be read.
    async fn digest(&self, key: &str) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>>;

    /// Keeps a digest, durably.
    ///
    /// # Errors
    /// Where the index cannot be written.
    async fn keep(&self, key: &str, sha256: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// A compiled component that our own child wrote.
pub struct Artefact {
    bytes: Vec<u8>,
}

impl Debug for Artefact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Artefact({} bytes)", self.bytes.len())
    }
}

impl Artefact {
    /// Straight from the compiler.
    pub(super) fn fresh(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// From disk, if it is what was once written there.
    fn checked(bytes: Vec<u8>, sha256: &str) -> Option<Self> {
        (hex::encode(Sha256::digest(&bytes)) == sha256).then_some(Self { bytes })
    }
}

impl Sandbox {
    /// Makes a component of an artefact.
    ///
    /// # Errors
    /// [`SandboxError::Refused`] where it takes more than the pool has for one instance; [`SandboxError::Cache`] where it was made
    /// by another version of the engine, or with other settings.
    pub fn load(&self, artefact: &Artefact) -> Result<Component, SandboxError> {
        #[expect(
            unsafe_code,
            reason = "an `Artefact` is only made from our own child's output, or from bytes whose SHA-256 is the one kept when \
                      that output was written; those very bytes are loaded here, not a file that could change meanwhile"
        )]
        let component = unsafe { Component::deserialize(self.engine(), &artefact.bytes) };
        component.map_err(|source| {
            let text = format!("{source:#}");
            // The engine has no type for it: the component is sound, and takes more than any slot of the pool has.
            if text.contains("pooling allocator") {
                let what = format!("it has more than one instance may have: {text}");
                return SandboxError::Refused { fault: Fault::Incompatible { what } };
            }
            SandboxError::Cache { what: "load an artefact".to_owned(), source: source.into() }
        })
    }
}

/// The artefacts on disk: one file each, named by what it was made from and for which engine.
#[derive(Debug)]
pub struct ArtefactCache {
    folder: PathBuf,
}

impl ArtefactCache {
    /// Opens the cache in `data_dir/artefacts`, readable by nobody else.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn open(data_dir: &Path) -> Result<Self, SandboxError> {
        let folder = data_dir.join("artefacts");
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|source| cache(&format!("make {}", folder.display()), source))?;
        Ok(Self { folder })
    }

    /// The artefact of this key, if it is there and is what was written. One that is not is reported and counts as absent:
    /// the component is compiled anew.
    ///
    /// # Errors
    /// Where the index fails. A file that cannot be read is only a miss.
    pub async fn get(&self, key: &str, index: &dyn ArtefactIndex) -> Result<Option<Artefact>, SandboxError> {
        let kept = index.digest(key).await;
        let Some(sha256) = kept.map_err(|source| SandboxError::Cache { what: "read its index".to_owned(), source })?
        else {
            return Ok(None);
        };
        let bytes = match tokio::fs::read(self.path(key)).await {
            Ok(bytes) => bytes,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(key, %error, "an artefact cannot be read and is compiled anew");
                }
                return Ok(None);
            }
        };
        let artefact = Artefact::checked(bytes, &sha256);
        if artefact.is_none() {
            tracing::warn!(
                key,
                "an artefact is not what was written, and is compiled anew: check the disk, and who can write to it"
            );
        }
        Ok(artefact)
    }

    /// Keeps an artefact: first the file, then its digest, so that a digest never stands for a half-written file.
    ///
    /// # Errors
    /// Where either cannot be written.
    pub async fn put(&self, key: &str, artefact: &Artefact, index: &dyn ArtefactIndex) -> Result<(), SandboxError> {
        let path = self.path(key);
        let half = path.with_extension(format!("{}.half", std::process::id()));
        let written = async {
            let mut file = tokio::fs::OpenOptions::new();
            file.write(true).create(true).truncate(true).mode(0o600);
            let mut file = file.open(&half).await?;
            tokio::io::AsyncWriteExt::write_all(&mut file, &artefact.bytes).await?;
            file.sync_all().await?;
            tokio::fs::rename(&half, &path).await
        };
        written.await.map_err(|source| cache(&format!("write {}", path.display()), source))?;
        let sha256 = hex::encode(Sha256::digest(&artefact.bytes));
        let kept = index.keep(key, &sha256).await;
        kept.map_err(|source| SandboxError::Cache { what: "write its index".to_owned(), source })
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.cwasm"))
    }
}

fn cache(what: &str, source: io::Error) -> SandboxError {
    SandboxError::Cache { what: what.to_owned(), source: source.into() }
}
