//! Zig: the compiler as Python's package index has it, into the cache folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::cache::Cache;
use crate::debian;
use crate::index::Kind;
use crate::steps::{self, Step};

const VERSION: &str = "0.17.1";

pub(super) const LANGUAGE: Language = Language {
    name: "zig",
    kind: Kind::Module,
    // Its package is 90 MB.
    quick: false,
    prepare,
    build: by_trimtab,
    // What the example does not come by of the layer is tested by a file of its own.
    tests: &[&["zig", "test", "policy_test.zig"], &["zig", "test", "layer_test.zig"]],
};

fn prepare(workshop: &Workshop<'_>, project: &Path) -> Result<Tools> {
    let tests = workshop.workspace.root.join("sdk/zig/tests/layer.zig");
    fs::copy(&tests, project.join("layer_test.zig")).with_context(|| format!("copying {}", tests.display()))?;
    if !debian::installed_program("python3") {
        bail!("python3 is not installed; install Python 3.10 or newer with pip (Debian: apt-get install python3-pip)");
    }
    let folder = Cache::open()?.folder(&format!("ziglang-{VERSION}"), |folder| {
        let step = Step::begin(format!("installing ziglang {VERSION} with pip"));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"];
        let package = format!("ziglang=={VERSION}");
        steps::capture(Command::new("python3").args(pip).arg(folder).arg(package))?;
        step.done();
        Ok(())
    })?;
    // What Zig compiles of its own library is kept beside what is built with it.
    let kept = workshop.workspace.target.join("languages-work/zig-cache");
    Ok(Tools { path: vec![folder.join("ziglang")], environment: vec![("ZIG_GLOBAL_CACHE_DIR", kept.into())] })
}
