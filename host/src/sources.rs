//! Where readings come from.
//!
//! A source answers one question for all targets at once, never one per target. What it cannot tell it leaves out: the gap
//! becomes [`Freshness::Absent`](crate::snapshot::Freshness), never zero. To add one: a file with its config struct, an arm in the one list, a row in
//! the README.

pub mod docker;
pub mod envoy;
pub mod haproxy;
pub mod http_json;
pub mod memory;
pub mod nginx;
pub mod process;
pub mod prometheus;
pub mod push;
pub mod rabbitmq;
pub mod redis;
pub mod scrape;
pub mod sql;
pub mod traefik;

mod fetch;
mod gather;
mod history;
mod owners;
mod server_page;

#[cfg(test)]
mod stage;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::gather::{GatherLimits, Gathered, Problem, Question, Sources, Why, gather, questions};
pub use self::history::{Base, History, counter_rate};
use crate::snapshot::{Instance, Samples, Subject, Target, TargetId};

/// Somewhere that readings come from.
#[async_trait]
pub trait Source: Send + Sync + Debug {
    /// The name in the config.
    fn name(&self) -> &str;

    /// The table key.
    fn kind(&self) -> &'static str;

    /// What it does by itself; the gathering does the rest.
    fn gives(&self) -> Gives {
        Gives::default()
    }

    /// Refuses a reading that it can never tell.
    ///
    /// # Errors
    /// What is wrong with the reading's settings, and the remedy.
    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError>;

    /// Measures one reading of all these targets. What could not be measured is left out or listed as failed.
    ///
    /// # Errors
    /// Where nothing could be measured.
    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError>;

    /// Exercises the real thing.
    ///
    /// # Errors
    /// What does not work, and the remedy.
    async fn check(&self) -> Result<(), SourceError>;

    /// Itself, where it is one that others send readings to.
    fn pushed(&self) -> Option<&push::PushSource> {
        None
    }
}

/// What a source does by itself. What it does not, [`gather`] does: it keeps the samples of `look_back_ms` in a [`History`],
/// and turns counters into rates where `rate` asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gives {
    /// Its rows hold all samples of the look-back, not the latest only.
    pub ranges: bool,
    /// Where `rate` is asked for, its samples are rates already.
    pub rates: bool,
}

/// One reading as a binding declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingSpec {
    /// Its name, as policies ask for it.
    pub name: Arc<str>,
    /// The source's name.
    pub source: String,
    /// What to ask the source: a query, a series name, a JSON pointer.
    pub query: String,
    /// Whose it is.
    pub subject: Subject,
    /// Its unit; empty if not stated.
    pub unit: Arc<str>,
    /// The label of the answer that names the target (`prometheus`), or the instance (subject instance).
    pub label: Option<String>,
    /// Whether a counter is turned into a rate per second.
    pub rate: bool,
    /// How far back samples are kept; 0 for the latest only. The longest that any policy needs.
    pub look_back_ms: u64,
    /// Distance of samples where the source can choose.
    pub step_ms: u64,
    /// Age from which the newest sample is stale.
    pub stale_after_ms: u64,
    /// The operator's word for absence, used in place of samples and said so in the record.
    pub absent_as: Option<f64>,
}

/// One question.
#[derive(Debug)]
pub struct Ask<'a> {
    /// What.
    pub spec: &'a ReadingSpec,
    /// Of whom.
    pub targets: &'a [AskTarget<'a>],
    /// The turn's time.
    pub now_ms: u64,
}

/// One target that is asked about.
#[derive(Debug, Clone, Copy)]
pub struct AskTarget<'a> {
    /// The workload.
    pub target: &'a Target,
    /// Its instances.
    pub instances: &'a [Instance],
}

/// What a source told.
#[derive(Debug, Clone, Default)]
pub struct Measurement {
    /// Rows, in no particular order.
    pub rows: Vec<Row>,
    /// Targets, instances or series that failed, and why; the others are not disturbed.
    pub failed: Vec<(String, String)>,
}

/// Samples of one owner.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whose target.
    pub target: TargetId,
    /// Instance, node, queue …; `None` for the target itself.
    pub owner: Option<String>,
    /// Samples, oldest first.
    pub samples: Samples,
}

/// What went wrong at a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be reached or did not answer in time.
    #[error("source {name} did not answer: {what}")]
    Unreachable {
        /// Its name.
        name: String,
        /// What happened.
        what: String,
    },
    /// It answered what cannot be understood.
    #[error("source {name} gave a bad answer: {what}")]
    BadAnswer {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The reading's settings do not suit it.
    #[error("reading {reading} does not suit source {name}: {what}")]
    Reading {
        /// The reading.
        reading: String,
        /// The source's name.
        name: String,
        /// What is wrong, and the remedy.
        what: String,
    },
}
