//! Sets up, builds, tests and measures Trimtab: `cargo xtask --help` lists the commands.
//!
//! Each command fetches what it lacks and asks nothing. Nothing is installed system-wide and nothing needs root: what is
//! fetched lies in the cache folder (`cache.rs`), what is built under cargo's target folder (`workspace.rs`).

mod bench;
mod bindings;
mod cache;
mod debian;
mod demo;
mod digest;
mod freeze;
mod fuzz;
mod fuzzer;
mod hostile;
mod index;
mod languages;
mod lint;
mod policies;
mod proxies;
mod servers;
mod soak;
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
    /// Build the example policy in every language of sdk/, and run its own tests
    Languages,
    /// Make the bindings that SDKs carry from the contract
    Bindings(bindings::Arguments),
    /// Keep the example of each language as it is built today, for later hosts to be tried with
    Freeze(freeze::Arguments),
    /// Build the policies, then run the benchmarks
    Bench(bench::Arguments),
    /// Run very many evaluations and uploads, and see that nothing grows: a quarter of an hour
    Soak(soak::Arguments),
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
        Command::Languages => languages::build_all(&workspace),
        Command::Bindings(arguments) => bindings::run(&workspace, &arguments),
        Command::Freeze(arguments) => freeze::run(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Soak(arguments) => soak::run(&workspace, &arguments),
        Command::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Command::Lint => lint::run(&workspace),
    }
}
