//! Says on standard error what is being done: a spinner on a terminal, plain lines elsewhere.
//!
//! Standard output belongs to the command that is run in the end (`trimtab demo --json`, say).

use std::io::IsTerminal;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// One thing being done; reports when it ends. A step that is dropped unfinished vanishes, its error speaks for it.
pub(crate) struct Step {
    name: String,
    since: Instant,
    spinner: Option<ProgressBar>,
}

impl Step {
    /// Begins a step. Nothing else may write to the terminal until it is finished.
    pub(crate) fn begin(name: impl Into<String>) -> Self {
        let name = name.into();
        let spinner = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.set_message(name.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            Some(bar)
        } else {
            eprintln!("xtask: {name} …");
            None
        };
        Self { name, since: Instant::now(), spinner }
    }

    /// Ends the step well.
    pub(crate) fn done(self) {
        let seconds = self.since.elapsed().as_secs_f64();
        if let Some(bar) = &self.spinner {
            bar.finish_and_clear();
        }
        eprintln!("xtask: {}: done in {seconds:.1} s", self.name);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.spinner {
            bar.finish_and_clear();
        }
    }
}

/// Says one line.
pub(crate) fn say(line: impl std::fmt::Display) {
    eprintln!("xtask: {line}");
}

/// Runs a command whose output the user sees as it comes.
///
/// # Errors
/// Where it cannot be started or does not end well.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and hands back what it printed on standard output.
///
/// # Errors
/// Where it cannot be started or does not end well; then with what it printed on standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}:\n{}", shown(command), output.status, said.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command without showing anything, whatever it ends with.
///
/// # Errors
/// Where it cannot be started.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("starting `{}`", shown(command)))
}

/// The command as a person would type it, without its environment.
fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
