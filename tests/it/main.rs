//! All tests that need more than one room, in one binary, so that they link once: the house's rules, the built binary as a real
//! process, and real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is tests; clippy.toml's leave for tests does not reach functions that are not themselves #[test]"
)]

mod alerting;
mod architecture;
mod backends;
mod backtest;
mod build_go;
mod building;
mod check;
mod cli;
mod conformance;
mod containers;
mod demo;
mod docker;
mod docs;
mod engines;
mod example;
mod frozen;
mod haproxy;
mod host;
mod hostile;
mod import;
mod kill;
mod languages;
mod library;
mod neighbours;
mod process;
mod prometheus;
mod proxies;
mod registry;
mod reload;
mod remote;
mod replay;
mod restart;
mod sandbox;
mod schema;
mod signing;
mod skip;
mod soak;
mod sources;
mod stories;
mod swarm;
mod tables;
mod versions;
