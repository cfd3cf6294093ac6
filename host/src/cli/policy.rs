//! `trimtab policy …`: write, build, inspect and try policies; push them to a host, and say which version runs.

mod activate;
mod build;
mod check;
mod compare;
mod eval;
mod given;
mod grants;
mod inspect;
mod job;
mod language;
pub(super) mod load;
mod new;
mod pull;
mod push;
mod shadow;
mod sign;
mod snapshot_input;
mod spending;
mod versions;

#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::Subcommand;

pub use self::eval::{answer_text, ruling_text};
pub use self::snapshot_input::read as read_snapshot;
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
    /// Hold two policies against each other on what is recorded of a target.
    Compare(compare::CompareArgs),
    /// Send policies to a host; they are checked, compiled and tried there, and run nowhere yet.
    Push(push::PushArgs),
    /// What becomes of uploads.
    Job(job::JobArgs),
    /// The versions that a host has.
    List(versions::ListArgs),
    /// A policy's versions and which of them runs, or one version.
    Show(versions::ShowArgs),
    /// Let a version run: for one binding, or for all that use its name.
    Activate(activate::ActivateArgs),
    /// Go back to the version before.
    Rollback(activate::RollbackArgs),
    /// Forget a version that nobody uses.
    Remove(versions::RemoveArgs),
    /// Have a version watch beside the active one of a running host, or no longer.
    Shadow(shadow::ShadowArgs),
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
        PolicyCommand::Compare(args) => compare::run(global, &args),
        PolicyCommand::Push(args) => push::run(global, &args),
        PolicyCommand::Job(args) => job::run(global, &args),
        PolicyCommand::List(args) => versions::list(global, &args),
        PolicyCommand::Show(args) => versions::show(global, &args),
        PolicyCommand::Activate(args) => activate::activate(global, &args),
        PolicyCommand::Rollback(args) => activate::rollback(global, &args),
        PolicyCommand::Remove(args) => versions::remove(global, &args),
        PolicyCommand::Shadow(args) => shadow::run(global, &args),
    }
}
