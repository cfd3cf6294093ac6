//! Rust: cargo, with a standard library for `wasm32-unknown-unknown` that `toolchain.rs` finds or fetches.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Language, Tools, Workshop, by_trimtab};
use crate::index::Kind;
use crate::steps;
use crate::toolchain::{TARGET, Toolchain};

pub(super) const LANGUAGE: Language =
    Language { name: "rust", kind: Kind::Module, quick: true, prepare, build, tests: &[&["cargo", "test", "--quiet"]] };

fn prepare(workshop: &Workshop<'_>, _: &Path) -> Result<Tools> {
    // One target folder for builds and tests, apart from the workspace's own.
    let folder = workshop.workspace.target.join("languages-work/rust-target");
    Ok(Tools { environment: vec![("CARGO_TARGET_DIR", folder.into())], ..Tools::default() })
}

fn build(workshop: &Workshop<'_>, project: &Path, tools: &Tools) -> Result<PathBuf> {
    let toolchain = Toolchain::find(workshop.workspace)?;
    if toolchain.is_plain() {
        return by_trimtab(workshop, project, tools);
    }
    // Debian's compiler takes words that no author would know of.
    steps::run(toolchain.build(workshop.workspace).arg("--release").current_dir(project))?;
    Ok(workshop.workspace.target.join("guests").join(TARGET).join("release/target_tracking.wasm"))
}
