//! The guest in JavaScript: QuickJS inside a component, by npm's componentize-qjs. The lock file pins what is installed, into
//! the cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Step, Workshop, steps};
use crate::cache::Cache;
use crate::workspace::Workspace;
use crate::{debian, digest};

/// The files that say what npm installs.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
/// The tool, below the folder that it is installed into.
const TOOL: &str = "node_modules/componentize-qjs/cli.mjs";
/// As much of a digest as a folder's name needs.
const SHORT: usize = 12;

/// Makes the component, unless the last one was made of the same.
///
/// # Errors
/// Where npm or node are missing or complain.
pub(super) fn build(workshop: &Workshop<'_>, out: &Path) -> Result<()> {
    let source = workshop.sources.join("quickjs");
    let inputs = digest::Inputs::default().path(&source)?.path(&workshop.wit)?.finish();
    let stamp = out.with_extension("inputs");
    // Six seconds, and never the same bytes twice: the component holds a snapshot of a process.
    if out.is_file() && fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == inputs) {
        return Ok(());
    }
    let installed = installed(&source)?;
    let step = Step::begin("building the guest in JavaScript");
    let mut node = Command::new("node");
    node.arg(installed.join(TOOL));
    // Without WASI: a policy has none, and this runtime does well without.
    node.args(["--sync", "--stub-wasi", "--world", "policy", "--wit"]).arg(&workshop.wit);
    node.arg("--js").arg(source.join("policy.js")).arg("--output").arg(out);
    steps::capture(&mut node)?;
    fs::write(&stamp, inputs).with_context(|| format!("writing {}", stamp.display()))?;
    step.done();
    Ok(())
}

/// The tool itself, for tests that run it otherwise than it is to be run.
///
/// # Errors
/// Where npm or node are missing or complain.
pub(crate) fn tool(workspace: &Workspace) -> Result<PathBuf> {
    Ok(installed(&workspace.root.join("tests/guests/quickjs"))?.join(TOOL))
}

fn installed(source: &Path) -> Result<PathBuf> {
    for program in ["node", "npm"] {
        if !debian::installed_program(program) {
            bail!(
                "{program} is not installed; install Node.js 18 or newer with npm (Debian: apt-get install nodejs npm)"
            );
        }
    }
    let pins =
        PINS.iter().try_fold(digest::Inputs::default(), |inputs, name| inputs.path(&source.join(name)))?.finish();
    let short = pins.get(..SHORT).unwrap_or(&pins);
    Cache::open()?.folder(&format!("npm-quickjs-{short}"), |folder| {
        let step = Step::begin("installing componentize-qjs with npm");
        for name in PINS {
            fs::copy(source.join(name), folder.join(name)).with_context(|| format!("copying {name}"))?;
        }
        // Not `npm ci`: it refuses, because componentize-qjs 0.4.5 names optional packages for other systems that were never
        // published. This takes versions and hashes from the lock file just as well.
        let npm = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
        steps::capture(Command::new("npm").args(npm).current_dir(folder))?;
        step.done();
        Ok(())
    })
}
