//! Why a reading could not be had.

use std::fmt;

use crate::quantity::DurationMs;
use crate::snapshot::TargetId;
use crate::sources::SourceError;

/// Something that could not be had, or not trusted.
#[derive(Debug, thiserror::Error)]
#[error("reading {reading} from source {source_name}")]
pub struct Problem {
    /// The source's name.
    pub source_name: String,
    /// The reading's name.
    pub reading: String,
    /// What happened.
    #[source]
    pub why: Why,
}

/// What happened.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The reading names a source that is not configured.
    #[error("there is no such source")]
    NoSuchSource,
    /// The source did not answer in the time that it has for a turn.
    #[error("no answer within {}", DurationMs(*after_ms))]
    TimedOut {
        /// The time that it had.
        after_ms: u64,
    },
    /// The source failed as a whole.
    #[error(transparent)]
    Source(SourceError),
    /// The source told the others, and not this one.
    #[error("{of}: {what}")]
    Part {
        /// A target, an instance or a series.
        of: String,
        /// What happened.
        what: String,
    },
    /// Two rows for one owner; neither is trusted.
    #[error("{of}: more than one row")]
    Ambiguous {
        /// The target or instance.
        of: Owner,
    },
    /// A row that fits no question: of a reading of instances, one that belongs to no instance, or the reverse.
    #[error("{of}: a row of another subject")]
    Misplaced {
        /// The target, and the owner that it came with.
        of: Owner,
    },
    /// Samples that are not finite numbers were dropped.
    #[error("{of}: {samples} samples that are not finite numbers")]
    NotFinite {
        /// The target or instance.
        of: Owner,
        /// How many.
        samples: usize,
    },
    /// Two declarations under one name and subject for one target; the first by source and query holds.
    #[error("{target}: declared twice")]
    DeclaredTwice {
        /// The target.
        target: TargetId,
    },
    /// Further problems of this question that are not listed.
    #[error("{count} more problems like these")]
    More {
        /// How many.
        count: usize,
    },
}

/// A target, or one of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The target.
    pub target: TargetId,
    /// The instance, if it is about one.
    pub owner: Option<String>,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => write!(f, "{} of {}", owner, self.target),
            None => self.target.fmt(f),
        }
    }
}
