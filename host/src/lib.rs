//! Trimtab: a host for autoscaling policies that are WebAssembly components.

pub mod registry;
