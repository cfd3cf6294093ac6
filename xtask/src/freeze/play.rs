//! Asks a guest by the binary what the frozen cases ask, and what it says of the tools that made it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::index::write_if_changed;
use crate::workspace::Workspace;

/// One moment, what the operator set, and what every guest of this version answers.
#[derive(Serialize, Deserialize)]
struct Case {
    about: String,
    params: Map<String, Value>,
    snapshot: Value,
    #[serde(default)]
    answer: Value,
}

/// Plays the frozen cases; the first guest of a version says what the answers are.
///
/// # Errors
/// Where it answers otherwise than what is frozen.
pub(super) fn hold_to(trimtab: &Path, workspace: &Workspace, folder: &Path, wasm: &Path, kind: &str) -> Result<()> {
    let path = folder.join("cases.json");
    let first = !path.exists();
    let from = if first { workspace.root.join("tests/languages/cases.json") } else { path.clone() };
    let text = fs::read(&from).with_context(|| format!("reading {}", from.display()))?;
    let mut cases: Vec<Case> = serde_json::from_slice(&text).with_context(|| format!("reading {}", from.display()))?;
    for case in &mut cases {
        let answer = ask(trimtab, wasm, kind, case)?;
        if first {
            case.answer = answer;
        } else if case.answer != answer {
            bail!(
                "{} answers `{}` otherwise than is frozen:\n{answer}\nnot\n{}",
                wasm.display(),
                case.about,
                case.answer
            );
        }
    }
    if !first {
        return Ok(());
    }
    // A line for each: what changed shows in a diff.
    let lines = cases.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>().context("writing the cases")?;
    write_if_changed(&path, format!("[\n{}\n]\n", lines.join(",\n")).as_bytes())
}

fn ask(trimtab: &Path, wasm: &Path, kind: &str, case: &Case) -> Result<Value> {
    let mut eval = Command::new(trimtab);
    eval.args(["policy", "eval", "--json", "--snapshot", "-"]).arg(wasm);
    encoding(&mut eval, kind);
    for (name, value) in &case.params {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        eval.arg("--param").arg(format!("{name}={text}"));
    }
    let mut said = json(&mut eval, &case.snapshot.to_string()).with_context(|| case.about.clone())?;
    said.get_mut("answer").map(Value::take).with_context(|| format!("{}: no answer: {said}", case.about))
}

/// The tools that a file names itself.
///
/// # Errors
/// Where the binary does not take it.
pub(super) fn made_with(trimtab: &Path, wasm: &Path, kind: &str) -> Result<Vec<String>> {
    let mut check = Command::new(trimtab);
    check.args(["policy", "check", "--json"]).arg(wasm);
    encoding(&mut check, kind);
    let said = json(&mut check, "")?;
    let tools = said.get("made_with").cloned().unwrap_or_default();
    serde_json::from_value(tools).context("reading what `trimtab policy check` says of tools")
}

fn encoding(command: &mut Command, kind: &str) {
    if kind == "bare-module" {
        command.args(["--string-encoding", "utf8"]);
    }
}

/// Runs a command that is given a text, and reads what it prints.
fn json(command: &mut Command, input: &str) -> Result<Value> {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting the built trimtab")?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that reads nothing may have ended already.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().context("running the built trimtab")?;
    if !output.status.success() {
        bail!("trimtab ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    serde_json::from_slice(&output.stdout).context("reading what trimtab printed")
}
