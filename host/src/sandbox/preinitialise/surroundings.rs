//! The preview 1 of WASI that a module starts up in. What it answers is what the shim answers that a policy runs with
//! (`encode/preview1.wat`), but for the variables: what is found out at start-up must hold later.

use wasmtime::{Caller, Extern, ExternType, Linker, Module, Val};

use super::State;

const PREVIEW1: &str = "wasi_snapshot_preview1";
/// The time that it always is, in nanoseconds.
const NOW_NANOS: u64 = 1_000_000_000;
/// What every random byte is.
const RANDOM: u8 = 0x5a;
/// Most of what is kept of that which it prints.
const PRINTED_BYTES_MAX: usize = 16 << 10;

/// Preview 1's errors.
const OK: i32 = 0;
const BAD_DESCRIPTOR: i32 = 8;
const BAD_ADDRESS: i32 = 21;

pub(super) struct Surroundings {
    /// As they lie in memory, each with a zero at its end.
    variables: Vec<Vec<u8>>,
    printed: Vec<u8>,
}

impl Surroundings {
    pub(super) fn new(variables: &[&str]) -> Self {
        let variables = variables.iter().map(|one| [one.as_bytes(), b"\0"].concat()).collect();
        Self { variables, printed: Vec::new() }
    }

    pub(super) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed).into_owned()
    }
}

/// Defines what the module imports of preview 1. Other imports stay undefined, and are named when it is instantiated.
pub(super) fn define(linker: &mut Linker<State>, module: &Module) -> wasmtime::Result<()> {
    for import in module.imports().filter(|import| import.module() == PREVIEW1) {
        let ExternType::Func(ty) = import.ty() else { continue };
        let name = import.name().to_owned();
        linker.func_new(PREVIEW1, import.name(), ty, move |caller, params, results| {
            let answer = call(&name, caller, params)?;
            if let Some(result) = results.first_mut() {
                *result = Val::I32(answer);
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn call(name: &str, mut caller: Caller<'_, State>, params: &[Val]) -> wasmtime::Result<i32> {
    let at = |index: usize| params.get(index).and_then(Val::i32).map_or(0, i32::cast_unsigned);
    if name == "proc_exit" {
        return Err(wasmtime::format_err!("it ended itself with code {}", at(0)));
    }
    let Some(memory) = caller.get_export("memory").and_then(Extern::into_memory) else { return Ok(BAD_ADDRESS) };
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    let surroundings = &mut state.surroundings;
    let done = match name {
        "args_sizes_get" => put(bytes, at(0), &[0; 4]).and_then(|()| put(bytes, at(1), &[0; 4])),
        "args_get" | "sched_yield" => Some(()),
        "environ_sizes_get" => {
            let total: usize = surroundings.variables.iter().map(Vec::len).sum();
            number(bytes, at(0), surroundings.variables.len()).and_then(|()| number(bytes, at(1), total))
        }
        "environ_get" => variables(bytes, at(0), at(1), &surroundings.variables),
        "clock_res_get" => put(bytes, at(1), &1_000_000_u64.to_le_bytes()),
        "clock_time_get" => put(bytes, at(2), &NOW_NANOS.to_le_bytes()),
        "random_get" => range(bytes, at(0), at(1)).map(|range| range.fill(RANDOM)),
        "fd_write" => print(bytes, &mut surroundings.printed, at(1), at(2), at(3)),
        _ => return Ok(BAD_DESCRIPTOR),
    };
    Ok(if done.is_some() { OK } else { BAD_ADDRESS })
}

fn range(bytes: &mut [u8], at: u32, length: u32) -> Option<&mut [u8]> {
    let from = usize::try_from(at).ok()?;
    bytes.get_mut(from..from.checked_add(usize::try_from(length).ok()?)?)
}

fn put(bytes: &mut [u8], at: u32, value: &[u8]) -> Option<()> {
    range(bytes, at, u32::try_from(value.len()).ok()?)?.copy_from_slice(value);
    Some(())
}

fn number(bytes: &mut [u8], at: u32, value: usize) -> Option<()> {
    put(bytes, at, &u32::try_from(value).ok()?.to_le_bytes())
}

fn read(bytes: &mut [u8], at: u32) -> Option<u32> {
    Some(u32::from_le_bytes(range(bytes, at, 4)?.try_into().ok()?))
}

/// The list of addresses at one place, the texts at another.
fn variables(bytes: &mut [u8], list: u32, texts: u32, variables: &[Vec<u8>]) -> Option<()> {
    let (mut list, mut text) = (list, texts);
    for one in variables {
        put(bytes, list, &text.to_le_bytes())?;
        put(bytes, text, one)?;
        list = list.checked_add(4)?;
        text = text.checked_add(u32::try_from(one.len()).ok()?)?;
    }
    Some(())
}

/// Keeps the beginning of what is printed, and says that all of it was written.
fn print(bytes: &mut [u8], printed: &mut Vec<u8>, vectors: u32, count: u32, written: u32) -> Option<()> {
    let mut total: u32 = 0;
    for index in 0..count {
        let vector = vectors.checked_add(index.checked_mul(8)?)?;
        let (at, length) = (read(bytes, vector)?, read(bytes, vector.checked_add(4)?)?);
        let room = PRINTED_BYTES_MAX.saturating_sub(printed.len());
        printed.extend(range(bytes, at, length)?.iter().take(room));
        total = total.checked_add(length)?;
    }
    put(bytes, written, &total.to_le_bytes())
}
