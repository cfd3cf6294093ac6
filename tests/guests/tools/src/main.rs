//! Makes what the test guests need: bindings of the contract, and modules from WAT.
//!
//! A crate of its own, so that xtask itself stays quick to build: only `cargo xtask guests` needs these libraries, and they
//! are of the version that wasmtime brings anyway.

mod assemblyscript;
mod go;
mod zig;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use wit_bindgen_core::Files;
use wit_parser::Resolve;

/// Makes what the test guests need.
#[derive(Parser)]
enum Command {
    /// Write bindings of the one world that a WIT file has
    Bindings {
        /// The language
        #[arg(value_enum)]
        language: Language,
        /// The WIT file
        wit: PathBuf,
        /// The folder for them
        out: PathBuf,
    },
    /// Assemble a module
    Module {
        /// The text
        wat: PathBuf,
        /// The module
        out: PathBuf,
    },
}

/// Languages that bindings are made for.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    /// `policy.h` and `policy.c`. Not the object file with the description of the contract: what an SDK carries is text, and the
    /// host puts the description in
    C,
    /// `contract.ts` and `contract.mjs`
    #[value(name = "assemblyscript")]
    AssemblyScript,
    /// `wire.go` and `memory_wasip1.go`
    Go,
    /// `contract.zig`
    Zig,
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Bindings { language, wit, out } => bindings(language, &wit, &out),
        Command::Module { wat, out } => {
            let bytes = wat::parse_file(&wat).with_context(|| format!("assembling {}", wat.display()))?;
            fs::write(&out, bytes).with_context(|| format!("writing {}", out.display()))
        }
    }
}

fn bindings(language: Language, wit: &Path, out: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let package = resolve.push_file(wit).with_context(|| format!("reading {}", wit.display()))?;
    let world =
        resolve.select_world(&[package], None).with_context(|| format!("finding the world of {}", wit.display()))?;
    let mut files = Files::default();
    let generated = match language {
        Language::C => wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files),
        Language::AssemblyScript => assemblyscript::generate(&resolve, world, &mut files),
        Language::Go => go::generate(&resolve, world, &mut files),
        Language::Zig => zig::contract(&resolve, world).map(|text| files.push("contract.zig", text.as_bytes())),
    };
    generated.with_context(|| format!("writing bindings of {}", wit.display()))?;
    for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with(".o")) {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
