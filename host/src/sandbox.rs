//! Running code that nobody trusts: the engine, components, instances, limits, faults. Knows no policy.

mod fault;

pub use self::fault::{Fault, Spent};
