//! Policies by name and digest.

pub mod builtin;
