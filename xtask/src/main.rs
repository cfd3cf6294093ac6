//! Sets up, builds, tests and measures Trimtab: `cargo xtask demo | test | policies | guests | bench | fuzz | lint`.
//!
//! Each command fetches what it lacks and asks nothing. Nothing is installed system-wide and nothing needs root: what is
//! fetched lies in the cache folder (`cache.rs`), what is built under cargo's target folder (`workspace.rs`).

mod bench;
mod cache;
mod debian;
mod demo;
mod digest;
mod fuzz;
mod fuzzer;
mod guests;
mod index;
mod lint;
mod policies;
mod proxies;
mod servers;
mod steps;
mod test;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Sets up, builds, tests and measures Trimtab.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the policies, then run `trimtab demo` with the arguments given
    Demo(demo::Arguments),
    /// Set up policies, guests and servers, then run the tests
    Test(test::Arguments),
    /// Build the first-party policies to WebAssembly, for the binary to embed
    Policies,
    /// Build the test guests written in other languages: WAT, C, JavaScript
    Guests,
    /// Build the policies, then run the benchmarks
    Bench(bench::Arguments),
    /// Try the host's readers on inputs made up by libFuzzer
    Fuzz(fuzz::Arguments),
    /// Check formatting, clippy and rustdoc, each without a warning
    Lint,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not by returning it: that would add a backtrace of xtask wherever RUST_BACKTRACE is set for the tests' sake.
            steps::say(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let command = Arguments::parse().command;
    let workspace = workspace::Workspace::load()?;
    match command {
        Command::Demo(arguments) => demo::run(&workspace, &arguments),
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Policies => policies::build(&workspace).map(|_| ()),
        Command::Guests => guests::build(&workspace),
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Command::Lint => lint::run(&workspace),
    }
}
