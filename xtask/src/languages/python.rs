//! Python: componentize-py from PyPI, into the cache folder. Its own tests need no more than Python.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::cache::Cache;
use crate::debian;
use crate::index::Kind;
use crate::steps::{self, Step};

pub(super) const LANGUAGE: Language = Language {
    name: "python",
    kind: Kind::Component,
    // Half a minute, nearly all of it the start of CPython in the sandbox, of which a picture is taken.
    quick: false,
    prepare,
    build: by_trimtab,
    tests: &[&["python3", "-B", "-m", "unittest", "--quiet"]],
};

/// What is fetched; it depends on nothing else.
const REQUIREMENT: &str = "componentize-py==0.25.1";
/// The layer's own tests, which are run with the example's.
const LAYER_TESTS: &str = "sdk/python/tests";

fn prepare(workshop: &Workshop<'_>, project: &Path) -> Result<Tools> {
    if !debian::installed_program("python3") {
        bail!("python3 is not installed; install Python 3.10 or newer with pip (Debian: apt-get install python3-pip)");
    }
    let tests = workshop.workspace.root.join(LAYER_TESTS);
    for entry in fs::read_dir(&tests).with_context(|| format!("listing {}", tests.display()))? {
        let entry = entry.with_context(|| format!("listing {}", tests.display()))?;
        let copy = project.join(entry.file_name());
        if entry.path().is_file() {
            fs::copy(entry.path(), &copy).with_context(|| format!("writing {}", copy.display()))?;
        }
    }
    let folder = Cache::open()?.folder(&REQUIREMENT.replace("==", "-"), |folder| {
        let step = Step::begin("installing componentize-py with pip");
        // Not a virtual environment: it holds the path of its folder, which is renamed once it is whole.
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"];
        steps::capture(Command::new("python3").args(pip).arg(folder).arg(REQUIREMENT))?;
        step.done();
        Ok(())
    })?;
    let programs = folder.join("starter");
    starter(&folder, &programs)?;
    Ok(Tools { path: vec![programs], environment: Vec::new() })
}

/// A script of the tool's name that becomes Python with its package.
fn starter(packages: &Path, programs: &Path) -> Result<()> {
    let script = programs.join("componentize-py");
    let packages = packages.display();
    let text = format!(
        "#!/bin/sh\nPYTHONPATH='{packages}' exec python3 -c 'from componentize_py import script; script()' \"$@\"\n"
    );
    if fs::read_to_string(&script).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::create_dir_all(programs).with_context(|| format!("making {}", programs.display()))?;
    fs::write(&script, text).with_context(|| format!("writing {}", script.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", script.display()))
}
