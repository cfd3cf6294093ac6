//! `cargo xtask demo`: real processes, real load, real policies, live on the terminal.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{policies, steps};

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
/// Where something cannot be built or started.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    policies::build(workspace)?;
    let mut cargo = workspace.cargo();
    // The profile of the tests and, by a benchmark that is small, the features that they bring into dependencies: so one build
    // of wasmtime serves both.
    steps::run(cargo.args(["build", "--workspace", "--bins", "--bench", "record"]))?;
    let mut demo = Command::new(workspace.target.join("debug/trimtab"));
    // In place of this process: Ctrl-C and signals from outside reach the demo itself, which cleans up.
    Err(demo.arg("demo").args(&arguments.demo).exec()).context("starting the demo")
}
