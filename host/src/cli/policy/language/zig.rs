//! Zig: its compiler for `wasm32-freestanding`. The SDK is put into the project.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Facts;
use super::tool::{Tool, numbers, on_path};
use crate::cli::Fail;

/// What the build leaves.
const OUTPUT: &str = "dist/policy.wasm";
const STACK_BYTES: u32 = 64 * 1024;
/// The versions that the SDK is written for. Zig changes its language with each.
const VERSIONS: std::ops::RangeInclusive<(u32, u32)> = (0, 14)..=(0, 17);
const REMEDY: &str = "pip install ziglang==0.17.1, or Zig 0.14 to 0.17 from https://ziglang.org/download";

macro_rules! sdk {
    ($path:literal) => {
        include_str!(concat!("../../../../../sdk/zig/", $path))
    };
}

pub(super) static FACTS: Facts = Facts {
    files: &[
        (".gitignore", sdk!("template/.gitignore.tmpl")),
        ("README.md", sdk!("template/README.md.tmpl")),
        ("policy.zig", sdk!("template/policy.zig.tmpl")),
        ("policy_test.zig", sdk!("template/policy_test.zig.tmpl")),
        ("trimtab/trimtab.zig", sdk!("layer/trimtab.zig")),
        ("trimtab/text.zig", sdk!("layer/text.zig")),
        ("trimtab/parameters.zig", sdk!("layer/parameters.zig")),
        ("trimtab/answer.zig", sdk!("layer/answer.zig")),
        ("trimtab/snapshot.zig", sdk!("layer/snapshot.zig")),
        ("trimtab/guest.zig", sdk!("layer/guest.zig")),
        ("trimtab/rehearsal.zig", sdk!("layer/rehearsal.zig")),
        ("trimtab/bindings/contract.zig", sdk!("bindings/contract.zig")),
    ],
    steps: &[("zig test policy_test.zig", "plays it through a few moments, natively")],
    known_by: "policy.zig",
    is_project: |dir| dir.join("policy.zig").is_file(),
    build,
};

fn build(dir: &Path) -> Result<PathBuf> {
    let sdk = dir.join("trimtab/trimtab.zig");
    if !sdk.is_file() {
        return Err(Fail::usage(format!(
            "{} is not there: the SDK belongs into the project; `trimtab policy new --lang zig NAME` makes one whose trimtab/ \
             can be copied",
            sdk.display()
        )));
    }
    let zig = Zig::of_known_version()?;
    let wasm = dir.join(OUTPUT);
    // One of an earlier build must not pass for this one's.
    if wasm.exists() {
        std::fs::remove_file(&wasm).with_context(|| format!("removing {}", wasm.display()))?;
    }
    std::fs::create_dir_all(dir.join("dist")).with_context(|| format!("making {}", dir.join("dist").display()))?;
    let mut command = zig.command(dir);
    command.args(["build-exe", "policy.zig", "-target", "wasm32-freestanding", "-mcpu"]);
    // Safe, so that an index beyond its list and a number that does not fit stop the policy, and do not give it a wrong answer.
    command.args([
        "generic+bulk_memory+nontrapping_fptoint",
        "-O",
        "ReleaseSafe",
        "-fno-entry",
        "-fstrip",
        "-rdynamic",
    ]);
    command.args(["--stack", &STACK_BYTES.to_string(), &format!("-femit-bin={OUTPUT}")]);
    zig.tool.run(&mut command, &format!("compiling {} with {}", dir.display(), zig.tool.program))?;
    if wasm.is_file() {
        return Ok(wasm);
    }
    let program = &zig.tool.program;
    Err(Fail::policy(format!("Zig ({program}) ended well but left no {}: run it by hand and see", wasm.display())))
}

/// Zig's compiler: on the path, or as a package of Python's.
pub(super) struct Zig {
    pub(super) tool: Tool,
    prefix: &'static [&'static str],
    version: String,
}

impl Zig {
    /// One that is there, whatever its version; for compiling C.
    ///
    /// # Errors
    /// Where it is there and cannot be started.
    pub(super) fn of_any_version() -> Result<Option<Self>> {
        for (program, prefix) in [("zig", &[][..]), ("python3", &["-m", "ziglang"][..])] {
            if on_path(program).is_none() {
                continue;
            }
            let tool = Tool { program: program.to_owned(), what: "Zig's compiler", remedy: REMEDY };
            let said = tool.version(&[prefix, &["version"]].concat())?;
            // Python without the package says so in a sentence, which has no version in it that is all of it.
            if numbers(&said).is_some() && !said.contains(char::is_whitespace) {
                return Ok(Some(Self { tool, prefix, version: said }));
            }
        }
        Ok(None)
    }

    fn of_known_version() -> Result<Self> {
        let Some(zig) = Self::of_any_version()? else {
            return Err(Fail::usage(format!("Zig's compiler is not installed: {REMEDY}")));
        };
        match numbers(&zig.version) {
            Some(version) if VERSIONS.contains(&version) => Ok(zig),
            _ => {
                let version = &zig.version;
                Err(Fail::usage(format!(
                    "Zig's compiler is of version {version}, which the SDK does not know: {REMEDY}"
                )))
            }
        }
    }

    /// A command that starts it in a folder.
    pub(super) fn command(&self, dir: &Path) -> Command {
        let mut command = self.tool.command(dir);
        command.args(self.prefix);
        command
    }
}
