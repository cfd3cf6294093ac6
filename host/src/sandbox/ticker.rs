//! The clock behind every deadline: one thread that moves the engine's epoch on.

use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use super::error::SandboxError;

/// Length of one tick: deadlines are counted in these.
pub(super) const TICK_MS: u64 = 1;

/// Starts the thread. It ends when the engine is gone.
///
/// It sleeps between ticks and never catches up: after a stall (a loaded host, a suspended machine) a burst of ticks would
/// end guests that did nothing wrong. A thread of its own, for a task of the runtime stops when the runtime is busy.
pub(super) fn start(engine: &Engine) -> Result<(), SandboxError> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("epoch-ticker".to_owned())
        .stack_size(64 << 10)
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(Duration::from_millis(TICK_MS));
            }
        })
        .map(drop)
        .map_err(|source| SandboxError::Engine { source: source.into() })
}
