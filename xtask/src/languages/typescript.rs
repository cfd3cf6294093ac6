//! TypeScript and JavaScript: npm's packages by the template's own lock file, once, into the cache folder.

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

pub(super) const TYPESCRIPT: Language = Language {
    name: "typescript",
    kind: Kind::Component,
    quick: true,
    prepare,
    build: by_trimtab,
    tests: &[&["npm", "run", "--silent", "check"], &["npm", "test", "--silent"]],
};

pub(super) const JAVASCRIPT: Language = Language {
    name: "javascript",
    kind: Kind::Component,
    quick: false,
    prepare,
    build: by_trimtab,
    tests: &[&["npm", "run", "--silent", "check"], &["npm", "test", "--silent"]],
};

/// As much of a digest as a folder's name needs.
const SHORT: usize = 12;
/// The layer's own tests, which are run with the example's.
const LAYER_TESTS: &str = "sdk/typescript/tests";

fn prepare(workshop: &Workshop<'_>, project: &Path) -> Result<Tools> {
    let installed = installed(project)?;
    symlink(installed.join("node_modules"), project.join("node_modules"))
        .with_context(|| format!("linking {}", installed.display()))?;
    let tests = workshop.workspace.root.join(LAYER_TESTS);
    for entry in fs::read_dir(&tests).with_context(|| format!("listing {}", tests.display()))? {
        let entry = entry.with_context(|| format!("listing {}", tests.display()))?;
        let copy = project.join("test").join(entry.file_name());
        fs::copy(entry.path(), &copy).with_context(|| format!("writing {}", copy.display()))?;
    }
    Ok(Tools::default())
}

/// The folder with the project's packages.
fn installed(project: &Path) -> Result<PathBuf> {
    for program in ["node", "npm"] {
        if !debian::installed_program(program) {
            bail!(
                "{program} is not installed; install Node.js 18 or newer with npm (Debian: apt-get install nodejs npm)"
            );
        }
    }
    let lock = project.join("package-lock.json");
    let pins = digest::of(&fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?);
    let short = pins.get(..SHORT).unwrap_or(&pins);
    Cache::open()?.folder(&format!("npm-sdk-{short}"), |folder| {
        let step = Step::begin("installing componentize-qjs, esbuild and typescript with npm");
        for name in ["package.json", "package-lock.json"] {
            fs::copy(project.join(name), folder.join(name)).with_context(|| format!("copying {name}"))?;
        }
        // Not `npm ci`: it refuses, because componentize-qjs names optional packages for other systems that were never published.
        let npm = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
        steps::capture(Command::new("npm").args(npm).current_dir(folder))?;
        step.done();
        Ok(())
    })
}
