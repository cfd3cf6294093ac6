//! Builds the test guests into `target/guests-out/`: the same small policy in WAT, C and JavaScript, so that the contract is
//! not shaped by Rust alone. The sources lie in `tests/guests/`.

mod c;
pub(crate) mod quickjs;
mod wat;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::index::{self, Entry, Kind};
use crate::steps::{self, Step, say};
use crate::workspace::Workspace;

/// What there is to build with.
struct Workshop<'a> {
    workspace: &'a Workspace,
    /// The sources of all guests.
    sources: PathBuf,
    /// The contract.
    wit: PathBuf,
    /// Where intermediate files go.
    scratch: PathBuf,
    /// Where modules and components go.
    out: PathBuf,
}

/// A guest: its name, what its toolchain leaves, and how to build it.
type Guest = (&'static str, Kind, fn(&Workshop<'_>, &Path) -> Result<()>);

const GUESTS: &[Guest] = &[
    ("guest-wat", Kind::BareModule, wat::build),
    ("guest-c", Kind::Module, c::build),
    ("guest-quickjs", Kind::Component, quickjs::build),
];

/// What came of it.
pub(crate) struct Built {
    /// The folder with the guests and their index.
    pub(crate) folder: PathBuf,
    /// Guests that could not be built, each with the reason.
    pub(crate) missing: Vec<(&'static str, anyhow::Error)>,
}

/// Builds all of them, and fails if one cannot be built.
///
/// # Errors
/// Where a compiler cannot be had or complains.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let built = build_possible(workspace)?;
    for (name, error) in &built.missing {
        say(format!("{name}: {error:#}"));
    }
    if !built.missing.is_empty() {
        bail!("{} of {} guests could not be built; see above", built.missing.len(), GUESTS.len());
    }
    Ok(())
}

/// Builds those that can be built here.
///
/// # Errors
/// Where the disk fails.
pub(crate) fn build_possible(workspace: &Workspace) -> Result<Built> {
    let workshop = Workshop {
        workspace,
        sources: workspace.root.join("tests/guests"),
        wit: workspace.root.join("wit/v1/policy.wit"),
        scratch: workspace.target.join("guests-work"),
        out: workspace.target.join("guests-out"),
    };
    for folder in [&workshop.scratch, &workshop.out] {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let mut index = Vec::new();
    let mut missing = Vec::new();
    for (name, kind, build) in GUESTS {
        let file = workshop.scratch.join(format!("{name}.wasm"));
        if let Err(error) = build(&workshop, &file) {
            missing.push((*name, error));
            continue;
        }
        let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let entry = Entry::new(name, *kind, &bytes);
        index::write_if_changed(&workshop.out.join(&entry.file), &bytes)?;
        index.push(entry);
    }
    index::write(&workshop.out, &index)?;
    let sizes: Vec<String> = index.iter().map(|entry| format!("{} {} bytes", entry.name, entry.bytes)).collect();
    say(format!("{} of {} guests in {} ({})", index.len(), GUESTS.len(), workshop.out.display(), sizes.join(", ")));
    Ok(Built { folder: workshop.out, missing })
}

impl Workshop<'_> {
    /// Our own tool for bindings and WAT, built first if need be.
    fn tool(&self) -> Command {
        let mut cargo = self.workspace.cargo();
        cargo.args(["run", "--quiet", "--package", "guest-tools", "--"]);
        cargo
    }
}
