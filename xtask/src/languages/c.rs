//! C: clang, with rustup's linker where clang has none. clang if it is installed and knows WebAssembly, else Debian's, unpacked
//! into the cache folder.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::cache::Cache;
use crate::index::Kind;
use crate::{debian, steps, toolchain};

/// The package unpacked where no clang is installed; its headers are in one of their own. The guest in C shares them.
const PACKAGES: [&str; 2] = ["clang-19", "libclang-common-19-dev"];

pub(super) const LANGUAGE: Language =
    Language { name: "c", kind: Kind::Module, quick: true, prepare, build: by_trimtab, tests: &[&["sh", "test.sh"]] };

fn prepare(_: &Workshop<'_>, _: &Path) -> Result<Tools> {
    let mut tools = Tools::default();
    if let Some(lld) = toolchain::linker()?.parent() {
        // Beside rust-lld, under the name by which a linker knows what it is.
        tools.path.push(lld.join("gcc-ld"));
    }
    let targets = steps::capture(Command::new("clang").arg("--print-targets"));
    if targets.is_ok_and(|targets| targets.contains("wasm32")) {
        return Ok(tools);
    }
    let folder = debian::folder(&Cache::open()?, &PACKAGES)
        .context("no clang that knows wasm32 is installed, and Debian's cannot be had; install clang 14 or newer")?;
    tools.path.push(folder.join("usr/bin"));
    tools.environment.push(("LD_LIBRARY_PATH", debian::library_path(&folder)?));
    Ok(tools)
}
