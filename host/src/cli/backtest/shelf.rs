//! Where a backtest takes its policies from: files, the binary, and what a data directory has kept. Nothing is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::cli::Fail;
use crate::cli::policy::load::{self, EncodingWord};
use crate::cli::replay::archive::is_file;
use crate::config::Config;
use crate::policy::Policy;
use crate::registry::{Registry, RegistryError, RegistryParts};
use crate::replay::{ReplayError, find};
use crate::sandbox::{Compiler, Sandbox, SandboxConfig};
use crate::store::{MemoryStore, SqliteStore, Store};

/// Policies, and the sandbox that they run in.
pub(super) struct Shelf {
    runtime: tokio::runtime::Runtime,
    store: Arc<dyn Store>,
    registry: Registry,
    encoding: Option<EncodingWord>,
}

impl Shelf {
    /// Under the configuration's limits, where there is one; with the versions of the data directory, where there is one.
    pub(super) fn open(
        config: Option<&Config>,
        data_dir: Option<&Path>,
        encoding: Option<EncodingWord>,
    ) -> Result<Self> {
        let limits = config.map_or_else(SandboxConfig::default, |config| config.sandbox.clone());
        let sandbox = Sandbox::start(&limits).context("starting the sandbox")?;
        let compiler = Compiler::new(None, sandbox.compile_limits()).context("starting the compiler")?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
        let store: Arc<dyn Store> = match data_dir {
            Some(data_dir) => {
                let _entered = runtime.enter();
                let opened = SqliteStore::open_read_only(data_dir);
                Arc::new(opened.with_context(|| format!("opening the store of {}", data_dir.display()))?)
            }
            None => Arc::new(MemoryStore::new()),
        };
        let beside = || config.and_then(|config| config.file.parent().map(Path::to_owned));
        let policies_dir = config.and_then(|config| config.policies_dir.clone()).or_else(beside);
        let parts = RegistryParts {
            sandbox,
            compiler,
            cache: None,
            store: Arc::clone(&store),
            policies_dir: policies_dir.unwrap_or_else(|| PathBuf::from(".")),
        };
        Ok(Self { runtime, store, registry: Registry::new(parts), encoding })
    }

    /// The policy of a word on the command line.
    pub(super) fn policy(&self, word: &str) -> Result<Arc<Policy>> {
        if is_file(word) { self.of_file(word, word) } else { self.of_name(word) }
    }

    /// The policy of a binding's `use`: files are beside the configuration, and a name means the version that is active for
    /// the binding.
    pub(super) fn bound(&self, binding: &str, uses: &str) -> Result<Arc<Policy>> {
        if let Some(path) = self.registry.file_named(uses) {
            return self.of_file(uses, &path.display().to_string());
        }
        let assigned = self.runtime.block_on(self.registry.assigned(binding, uses, None));
        match assigned.map_err(|error| failed(error.into()))? {
            Some(digest) => self.of_name(&digest),
            None => self.of_name(uses),
        }
    }

    fn of_file(&self, name: &str, path: &str) -> Result<Arc<Policy>> {
        // A path, also where it has no slash in it.
        let path = if path.contains('/') { path.to_owned() } else { format!("./{path}") };
        let bytes = load::bytes(&path, self.registry.bytes_max())?;
        let encoding = self.encoding.map(EncodingWord::encoding);
        let loaded = self.runtime.block_on(self.registry.load_unkept(name, &bytes, super::TIER, encoding));
        loaded.map_err(|error| failed(error.into())).with_context(|| format!("loading {name}"))
    }

    fn of_name(&self, word: &str) -> Result<Arc<Policy>> {
        let found = self.runtime.block_on(find(&self.registry, self.store.as_ref(), word));
        found.map_err(|error| match error {
            ReplayError::NoSuchPolicy { .. } => {
                // The binary says which it has.
                let why = crate::registry::builtin::builtin(word).map(|_| ()).map_err(|error| error.to_string());
                let why = why.err().unwrap_or_else(|| "it is not kept here".to_owned());
                Fail::not_found(format!("there is no policy {word:?}: {why}; or name a file that ends in .wasm"))
            }
            error => failed(error).context(format!("looking for the policy {word}")),
        })
    }
}

fn failed(error: ReplayError) -> anyhow::Error {
    match error {
        ReplayError::Ambiguous { .. } => Fail::usage(error.to_string()),
        ReplayError::Registry(RegistryError::Unknown { .. }) => Fail::not_found(error.to_string()),
        ReplayError::Registry(error @ (RegistryError::Component { .. } | RegistryError::Policy { .. })) => {
            Fail::policy(crate::causes::with_causes(&error))
        }
        error => error.into(),
    }
}
