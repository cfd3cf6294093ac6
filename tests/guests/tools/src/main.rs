//! Makes the bindings of the contract that SDKs carry.
//!
//! A crate of its own, so that xtask itself stays quick to build: only `cargo xtask bindings` needs these libraries, and they
//! are of the version that wasmtime brings anyway.

mod assemblyscript;
mod declarations;
mod go;
mod zig;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use wit_bindgen_core::Files;
use wit_parser::Resolve;

/// Makes the bindings of the contract that SDKs carry.
#[derive(Parser)]
struct Arguments {
    /// The language
    #[arg(value_enum)]
    language: Language,
    /// The WIT file, of one world
    wit: PathBuf,
    /// The folder for them
    out: PathBuf,
}

/// Languages that bindings are made for.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    /// `contract.ts` and `contract.mjs`
    #[value(name = "assemblyscript")]
    AssemblyScript,
    /// `policy.h` and `policy.c`. Not the object file with the description of the contract: what an SDK carries is text, and the
    /// host puts the description in
    C,
    /// `wire.go` and `memory_wasip1.go`
    Go,
    /// `types.py`: the classes alone
    Python,
    /// `contract.d.ts`: the types alone
    Typescript,
    /// `contract.zig`
    Zig,
}

fn main() -> Result<()> {
    let Arguments { language, wit, out } = Arguments::parse();
    match language {
        Language::Typescript => declarations::write(&declarations::TypeScript, &wit, &out),
        Language::Python => declarations::write(&declarations::Python, &wit, &out),
        language => generate(language, &wit, &out),
    }
}

fn generate(language: Language, wit: &Path, out: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let package = resolve.push_file(wit).with_context(|| format!("reading {}", wit.display()))?;
    let world =
        resolve.select_world(&[package], None).with_context(|| format!("finding the world of {}", wit.display()))?;
    let mut files = Files::default();
    let generated = match language {
        Language::AssemblyScript => assemblyscript::generate(&resolve, world, &mut files),
        Language::Go => go::generate(&resolve, world, &mut files),
        Language::Zig => zig::contract(&resolve, world).map(|text| files.push("contract.zig", text.as_bytes())),
        Language::C | Language::Python | Language::Typescript => {
            wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)
        }
    };
    generated.with_context(|| format!("writing bindings of {}", wit.display()))?;
    for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with(".o")) {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
