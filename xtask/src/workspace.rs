//! What cargo says of this workspace: where it lies, where it builds, who is in it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::steps;

/// The workspace.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// The folder of the checkout.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever `CARGO_TARGET_DIR` or a config file puts it.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// Its members.
    pub(crate) packages: Vec<Package>,
}

/// A member.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// The oldest compiler that it accepts.
    pub(crate) rust_version: Option<String>,
    /// What it builds.
    pub(crate) targets: Vec<Target>,
    /// `[package.metadata]`; null if there is none.
    #[serde(default)]
    pub(crate) metadata: serde_json::Value,
}

/// Something that a member builds.
#[derive(Deserialize)]
pub(crate) struct Target {
    /// Its name; dashes are underscores if it is a library.
    pub(crate) name: String,
    /// `lib`, `cdylib`, `bin`, `bench` …
    pub(crate) kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// Where cargo cannot read the workspace.
    pub(crate) fn load() -> Result<Self> {
        // Not the current folder: `cargo xtask` works from any folder below the root, and cargo says where xtask itself lies.
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = Path::new(&xtask).join("../Cargo.toml");
        let said = steps::capture(
            cargo().args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest),
        )?;
        serde_json::from_str(&said).context("reading what `cargo metadata` printed")
    }

    /// The oldest compiler that every member accepts; `0` if none says.
    pub(crate) fn rust_version(&self) -> String {
        let mut versions: Vec<&str> =
            self.packages.iter().filter_map(|package| package.rust_version.as_deref()).collect();
        versions.sort_by_key(|version| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>());
        versions.last().map_or_else(|| "0".to_owned(), |version| (*version).to_owned())
    }

    /// Cargo, started in the checkout.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }
}

/// The cargo that started this xtask, so that one toolchain does everything.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}
