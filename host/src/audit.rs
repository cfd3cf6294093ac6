//! What happened and why, kept.
//!
//! A turn of one target is one [`Record`]: the facts, what each policy answered, what the bounds made of it. A record that
//! decides something is opened on disk before the driver acts and closed after; whatever a killed host left open is found
//! again by [`open_records`]. Turns in which nothing was done keep only what changed since the turn before, or are counted.
//!
//! Everything of a target stands in the log `record/<target>` as entries of the kinds of [`kind`]. Records that act are also
//! listed under `open/<target>/<id>` until they are closed, so that a start need not look through logs. `named/<digest>`
//! tells until when records name a digest.
//!
//! Measured by `cargo bench --bench record`, 20 readings: a quiet turn takes 225 bytes with one sample each and 260 with 60
//! (whole ones in between included), 3 to 7 where counted; a turn that acts 1.0 and 9 KiB. To write a quiet turn down takes
//! some 10 and 16 µs of a core, and 5 µs to commit among 10,000.
//!
//! All writes go into the caller's batch: one commit for a whole turn.

mod record;

mod form;
mod recorder;

mod history;
mod reconcile;
mod retention;

mod explain;
mod ledger;

#[cfg(test)]
mod tests;

use crate::snapshot::TargetId;
use crate::store::StoreError;

pub use self::explain::{Story, explain};
#[cfg(any(test, fuzzing))]
pub(crate) use self::form::fuzz;
pub use self::history::{Event, Onward, Recently, Span, Turn, history, recently, turn};
pub use self::ledger::{Ledger, LedgerRow};
pub use self::reconcile::{OpenRecord, open_records};
pub use self::record::{
    Closing, Decided, Evaluation, Note, PolicyRef, RECORD_FORMAT, Record, RecordId, Ruled, Run, Slot, StepEntry,
    Trigger,
};
pub use self::recorder::{QuietForm, Recorder, Settings, close, note, step};
pub use self::retention::{Retained, Retention, forgotten_digests, retain};

/// Kinds of entry in a record log.
pub mod kind {
    /// A whole turn that acts, refuses or faults.
    pub const OPENED: u8 = 1;
    /// A step that is about to be taken, or what came of it.
    pub const STEP: u8 = 2;
    /// What came of a record.
    pub const CLOSED: u8 = 3;
    /// A turn, or several, in which nothing was done.
    pub const QUIET: u8 = 4;
    /// A sentence about the target.
    pub const NOTE: u8 = 5;
}

/// Log of a target's records.
#[must_use]
pub fn log_of(target: &TargetId) -> String {
    format!("{LOGS}{target}")
}

/// Beginning of the names of all record logs.
const LOGS: &str = "record/";

/// Beginning of the keys of open records.
const OPEN: &str = "open/";

/// Beginning of the keys of digests that records name.
const NAMED: &str = "named/";

/// What went wrong with the records.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store failed.
    #[error("the records cannot be kept or read")]
    Store(#[from] StoreError),
    /// A value could not be put into words; a bug of ours.
    #[error("the record cannot be written down")]
    Encode(#[source] serde_json::Error),
    /// An entry cannot be understood.
    #[error("the entry of {at_ms} cannot be read: {why}")]
    Decode {
        /// Its time.
        at_ms: u64,
        /// What is wrong with it.
        why: String,
    },
}
