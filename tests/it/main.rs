//! All tests that need more than one room, in one binary, so that they link once: the house's rules, the built binary as a real
//! process, and real servers.

mod architecture;
mod cli;
mod process;
mod prometheus;
mod sandbox;
