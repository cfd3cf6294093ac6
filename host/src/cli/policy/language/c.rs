//! C: clang with LLVM's linker, or Zig's compiler of C, for `wasm32` without a C library. The SDK is put into the project.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Facts;
use super::tool::{Tool, is_on_path, numbers, on_path};
use super::zig::Zig;
use crate::cli::Fail;

/// What the build leaves.
const OUTPUT: &str = "dist/policy.wasm";
/// The default of 64 KiB would come with no word on it; more would have to be cleared for every evaluation.
const STACK_BYTES: u32 = 64 * 1024;
/// The oldest clang that it was tried with, and the newest name that is looked for.
const CLANG_MIN: u32 = 14;
const CLANG_MAX: u32 = 30;
/// Source files of the project beside those of the SDK.
const SOURCES_MAX: usize = 1_000;

/// The part of the SDK that is compiled with every policy.
const LAYER: [&str; 6] = [
    "trimtab/text.c",
    "trimtab/parameters.c",
    "trimtab/answer.c",
    "trimtab/reading.c",
    "trimtab/guest.c",
    "trimtab/bindings/policy.c",
];

macro_rules! sdk {
    ($path:literal) => {
        include_str!(concat!("../../../../../sdk/c/", $path))
    };
}

pub(super) static FACTS: Facts = Facts {
    files: &[
        (".gitignore", sdk!("template/.gitignore.tmpl")),
        ("README.md", sdk!("template/README.md.tmpl")),
        ("policy.c", sdk!("template/policy.c.tmpl")),
        ("policy_test.c", sdk!("template/policy_test.c.tmpl")),
        ("test.sh", sdk!("template/test.sh.tmpl")),
        ("trimtab/trimtab.h", sdk!("layer/trimtab.h")),
        ("trimtab/text.h", sdk!("layer/text.h")),
        ("trimtab/text.c", sdk!("layer/text.c")),
        ("trimtab/parameters.h", sdk!("layer/parameters.h")),
        ("trimtab/parameters.c", sdk!("layer/parameters.c")),
        ("trimtab/answer.h", sdk!("layer/answer.h")),
        ("trimtab/answer.c", sdk!("layer/answer.c")),
        ("trimtab/reading.h", sdk!("layer/reading.h")),
        ("trimtab/reading.c", sdk!("layer/reading.c")),
        ("trimtab/rehearsal.h", sdk!("layer/rehearsal.h")),
        ("trimtab/rehearsal.c", sdk!("layer/rehearsal.c")),
        ("trimtab/guest.c", sdk!("layer/guest.c")),
        ("trimtab/bindings/policy.h", sdk!("bindings/policy.h")),
        ("trimtab/bindings/policy.c", sdk!("bindings/policy.c")),
        ("trimtab/libc/assert.h", sdk!("libc/assert.h")),
        ("trimtab/libc/math.h", sdk!("libc/math.h")),
        ("trimtab/libc/stdlib.h", sdk!("libc/stdlib.h")),
        ("trimtab/libc/string.h", sdk!("libc/string.h")),
    ],
    steps: &[("sh test.sh", "plays it through a few moments, natively")],
    known_by: "policy.c",
    is_project: |dir| dir.join("policy.c").is_file(),
    build,
};

fn build(dir: &Path) -> Result<PathBuf> {
    if let Some(missing) = LAYER.iter().find(|file| !dir.join(file).is_file()) {
        return Err(Fail::usage(format!(
            "{} is not there: the SDK belongs into the project; `trimtab policy new --lang c NAME` makes one whose trimtab/ can \
             be copied",
            dir.join(missing).display()
        )));
    }
    let sources = sources(dir)?;
    let compiler = Compiler::find()?;
    let wasm = dir.join(OUTPUT);
    // One of an earlier build must not pass for this one's.
    if wasm.exists() {
        std::fs::remove_file(&wasm).with_context(|| format!("removing {}", wasm.display()))?;
    }
    std::fs::create_dir_all(dir.join("dist")).with_context(|| format!("making {}", dir.join("dist").display()))?;
    let (tool, mut command) = compiler.command(dir);
    command.args(["-std=gnu17", "-O2", "-Wall", "-Wextra", "-nostdlib", "-ffp-contract=off"]);
    command.args(["-isystem", "trimtab/libc", "-I.", "-Itrimtab"]).args(sources).args(LAYER);
    command.args(["-Wl,--no-entry", "-Wl,--strip-debug", &format!("-Wl,-z,stack-size={STACK_BYTES}"), "-o", OUTPUT]);
    tool.run(&mut command, &format!("compiling {} with {}", dir.display(), tool.program))?;
    if wasm.is_file() {
        return Ok(wasm);
    }
    let (what, program) = (tool.what, &tool.program);
    Err(Fail::policy(format!("{what} ({program}) ended well but left no {}: run it by hand and see", wasm.display())))
}

/// The project's own files: all `*.c` but its tests.
fn sources(dir: &Path) -> Result<Vec<OsString>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut names: Vec<OsString> = names.filter(|name| is_source(&name.to_string_lossy())).collect();
    if names.len() > SOURCES_MAX {
        let (count, dir) = (names.len(), dir.display());
        return Err(Fail::usage(format!("{dir} holds {count} files in C, of {SOURCES_MAX} that are compiled at most")));
    }
    // Listed in any order, the same files must give the same module.
    names.sort();
    // A name that begins with `-` is no option.
    Ok(names.iter().map(|name| Path::new(".").join(name).into_os_string()).collect())
}

fn is_source(name: &str) -> bool {
    name.ends_with(".c") && !name.ends_with("_test.c")
}

/// What compiles and links C for WebAssembly.
enum Compiler {
    Clang { tool: Tool, linker: PathBuf },
    Zig(Zig),
}

const REMEDY: &str = "install clang 14 or newer with its linker (Debian: apt-get install clang lld), or Zig (pip install ziglang==0.17.1)";

impl Compiler {
    /// The first of the compilers on the path that can do it.
    fn find() -> Result<Self> {
        let mut unfit = Vec::new();
        for program in clangs().filter(|program| is_on_path(program)) {
            match clang(&program)? {
                Ok(linker) => {
                    let tool = Tool { program, what: "the C compiler", remedy: REMEDY };
                    return Ok(Self::Clang { tool, linker });
                }
                Err(why) => unfit.push(format!("{program} {why}")),
            }
        }
        if let Some(zig) = Zig::of_any_version()? {
            return Ok(Self::Zig(zig));
        }
        let found = if unfit.is_empty() { "none is on the path".to_owned() } else { unfit.join(", ") };
        Err(Fail::usage(format!("there is no compiler of C for WebAssembly: {found}; {REMEDY}")))
    }

    fn command(&self, dir: &Path) -> (&Tool, Command) {
        match self {
            Self::Clang { tool, linker } => {
                let mut command = tool.command(dir);
                command.arg("--target=wasm32-unknown-unknown");
                // Freestanding, so that the loops of our few library functions are not turned into calls of themselves.
                command.args(["-ffreestanding", "-mbulk-memory", "-mnontrapping-fptoint"]);
                command.arg(format!("-fuse-ld={}", linker.display()));
                (tool, command)
            }
            Self::Zig(zig) => {
                let mut command = zig.command(dir);
                command.args(["cc", "-target", "wasm32-freestanding", "-ffreestanding"]);
                command.arg("-mcpu=generic+bulk_memory+nontrapping_fptoint");
                (&zig.tool, command)
            }
        }
    }
}

fn clangs() -> impl Iterator<Item = String> {
    let numbered = (CLANG_MIN..=CLANG_MAX).rev().map(|version| format!("clang-{version}"));
    std::iter::once("clang".to_owned()).chain(numbered)
}

/// The linker that belongs to a clang, or why it cannot be used.
fn clang(program: &str) -> Result<Result<PathBuf, String>> {
    let tool = Tool { program: program.to_owned(), what: "the C compiler", remedy: REMEDY };
    let said = tool.version(&["--version"])?;
    let Some((version, _)) = numbers(&said) else {
        return Ok(Err("does not say its version".to_owned()));
    };
    if version < CLANG_MIN {
        return Ok(Err(format!("is of version {version}")));
    }
    if !tool.version(&["--print-targets"])?.contains("wasm32") {
        return Ok(Err("knows no wasm32".to_owned()));
    }
    Ok(linker(program, version).ok_or_else(|| "has no linker for WebAssembly (wasm-ld) beside it".to_owned()))
}

/// `wasm-ld`, beside the compiler itself or on the path. clang would look for it under one name only.
fn linker(clang: &str, version: u32) -> Option<PathBuf> {
    let beside = on_path(clang).and_then(|path| path.canonicalize().ok()).map(|path| path.with_file_name("wasm-ld"));
    let beside = beside.filter(|path| path.is_file());
    let found = beside.or_else(|| on_path(format!("wasm-ld-{version}"))).or_else(|| on_path("wasm-ld"))?;
    // clang takes a path for one only if it is absolute.
    std::path::absolute(found).ok()
}

#[cfg(test)]
mod tests {
    use super::{clangs, is_source};

    #[test]
    fn tests_are_not_compiled_into_the_policy() {
        let names = ["policy.c", "maths.c", "policy_test.c", "policy.h", "README.md"];
        assert_eq!(names.map(is_source), [true, true, false, false, false]);
    }

    #[test]
    fn the_plain_clang_is_asked_first_and_then_the_newest() {
        let names: Vec<String> = clangs().collect();
        assert_eq!((names[0].as_str(), names[1].as_str()), ("clang", "clang-30"));
        assert_eq!(names.last().map(String::as_str), Some("clang-14"));
    }
}
