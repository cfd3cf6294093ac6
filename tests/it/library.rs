//! The policies that come with the binary: a story of each, through the real sandbox, the contract and the bounds.

mod alert_scale;
mod arrow;
mod availability;
mod bench;
mod cost_aware;
mod panic_window;
mod percentile_rightsizing;
mod pid;
mod predictive;
mod properties;
mod queue_depth;
mod rightsizing;
mod rules;
mod schedule;
mod step;
mod target_tracking;
mod watermark;

pub(crate) use self::arrow::Arrow;
pub(crate) use self::bench::{Bench, Moment, builtin};
