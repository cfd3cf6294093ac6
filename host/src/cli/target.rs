//! `trimtab target …`: what is scaled, how it stands, and what people say of it.

mod kept;
mod list;
mod show;
mod steer;

use anyhow::Result;
use clap::Subcommand;

use super::facts::Facts;
use super::remote::{Remote, encoded};
use super::{Exit, Global};
use crate::snapshot::TargetId;

#[derive(Debug, Subcommand)]
pub(super) enum TargetCommand {
    /// All targets, and how they stand.
    List(list::ListArgs),
    /// One target: its instances, its bindings, what holds it back.
    Show(show::ShowArgs),
    /// Leave a target alone. A change under way is seen through.
    Pause(steer::PauseArgs),
    /// End a pause.
    Resume(steer::NamedArgs),
    /// Hold a target at a count, within its binding's range; steps and cooldowns hold.
    #[command(after_help = "Example: trimtab target scale local/web 4 --for 2h")]
    Scale(steer::ScaleArgs),
    /// Let go of a count that was scaled to by hand; the policies decide again.
    Unscale(steer::NamedArgs),
    /// Take a target through a turn now, and wait for what it decides.
    Evaluate(steer::NamedArgs),
    /// Say that all is well again: ask policies in quarantine, and let replacing go on in spite of what was lost.
    Clear(steer::NamedArgs),
}

pub(super) fn run(global: &Global, command: &TargetCommand) -> Result<Exit> {
    match command {
        TargetCommand::List(args) => match Facts::open(global, &args.offline)? {
            Facts::Live(remote) => list::run(&remote, args),
            Facts::Kept(records) => kept::list(&records, args.json),
        },
        TargetCommand::Show(args) => match Facts::open(global, &args.offline)? {
            Facts::Live(remote) => show::run(&remote, args),
            Facts::Kept(records) => kept::show(&records, &args.target, args.json),
        },
        TargetCommand::Pause(args) => steer::pause(&Remote::open(global)?, args),
        TargetCommand::Resume(args) => steer::resume(&Remote::open(global)?, args),
        TargetCommand::Scale(args) => steer::scale(&Remote::open(global)?, args),
        TargetCommand::Unscale(args) => steer::unscale(&Remote::open(global)?, args),
        TargetCommand::Evaluate(args) => steer::evaluate(&Remote::open(global)?, args),
        TargetCommand::Clear(args) => steer::clear(&Remote::open(global)?, args),
    }
}

/// The path of a target at the host.
pub(super) fn path_of(target: &TargetId) -> String {
    format!("/v1/targets/{}/{}", encoded(target.driver()), encoded(target.name()))
}
