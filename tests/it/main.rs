//! Tests of the whole, in one binary: the house's rules, the built binary, real processes and servers.

mod architecture;
mod cli;
mod prometheus;
