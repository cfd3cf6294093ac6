//! Rust: cargo, for `wasm32-unknown-unknown`. The SDK is a crate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Facts;
use crate::cli::Fail;

const TARGET: &str = "wasm32-unknown-unknown";
/// The linker's default of 1 MiB would be most of an instance's memory, and is made anew for every evaluation.
const STACK_BYTES: u32 = 64 * 1024;

/// The SDK of the checkout that this binary was built in; used while that is still there.
const SDK_OF_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/rust");

pub(super) static FACTS: Facts = Facts {
    files: &[
        ("Cargo.toml", include_str!("../../../../../sdk/rust/template/Cargo.toml.tmpl")),
        (".cargo/config.toml", include_str!("../../../../../sdk/rust/template/.cargo/config.toml.tmpl")),
        (".gitignore", include_str!("../../../../../sdk/rust/template/.gitignore.tmpl")),
        ("README.md", include_str!("../../../../../sdk/rust/template/README.md.tmpl")),
        ("src/lib.rs", include_str!("../../../../../sdk/rust/template/src/lib.rs.tmpl")),
        ("src/tests.rs", include_str!("../../../../../sdk/rust/template/src/tests.rs.tmpl")),
    ],
    steps: &[("cargo test", "plays it through a few moments")],
    known_by: "Cargo.toml",
    is_project: |dir| dir.join("Cargo.toml").is_file(),
    build,
};

/// The line of Cargo.toml that names the SDK.
pub(super) fn dependency(sdk: Option<&Path>) -> Result<String> {
    let found = match sdk {
        Some(folder) if folder.join("Cargo.toml").is_file() => Some(folder),
        Some(folder) => return Err(Fail::not_found(format!("{} does not hold trimtab-sdk", folder.display()))),
        None => Some(Path::new(SDK_OF_CHECKOUT)).filter(|folder| folder.join("Cargo.toml").is_file()),
    };
    Ok(match found {
        Some(folder) => {
            let folder = folder.canonicalize().with_context(|| format!("looking at {}", folder.display()))?;
            // A TOML string escapes as JSON does.
            format!("trimtab-sdk = {{ path = {} }}", serde_json::Value::from(folder.to_string_lossy()))
        }
        None => "trimtab-sdk = \"0.1\"".to_owned(),
    })
}

fn build(dir: &Path) -> Result<PathBuf> {
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
fn wasm_of_message(line: &str) -> Option<PathBuf> {
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

#[cfg(test)]
mod tests {
    #[test]
    fn cargo_says_which_file_it_made() {
        let message = r#"{"reason":"compiler-artifact","filenames":["/t/libp.rlib","/t/p.wasm"]}"#;
        assert_eq!(super::wasm_of_message(message), Some("/t/p.wasm".into()));
        assert_eq!(super::wasm_of_message("warning: x"), None);
    }
}
