//! Trimtab: a host for autoscaling policies that are WebAssembly components.
//!
//! One arrow, read from top to bottom: sources and drivers give a [`snapshot`]; a [`policy`], run in the [`sandbox`], answers
//! it with proposals; the [`bounds`] make a decision of them; a driver (with [`registrars`]) carries it out; [`audit`] keeps it
//! all. Only [`cycle`] knows this order. See `ARCHITECTURE.md` beside this crate's manifest.

pub mod quantity;

pub mod causes;

pub mod tls;

pub mod runtime_socket;
pub mod secret;

pub mod snapshot;

pub mod sources;

pub mod sandbox;

pub mod policy;

pub mod bounds;

pub mod drivers;

pub mod registrars;

pub mod store;

pub mod alerts;

pub mod audit;

pub mod access;

pub mod replay;

pub mod cycle;

pub mod notices;

pub mod backtest;

pub mod registry;

pub mod config;

pub mod import;

pub mod supervisor;

pub mod api;

pub mod cli;

pub mod telemetry;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
