//! The guest in C: clang without a C library, bindings generated from the contract at each build.
//!
//! clang if it is installed and knows WebAssembly, else Debian's, unpacked into the cache folder. rustup's linker serves
//! either, since clang's own package brings none.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Workshop, steps};
use crate::cache::Cache;
use crate::{debian, toolchain};

/// The package unpacked where no clang is installed; its headers are in one of their own.
const PACKAGES: [&str; 2] = ["clang-19", "libclang-common-19-dev"];

/// Compiles and links it.
///
/// # Errors
/// Where no compiler can be had, or it complains.
pub(super) fn build(workshop: &Workshop<'_>, out: &Path) -> Result<()> {
    let clang = Clang::find()?;
    let folder = workshop.scratch.join("c");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    steps::run(workshop.tool().args(["bindings", "c"]).arg(&workshop.wit).arg(&folder))?;
    let source = workshop.sources.join("c");
    let mut objects = vec![folder.join("policy_component_type.o")];
    for (name, file) in [
        ("guest.o", source.join("policy.c")),
        ("libc.o", source.join("libc/libc.c")),
        ("bindings.o", folder.join("policy.c")),
    ] {
        let object = folder.join(name);
        let mut compile = clang.command();
        compile.args(["--target=wasm32-unknown-unknown", "-c", "-O2", "-std=c17", "-Wall", "-Wextra", "-Werror"]);
        // Freestanding, so that the loops of our few library functions are not turned into calls of themselves.
        compile.args(["-ffreestanding", "-mbulk-memory", "-mnontrapping-fptoint"]);
        compile.arg("-isystem").arg(source.join("libc")).arg("-I").arg(&folder).arg(&file).arg("-o").arg(&object);
        steps::capture(&mut compile)?;
        objects.push(object);
    }
    let mut link = Command::new(toolchain::linker()?);
    link.args(["-flavor", "wasm", "--no-entry", "--gc-sections", "--strip-debug", "-z", "stack-size=65536"]);
    steps::capture(link.args(objects).arg("-o").arg(out))?;
    Ok(())
}

/// A compiler.
struct Clang {
    program: PathBuf,
    libraries: Option<OsString>,
}

impl Clang {
    fn find() -> Result<Self> {
        if let Some(program) = debian::program("clang") {
            let targets = steps::capture(Command::new(&program).arg("--print-targets"));
            if targets.is_ok_and(|targets| targets.contains("wasm32")) {
                return Ok(Self { program, libraries: None });
            }
        }
        let cache = Cache::open()?;
        let folder = debian::folder(&cache, &PACKAGES).context(
            "no clang that knows wasm32 is installed, and Debian's cannot be had; install clang 14 or newer",
        )?;
        let program = folder.join("usr/bin").join(PACKAGES[0]);
        Ok(Self { program, libraries: Some(debian::library_path(&folder)?) })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}
