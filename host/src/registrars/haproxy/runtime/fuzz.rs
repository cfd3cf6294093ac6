//! A fuzzer's way to what reads the runtime socket's tables; listed in `crate::fuzzing`.

use super::{Trouble, read_servers, read_sessions, said};

/// An answer of the runtime socket: to `show servers state`, to `show stat`, or a complaint.
pub(crate) fn tables(input: &[u8]) -> Result<(), String> {
    let told = String::from_utf8_lossy(input);
    read_sessions(&told, "trimtab.a");
    let complaint = match said(&told) {
        Trouble::Refused(what) | Trouble::Unreachable(what) => what,
    };
    match read_servers(&told) {
        Ok(_) => Err(complaint),
        Err(what) => Err(what),
    }
}
