//! What a Wasm file is by its bytes alone: shown also where the host does not take it.

use serde::Serialize;
use wasmparser::{CustomSectionReader, Encoding, KnownCustom, Parser, Payload};

/// Names shown of each sort.
const NAMES_MAX: usize = 64;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Inspected {
    /// `component`, `core module`, or what else it seems to be.
    pub(super) kind: String,
    /// Names that it imports, outermost only.
    pub(super) imports: Vec<String>,
    /// Names that it exports, likewise.
    pub(super) exports: Vec<String>,
    /// The tools that say of themselves that they made it, with their versions: `rustc 1.95.0`.
    pub(super) made_with: Vec<String>,
}

/// Reads as far as the bytes go; what is broken is left to the sandbox to say.
pub(super) fn inspect(bytes: &[u8]) -> Inspected {
    let mut inspected = Inspected { kind: "not WebAssembly".to_owned(), ..Inspected::default() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 {
                    inspected.kind =
                        if encoding == Encoding::Component { "component" } else { "core module" }.to_owned();
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == "producers" => {
                inspected.made_with.extend(producers(&section));
            }
            // What is inside of a component is its own affair.
            _ if depth > 1 => {}
            Payload::ImportSection(imports) => {
                let imports = imports.into_imports().map_while(Result::ok);
                inspected.imports.extend(imports.map(|import| format!("{}#{}", import.module, import.name)));
            }
            Payload::ComponentImportSection(imports) => {
                inspected
                    .imports
                    .extend(imports.into_iter().map_while(Result::ok).map(|import| import.name.name.to_owned()));
            }
            Payload::ExportSection(exports) => {
                inspected
                    .exports
                    .extend(exports.into_iter().map_while(Result::ok).map(|export| export.name.to_owned()));
            }
            Payload::ComponentExportSection(exports) => {
                inspected
                    .exports
                    .extend(exports.into_iter().map_while(Result::ok).map(|export| export.name.name.to_owned()));
            }
            _ => {}
        }
    }
    inspected.made_with.sort();
    inspected.made_with.dedup();
    inspected.made_with.truncate(NAMES_MAX);
    inspected.imports.truncate(NAMES_MAX);
    inspected.exports.truncate(NAMES_MAX);
    inspected
}

/// Who processed a module, by the section that toolchains agreed on. It is only ever shown: anybody can write anything there.
fn producers(section: &CustomSectionReader<'_>) -> Vec<String> {
    let KnownCustom::Producers(fields) = section.as_known() else { return Vec::new() };
    let fields = fields.into_iter().map_while(Result::ok).filter(|field| field.name == "processed-by");
    let values = fields.flat_map(|field| field.values.into_iter().map_while(Result::ok)).take(NAMES_MAX);
    values.map(|value| format!("{} {}", value.name, value.version).trim().chars().take(120).collect()).collect()
}
