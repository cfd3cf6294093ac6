//! `trimtab policy build [DIR]`: finds out what the folder is, and builds it with the tools that are there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::{Exit, Fail, print};

const TARGET: &str = "wasm32-unknown-unknown";
/// The linker's default of 1 MiB would be most of an instance's memory, and is made anew for every evaluation.
const STACK_BYTES: u32 = 64 * 1024;

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
    if dir.join("Cargo.toml").is_file() {
        return build_rust(dir);
    }
    let name = dir.display();
    if dir.is_dir() {
        return Err(Fail::usage(format!(
            "{name} holds no policy that this trimtab can build: there is no Cargo.toml (Rust is the only language so far); \
             name another folder, or build it with its own tools and go on with `trimtab policy check FILE.wasm`"
        )));
    }
    Err(Fail::not_found(format!("there is no folder {name}")))
}

fn build_rust(dir: &Path) -> Result<PathBuf> {
    check_toolchain()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(dir).args(["build", "--release", "--lib", "--target", TARGET]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    // The user's flags are for the host's linker and processor.
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", format!("-C link-arg=-zstack-size={STACK_BYTES}"));
    for (key, value) in settings_of_release() {
        cargo.env(key, value);
    }
    let output =
        cargo.stderr(Stdio::inherit()).output().context("starting cargo; is Rust installed (https://rustup.rs)?")?;
    if !output.status.success() {
        return Err(Fail::policy(format!("{} does not build: see cargo's words above", dir.display())));
    }
    let artefact = String::from_utf8_lossy(&output.stdout).lines().filter_map(wasm_of_message).next_back();
    artefact.ok_or_else(|| {
        let dir = dir.display();
        Fail::usage(format!(
            "{dir} builds no Wasm module: add `crate-type = [\"cdylib\", \"rlib\"]` under [lib] of its Cargo.toml"
        ))
    })
}

/// What the release profile should say; a profile of the policy's own does not hold inside another workspace.
fn settings_of_release() -> [(&'static str, &'static str); 5] {
    [
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
        ("CARGO_PROFILE_RELEASE_LTO", "true"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
        ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
        ("CARGO_PROFILE_RELEASE_STRIP", "true"),
    ]
}

/// The Wasm file that a message of cargo's announces, if it does.
pub(super) fn wasm_of_message(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let files = message.get("filenames")?.as_array()?;
    let files = files.iter().filter_map(|file| file.as_str());
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

fn check_toolchain() -> Result<()> {
    let mut rustc = Command::new("rustc");
    let output = rustc.args(["--print", "target-libdir", "--target", TARGET]).stderr(Stdio::null()).output();
    let output = output.map_err(|error| {
        Fail::usage(format!(
            "Rust's compiler cannot be started ({error}): install Rust, for example from https://rustup.rs"
        ))
    })?;
    if has_std(Path::new(String::from_utf8_lossy(&output.stdout).trim())) {
        return Ok(());
    }
    Err(Fail::usage(format!(
        "Rust's standard library for {TARGET} is missing: run `rustup target add {TARGET}`, or install your distribution's \
         package of it"
    )))
}

fn has_std(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-"))
}
