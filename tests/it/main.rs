//! Tests of the whole: the house's rules, the built binary, and real servers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this is tests; clippy.toml's leave for tests does not reach functions that are not themselves #[test]"
)]

mod architecture;
mod cli;
mod demo;
mod prometheus;
