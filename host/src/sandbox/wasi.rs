//! Our own WASI 0.2, for components whose runtime insists on one: empty, deterministic, and never waiting.
//!
//! No files, environment, arguments or sockets; the clocks stand at the snapshot's `now`; every poll is ready at once; random
//! bytes follow from a seed; what is printed is kept as notes. (`wasmtime-wasi` sleeps for real, past any deadline, since an
//! epoch does not interrupt a host call.) Values are passed in their dynamic form: one table serves all patch versions of
//! WASI 0.2, and whoever needs it is an interpreter, which does not notice.

mod calls;
mod printed;

#[cfg(test)]
mod tests;

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceDynamic, ResourceType, Val};

use self::printed::Printed;
use super::fault::Fault;
use super::instance::{GuestState, Moment};
use super::limits::TierLimits;

/// The interfaces that are there. Those of files and sockets answer "no" to everything.
const INTERFACES: [&str; 26] = [
    "cli/environment",
    "cli/exit",
    "cli/stdin",
    "cli/stdout",
    "cli/stderr",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "cli/terminal-stderr",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/insecure",
    "random/insecure-seed",
    "random/random",
    "sockets/instance-network",
    "sockets/ip-name-lookup",
    "sockets/network",
    "sockets/tcp",
    "sockets/tcp-create-socket",
    "sockets/udp",
];

/// The interface that an import names, without package and version: `clocks/wall-clock` for `wasi:clocks/wall-clock@0.2.3`.
/// `None` if it is not one of ours.
pub(super) fn interface(import: &str) -> Option<&str> {
    let (path, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    let patch = version.strip_prefix("0.2.")?;
    let known = INTERFACES.contains(&path) || path == "sockets/udp-create-socket";
    (known && patch.bytes().all(|byte| byte.is_ascii_digit())).then_some(path)
}

/// Defines all of WASI that this component imports.
pub(super) fn define(linker: &mut Linker<GuestState>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    for (import, item) in component.component_type().imports(&engine) {
        let (Some(path), ComponentItem::ComponentInstance(instance)) = (interface(import), item.ty) else { continue };
        let mut defined = linker.instance(import)?;
        for (name, export) in instance.exports(&engine) {
            match export.ty {
                ComponentItem::Resource(_) => {
                    defined.resource(name, ResourceType::host_dynamic(kind_of(name)), |_, _| Ok(()))?;
                }
                ComponentItem::ComponentFunc(_) => define_function(&mut defined, path, name)?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn define_function(instance: &mut LinkerInstance<'_, GuestState>, path: &str, name: &str) -> wasmtime::Result<()> {
    let call = calls::find(path, name);
    let full_name = format!("wasi:{path} {name}");
    instance.func_new(name, move |mut store, ty, params, results| {
        store.data_mut().wasi.count()?;
        let handle = end_borrows(&mut store, params)?;
        let answer = match call {
            Some(call) => call(&mut store, params, handle)?,
            None => calls::decline(&ty, &full_name)?,
        };
        match (results, answer) {
            ([result], Some(answer)) => *result = answer,
            ([], None) => {}
            _ => return Err(Refusal::Call(full_name.clone()).into()),
        }
        Ok(())
    })
}

/// Gives back all handles among the arguments, as a call must that took them in their dynamic form, and tells what the first one
/// stands for. Nothing but the standard streams tells its handles apart.
fn end_borrows(store: &mut GuestStore<'_>, params: &[Val]) -> wasmtime::Result<Option<u32>> {
    let mut first = None;
    for param in params {
        let stands_for = match param {
            Val::Resource(resource) => Some(ResourceDynamic::try_from_resource_any(*resource, &mut *store)?.rep()),
            Val::List(items) if matches!(items.first(), Some(Val::Resource(_))) => end_borrows(store, items)?,
            _ => None,
        };
        first = first.or(stands_for);
    }
    Ok(first)
}

/// A number for each kind of resource, by its name: kinds of different names never mix.
fn kind_of(resource: &str) -> u32 {
    const KINDS: [&str; 8] = [
        "pollable",
        "input-stream",
        "output-stream",
        "error",
        "descriptor",
        "directory-entry-stream",
        "terminal-input",
        "terminal-output",
    ];
    // Sockets and whatever else a later patch version adds: nobody ever gets one, so they may share a number.
    KINDS.iter().position(|kind| *kind == resource).map_or(u32::MAX, |position| u32::try_from(position).unwrap_or(0))
}

/// A call that ends the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Too many calls.
    #[error("more than {0} calls to the host")]
    Calls(u32),
    /// Too many bytes in one call.
    #[error("{0} random bytes in one call")]
    Bytes(u64),
    /// There is no answer to it here.
    #[error("it called {0}, which a policy does not have")]
    Call(String),
    /// It ended itself.
    #[error("it ended itself: `exit` was called")]
    Exit,
}

impl Refusal {
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Calls(_) | Self::Bytes(_) => Fault::BoundaryBudget { what: self.to_string() },
            Self::Call(_) | Self::Exit => Fault::Trap { what: self.to_string() },
        }
    }
}

/// WASI's state in one run.
#[derive(Debug)]
pub(super) struct Wasi {
    now_ms: u64,
    random: u64,
    calls: u32,
    calls_max: u32,
    printed: Printed,
}

impl Wasi {
    pub(super) fn new(moment: Moment, limits: &TierLimits) -> Self {
        Self {
            now_ms: moment.now_ms,
            random: moment.seed,
            calls: 0,
            calls_max: limits.host_calls_max,
            printed: Printed::new(limits.notes_max, limits.note_bytes_max),
        }
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// What was printed, by line.
    pub(super) fn take_printed(&mut self) -> Vec<String> {
        self.printed.take()
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.calls = self.calls.saturating_add(1);
        if self.calls > self.calls_max { Err(Refusal::Calls(self.calls_max)) } else { Ok(()) }
    }

    /// The next number of the run's random sequence: SplitMix64 (Steele, Lea, Flood 2014). Nothing here is secret, and the same
    /// seed must give the same run on any machine.
    fn random_u64(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

type GuestStore<'a> = StoreContextMut<'a, GuestState>;
