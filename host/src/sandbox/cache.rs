//! Compiled components, kept on disk: loading one takes a fraction of a millisecond, compiling it up to many seconds.
//!
//! An artefact is native code that runs with the host's rights. Only what our own child wrote is ever loaded: its SHA-256 is
//! kept apart from it, in the store, and the very bytes that were checked are the ones that are loaded.

use std::fmt::Debug;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::engine::Sandbox;
use super::error::SandboxError;
use super::fault::Fault;

/// A half-written artefact that is older than this was left behind.
const HALF_AGE: Duration = Duration::from_secs(600);

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

    /// Drops what is kept under this key, if anything is.
    ///
    /// # Errors
    /// Where the index cannot be written.
    async fn forget(&self, key: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Some of the keys there are after this one, in their order; none: there are no more.
    ///
    /// # Errors
    /// Where the index cannot be read.
    async fn keys(&self, after: Option<&str>) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>>;
}

/// An artefact that lies in the cache: `<digest>-<encoding>-<engine>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtefactFile {
    /// Its key.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written.
    pub modified: SystemTime,
}

impl ArtefactFile {
    /// The digest of what it was made from.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.key.split('-').next().unwrap_or_default()
    }

    /// What it was made from, and how: all but the engine.
    #[must_use]
    pub fn source(&self) -> &str {
        self.key.rsplit_once('-').map_or(&*self.key, |(source, _)| source)
    }

    /// The engine that it was made for, as [`Sandbox::engine_hash`] tells it.
    #[must_use]
    pub fn engine_hash(&self) -> &str {
        self.key.rsplit_once('-').map_or("", |(_, engine)| engine)
    }
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

    /// The artefacts there are. What is left of one that was being written when a host ended goes.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub async fn files(&self) -> Result<Vec<ArtefactFile>, SandboxError> {
        let unread = |source| cache(&format!("read {}", self.folder.display()), source);
        let mut entries = tokio::fs::read_dir(&self.folder).await.map_err(unread)?;
        let mut files = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(unread)? {
            // What is gone meanwhile is no trouble.
            let Ok(about) = entry.metadata().await else { continue };
            let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(key) = name.strip_suffix(".cwasm") {
                files.push(ArtefactFile { key: key.to_owned(), bytes: about.len(), modified });
            } else if name.ends_with(".half") && modified.elapsed().is_ok_and(|age| age > HALF_AGE) {
                let _ = tokio::fs::remove_file(entry.path()).await;
            }
        }
        Ok(files)
    }

    /// Drops an artefact: first its digest, so that none stands for a file that is gone.
    ///
    /// # Errors
    /// Where the index or the file cannot be written.
    pub async fn remove(&self, key: &str, index: &dyn ArtefactIndex) -> Result<(), SandboxError> {
        let forgotten = index.forget(key).await;
        forgotten.map_err(|source| SandboxError::Cache { what: "write its index".to_owned(), source })?;
        let path = self.path(key);
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(cache(&format!("remove {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    /// Drops the digests of artefacts that are not there any more: somebody has removed the files.
    ///
    /// # Errors
    /// Where the index cannot be read or written.
    pub async fn forget_lost(&self, index: &dyn ArtefactIndex) -> Result<(), SandboxError> {
        let failed = |source| SandboxError::Cache { what: "look through its index".to_owned(), source };
        let mut after: Option<String> = None;
        loop {
            let keys = index.keys(after.as_deref()).await.map_err(failed)?;
            for key in &keys {
                if matches!(tokio::fs::try_exists(self.path(key)).await, Ok(false)) {
                    index.forget(key).await.map_err(failed)?;
                }
            }
            after = keys.into_iter().last();
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.cwasm"))
    }
}

fn cache(what: &str, source: io::Error) -> SandboxError {
    SandboxError::Cache { what: what.to_owned(), source: source.into() }
}
