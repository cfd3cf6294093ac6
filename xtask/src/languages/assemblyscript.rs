//! AssemblyScript: its compiler by npm, pinned by the lock file of the template, in the cache folder.
//!
//! The example leaves much of the layer untouched: `sdk/assemblyscript/tests/` has a policy that says back all that it is told, and
//! is built and tested in a project of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::cache::Cache;
use crate::index::Kind;
use crate::steps::{self, Step};
use crate::{debian, digest};

pub(super) const LANGUAGE: Language =
    Language { name: "assemblyscript", kind: Kind::Module, quick: true, prepare, build, tests: &[&["node", "--test"]] };

/// The files that say what npm installs.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
/// As much of a digest as a folder's name needs.
const SHORT: usize = 12;

/// The files of the layer's own test, and where they go in a project.
const LAYER: [(&str, &str); 2] = [("policy.ts", "assembly/policy.ts"), ("layer.test.mjs", "test/policy.test.mjs")];

fn build(workshop: &Workshop<'_>, project: &Path, tools: &Tools) -> Result<PathBuf> {
    let layer = project.with_file_name("assemblyscript-layer");
    if layer.exists() {
        fs::remove_dir_all(&layer).with_context(|| format!("removing {}", layer.display()))?;
    }
    let mut new = Command::new(&workshop.trimtab);
    steps::capture(new.args(["policy", "new", "--lang", LANGUAGE.name, "echo", "--dir"]).arg(&layer))?;
    let tests = workshop.workspace.root.join("sdk/assemblyscript/tests");
    for (from, to) in LAYER {
        fs::copy(tests.join(from), layer.join(to)).with_context(|| format!("copying {from}"))?;
    }
    let tools_of_layer = prepare(workshop, &layer)?;
    by_trimtab(workshop, &layer, &tools_of_layer)?;
    let mut test = Command::new("node");
    steps::capture(test.arg("--test").current_dir(&layer)).context("the tests of AssemblyScript's layer")?;
    by_trimtab(workshop, project, tools)
}

fn prepare(workshop: &Workshop<'_>, project: &Path) -> Result<Tools> {
    for program in ["node", "npm"] {
        if !debian::installed_program(program) {
            bail!("{program} is not installed; install Node.js 20 or newer with npm");
        }
    }
    let template = workshop.workspace.root.join("sdk/assemblyscript/template");
    let pins = PINS
        .iter()
        .try_fold(digest::Inputs::default(), |inputs, name| inputs.path(&template.join(format!("{name}.tmpl"))))?
        .finish();
    let short = pins.get(..SHORT).unwrap_or(&pins);
    let installed = Cache::open()?.folder(&format!("npm-assemblyscript-{short}"), |folder| {
        let step = Step::begin("installing AssemblyScript's compiler with npm");
        for name in PINS {
            fs::copy(project.join(name), folder.join(name)).with_context(|| format!("copying {name}"))?;
        }
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        steps::capture(Command::new("npm").args(npm).current_dir(folder))?;
        step.done();
        Ok(())
    })?;
    let link = project.join("node_modules");
    symlink(installed.join("node_modules"), &link).with_context(|| format!("linking {}", link.display()))?;
    Ok(Tools::default())
}
