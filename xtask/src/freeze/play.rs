//! Tries what is to be frozen by the stories that will hold every later host to it, and asks a guest for the tools that made it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::index::Frozen;
use super::place;
use crate::steps;
use crate::workspace::Workspace;

/// Where the stories of `tests/it/frozen.rs` find what is frozen, in the place of `tests/frozen/`. There, and only there, they write
/// the answers of the first guest into cases that have none.
const VARIABLE: &str = "TRIMTAB_TEST_FROZEN";
/// Cases without answers yet, in a folder that is put together.
const ASKED: &str = "cases.json";

/// Plays the stories of all that is put together, in their long form.
///
/// # Errors
/// Where a guest answers otherwise than the others, or the folder is not whole.
pub(super) fn play(workspace: &Workspace, staged: &Path, out: &Path) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--workspace", "--test", "it", "--", "frozen::"]);
    cargo.env(VARIABLE, staged).env("TRIMTAB_TEST_LANGUAGES", out).env("TRIMTAB_LONG", "1");
    steps::run(&mut cargo).context("playing what is to be frozen: what was frozen before stays as it is")
}

/// Puts today's cases, without answers, in the place of those that are frozen.
///
/// # Errors
/// Where the disk fails.
pub(super) fn ask_anew(workspace: &Workspace, staged: &Path, frozen: &mut Frozen) -> Result<()> {
    let (from, to) = (workspace.root.join("tests/languages/cases.json"), staged.join(ASKED));
    fs::copy(&from, &to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    ASKED.clone_into(&mut frozen.cases);
    Ok(())
}

/// Gives cases that were answered the name that they are kept under.
///
/// # Errors
/// Where the disk fails.
pub(super) fn keep_answers(staged: &Path, frozen: &mut Frozen) -> Result<()> {
    if frozen.cases != ASKED {
        return Ok(());
    }
    let path = staged.join(ASKED);
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    frozen.cases = place::name("cases", &text, "json");
    fs::rename(&path, staged.join(&frozen.cases)).with_context(|| format!("renaming {}", path.display()))
}

/// The tools that a file names itself.
///
/// # Errors
/// Where the binary does not take it.
pub(super) fn made_with(trimtab: &Path, wasm: &Path) -> Result<Vec<String>> {
    let said = steps::capture(Command::new(trimtab).args(["policy", "check", "--json"]).arg(wasm))?;
    let mut said: Value = serde_json::from_str(&said).context("reading what `trimtab policy check` printed")?;
    let tools = said.get_mut("made_with").map(Value::take).unwrap_or_default();
    serde_json::from_value(tools).context("reading what `trimtab policy check` says of tools")
}
