//! Tests of the whole: the house's rules, the built binary, and real servers.

mod architecture;
mod cli;
mod prometheus;
