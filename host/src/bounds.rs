//! Bounds: what of the policies' wishes is let through.
//!
//! [`decide`] is pure and synchronous and reads no clock. It and [`repair`] are the only makers of a [`Decision`], and a driver
//! accepts nothing else.
//!
//! What tests hold us to: no change moves away from the range; outside it, changes move inward within the step limits; none
//! exceeds a step, a window, a cooldown, a budget or a grant.

mod decide;

mod compose;

mod past;
mod window;

mod count;
mod range;
mod resize;
mod steps;

mod actions;
mod gates;
mod victims;

mod group;

mod repair;

mod caps;
mod decision;
mod restraint;
mod settings;
mod travel;
mod vote;

#[cfg(test)]
mod tests;

pub use self::caps::Caps;
pub use self::decide::{Question, Ruling, decide};
pub use self::decision::{ActionKind, CountChange, Decision, InstanceAction, Origin};
pub use self::gates::{Budget, Freeze, Gates, Pause, Pin};
pub use self::past::{Past, TooMany};
pub use self::repair::{RepairQuestion, RepairRuling, repair};
pub use self::restraint::{Dimension, Direction, Figure, Quantity, Restraint, Stage};
pub use self::settings::{Behavior, Combine, Cooldown, Fallback, Mode, Range, Settings, StepLimit, Window};
pub use self::travel::{FigureWish, Quiet, Travel, Wish, Withheld};
pub use self::vote::{Vote, VoteAnswer};
