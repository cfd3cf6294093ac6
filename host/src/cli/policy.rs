//! `trimtab policy …`: write, build, inspect and try policies.

mod build;
mod check;
mod eval;
mod inspect;
mod load;
mod new;
mod shadow;
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
    /// Say what a policy is and whether this host takes it.
    Check(check::CheckArgs),
    /// Run a policy on one snapshot, exactly as in production.
    Eval(eval::EvalArgs),
    /// Have a version watch beside the active one of a running host, or no longer.
    Shadow(shadow::ShadowArgs),
}

pub(super) fn run(global: &Global, command: PolicyCommand) -> Result<Exit> {
    match command {
        PolicyCommand::New(args) => new::run(&args),
        PolicyCommand::Build(args) => build::run(&args),
        PolicyCommand::Check(args) => check::run(&args),
        PolicyCommand::Eval(args) => eval::run(&args),
        PolicyCommand::Shadow(args) => shadow::run(global, &args),
    }
}
