//! Where a command looks: at the host that runs, or, where none does, at what a data directory has kept.

use anyhow::Result;
use clap::Args;

use super::Global;
use super::records::Records;
use super::remote::Remote;

/// Whether to ask a host at all.
#[derive(Debug, Clone, Args)]
pub(super) struct OfflineArgs {
    /// Ask no host: read what the data directory has kept, also while a host runs on it.
    #[arg(long)]
    offline: bool,
}

/// What can be looked at.
pub(super) enum Facts {
    /// A host that runs.
    Live(Box<Remote>),
    /// What was recorded.
    Kept(Box<Records>),
}

impl Facts {
    /// Asks the host; where none answers and none was named, opens the data directory, and says so on standard error.
    pub(super) fn open(global: &Global, args: &OfflineArgs) -> Result<Self> {
        let kept = || Records::open(global).map(|records| Self::Kept(Box::new(records)));
        if args.offline {
            return kept();
        }
        let why = match Remote::open(global) {
            Ok(remote) if global.remote.is_named() || remote.is_there() => return Ok(Self::Live(Box::new(remote))),
            Ok(remote) => format!("no host answers at {}", remote.host()),
            Err(error) if global.remote.is_named() => return Err(error),
            Err(error) => format!("no host can be asked: {error:#}"),
        };
        let facts = kept()?;
        eprintln!("{}; this is what the data directory has kept", super::clean(&why));
        Ok(facts)
    }
}
