//! `cargo xtask lint`: formatting, clippy and rustdoc, each without a warning, and whether bindings of the contract are what it makes.

use anyhow::{Context, Result};

use crate::bindings;
use crate::steps::{self, say};
use crate::workspace::Workspace;

/// Runs all of them.
///
/// # Errors
/// At the first that complains.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    steps::run(workspace.cargo().args(["fmt", "--all", "--check"]))
        .context("checking the formatting; `cargo fmt` mends it (`rustup component add rustfmt` brings it)")?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps::run(workspace.cargo().args(clippy)).context("running clippy (`rustup component add clippy` brings it)")?;
    steps::run(workspace.cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
        .context("building the documentation")?;
    bindings::check(workspace).context("checking the bindings of the contract")?;
    say("formatting, clippy and rustdoc have nothing to say");
    Ok(())
}
