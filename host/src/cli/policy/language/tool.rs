//! Programs that other languages are built with: found, asked for their version, run, and named with the remedy where they are
//! missing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::cli::Fail;

/// A program that must be there.
pub(super) struct Tool {
    /// The program: looked for on the path, unless it is a path itself.
    pub(super) program: String,
    /// What it is: `Go's compiler`.
    pub(super) what: &'static str,
    /// How to get it: a command, or a place.
    pub(super) remedy: &'static str,
}

impl Tool {
    /// A command that starts it in a folder. What it prints goes to standard error: standard output is ours.
    pub(super) fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(dir).stdin(Stdio::null());
        command
    }

    /// What it prints of its version.
    ///
    /// # Errors
    /// Where it is missing or cannot be started; with the remedy.
    pub(super) fn version(&self, arguments: &[&str]) -> Result<String> {
        let output = self.started(Command::new(&self.program).args(arguments).stdin(Stdio::null()).output())?;
        let said = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// Runs a command of [`Tool::command`] and says what it is at on standard error.
    ///
    /// # Errors
    /// Where the tool is missing, or fails: its own words have been printed by then.
    pub(super) fn run(&self, command: &mut Command, doing: &str) -> Result<()> {
        eprintln!("{doing}");
        let status = self.started(command.stdout(own_stderr()).stderr(Stdio::inherit()).status())?;
        if status.success() {
            return Ok(());
        }
        let (what, program) = (self.what, &self.program);
        Err(Fail::policy(format!("{doing}: {what} ({program}) failed ({status}): see its words above")))
    }

    fn started<T>(&self, began: std::io::Result<T>) -> Result<T> {
        began.map_err(|error| {
            let Self { program, what, remedy } = self;
            Fail::usage(match error.kind() {
                std::io::ErrorKind::NotFound => format!("{what} ({program}) is not installed: {remedy}"),
                _ => format!("{what} ({program}) cannot be started ({error}): {remedy}"),
            })
        })
    }
}

/// Standard error for a child's standard output.
fn own_stderr() -> Stdio {
    use std::os::fd::AsFd as _;
    std::io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

/// The numbers of a version in what a program says: the first word that has a point between digits.
pub(super) fn numbers(said: &str) -> Option<(u32, u32)> {
    said.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

/// Whether a program of that name is on the path.
pub(super) fn is_on_path(program: impl AsRef<OsStr>) -> bool {
    on_path(program).is_some()
}

/// Where a program of that name lies, if it is on the path.
pub(super) fn on_path(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program.as_ref())).find(|file| file.is_file())
}
