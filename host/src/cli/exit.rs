//! How commands end.

use std::process::ExitCode;

use crate::config::Complaints;

/// The part of `--help` that tells them.
pub(super) const HELP: &str = "Exit codes:
  0  it went well
  1  trouble at run time: a backend, the store, the disk; the host is away or not ready
  2  the command line or the configuration is wrong, or the token may not do this
  3  what was asked for does not exist: no such target, policy or record
  4  a policy cannot be used or failed: not a component of this contract, a trap, a limit
  5  a replay found defects: the same code gave another answer to the same question";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It went well.
    Fine,
    /// Trouble at run time.
    Trouble,
    /// The command line or the configuration is wrong.
    Usage,
    /// What was asked for does not exist.
    NotFound,
    /// A policy cannot be used, or failed.
    Policy,
    /// The same code gave another answer to the same question.
    Defect,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Trouble => 1,
            Exit::Usage => 2,
            Exit::NotFound => 3,
            Exit::Policy => 4,
            Exit::Defect => 5,
        })
    }
}

/// An error that knows how its command ends; its text says what, where and what to do. Others end as [`Exit::Trouble`].
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Fail {
    exit: Exit,
    text: String,
}

impl Fail {
    /// The command line or the configuration is wrong.
    #[must_use]
    pub fn usage(text: impl Into<String>) -> anyhow::Error {
        Self { exit: Exit::Usage, text: text.into() }.into()
    }

    /// What was asked for does not exist.
    #[must_use]
    pub fn not_found(text: impl Into<String>) -> anyhow::Error {
        Self { exit: Exit::NotFound, text: text.into() }.into()
    }

    /// A policy cannot be used, or failed.
    #[must_use]
    pub fn policy(text: impl Into<String>) -> anyhow::Error {
        Self { exit: Exit::Policy, text: text.into() }.into()
    }
}

/// Prints an error with its causes, once, and says how to leave.
pub(super) fn report(error: &anyhow::Error) -> Exit {
    if let Some(complaints) = error.downcast_ref::<Complaints>() {
        let count = complaints.complaints.len();
        let things = if count == 1 { "complaint" } else { "complaints" };
        eprintln!("{complaints}\nerror: {count} {things}; nothing was started");
        return Exit::Usage;
    }
    eprintln!("error: {}", super::clean(&format!("{error:#}")));
    // A `Fail` may carry a context, so the whole chain is asked.
    error.chain().find_map(|cause| cause.downcast_ref::<Fail>()).map_or(Exit::Trouble, |fail| fail.exit)
}
