//! What a data directory has kept, and a sandbox of this process's own to play it in: also while a host runs on it. Nothing is
//! written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::progress;
use crate::cli::policy::load::{self, EncodingWord};
use crate::cli::records::Records;
use crate::cli::{Fail, Global};
use crate::policy::Policy;
use crate::registry::{Registry, RegistryError, RegistryParts};
use crate::replay::{Desk, Leash, ReplayError, find};
use crate::sandbox::{Compiler, Sandbox, SandboxConfig};
use crate::snapshot::TargetId;
use crate::store::Store;

/// How often it is told how far it has come.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// Kept records, and what plays them.
pub(in crate::cli) struct Archive {
    desk: Desk,
    runtime: tokio::runtime::Runtime,
    targets: Vec<TargetId>,
    upload_bytes_max: u64,
}

impl Archive {
    /// Policies run under the limits that the configuration sets, where there is one.
    pub(in crate::cli) fn open(global: &Global, records: Records) -> Result<Self> {
        let config = limits(global)?;
        let targets = records.targets()?;
        let (store, runtime) = records.into_parts();
        let store: Arc<dyn Store> = Arc::new(store);
        let sandbox = Sandbox::start(&config).context("starting the sandbox")?;
        let compiler = Compiler::new(None, sandbox.compile_limits()).context("starting the compiler")?;
        let upload_bytes_max = sandbox.upload_limits().bytes_max;
        // Artefacts of the host's cache are not looked for: they stand in what only the host writes.
        let parts = RegistryParts {
            sandbox,
            compiler,
            cache: None,
            store: Arc::clone(&store),
            policies_dir: Path::new(".").to_owned(),
        };
        let desk = Desk { store, registry: Arc::new(Registry::new(parts)) };
        Ok(Self { desk, runtime, targets, upload_bytes_max })
    }

    /// That something is recorded of this target.
    pub(in crate::cli) fn must_know(&self, target: &TargetId) -> Result<()> {
        if self.targets.contains(target) {
            return Ok(());
        }
        let known: Vec<String> = self.targets.iter().map(ToString::to_string).collect();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        Err(Fail::not_found(format!("nothing is recorded of {target}; recorded are: {known}")))
    }

    /// A policy of a file, or one that is kept.
    pub(in crate::cli) fn policy(&self, word: &str, encoding: Option<EncodingWord>) -> Result<Arc<Policy>> {
        let Desk { store, registry } = &self.desk;
        let found = self.runtime.block_on(async {
            if is_file(word) {
                let bytes = load::bytes(word, self.upload_bytes_max)?;
                let encoding = encoding.map(EncodingWord::encoding);
                let loaded = registry.load_unkept(word, &bytes, None, encoding).await;
                return loaded.map_err(|error| failed(error.into()));
            }
            find(registry, store.as_ref(), word).await.map_err(failed)
        });
        found.with_context(|| format!("looking for the policy {word}"))
    }

    /// Walks through records, and tells how far it has come.
    pub(in crate::cli) fn walk<T>(&self, work: impl AsyncFnOnce(&Desk, &Leash) -> Result<T, ReplayError>) -> Result<T> {
        let leash = Leash::default();
        let turns = leash.turns();
        self.runtime.block_on(async {
            let mut work = std::pin::pin!(work(&self.desk, &leash));
            loop {
                tokio::select! {
                    done = &mut work => return done.map_err(failed),
                    () = tokio::time::sleep(TOLD_EVERY) => progress(*turns.borrow()),
                }
            }
        })
    }
}

/// Whether a word names a file.
pub(in crate::cli) fn is_file(word: &str) -> bool {
    let path = Path::new(word);
    word.contains('/') || path.extension().is_some_and(|extension| extension == "wasm") || path.is_file()
}

/// The configuration's limits; the usual ones where there is no configuration and none was named.
fn limits(global: &Global) -> Result<SandboxConfig> {
    match global.load() {
        Ok(config) => Ok(config.sandbox),
        Err(_) if global.config.is_none() && global.data_dir.is_some() => Ok(SandboxConfig::default()),
        Err(complaints) => Err(complaints.into()),
    }
}

fn failed(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::NoSuchPolicy { .. } | ReplayError::Registry(RegistryError::Unknown { .. }) => {
            Fail::not_found(error.to_string())
        }
        ReplayError::Ambiguous { .. } => Fail::usage(error.to_string()),
        ReplayError::Registry(
            error @ (RegistryError::Component { .. } | RegistryError::Policy { .. } | RegistryError::Builtin { .. }),
        ) => Fail::policy(crate::causes::with_causes(&error)),
        error => error.into(),
    }
}
