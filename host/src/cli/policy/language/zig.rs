//! Zig: its compiler for `wasm32-freestanding`. The SDK is put into the project.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::tool::{Tool, numbers, on_path};

const REMEDY: &str = "pip install ziglang==0.17.1, or Zig 0.14 to 0.17 from https://ziglang.org/download";

/// Zig's compiler: on the path, or as a package of Python's.
pub(super) struct Zig {
    pub(super) tool: Tool,
    prefix: &'static [&'static str],
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
                return Ok(Some(Self { tool, prefix }));
            }
        }
        Ok(None)
    }

    /// A command that starts it in a folder.
    pub(super) fn command(&self, dir: &Path) -> Command {
        let mut command = self.tool.command(dir);
        command.args(self.prefix);
        command
    }
}
