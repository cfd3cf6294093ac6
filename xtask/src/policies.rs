//! Builds the first-party policies into `target/policies/`, where `host/build.rs` finds them.
//!
//! A policy is a member with `[package.metadata.trimtab] policy = true` and a `cdylib`. The files are core modules as the
//! compiler leaves them, with their component type in a custom section; the host makes components of them, as it does of
//! a stranger's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::index::{self, Entry, Kind};
use crate::steps::{self, say};
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::{Package, Workspace};

/// The stack of a policy. The linker's default of 1 MiB would be most of an instance's memory (languages.md measured 1,152
/// against 192 KiB), and is touched again for every fresh instance.
const STACK_BYTES: u32 = 64 * 1024;

/// Builds them and hands back the folder.
///
/// # Errors
/// Where no toolchain can be had, a policy does not compile, or the disk fails.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("policies");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let policies: Vec<&Package> = workspace.packages.iter().filter(|package| is_policy(package)).collect();
    if !policies.is_empty() {
        compile(workspace, &policies)?;
    }
    let mut index = Vec::new();
    for package in policies {
        index.push(collect(workspace, package, &folder)?);
    }
    index::write(&folder, &index)?;
    let bytes: usize = index.iter().map(|entry| entry.bytes).sum();
    say(format!("{} policies, {bytes} bytes, in {}", index.len(), folder.display()));
    Ok(folder)
}

fn is_policy(package: &Package) -> bool {
    package.metadata.pointer("/trimtab/policy").and_then(serde_json::Value::as_bool).unwrap_or(false)
}

fn compile(workspace: &Workspace, policies: &[&Package]) -> Result<()> {
    let toolchain = Toolchain::find(workspace)?;
    let mut cargo = toolchain.build(workspace);
    cargo.args(["--profile", "guest", "--lib"]);
    cargo.env("RUSTFLAGS", format!("-C link-arg=-zstack-size={STACK_BYTES}"));
    for package in policies {
        cargo.args(["-p", &package.name]);
    }
    steps::run(&mut cargo).with_context(|| format!("building the policies with {}", toolchain.name))
}

fn collect(workspace: &Workspace, package: &Package, folder: &Path) -> Result<Entry> {
    let Some(library) = package.targets.iter().find(|target| target.kind.iter().any(|kind| kind == "cdylib")) else {
        bail!("the policy {} builds no module: add `crate-type = [\"cdylib\", \"rlib\"]` to its [lib]", package.name);
    };
    let built = workspace
        .target
        .join("guests")
        .join(TARGET)
        .join("guest")
        .join(format!("{}.wasm", library.name.replace('-', "_")));
    let bytes = fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
    let entry = Entry::new(&package.name, Kind::Module, &bytes);
    index::write_if_changed(&folder.join(&entry.file), &bytes)?;
    Ok(entry)
}
