//! Runs a core module's start-up once, and keeps what it leaves in memory: Go's takes 400 µs, which every evaluation would pay.
//!
//! That is done where a policy is built, not where it is uploaded: what its author tries and signs is then what runs, and no host runs
//! a stranger's code before anybody asked for it. The module is its author's own; a mistake in it is bounded all the same.

mod segments;
mod surroundings;

use wasmtime::{Config, Engine, Instance, Linker, Module, OptLevel, Store, StoreLimits, StoreLimitsBuilder, Trap, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

use self::surroundings::Surroundings;

/// About two seconds of starting up; Go takes a thousandth of it.
const FUEL: u64 = 2_000_000_000;
/// The memory of the tier `interpreted`: what begins with more could not run.
const MEMORY_BYTES_MAX: usize = 64 << 20;

/// What a module is started with.
#[derive(Debug, Clone, Copy)]
pub struct StartUp<'a> {
    /// The export that is called after `_initialize`; neither of them is left in what comes out.
    pub ready: &'a str,
    /// The environment's variables, as `NAME=value`. There is nothing else: no arguments, no files, and a clock that stands still.
    pub variables: &'a [&'a str],
}

/// Why a module cannot be pre-initialised.
#[derive(Debug, thiserror::Error)]
pub enum StartUpError {
    /// It is none, or has something that does not go into a snapshot.
    #[error("the module cannot be pre-initialised")]
    Module {
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An export is missing.
    #[error("the module has no export `{name}`")]
    Export {
        /// Its name.
        name: String,
    },
    /// It ended itself, or trapped.
    #[error("its start-up failed: {why}{}", said(.printed))]
    Failed {
        /// How it ended.
        why: String,
        /// What it printed.
        printed: String,
    },
}

fn said(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!("; it printed:\n{}", printed.trim_end()) }
}

/// Starts a module up, and makes a module of it that begins where that ended. The same bytes in give the same bytes out.
///
/// # Errors
/// See [`StartUpError`].
pub fn preinitialise(wasm: &[u8], start: &StartUp<'_>) -> Result<Vec<u8>, StartUpError> {
    let mut wizer = Wizer::new();
    wizer.init_func(start.ready);
    let (context, instrumented) = wizer.instrument(wasm).map_err(wrong)?;
    let engine = engine().map_err(wrong)?;
    let module = Module::new(&engine, &instrumented).map_err(wrong)?;
    let state = State {
        surroundings: Surroundings::new(start.variables),
        limits: StoreLimitsBuilder::new().memory_size(MEMORY_BYTES_MAX).build(),
    };
    let mut store = Store::new(&engine, state);
    store.limiter(|state| &mut state.limits);
    store.set_fuel(FUEL).map_err(wrong)?;
    let mut linker = Linker::new(&engine);
    surroundings::define(&mut linker, &module).map_err(wrong)?;
    let instance = linker.instantiate(&mut store, &module).map_err(|error| failed(&store, &error))?;
    for name in ["_initialize", start.ready] {
        let function = instance.get_typed_func::<(), ()>(&mut store, name);
        let function = function.map_err(|_| StartUpError::Export { name: name.to_owned() })?;
        function.call(&mut store, ()).map_err(|error| failed(&store, &error))?;
    }
    let mut taken = Taken { store, instance };
    // The snapshot waits for nothing: its futures are there for embedders whose stores do.
    let snapshot = futures_util::FutureExt::now_or_never(wizer.snapshot(&context, &mut taken));
    let made = snapshot.unwrap_or_else(|| Err(wasmtime::format_err!("the snapshot waits"))).map_err(wrong)?;
    segments::join(&made).map_err(|source| StartUpError::Module { source })
}

/// Compiled once to run once, so quickly rather than well.
fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.consume_fuel(true).cranelift_opt_level(OptLevel::None).wasm_backtrace_max_frames(None);
    Engine::new(&config)
}

struct State {
    surroundings: Surroundings,
    limits: StoreLimits,
}

/// An instance that has started up.
struct Taken {
    store: Store<State>,
    instance: Instance,
}

impl InstanceState for Taken {
    async fn global_get(&mut self, name: &str, ty: ValType) -> SnapshotVal {
        let value = self.instance.get_global(&mut self.store, name).map(|global| global.get(&mut self.store));
        match value {
            Some(Val::I32(value)) => SnapshotVal::I32(value),
            Some(Val::I64(value)) => SnapshotVal::I64(value),
            Some(Val::F32(bits)) => SnapshotVal::F32(bits),
            Some(Val::F64(bits)) => SnapshotVal::F64(bits),
            Some(Val::V128(value)) => SnapshotVal::V128(value.as_u128()),
            // Neither can be: it exports them itself, and has refused globals of references. Nothing is as good as anything.
            _ => match ty {
                ValType::I32 => SnapshotVal::I32(0),
                ValType::F32 => SnapshotVal::F32(0),
                ValType::F64 => SnapshotVal::F64(0),
                ValType::V128 => SnapshotVal::V128(0),
                ValType::I64 | ValType::Ref(_) => SnapshotVal::I64(0),
            },
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut self.store, name);
        contents(memory.map_or(&[], |memory| memory.data(&self.store)));
    }
}

fn wrong(error: wasmtime::Error) -> StartUpError {
    StartUpError::Module { source: error.into() }
}

fn failed(store: &Store<State>, error: &wasmtime::Error) -> StartUpError {
    let why = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => format!("it took more than {FUEL} instructions"),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    StartUpError::Failed { why, printed: store.data().surroundings.printed() }
}

#[cfg(test)]
mod tests;
