//! Running a guest: a fresh store and instance each time, all brakes set before its first instruction.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Store, Trap, WasmBacktrace};

use super::engine::Sandbox;
use super::fault::{Fault, Spent};
use super::limits::{Budget, TierLimits};
use super::permits::Queue;
use super::ticker::TICK_MS;
use super::wasi::{self, Refusal, Wasi};

/// Innermost frames named in a trap.
const FRAMES_MAX: usize = 5;
/// Longest name of a frame, in characters: names are the guest's.
const FRAME_CHARS_MAX: usize = 120;
/// Longest text of a fault, in characters.
const FAULT_CHARS_MAX: usize = 1_000;

/// A loaded component, ready to be instantiated.
pub struct Guest {
    sandbox: Arc<Sandbox>,
    pre: InstancePre<GuestState>,
    limits: TierLimits,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What belongs to one run.
#[derive(Debug)]
pub struct GuestState {
    budget: Budget,
    pub(super) wasi: Wasi,
}

/// The moment that a guest sees, if it asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    /// What its clocks show.
    pub now_ms: u64,
    /// What its random numbers begin with.
    pub seed: u64,
    /// Its place in the queue.
    pub queue: Queue,
}

/// What became of one run.
#[derive(Debug)]
pub struct Ran<R> {
    /// What it returned.
    pub result: Result<R, Fault>,
    /// What it spent.
    pub spent: Spent,
    /// What it printed, by line, bounded.
    pub printed: Vec<String>,
}

impl Guest {
    /// Checks a component against the limits and against what this host offers (WASI of its own, nothing else).
    ///
    /// # Errors
    /// [`Fault::Incompatible`] where it asks for more.
    pub fn new(sandbox: &Arc<Sandbox>, component: &Component, limits: TierLimits) -> Result<Self, Fault> {
        check_resources(component, &limits)?;
        let mut linker = Linker::new(sandbox.engine());
        wasi::define(&mut linker, component).map_err(|error| incompatible(&error))?;
        let pre = linker.instantiate_pre(component).map_err(|error| incompatible(&error))?;
        Ok(Self { sandbox: Arc::clone(sandbox), pre, limits })
    }

    /// What the contract's look-ups are made from.
    pub(crate) fn pre(&self) -> &InstancePre<GuestState> {
        &self.pre
    }

    /// The limits that it runs under.
    #[must_use]
    pub fn limits(&self) -> &TierLimits {
        &self.limits
    }

    /// Runs it once: waits for a permit, makes a store with every limit set, instantiates, calls, drops the store. After any
    /// error the store is gone as well, so nothing of a run is there in the next.
    pub(crate) fn run<I, R>(
        &self,
        moment: Moment,
        instantiate: impl FnOnce(&mut Store<GuestState>) -> wasmtime::Result<I>,
        call: impl FnOnce(&mut Store<GuestState>, I) -> wasmtime::Result<R>,
    ) -> Ran<R> {
        let permit = self.sandbox.permits().take(moment.queue);
        let began = Instant::now();
        let mut store = self.store(moment);
        let result = match instantiate(&mut store) {
            Ok(instance) => call(&mut store, instance).map_err(|error| self.fault(&store, &error, false)),
            Err(error) => Err(self.fault(&store, &error, true)),
        };
        let mut spent = Spent {
            fuel: self.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
            memory_peak_bytes: store.data().budget.peak(),
            wall_ns: 0,
            host_calls: store.data().wasi.calls(),
        };
        let printed = store.data_mut().wasi.take_printed();
        drop(store);
        drop(permit);
        spent.wall_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ran { result, spent, printed }
    }

    fn store(&self, moment: Moment) -> Store<GuestState> {
        let state = GuestState { budget: Budget::new(&self.limits), wasi: Wasi::new(moment, &self.limits) };
        let mut store = Store::new(self.sandbox.engine(), state);
        store.limiter(|state| &mut state.budget);
        // Fuel is on in every engine of ours, so this cannot fail; if it did, the store would have none and stop at once.
        let _ = store.set_fuel(self.limits.fuel);
        store.set_epoch_deadline(self.limits.deadline_ms / TICK_MS + 1);
        store.set_hostcall_fuel(usize::try_from(self.limits.hostcall_bytes_max).unwrap_or(usize::MAX));
        store
    }

    fn fault(&self, store: &Store<GuestState>, error: &wasmtime::Error, instantiating: bool) -> Fault {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return refusal.fault();
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return match trap {
                Trap::OutOfFuel => Fault::OutOfFuel { fuel: self.limits.fuel },
                Trap::Interrupt => Fault::Timeout { deadline_ms: self.limits.deadline_ms },
                Trap::StackOverflow => Fault::StackOverflow,
                trap => out_of_memory(store).unwrap_or_else(|| Fault::Trap { what: trap_text(*trap, error) }),
            };
        }
        let text = bounded(&format!("{error:#}"));
        if text.contains("fuel allocated for hostcalls has been exhausted") {
            return Fault::BoundaryBudget {
                what: format!("more than {} bytes in one call", self.limits.hostcall_bytes_max),
            };
        }
        if instantiating {
            return out_of_memory(store).unwrap_or(Fault::Incompatible { what: text });
        }
        Fault::BadOutput { what: text }
    }
}

fn out_of_memory(store: &Store<GuestState>) -> Option<Fault> {
    store.data().budget.denied().map(|(what, limit)| Fault::OutOfMemory { what: what.to_owned(), limit })
}

/// Says before the first run what would fail in each: sizes that the component has from the start.
fn check_resources(component: &Component, limits: &TierLimits) -> Result<(), Fault> {
    const PAGE_BYTES: u64 = 64 << 10;
    let Some(required) = component.resources_required() else { return Ok(()) };
    let pages = required.max_initial_memory_size.unwrap_or(0);
    if pages.saturating_mul(PAGE_BYTES) > limits.memory_bytes_max {
        return Err(Fault::Incompatible {
            what: format!(
                "it begins with {} bytes of memory, and may have {}: link it with a smaller stack or memory, or use the \
                 tier `interpreted`",
                pages.saturating_mul(PAGE_BYTES),
                limits.memory_bytes_max
            ),
        });
    }
    let elements = required.max_initial_table_size.unwrap_or(0);
    if elements > limits.table_elements_max {
        return Err(Fault::Incompatible {
            what: format!("it begins with a table of {elements} elements, and may have {}", limits.table_elements_max),
        });
    }
    Ok(())
}

fn incompatible(error: &wasmtime::Error) -> Fault {
    Fault::Incompatible { what: bounded(&format!("{error:#}")) }
}

/// The trap and the innermost frames, bounded.
fn trap_text(trap: Trap, error: &wasmtime::Error) -> String {
    let mut text = trap.to_string();
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    for (position, frame) in frames.iter().take(FRAMES_MAX).enumerate() {
        text.push_str(if position == 0 { ", in " } else { " < " });
        match frame.func_name() {
            Some(name) => text.extend(name.chars().take(FRAME_CHARS_MAX)),
            None => text.push_str(&format!("function {}", frame.func_index())),
        }
    }
    bounded(&text)
}

fn bounded(text: &str) -> String {
    text.chars().take(FAULT_CHARS_MAX).collect()
}
