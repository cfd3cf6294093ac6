//! From a word on the command line to a loaded policy: a file, or the name of a built-in one.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use sha2::{Digest, Sha256};

use crate::cli::Fail;
use crate::policy::{self, Policy};
use crate::registry::builtin::builtin;
use crate::sandbox::{CompileRequest, Compiler, Sandbox, SandboxConfig, SandboxError, StringEncoding, Tier};

/// A tier, as the command line has it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TierWord {
    Compiled,
    Interpreted,
}

/// How a core module that does not state it holds its texts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum EncodingWord {
    Utf8,
    Utf16,
}

impl EncodingWord {
    pub(in crate::cli) fn encoding(self) -> StringEncoding {
        match self {
            Self::Utf8 => StringEncoding::Utf8,
            Self::Utf16 => StringEncoding::Utf16,
        }
    }
}

/// How a policy is to be loaded.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LoadArgs {
    /// Which limits it runs under; by its size where nothing is said.
    #[arg(long, value_enum)]
    tier: Option<TierWord>,
    /// How a core module without a component type holds its texts.
    #[arg(long, value_enum, alias = "encoding")]
    string_encoding: Option<EncodingWord>,
}

impl LoadArgs {
    fn tier(&self) -> Option<Tier> {
        self.tier.map(|word| match word {
            TierWord::Compiled => Tier::Compiled,
            TierWord::Interpreted => Tier::Interpreted,
        })
    }

    fn encoding(&self) -> Option<StringEncoding> {
        self.string_encoding.map(EncodingWord::encoding)
    }
}

/// The bytes of a policy: of a file if the word looks like one, else of a built-in one.
pub(in crate::cli) fn bytes(word: &str, bytes_max: u64) -> Result<Vec<u8>> {
    let path = Path::new(word);
    let is_file = word.contains('/') || path.extension().is_some_and(|extension| extension == "wasm") || path.is_file();
    if !is_file {
        let found = builtin(word).map_err(|error| {
            Fail::not_found(format!("there is no policy {word:?}: {error}; or name a file that ends in .wasm"))
        })?;
        return Ok(found.bytes.to_vec());
    }
    let file = std::fs::File::open(path).map_err(|error| Fail::not_found(format!("{word} cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    // One byte more than allowed: the sandbox then refuses it, with its own words.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).with_context(|| format!("reading {word}"))?;
    Ok(bytes)
}

/// Compiles in a child and loads, as `trimtab run` does, and keeps nothing.
pub(super) fn policy(word: &str, bytes: &[u8], config: &SandboxConfig, args: &LoadArgs) -> Result<Policy> {
    let sandbox = Sandbox::start(config).context("starting the sandbox")?;
    let tier = args.tier().unwrap_or_else(|| sandbox.tier_of_size(bytes.len()));
    let request = CompileRequest {
        world: policy::world(),
        string_encoding: args.encoding(),
        upload: sandbox.upload_limits().clone(),
        compile: sandbox.compile_limits().clone(),
    };
    let compiler = Compiler::new(None, sandbox.compile_limits()).context("starting the compiler")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let refused = |error: SandboxError| match error {
        SandboxError::Refused { .. } | SandboxError::CompileLimit { .. } => Fail::policy(format!("{word}: {error}")),
        error => anyhow::Error::new(error).context(format!("compiling {word}")),
    };
    let artefact = runtime.block_on(compiler.compile(&request, bytes, sandbox.engine_hash())).map_err(refused)?;
    let component = sandbox.load(&artefact).map_err(refused)?;
    let digest = hex::encode(Sha256::digest(bytes));
    let loaded = on_deep_thread(|| Policy::load(&sandbox, &component, &digest, tier))?;
    loaded.map_err(|error| Fail::policy(format!("{word}: {error}")))
}

/// Runs on a thread that is deep enough for a guest's stack.
pub(in crate::cli) fn on_deep_thread<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(crate::sandbox::THREAD_STACK_BYTES);
        let handle = thread.spawn_scoped(scope, run).context("starting a thread")?;
        // A panic of ours is no answer of the guest's: it goes on here.
        Ok(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
