//! Names and types as Go writes them.

use anyhow::{Result, bail};
use wit_parser::{Resolve, Type, TypeDefKind};

use super::kind_of;

/// Words that Go writes in capitals.
const INITIALS: [&str; 3] = ["id", "cpu", "json"];

/// `look-back-ms` → `LookBackMs`.
pub(super) fn public(name: &str) -> String {
    let word = |word: &str| {
        if INITIALS.contains(&word) {
            return word.to_uppercase();
        }
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('-').map(word).collect()
}

/// The type of a field or parameter.
pub(super) fn of(resolve: &Resolve, ty: Type) -> Result<String> {
    if let Type::Id(id) = ty
        && let Some(name) = resolve.types.get(id).and_then(|def| def.name.as_ref())
    {
        return Ok(public(name));
    }
    Ok(match kind_of(resolve, ty) {
        None => scalar(ty)?.to_owned(),
        Some(TypeDefKind::List(item)) => format!("[]{}", of(resolve, *item)?),
        Some(TypeDefKind::Option(some)) => format!("Option[{}]", of(resolve, *some)?),
        Some(TypeDefKind::Tuple(tuple)) => match tuple.types.as_slice() {
            [key, value] => format!("Entry[{}, {}]", of(resolve, *key)?, of(resolve, *value)?),
            other => bail!("a tuple of {}: only those of two are known", other.len()),
        },
        Some(other) => bail!("a {} without a name is not known", other.as_str()),
    })
}

/// A type that Go has itself.
pub(super) fn scalar(ty: Type) -> Result<&'static str> {
    Ok(match ty {
        Type::Bool => "bool",
        Type::U8 => "uint8",
        Type::S8 => "int8",
        Type::U16 => "uint16",
        Type::S16 => "int16",
        Type::U32 => "uint32",
        Type::S32 => "int32",
        Type::U64 => "uint64",
        Type::S64 => "int64",
        Type::F32 => "float32",
        Type::F64 => "float64",
        Type::String => "string",
        other => bail!("{other:?} is not known"),
    })
}

/// Whether values lie in Go's memory as they do in the canonical ABI: a list of them crosses as it is.
pub(super) fn is_same_in_memory(resolve: &Resolve, ty: Type) -> bool {
    kind_of(resolve, ty).is_none() && ty != Type::String && ty != Type::Char
}

/// A word for a type in the name of a function: `ListOfInstance`.
pub(super) fn word(resolve: &Resolve, ty: Type) -> Result<String> {
    let name = of(resolve, ty)?;
    let spoken = name.replace("[]", "ListOf ").replace("Option[", "OptionOf ").replace("Entry[", "EntryOf ");
    let words = spoken.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    Ok(words.map(public).collect())
}
