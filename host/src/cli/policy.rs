//! `trimtab policy …`: write, build, inspect and try policies.

mod build;
mod new;
mod snapshot_input;

#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::Subcommand;

use super::{Exit, Global};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Make a project with a policy that builds.
    New(new::NewArgs),
    /// Build the policy in a folder, whatever language it is written in.
    Build(build::BuildArgs),
}

pub(super) fn run(_global: &Global, command: PolicyCommand) -> Result<Exit> {
    match command {
        PolicyCommand::New(args) => new::run(&args),
        PolicyCommand::Build(args) => build::run(&args),
    }
}
