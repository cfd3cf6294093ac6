//! What a stranger's bytes are, found out before anything is compiled.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload, Validator, WasmFeatures};
use wasmtime::Engine;

use super::fault::Fault;
use super::limits::UploadLimits;
use super::{remedy, wasi};

/// Most names listed in one complaint.
const NAMES_MAX: usize = 12;

/// What a component must export. The sandbox knows no contract; whoever loads a component says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// `trimtab:policy`.
    pub package: Cow<'static, str>,
    /// The world's name in the package.
    pub name: Cow<'static, str>,
    /// The interface that is exported.
    pub interface: Cow<'static, str>,
    /// The version that this host speaks.
    pub version: Cow<'static, str>,
    /// The package as WIT text.
    pub wit: Cow<'static, str>,
}

impl World {
    /// The name of the export: `trimtab:policy/decide@0.1.0`.
    #[must_use]
    pub fn export(&self) -> String {
        format!("{}/{}@{}", self.package, self.interface, self.version)
    }

    /// The version in an export's name (or that of a function in it, in a core module) if it is this world's interface.
    pub(super) fn version_of<'a>(&self, export: &'a str) -> Option<&'a str> {
        let rest = export.strip_prefix(&*self.package)?.strip_prefix('/')?.strip_prefix(&*self.interface)?;
        Some(rest.strip_prefix('@')?.split('#').next().unwrap_or_default())
    }

    /// Whether this host speaks the version that these exports were built for.
    pub(super) fn check_version<'a>(&self, exports: impl Iterator<Item = &'a str> + Clone) -> Result<(), Fault> {
        let mut versions = exports.clone().filter_map(|export| self.version_of(export));
        let Some(first) = versions.next() else {
            let names: Vec<&str> = exports.clone().collect();
            return Err(refuse(format!(
                "it exports {}, and must export {}: build it for the world `{}` of the package `{}@{}`{}",
                listed(exports),
                self.export(),
                self.name,
                self.package,
                self.version,
                remedy::of_exports(&names, &format!("{}/{}", self.package, self.interface))
            )));
        };
        if first == self.version || versions.any(|version| version == self.version) {
            return Ok(());
        }
        Err(refuse(format!(
            "it was built for the contract {}@{}, this host speaks {}: {}",
            self.package,
            short(first),
            self.version,
            self.other_version(first)
        )))
    }

    fn other_version(&self, theirs: &str) -> &'static str {
        let numbers = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
        if numbers(theirs) > numbers(&self.version) {
            "take a newer trimtab, or build it with the SDK of this one"
        } else {
            "build it again with the SDK of this trimtab"
        }
    }
}

/// What the bytes claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A component, to be loaded as it is.
    Component,
    /// A core module, to be made a component of.
    Module,
}

/// Looks at size and first bytes only: cheap enough for the host itself.
///
/// # Errors
/// Where it is too large, no WebAssembly, or compiled code: that would run with the host's rights.
pub(super) fn check_head(bytes: &[u8], limits: &UploadLimits) -> Result<Kind, Fault> {
    if bytes.len() as u64 > limits.bytes_max {
        return Err(refuse(format!(
            "it is {} bytes long, allowed are {} (upload.bytes_max)",
            bytes.len(),
            limits.bytes_max
        )));
    }
    if let Some(what) = archive(bytes) {
        return Err(refuse(format!("it is an archive ({what}), and no policy: unpack it")));
    }
    // What the engine compiles to is an ELF file as well, so it is asked first.
    if Engine::detect_precompiled(bytes).is_none() && bytes.starts_with(b"\x7fELF") {
        return Err(refuse("it is a program for one machine (ELF), and no WebAssembly".to_owned()));
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(refuse("it is compiled code, which this host takes from nobody: give it the .wasm".to_owned()));
    }
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"(") || text.starts_with(b";;") {
        return Err(refuse(
            "it is WebAssembly as text: make it binary with `wasm-tools parse FILE.wat -o FILE.wasm`".to_owned(),
        ));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(refuse(format!("it is not WebAssembly{}", remedy::of_other_bytes(bytes))));
    }
    if Parser::is_component(bytes) {
        Ok(Kind::Component)
    } else if Parser::is_core_wasm(bytes) {
        Ok(Kind::Module)
    } else {
        Err(refuse("it is cut off, or WebAssembly of a version that this host does not know".to_owned()))
    }
}

/// The kind of archive or compressed file that these bytes begin.
fn archive(bytes: &[u8]) -> Option<&'static str> {
    const HEADS: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
    ];
    let tar = bytes.get(257..262).is_some_and(|mark| mark == b"ustar").then_some("tar");
    HEADS.iter().find(|(head, _)| bytes.starts_with(head)).map(|(_, name)| *name).or(tar)
}

/// What was found in a component or module, by one walk over it.
#[derive(Debug, Default)]
pub(super) struct Inspected<'a> {
    pub(super) imports: Vec<(&'a str, bool)>,
    pub(super) exports: Vec<&'a str>,
    pub(super) custom: Vec<(&'a str, &'a [u8])>,
}

/// Walks over all sections, counting what takes time to compile.
///
/// # Errors
/// Where it is malformed or has more than the limits allow.
pub(super) fn inspect<'a>(bytes: &'a [u8], limits: &UploadLimits) -> Result<Inspected<'a>, Fault> {
    let mut found = Inspected::default();
    let (mut depth, mut functions, mut custom_bytes) = (0_u32, 0_u32, 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| malformed(&error))? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CodeSectionEntry(body) => {
                functions += 1;
                let length = body.range().len();
                if length as u64 > u64::from(limits.function_bytes_max) {
                    return Err(refuse(format!(
                        "it has a function of {length} bytes, allowed are {} (upload.function_bytes_max)",
                        limits.function_bytes_max
                    )));
                }
                if functions > limits.functions_max {
                    return Err(refuse(format!(
                        "it has more than {} functions (upload.functions_max)",
                        limits.functions_max
                    )));
                }
            }
            Payload::CustomSection(section) => {
                custom_bytes += section.data().len() as u64;
                if custom_bytes > limits.custom_bytes_max {
                    return Err(refuse(format!(
                        "its custom sections are longer than {} bytes (upload.custom_bytes_max): strip it",
                        limits.custom_bytes_max
                    )));
                }
                if depth == 1 {
                    found.custom.push((section.name(), section.data()));
                }
            }
            payload if depth == 1 => found.outer(&payload)?,
            _ => {}
        }
    }
    Ok(found)
}

impl<'a> Inspected<'a> {
    /// Imports and exports of the outermost component or module.
    fn outer(&mut self, payload: &Payload<'a>) -> Result<(), Fault> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import.map_err(|error| malformed(&error))?;
                    self.imports.push((import.name.name, import.ty.kind() == ComponentExternalKind::Type));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(export.map_err(|error| malformed(&error))?.name.name);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    self.imports.push((import.map_err(|error| malformed(&error))?.module, false));
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(export.map_err(|error| malformed(&error))?.name);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Checks a component: contract version and imports first, so that its author reads the reason and not a type error.
///
/// # Errors
/// [`Fault::Incompatible`], with the remedy.
pub(super) fn check(bytes: &[u8], world: &World, limits: &UploadLimits) -> Result<(), Fault> {
    let found = inspect(bytes, limits)?;
    world.check_version(found.exports.iter().copied())?;
    check_imports(&found, world, bytes)?;
    validate(bytes)
}

/// Whether it is WebAssembly through and through.
pub(super) fn validate(bytes: &[u8]) -> Result<(), Fault> {
    // More than the engine has: what the engine lacks it says itself, with a better message than "invalid".
    Validator::new_with_features(WasmFeatures::all()).validate_all(bytes).map(drop).map_err(|error| malformed(&error))
}

/// An interface of types alone, and WASI 0.2: nothing else is there to be imported. Exports beyond the world's are left alone.
fn check_imports(found: &Inspected<'_>, world: &World, bytes: &[u8]) -> Result<(), Fault> {
    let own_package = format!("{}/", world.package);
    let refused: Vec<&str> = found
        .imports
        .iter()
        .filter(|(name, is_type)| !is_type && !name.starts_with(&own_package) && wasi::interface(name).is_none())
        .map(|(name, _)| *name)
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(refuse(format!("it imports {}: {}", listed(refused.iter().copied()), remedy::of_imports(&refused, bytes))))
}

pub(super) fn refuse(what: String) -> Fault {
    Fault::Incompatible { what }
}

fn malformed(error: &wasmparser::BinaryReaderError) -> Fault {
    // The parser shows the bytes of a wrong beginning one a line.
    let said = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = if error.message().starts_with("unexpected end") {
        ": it is cut off; copy or upload it again, whole"
    } else {
        ""
    };
    refuse(format!("it is not valid WebAssembly: {said}{cut}"))
}

/// Names for a person, bounded.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let mut text = names.iter().take(NAMES_MAX).map(|name| format!("`{}`", short(name))).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        text.push_str("nothing");
    }
    if names.len() > NAMES_MAX {
        text.push_str(&format!(" and {} more", names.len() - NAMES_MAX));
    }
    text
}

fn short(name: &str) -> String {
    name.chars().take(120).collect()
}
