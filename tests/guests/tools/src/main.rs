//! Makes what the SDKs and the test guests need: bindings of the contract, and modules from WAT.
//!
//! A crate of its own, so that xtask itself stays quick to build: only `cargo xtask guests` needs these libraries, and they
//! are of the version that wasmtime brings anyway.

mod declarations;

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
    /// `policy.h`, `policy.c` and `policy_component_type.o`
    C,
    /// `contract.d.ts`: the types alone
    Typescript,
    /// `types.py`: the classes alone
    Python,
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Bindings { language: Language::Typescript, wit, out } => {
            declarations::write(&declarations::TypeScript, &wit, &out)
        }
        Command::Bindings { language: Language::Python, wit, out } => {
            declarations::write(&declarations::Python, &wit, &out)
        }
        Command::Bindings { language: Language::C, wit, out } => c(&wit, &out),
        Command::Module { wat, out } => {
            let bytes = wat::parse_file(&wat).with_context(|| format!("assembling {}", wat.display()))?;
            fs::write(&out, bytes).with_context(|| format!("writing {}", out.display()))
        }
    }
}

fn c(wit: &Path, out: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let package = resolve.push_file(wit).with_context(|| format!("reading {}", wit.display()))?;
    let world =
        resolve.select_world(&[package], None).with_context(|| format!("finding the world of {}", wit.display()))?;
    let mut files = Files::default();
    let generated = wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files);
    generated.with_context(|| format!("writing bindings of {}", wit.display()))?;
    for (name, bytes) in files.iter() {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
