//! WebAssembly's own text: assembled here, without any tool.
//!
//! Nothing in a core module says how it holds its texts, so the text must: `(@custom "trimtab:string-encoding" "utf8")`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

use super::Facts;
use crate::cli::Fail;

/// More than anybody writes by hand.
const SOURCE_BYTES_MAX: u64 = 4 << 20;

pub(super) static FACTS: Facts = Facts {
    files: &[
        ("README.md", include_str!("../../../../../sdk/wat/template/README.md.tmpl")),
        (".gitignore", include_str!("../../../../../sdk/wat/template/.gitignore.tmpl")),
        ("{{name}}.wat", include_str!("../../../../../sdk/wat/template/policy.wat.tmpl")),
        ("test.sh", include_str!("../../../../../sdk/wat/template/test.sh.tmpl")),
    ],
    steps: &[("sh test.sh", "builds it, and plays it through a few moments")],
    known_by: "one .wat file",
    is_project: |dir| sources(dir).is_ok_and(|sources| !sources.is_empty()),
    build,
};

fn build(dir: &Path) -> Result<PathBuf> {
    let source = source(dir)?;
    let name = source.display();
    eprintln!("assembling {name}");
    let module = assemble(&source)?;
    if !states_encoding(&module) {
        return Err(Fail::usage(format!(
            "{name} does not say how it holds its texts: put `(@custom \"trimtab:string-encoding\" \"utf8\")` into the module \
             (or \"utf16\", if that is what they are)"
        )));
    }
    let out = dir.join("dist");
    std::fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let wasm = out.join(source.file_name().unwrap_or_default()).with_extension("wasm");
    std::fs::write(&wasm, module).with_context(|| format!("writing {}", wasm.display()))?;
    Ok(wasm)
}

/// The one source of a project.
fn source(dir: &Path) -> Result<PathBuf> {
    let mut found = sources(dir)?;
    match (found.pop(), found.is_empty()) {
        (Some(source), true) => Ok(source),
        _ => Err(Fail::usage(format!(
            "{} holds more than one .wat file: a policy is one of them; give each its own folder",
            dir.display()
        ))),
    }
}

fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "wat") && path.is_file()).collect())
}

fn assemble(source: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::metadata(source).with_context(|| format!("looking at {}", source.display()))?.len();
    if bytes > SOURCE_BYTES_MAX {
        let name = source.display();
        return Err(Fail::usage(format!("{name} is {bytes} bytes long, at most {SOURCE_BYTES_MAX} are assembled")));
    }
    // Its error shows the line.
    wat::parse_file(source).map_err(|error| Fail::policy(format!("{} does not assemble: {error}", source.display())))
}

fn states_encoding(module: &[u8]) -> bool {
    let mut sections = Parser::new(0).parse_all(module).map_while(Result::ok);
    sections.any(|payload| {
        matches!(payload, Payload::CustomSection(section)
            if section.name() == "trimtab:string-encoding" || section.name().starts_with("component-type"))
    })
}

#[cfg(test)]
mod tests;
