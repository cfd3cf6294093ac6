//! `trimtab policy …`: write, build, inspect and try policies.

mod build;
mod check;
mod eval;
mod grants;
mod inspect;
mod load;
mod new;
mod pull;
mod sign;
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
    /// Make a pair of keys to sign policies with.
    Keygen(sign::KeygenArgs),
    /// Sign a policy, beside it.
    Sign(sign::SignArgs),
    /// Say whether a policy was signed by a key.
    Verify(sign::VerifyArgs),
    /// Have a host fetch a policy from an OCI registry; it runs nowhere yet.
    Pull(pull::PullArgs),
    /// Show or say what a version may do, whatever bindings say.
    Grants(grants::GrantsArgs),
}

pub(super) fn run(global: &Global, command: PolicyCommand) -> Result<Exit> {
    match command {
        PolicyCommand::New(args) => new::run(&args),
        PolicyCommand::Build(args) => build::run(&args),
        PolicyCommand::Check(args) => check::run(&args),
        PolicyCommand::Eval(args) => eval::run(&args),
        PolicyCommand::Keygen(args) => sign::keygen(&args),
        PolicyCommand::Sign(args) => sign::sign(&args),
        PolicyCommand::Verify(args) => sign::verify(&args),
        PolicyCommand::Pull(args) => pull::run(global, &args),
        PolicyCommand::Grants(args) => grants::run(global, &args),
    }
}
