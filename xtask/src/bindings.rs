//! Bindings of the contract that are committed with an SDK: made from `wit/`, and held to it.
//!
//! An SDK whose language has no generator of its own carries them, so that its users need no tool of WebAssembly's. `cargo xtask
//! bindings` makes them anew, `--check` (part of `cargo xtask lint`) says which are not what would be made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::steps::{self, say};
use crate::workspace::Workspace;

/// The word for `guest-tools`, and the folder below `sdk/` that holds nothing but what it writes.
const BINDINGS: &[(&str, &str)] = &[
    ("assemblyscript", "assemblyscript/trimtab/bindings"),
    ("c", "c/bindings"),
    ("go", "go/wire"),
    ("python", "python/trimtab/contract"),
    ("typescript", "typescript/trimtab/contract"),
    ("zig", "zig/bindings"),
];

/// What `cargo xtask bindings` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail where a file is not what would be written
    #[arg(long)]
    check: bool,
}

/// Makes or checks all of them.
///
/// # Errors
/// Where a generator complains; with `--check`, where a file differs.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.check { check(workspace) } else { make(workspace) }
}

fn make(workspace: &Workspace) -> Result<()> {
    for (word, folder) in BINDINGS {
        let folder = workspace.root.join("sdk").join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        }
        generate(workspace, word, &folder)?;
        say(format!("{} is made from wit/v1/policy.wit", folder.display()));
    }
    Ok(())
}

/// Fails where what is committed is not what would be made.
///
/// # Errors
/// With the files that differ.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut wrong = Vec::new();
    for (word, folder) in BINDINGS {
        let (made, committed) = (workspace.target.join("bindings").join(word), workspace.root.join("sdk").join(folder));
        if made.exists() {
            fs::remove_dir_all(&made).with_context(|| format!("removing {}", made.display()))?;
        }
        generate(workspace, word, &made)?;
        let (made, committed) = (files(&made)?, files(&committed)?);
        let names: std::collections::BTreeSet<&PathBuf> = made.keys().chain(committed.keys()).collect();
        let differ = names.into_iter().filter(|name| made.get(*name) != committed.get(*name));
        wrong.extend(differ.map(|name| format!("sdk/{folder}/{}", name.display())));
    }
    if !wrong.is_empty() {
        bail!("not what is made from wit/v1/policy.wit: {}; run `cargo xtask bindings`", wrong.join(", "));
    }
    Ok(())
}

fn generate(workspace: &Workspace, word: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--quiet", "--package", "guest-tools", "--", word]);
    steps::run(cargo.arg(workspace.root.join("wit/v1/policy.wit")).arg(folder))
}

/// The files of a folder, without those of folders in it.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        files.insert(PathBuf::from(path.file_name().unwrap_or_default()), bytes);
    }
    Ok(files)
}
