//! Words for a component that is read otherwise than it was written: by another WIT, or with its texts in another encoding.

use super::contract_v1;
use crate::sandbox::Fault;

/// Where both doors take it: the command line by this flag, the API by `?encoding=`.
const FLAG: &str = "--string-encoding";

/// It has the contract's name and other functions or types than the contract.
pub(super) fn not_the_contract(error: &str) -> Fault {
    let error: String = error.chars().take(1_000).collect();
    Fault::Incompatible {
        what: format!(
            "its interface {} is not this trimtab's: {error}; make its bindings anew from `wit/v1/policy.wit` of this trimtab, \
             unchanged, or build it with its SDK",
            contract_v1::world().export()
        ),
    }
}

/// Adds what an answer that cannot be read most likely comes from.
pub(super) fn in_fault(fault: Fault) -> Fault {
    const ENCODINGS: [&str; 5] = ["utf-8", "utf8", "utf-16", "utf16", "surrogate"];
    match fault {
        // That a function has other types is found out when it is looked up in an instance.
        Fault::Incompatible { what } if what.contains("failed to convert function") => not_the_contract(&what),
        Fault::BadOutput { what } if ENCODINGS.iter().any(|word| what.to_lowercase().contains(word)) => {
            Fault::BadOutput {
                what: format!(
                    "{what}; if it is a core module, its texts may be encoded otherwise than was stated: `{FLAG} utf16` for \
                     AssemblyScript, `{FLAG} utf8` for all others"
                ),
            }
        }
        fault => fault,
    }
}

/// What a name that makes no sense most likely comes from; empty where nothing points to its encoding.
pub(super) fn in_name(name: &str) -> String {
    let pair = |c: char| u16::try_from(u32::from(c)).unwrap_or(0).to_le_bytes();
    if name.chars().next().is_some_and(|c| !c.is_ascii() && pair(c).iter().all(u8::is_ascii_graphic)) {
        return format!("; its texts seem to be UTF-8, read as UTF-16: load it with `{FLAG} utf8`");
    }
    if name.contains('\0') {
        return format!("; its texts seem to be UTF-16, read as UTF-8: load it with `{FLAG} utf16`");
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_how_it_was_misread() {
        let utf16: Vec<u8> = "probe".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(in_name(std::str::from_utf8(&utf16).unwrap()).contains("--string-encoding utf16"));
        let units: Vec<u16> = b"target".chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert!(in_name(&String::from_utf16(&units).unwrap()).contains("--string-encoding utf8"));
        for other in ["probe", "Größe", "日本"] {
            assert_eq!(in_name(other), "", "{other}");
        }
    }
}
