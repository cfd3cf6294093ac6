//! `cargo xtask demo`: real processes, real load, real policies, live on the terminal.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::policies;
use crate::workspace::Workspace;

/// What `cargo xtask demo` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Arguments for `trimtab demo`, such as `--seconds 60 --json`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    demo: Vec<String>,
}

/// Builds the policies, then becomes `trimtab demo`.
///
/// # Errors
/// Where the policies cannot be built or cargo cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    policies::build(workspace)?;
    let mut cargo = workspace.cargo();
    // The profile of the tests, so that one build of wasmtime serves both.
    cargo.args(["run", "--package", "trimtab", "--", "demo"]).args(&arguments.demo);
    // In place of this process, as cargo in turn does: Ctrl-C and signals from outside reach the demo itself, which cleans up.
    Err(cargo.exec()).context("starting cargo")
}
