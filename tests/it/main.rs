//! Tests of the whole: the house's rules, and the built binary.

mod architecture;
mod cli;
mod sandbox;
