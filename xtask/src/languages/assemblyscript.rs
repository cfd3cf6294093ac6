//! AssemblyScript: its compiler by npm, pinned by the lock file of the template, in the cache folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::cache::Cache;
use crate::index::Kind;
use crate::steps::{self, Step};
use crate::{debian, digest};

pub(super) const LANGUAGE: Language = Language {
    name: "assemblyscript",
    kind: Kind::Module,
    quick: true,
    prepare,
    build: by_trimtab,
    tests: &[&["node", "--test"]],
};

/// The files that say what npm installs.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
/// As much of a digest as a folder's name needs.
const SHORT: usize = 12;

fn prepare(_: &Workshop<'_>, project: &Path) -> Result<Tools> {
    for program in ["node", "npm"] {
        if !debian::installed_program(program) {
            bail!("{program} is not installed; install Node.js 20 or newer with npm");
        }
    }
    let pins =
        PINS.iter().try_fold(digest::Inputs::default(), |inputs, name| inputs.path(&project.join(name)))?.finish();
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
