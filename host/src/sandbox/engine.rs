//! The one engine of the process: its settings, its pool, and what is loaded into it.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::error::SandboxError;
use super::limits::{
    CORE_INSTANCES_MAX, CompileLimits, MEMORIES_MAX, SandboxConfig, TABLES_MAX, Tier, TierLimits, UploadLimits,
};
use super::permits::Permits;
use super::{self_test, ticker};

/// Stack of a guest. Threads that run guests need [`THREAD_STACK_BYTES`].
const GUEST_STACK_BYTES: usize = 512 << 10;

/// Least stack of a thread that runs guests: the guest's own, and room for the host's frames above and below it. Tokio's
/// blocking threads have as much.
pub const THREAD_STACK_BYTES: usize = 2 << 20;

/// What a freed instance keeps mapped, so that the next one of its slot faults fewer pages in. Measured: 12 instead of 20 µs
/// per run of a small guest, together with `PAGEMAP_SCAN`; without that, the whole range is cleared each time and it is slower.
const KEEP_RESIDENT_BYTES: usize = 256 << 10;

/// The engine, its pool and its clock. One per process: types of two engines must never meet.
#[derive(Debug)]
pub struct Sandbox {
    engine: Engine,
    engine_hash: String,
    pooled: bool,
    permits: Permits,
    compiled: TierLimits,
    interpreted: TierLimits,
    upload: UploadLimits,
    compile: CompileLimits,
}

impl Sandbox {
    /// Makes the engine, starts its clock, and sees that both of its brakes work.
    ///
    /// # Errors
    /// Where a setting is out of range, the engine cannot be made, or a runaway guest is not stopped.
    pub fn start(config: &SandboxConfig) -> Result<Arc<Self>, SandboxError> {
        let compiled = config.limits(Tier::Compiled)?;
        let interpreted = config.limits(Tier::Interpreted)?;
        let at_once = config.at_once();
        let memory_bytes = compiled.memory_bytes_max.max(interpreted.memory_bytes_max);
        let table_elements = compiled.table_elements_max.max(interpreted.table_elements_max);
        let (engine, pooled) = engine_with_pool(at_once, memory_bytes, table_elements)?;
        ticker::start(&engine)?;
        let sandbox = Arc::new(Self {
            engine_hash: engine_hash(&engine),
            engine,
            pooled,
            permits: Permits::new(at_once),
            compiled,
            interpreted,
            upload: config.upload.clone(),
            compile: config.compile.clone(),
        });
        self_test::run(&sandbox)?;
        Ok(sandbox)
    }

    /// The limits of a tier.
    #[must_use]
    pub fn limits(&self, tier: Tier) -> &TierLimits {
        match tier {
            Tier::Compiled => &self.compiled,
            Tier::Interpreted => &self.interpreted,
        }
    }

    /// What may be loaded.
    #[must_use]
    pub fn upload_limits(&self) -> &UploadLimits {
        &self.upload
    }

    /// What compiling may take.
    #[must_use]
    pub fn compile_limits(&self) -> &CompileLimits {
        &self.compile
    }

    /// The tier of a component of this size where nobody stated one.
    #[must_use]
    pub fn tier_of_size(&self, bytes: usize) -> Tier {
        if bytes as u64 >= self.upload.interpreted_from_bytes { Tier::Interpreted } else { Tier::Compiled }
    }

    /// Tells artefacts of this engine from those of another version or other settings: 16 hex digits.
    #[must_use]
    pub fn engine_hash(&self) -> &str {
        &self.engine_hash
    }

    /// Whether instances come from a pool. If not, `trimtab` has said so loudly: runs are slower.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// The queue in front of the pool.
    #[must_use]
    pub fn permits(&self) -> &Permits {
        &self.permits
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// The engine that compiles. It has no pool, which makes it cheap to start in a process with little address space, and makes
/// the same artefacts.
pub(super) fn compiling_engine() -> Result<Engine, SandboxError> {
    let mut config = settings();
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&config).map_err(|source| SandboxError::Engine { source: source.into() })
}

/// The settings that decide about answers: the same live, in shadow, in replay and in `policy eval`.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .cranelift_nan_canonicalization(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(20))
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        // multi-memory stays on: without it, composed components make the translator panic (wasmtime 48.0.8).
        .debug_info(false);
    config
}

/// The engine with a pool, or without one if this machine has not enough address space for it.
fn engine_with_pool(at_once: u32, memory_bytes: u64, table_elements: u64) -> Result<(Engine, bool), SandboxError> {
    let mut refusal = None;
    for pagemap_scan in [Enabled::Yes, Enabled::No] {
        let mut config = settings();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(
            at_once,
            memory_bytes,
            table_elements,
            pagemap_scan == Enabled::Yes,
        )));
        match Engine::new(&config) {
            Ok(engine) => return Ok((engine, true)),
            Err(error) => refusal = Some(error),
        }
    }
    let reason = refusal.map_or_else(String::new, |error| format!("{error:#}"));
    tracing::warn!(
        reason,
        "no pool for policies: each run maps its memory anew and is slower; raise the limit on address space (ulimit -v) \
         or lower sandbox.at_once_max"
    );
    compiling_engine().map(|engine| (engine, false))
}

/// A pool in which every permit's component finds all it may have.
fn pool(at_once: u32, memory_bytes: u64, table_elements: u64, pagemap_scan: bool) -> PoolingAllocationConfig {
    let keep_resident = if pagemap_scan { KEEP_RESIDENT_BYTES } else { 0 };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(at_once)
        .total_core_instances(at_once * CORE_INSTANCES_MAX)
        .total_memories(at_once * MEMORIES_MAX)
        .total_tables(at_once * TABLES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(usize::try_from(memory_bytes).unwrap_or(usize::MAX))
        .table_elements(usize::try_from(table_elements).unwrap_or(usize::MAX))
        .max_component_instance_size(2 << 20)
        .max_core_instance_size(1 << 20)
        .max_unused_warm_slots(at_once * 2)
        // A slot in a shared batch is free to nobody while another thread flushes it: with all permits taken, a guest would find
        // the pool exhausted. One at a time, it is free again before its permit is.
        .decommit_batch_size(1)
        .linear_memory_keep_resident(keep_resident)
        .table_keep_resident(keep_resident)
        .pagemap_scan(if pagemap_scan { Enabled::Yes } else { Enabled::No });
    pool
}

/// Hashes what wasmtime says an artefact depends on.
pub(super) fn engine_hash(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            let digest = self.0.clone().finalize();
            digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
        }
    }
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
