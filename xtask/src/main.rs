//! Sets up, builds, tests and measures Trimtab: `cargo xtask demo | test | policies | guests | bench | lint`.
//!
//! Each command fetches what it lacks and asks nothing. Nothing is installed system-wide and nothing needs root: what is
//! fetched lies in the cache folder (`cache.rs`), what is built under cargo's target folder (`workspace.rs`).

mod cache;
mod debian;
mod demo;
mod digest;
mod index;
mod lint;
mod policies;
mod steps;
mod toolchain;
mod workspace;

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
    /// Build the first-party policies to WebAssembly, for the binary to embed
    Policies,
    /// Check formatting, clippy and rustdoc, each without a warning
    Lint,
}

fn main() -> Result<()> {
    let workspace = workspace::Workspace::load()?;
    match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&workspace, &arguments),
        Command::Policies => policies::build(&workspace).map(|_| ()),
        Command::Lint => lint::run(&workspace),
    }
}
