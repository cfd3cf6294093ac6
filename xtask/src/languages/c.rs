//! C: clang, with rustup's linker where clang has none. clang if it is installed and knows WebAssembly, else Debian's, unpacked
//! into the cache folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::cache::Cache;
use crate::index::Kind;
use crate::{debian, steps, toolchain};

/// The package unpacked where no clang is installed; its headers are in one of their own.
const PACKAGES: [&str; 2] = ["clang-19", "libclang-common-19-dev"];

pub(super) const LANGUAGE: Language = Language {
    name: "c",
    kind: Kind::Module,
    quick: true,
    prepare,
    build: by_trimtab,
    tests: &[&["sh", "test.sh"], COMPILE_LAYER, &["./dist/layer"]],
};

/// What the example does not come by of the layer is tested by a program of its own.
const COMPILE_LAYER: &[&str] = &[
    "cc",
    "-std=gnu17",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffp-contract=off",
    "-I.",
    "-Itrimtab",
    "dist/layer.c",
    "trimtab/text.c",
    "trimtab/parameters.c",
    "trimtab/answer.c",
    "trimtab/reading.c",
    "trimtab/rehearsal.c",
    "-lm",
    "-o",
    "dist/layer",
];

fn prepare(workshop: &Workshop<'_>, project: &Path) -> Result<Tools> {
    let (tests, dist) = (workshop.workspace.root.join("sdk/c/tests/layer.c"), project.join("dist"));
    fs::create_dir_all(&dist).with_context(|| format!("making {}", dist.display()))?;
    fs::copy(&tests, dist.join("layer.c")).with_context(|| format!("copying {}", tests.display()))?;
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
