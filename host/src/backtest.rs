//! What policies would have done: a demand trace, a simple plant that serves it, and the real loop between them.
//!
//! The loop is that of a turn: snapshot, policies in the sandbox, bounds, plant. The plant and its formulas stand in
//! `docs/backtest.md`. Pure but for the guests: no clock, no store, no backend; the same run gives the same report.

mod feed;
mod fleet;
mod outage;
mod page;
mod plant;
mod report;
mod run;
mod shipped;
mod slot;
mod trace;

#[cfg(test)]
mod tests;

pub use self::feed::{Declared, Series, Wire, Wiring, wire};
pub use self::outage::{Outage, OutageError};
pub use self::page::{PageError, page};
pub use self::plant::{Plant, PlantError};
pub use self::report::{Answers, Moved, Point, Report};
pub use self::run::{Run, RunError, TURNS_MAX, run};
pub use self::shipped::{SHIPPED, shipped};
pub use self::slot::{Slot, SlotError};
pub use self::trace::{START_MS_DEFAULT, Trace, TraceError};
