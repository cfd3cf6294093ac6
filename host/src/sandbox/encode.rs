//! Core modules made into components, so that an author needs a compiler and nothing else.

use serde::{Deserialize, Serialize};
use wasm_encoder::{CustomSection, Section};
use wit_component::{ComponentEncoder, StringEncoding as WitEncoding};
use wit_parser::Resolve;

use super::component::{Inspected, World, listed, refuse, validate};
use super::fault::Fault;
use super::remedy;

/// How a module holds its texts. Nothing in a core module says so, and a wrong guess garbles every text: it is stated at upload
/// or in a custom section named `trimtab:string-encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StringEncoding {
    /// Rust, C, Zig, Go.
    Utf8,
    /// AssemblyScript, C#, Java.
    Utf16,
}

/// Custom section that states the encoding, `utf8` or `utf16`, where there is no `component-type` section.
pub(super) const ENCODING_SECTION: &str = "trimtab:string-encoding";

/// Section that wit-bindgen's languages leave, with the whole world in it.
const TYPE_SECTION: &str = "component-type";

/// Preview 1 of WASI without a host behind it: see the comment in the file.
const PREVIEW1_SHIM: &str = include_str!("encode/preview1.wat");
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// Makes a component of a core module.
///
/// # Errors
/// [`Fault::Incompatible`] where the contract's version or the encoding is unknown, an import is not there, or the exports do
/// not have the world's types.
pub(super) fn encode(
    module: &[u8],
    found: &Inspected<'_>,
    world: &World,
    stated: Option<StringEncoding>,
) -> Result<Vec<u8>, Fault> {
    if remedy::is_wasm64(module) {
        return Err(refuse(remedy::of_engine("memory64")));
    }
    let mut module = module.to_vec();
    let mut embedded = None;
    if !found.custom.iter().any(|(name, _)| name.starts_with(TYPE_SECTION)) {
        world.check_version(found.exports.iter().copied())?;
        check_imports(found, &module)?;
        embedded = Some(embed(&mut module, world, encoding(found, stated)?)?);
    }
    // What is wrong with the module itself is said as such, and not as a fault of making a component of it.
    validate(&module)?;
    if let Some(resolve) = embedded {
        check_functions(found, &resolve, world)?;
    }
    let mut encoder = ComponentEncoder::default().validate(true);
    if found.imports.iter().any(|(name, _)| *name == PREVIEW1) {
        let shim = wat::parse_str(PREVIEW1_SHIM).map_err(|error| refuse(format!("our own shim: {error}")))?;
        encoder = encoder.adapter(PREVIEW1, &shim).map_err(|error| not_encodable(&error))?;
    }
    let mut encoder = encoder.module(&module).map_err(|error| not_encodable(&error))?;
    encoder.encode().map_err(|error| not_encodable(&error))
}

/// Puts the world into the module, as wit-bindgen would have, and hands over what it read of the world.
fn embed(module: &mut Vec<u8>, world: &World, encoding: StringEncoding) -> Result<Resolve, Fault> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", &world.wit).map_err(|error| not_encodable(&error))?;
    let selected = resolve.select_world(&[package], Some(&world.name)).map_err(|error| not_encodable(&error))?;
    let encoding = match encoding {
        StringEncoding::Utf8 => WitEncoding::UTF8,
        StringEncoding::Utf16 => WitEncoding::UTF16,
    };
    wit_component::embed_component_metadata(module, &resolve, selected, encoding)
        .map_err(|error| not_encodable(&error))?;
    Ok(resolve)
}

/// Names the functions of the interface that a module does not export, all at once.
fn check_functions(found: &Inspected<'_>, resolve: &Resolve, world: &World) -> Result<(), Fault> {
    let mut interfaces = resolve.interfaces.iter().map(|(_, interface)| interface);
    let interface = interfaces.find(|interface| interface.name.as_deref() == Some(&*world.interface));
    let functions = interface.into_iter().flat_map(|interface| interface.functions.keys());
    let name = world.export();
    let missing: Vec<&str> = functions
        .map(String::as_str)
        .filter(|function| !found.exports.contains(&format!("{name}#{function}").as_str()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(refuse(format!(
        "it exports {name} without {}: export each function as `{name}#FUNCTION`",
        listed(missing.iter().copied())
    )))
}

/// Puts a section into a core module that says how it holds its texts.
pub fn state_string_encoding(module: &mut Vec<u8>, encoding: StringEncoding) {
    let data: &[u8] = match encoding {
        StringEncoding::Utf8 => b"utf8",
        StringEncoding::Utf16 => b"utf16",
    };
    let section = CustomSection { name: ENCODING_SECTION.into(), data: data.into() };
    Section::append_to(&section, module);
}

fn encoding(found: &Inspected<'_>, stated: Option<StringEncoding>) -> Result<StringEncoding, Fault> {
    let section = found.custom.iter().find(|(name, _)| *name == ENCODING_SECTION).map(|(_, data)| data.trim_ascii());
    let embedded = match section {
        None => None,
        Some(b"utf8") => Some(StringEncoding::Utf8),
        Some(b"utf16") => Some(StringEncoding::Utf16),
        Some(other) => {
            let other: String = String::from_utf8_lossy(other).chars().take(40).collect();
            return Err(refuse(format!(
                "its section `{ENCODING_SECTION}` says {other:?}: `utf8` or `utf16` may stand there"
            )));
        }
    };
    match (stated, embedded) {
        (Some(stated), Some(embedded)) if stated != embedded => {
            Err(refuse(format!("it was stated to hold its texts otherwise than its section `{ENCODING_SECTION}` says")))
        }
        (Some(encoding), _) | (None, Some(encoding)) => Ok(encoding),
        (None, None) => Err(refuse(format!(
            "it is a core module that does not say how it holds its texts: state the string encoding with it, by \
             `--string-encoding utf8` for Rust, C, Zig and Go or `--string-encoding utf16` for AssemblyScript, or put a custom section `{ENCODING_SECTION}` into it"
        ))),
    }
}

fn check_imports(found: &Inspected<'_>, module: &[u8]) -> Result<(), Fault> {
    let mut refused: Vec<&str> = found.imports.iter().map(|(name, _)| *name).filter(|name| *name != PREVIEW1).collect();
    refused.dedup();
    if refused.is_empty() {
        return Ok(());
    }
    Err(refuse(format!(
        "it imports from {}: {}",
        listed(refused.iter().copied()),
        remedy::of_imports(&refused, module)
    )))
}

fn not_encodable(error: &impl std::fmt::Display) -> Fault {
    let text: String = format!("{error:#}").chars().take(1_000).collect();
    let remedy = remedy::of_encoder(&text).map(|remedy| format!(": {remedy}")).unwrap_or_default();
    refuse(format!("no component can be made of it: {text}{remedy}"))
}
