//! Bounds: what of the policies' wishes is let through.
//!
//! [`decide`] is pure and synchronous and reads no clock. It is the only maker of a [`Decision`], and a driver accepts
//! nothing else.

mod decision;
mod restraint;
mod settings;
mod vote;

pub use self::decision::{ActionKind, CountChange, Decision, InstanceAction, Origin};
pub use self::restraint::{Dimension, Restraint, Stage};
pub use self::settings::{Behavior, Combine, Cooldown, Fallback, Mode, Range, Settings, StepLimit, Window};
pub use self::vote::{Vote, VoteAnswer};
