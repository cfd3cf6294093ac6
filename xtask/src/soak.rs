//! `cargo xtask soak`: a million evaluations and ten thousand uploads, and a table of what the host held meanwhile.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{policies, steps};

/// What the soak looks for: how much of it, as `EVALUATIONS,UPLOADS`.
const AMOUNT: &str = "TRIMTAB_SOAK";
/// Says to a story that it runs in a process of its own: it does, and so its table is printed as it grows.
const ALONE: &str = "TRIMTAB_HOSTILE_ALONE";

/// What `cargo xtask soak` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Evaluations, of which each twentieth fails
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(100..))]
    evaluations: u64,
    /// Uploads to a running host, of which each twentieth is a bad one
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(20..))]
    uploads: u64,
}

/// Builds the policies and the tests, optimised, and runs the soak.
///
/// # Errors
/// Where something grows, or an evaluation or upload comes to what it must not.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    policies::build(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.env(AMOUNT, format!("{},{}", arguments.evaluations, arguments.uploads)).env(ALONE, "1");
    cargo.args(["test", "--release", "--package", "trimtab", "--test", "it", "--"]);
    steps::run(cargo.args(["soak::", "--nocapture", "--test-threads=1"]))
}
