//! Recorded snapshots through a policy again.
//!
//! [`replay`] runs what was recorded of a target again with the very code, memory and engine that it ran with: the answer must
//! be the same to the byte, and a difference is a **defect**. Or it puts another policy in the place of the recorded one and
//! tells where it would have answered otherwise. [`compare`] holds two policies against each other on the same snapshots.
//!
//! Two answers are the same if their JSON, as `audit` keeps it, is: proposals or refusal, notes, attrs, memory, and the fuel
//! that they took. Nothing of time or machine goes into it. What depends on the machine (a backstop timeout, a stack overflow)
//! is counted apart; so is what ran under other limits than today's. A fact that another policy wants and that the record does
//! not hold is *not recorded*, never zero. What bounds would have made of another policy's answers is not told: they decide on
//! windows that would have been others, too.
//!
//! Changes nothing: it reads records and keeps none. Guests run last in the queue, on a thread that may block.

mod error;

mod find;

mod codes;
mod recorded;
mod stand_in;
mod walk;

mod figures;
mod outcome;
mod report;

mod again;
mod compare;

mod when;

#[cfg(test)]
mod tests;

pub use self::again::{Instead, replay, replay_record};
pub use self::compare::compare;
pub use self::error::ReplayError;
pub use self::figures::{Difference, Spread};
pub use self::find::find;
pub use self::outcome::{Outcome, Part};
pub use self::report::{CameTo, Compared, ComparedRow, Cut, CutShort, Reach, Replayed, Row, Said, Side, Tally, Voice};
pub use self::walk::{Desk, Leash, Stretch, TURNS_MAX};
pub use self::when::when;
