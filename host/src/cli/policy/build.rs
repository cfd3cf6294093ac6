//! `trimtab policy build [DIR]`: finds out what the folder is, and builds it with the tools that are there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::language::Language;
use crate::cli::{Exit, Fail, print};

#[derive(Debug, Args)]
pub(in crate::cli) struct BuildArgs {
    /// The policy's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &BuildArgs) -> Result<Exit> {
    let wasm = build(&args.dir)?;
    let bytes = std::fs::metadata(&wasm).with_context(|| format!("looking at {}", wasm.display()))?.len();
    if args.json {
        print(&format!("{:#}\n", serde_json::json!({ "wasm": wasm, "bytes": bytes })))?;
    } else {
        print(&format!("{}\n", wasm.display()))?;
    }
    Ok(Exit::Fine)
}

/// Builds the policy in a folder, and says where its Wasm file is.
///
/// # Errors
/// Where there is none, a tool is missing, or it does not compile.
pub(super) fn build(dir: &Path) -> Result<PathBuf> {
    if let Some(language) = Language::of(dir) {
        return (language.facts().build)(dir);
    }
    let name = dir.display();
    if dir.is_dir() {
        return Err(Fail::usage(format!(
            "{name} holds no policy that this trimtab can build: a project is known by {}; name another folder, or build it \
             with its own tools and go on with `trimtab policy check FILE.wasm`",
            Language::marks()
        )));
    }
    Err(Fail::not_found(format!("there is no folder {name}")))
}
