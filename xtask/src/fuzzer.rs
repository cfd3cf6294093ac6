//! Schemathesis, the fuzzer that makes up calls from the API's OpenAPI document: from PyPI, into the cache folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::steps::{self, Step};
use crate::workspace::Workspace;
use crate::{debian, digest};

/// The variable by which tests find it.
pub(crate) const VARIABLE: &str = "TRIMTAB_TEST_SCHEMATHESIS";
/// What it and all below it are pinned to.
const REQUIREMENTS: &str = "tests/schema/requirements.txt";
/// As much of a digest as a folder's name needs.
const SHORT: usize = 12;

/// The program, fetched if need be; `None`: the variable names one already.
///
/// # Errors
/// Where there is no Python, or its packages cannot be had.
pub(crate) fn find(workspace: &Workspace) -> Result<Option<PathBuf>> {
    if std::env::var_os(VARIABLE).is_some() {
        return Ok(None);
    }
    if !debian::installed_program("python3") {
        bail!("python3 is not installed; install Python 3.10 or newer with pip (Debian: apt-get install python3-pip)");
    }
    let requirements = workspace.root.join(REQUIREMENTS);
    // Which Python it was is part of it: some of the packages are compiled for one.
    let python = steps::capture(Command::new("python3").arg("--version"))?;
    let pins = fs::read(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let pins = digest::of(&[&pins, python.as_bytes()].concat());
    let short = pins.get(..SHORT).unwrap_or(&pins);
    let folder = Cache::open()?.folder(&format!("schemathesis-{short}"), |folder| {
        let step = Step::begin("installing schemathesis with pip");
        // Not a virtual environment: it holds the path of its folder, which is renamed once it is whole.
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"];
        steps::capture(Command::new("python3").args(pip).arg(folder).arg("--requirement").arg(&requirements))?;
        step.done();
        Ok(())
    })?;
    starter(&folder).map(Some)
}

/// A script that becomes Python with these packages, in front of those that the caller names in `PYTHONPATH`.
fn starter(folder: &Path) -> Result<PathBuf> {
    let script = folder.join("schemathesis.sh");
    let text = format!(
        "#!/bin/sh\nPYTHONPATH='{}':\"$PYTHONPATH\" exec python3 -m schemathesis.cli \"$@\"\n",
        folder.display()
    );
    if fs::read_to_string(&script).is_ok_and(|present| present == text) {
        return Ok(script);
    }
    fs::write(&script, text).with_context(|| format!("writing {}", script.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", script.display()))?;
    Ok(script)
}
