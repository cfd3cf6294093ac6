//! What must hold before a guest runs here: an endless loop ends, by fuel and by the clock.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use wasm_encoder::{CodeSection, ExportKind, ExportSection, Function, FunctionSection, Module, TypeSection};
use wasmtime::{Instance, Store, Trap};

use super::engine::Sandbox;
use super::error::SandboxError;

/// Ticks that the loop gets in the second test.
const DEADLINE_TICKS: u64 = 5;
/// After so long without a tick, the clock counts as broken, and no loop is started: it would never end.
const CLOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Runs an endless loop twice: with fuel and no deadline, then with a deadline and no bound on fuel. A setting that looks like
/// protection and does nothing (an epoch that nobody moves) has been met in the wild.
pub(super) fn run(sandbox: &Arc<Sandbox>) -> Result<(), SandboxError> {
    wait_for_tick(sandbox)?;
    let by_fuel = spin(sandbox, 100_000, u64::MAX / 2)?;
    if by_fuel != Trap::OutOfFuel {
        return Err(SandboxError::SelfTest { what: format!("a loop out of fuel ended with {by_fuel}") });
    }
    let by_clock = spin(sandbox, u64::MAX, DEADLINE_TICKS)?;
    if by_clock != Trap::Interrupt {
        return Err(SandboxError::SelfTest { what: format!("a loop past its deadline ended with {by_clock}") });
    }
    Ok(())
}

/// Sees the epoch move by a call that ends by itself: a return that meets its deadline traps.
fn wait_for_tick(sandbox: &Arc<Sandbox>) -> Result<(), SandboxError> {
    let began = Instant::now();
    let module = module(sandbox, false)?;
    let mut store = Store::new(sandbox.engine(), ());
    store.set_fuel(u64::MAX).map_err(engine_error)?;
    store.set_epoch_deadline(1);
    while began.elapsed() < CLOCK_PATIENCE {
        if call(&mut store, &module).is_err() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(SandboxError::SelfTest { what: "the epoch does not move".to_owned() })
}

fn spin(sandbox: &Arc<Sandbox>, fuel: u64, ticks: u64) -> Result<Trap, SandboxError> {
    let module = module(sandbox, true)?;
    let mut store = Store::new(sandbox.engine(), ());
    store.set_fuel(fuel).map_err(engine_error)?;
    store.set_epoch_deadline(ticks);
    match call(&mut store, &module) {
        Ok(()) => Err(SandboxError::SelfTest { what: "an endless loop came to an end".to_owned() }),
        Err(error) => error.downcast::<Trap>().map_err(engine_error),
    }
}

fn call(store: &mut Store<()>, module: &wasmtime::Module) -> wasmtime::Result<()> {
    let instance = Instance::new(&mut *store, module, &[])?;
    instance.get_typed_func::<(), ()>(&mut *store, "run")?.call(store, ())
}

/// A module whose `run` returns at once, or loops for ever.
fn module(sandbox: &Arc<Sandbox>, endless: bool) -> Result<wasmtime::Module, SandboxError> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 0);
    let mut body = Function::new([]);
    if endless {
        body.instructions().loop_(wasm_encoder::BlockType::Empty).br(0).end();
    }
    body.instructions().end();
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    wasmtime::Module::new(sandbox.engine(), module.finish()).map_err(engine_error)
}

fn engine_error(error: wasmtime::Error) -> SandboxError {
    SandboxError::Engine { source: error.into() }
}
