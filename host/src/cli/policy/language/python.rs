//! Python: componentize-py from PyPI, which puts CPython, a picture of it after all imports, and the contract into a component.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::Facts;
use super::tool::{Tool, is_on_path, numbers};
use crate::cli::Fail;

/// A file of the layer: the same place in the project.
macro_rules! layer {
    ($file:literal) => {
        (concat!("trimtab/", $file), include_str!(concat!("../../../../../sdk/python/trimtab/", $file)))
    };
}

pub(super) static FACTS: Facts = Facts {
    files: &[
        ("pyproject.toml", include_str!("../../../../../sdk/python/template/pyproject.toml.tmpl")),
        (".gitignore", include_str!("../../../../../sdk/python/template/.gitignore.tmpl")),
        ("README.md", include_str!("../../../../../sdk/python/template/README.md.tmpl")),
        ("app.py", include_str!("../../../../../sdk/python/template/app.py.tmpl")),
        ("test_app.py", include_str!("../../../../../sdk/python/template/test_app.py.tmpl")),
        (WIT, include_str!("../../../../../wit/v1/policy.wit")),
        layer!("__init__.py"),
        layer!("contract/types.py"),
        layer!("answer.py"),
        layer!("figures.py"),
        layer!("memory.py"),
        layer!("needs.py"),
        layer!("parameters.py"),
        layer!("phase.py"),
        layer!("policy.py"),
        layer!("readings.py"),
        layer!("refusal.py"),
        layer!("rehearsal.py"),
        layer!("samples.py"),
        layer!("snapshot.py"),
        layer!("wire.py"),
    ],
    steps: &[("python3 -m unittest", "plays it through a few moments"), (GET, "gets the tool, once")],
    known_by: "app.py and trimtab/policy.wit",
    is_project: |dir| dir.join("app.py").is_file() && dir.join(WIT).is_file(),
    build,
};

const WIT: &str = "trimtab/policy.wit";
/// What componentize-py is to be of: the names of its classes are those of the layer.
const COMPONENTIZER: (u32, u32) = (0, 25);
const GET: &str = "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1";
const REMEDY: &str = "run `python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1` in the project";

/// The package has no module that `-m` would run.
const IMPORTED: &str = "from componentize_py import script; script()";

/// componentize-py, in one of the ways in which it can be there.
struct Componentizer {
    tool: Tool,
    /// What goes before its own arguments.
    leading: &'static [&'static str],
}

impl Componentizer {
    /// That of the project's virtual environment, else that on the path, else that of the Python on the path.
    fn find(dir: &Path) -> Result<Self> {
        let own = dir.join(".venv/bin/componentize-py");
        let (program, leading): (String, &'static [&'static str]) = if own.is_file() {
            // It is started in the project's folder: a path that is relative to ours would lead elsewhere.
            let own = std::path::absolute(&own).unwrap_or(own);
            (own.to_string_lossy().into_owned(), &[])
        } else if is_on_path("componentize-py") {
            ("componentize-py".to_owned(), &[])
        } else if is_on_path("python3") {
            ("python3".to_owned(), &["-c", IMPORTED])
        } else {
            let text =
                "Python is not installed: install Python 3.10 or newer (for example `apt-get install python3-venv`)";
            return Err(Fail::usage(text.to_owned()));
        };
        let tool = Tool { program, what: "componentize-py", remedy: REMEDY };
        Ok(Self { tool, leading })
    }

    fn check_version(&self) -> Result<()> {
        let said = self.tool.version(&[self.leading, &["--version"]].concat())?;
        match numbers(&said) {
            Some(COMPONENTIZER) => Ok(()),
            // Python's own words of a module that it does not find have no version.
            _ if !said.starts_with("componentize-py") => {
                Err(Fail::usage(format!("componentize-py is not installed: {REMEDY}")))
            }
            _ => Err(Fail::usage(format!(
                "{said} is not of version 0.25, which the files in trimtab/ are for: {REMEDY}"
            ))),
        }
    }

    fn command(&self, dir: &Path) -> Command {
        let mut command = self.tool.command(dir);
        command.args(self.leading);
        command
    }
}

fn build(dir: &Path) -> Result<PathBuf> {
    let componentizer = Componentizer::find(dir)?;
    componentizer.check_version()?;
    let wasm = PathBuf::from("dist").join(format!("{}.wasm", name(dir)?));
    let made = dir.join(&wasm);
    // Neither a folder that is missing nor the last run's file is to be taken for what this run made.
    std::fs::create_dir_all(dir.join("dist"))?;
    let _ = std::fs::remove_file(&made);
    let mut making = componentizer.command(dir);
    // Without WASI: a policy has none. What is imported is imported now, once, and is in the picture.
    making.args(["--quiet", "--wit-path", WIT, "--world", "policy", "componentize", "--stub-wasi", "app", "--output"]);
    componentizer.tool.run(making.arg(&wasm), "putting CPython and the policy together; this takes half a minute")?;
    if made.is_file() {
        return Ok(made);
    }
    Err(Fail::policy(format!("componentize-py left no {}: see its words above", made.display())))
}

/// What the file is named after: the project, as pyproject.toml has it.
fn name(dir: &Path) -> Result<String> {
    let file = dir.join("pyproject.toml");
    let Ok(text) = std::fs::read_to_string(&file) else { return Ok("policy".to_owned()) };
    let table: toml::Table =
        text.parse().map_err(|error| Fail::usage(format!("{} is not TOML: {error}; mend it there", file.display())))?;
    let name = table.get("project").and_then(|project| project.get("name")).and_then(toml::Value::as_str);
    let name = name.unwrap_or("policy");
    // A name is no way out of the folder.
    Ok(name.rsplit('/').next().unwrap_or(name).to_owned())
}

#[cfg(test)]
mod tests;
