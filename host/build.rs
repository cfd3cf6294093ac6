//! Embeds the first-party policies that `cargo xtask policies` left in the target folder.
//!
//! Compiles no policy itself: clippy, `cargo build` and `cargo install` must work without a toolchain for WebAssembly. Where
//! there are none, the table is empty, and its use names the command that fills it.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TRIMTAB_POLICIES_DIR");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut table = String::from("&[\n");
    for module in policies_folder(&out).map(|folder| modules(&folder)).transpose()?.unwrap_or_default() {
        let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&module).map_err(|error| format!("reading {}: {error}", module.display()))?;
        // A copy, so that bytes and digest still agree if the policies are built again while this crate compiles.
        let copy = out.join(format!("{name}.wasm"));
        fs::write(&copy, &bytes).map_err(|error| format!("writing {}: {error}", copy.display()))?;
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(
            table,
            "    BuiltinPolicy {{ name: {name:?}, bytes: include_bytes!({:?}), sha256: {sha256:?} }},",
            copy.display().to_string(),
        )?;
    }
    table.push_str("]\n");
    fs::write(out.join("builtin.rs"), table)?;
    Ok(())
}

/// `$TRIMTAB_POLICIES_DIR`, else `policies` in cargo's target folder.
fn policies_folder(out: &Path) -> Option<PathBuf> {
    if let Some(folder) = env::var_os("TRIMTAB_POLICIES_DIR") {
        return Some(PathBuf::from(folder));
    }
    // Cargo does not say where its target folder is. It marks it, and `OUT_DIR` lies some levels below it: how many depends
    // on the profile and on `--target`.
    let marks = ["CACHEDIR.TAG", ".rustc_info.json"];
    let target = out.ancestors().find(|folder| marks.iter().any(|mark| folder.join(mark).is_file()))?;
    Some(target.join("policies"))
}

/// The modules in the folder, by name. Makes the folder if it is not there: cargo can watch only what exists, and without
/// watching it would not notice the first `cargo xtask policies`, or would build this crate anew every time.
fn modules(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    fs::create_dir_all(folder).map_err(|error| format!("making {}: {error}", folder.display()))?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut modules = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("listing {}: {error}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            modules.push(path);
        }
    }
    modules.sort();
    Ok(modules)
}
