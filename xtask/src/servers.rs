//! The real servers that tests run against: installed ones, else Debian's packages unpacked into the cache folder.
//!
//! No server is started here. A test finds the program by the variable named after it, starts it on loopback with a data
//! folder of its own, and stops it by its pid. Where the variable is not set, the test skips itself and says so.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::debian;

/// A program that tests start.
struct Server {
    /// The variable by which tests find it.
    variable: &'static str,
    /// The program.
    program: &'static str,
    /// The Debian package that has it.
    package: &'static str,
}

const SERVERS: &[Server] = &[
    Server { variable: "TRIMTAB_TEST_PROMETHEUS", program: "prometheus", package: "prometheus" },
    Server { variable: "TRIMTAB_TEST_HAPROXY", program: "haproxy", package: "haproxy" },
    Server { variable: "TRIMTAB_TEST_NGINX", program: "nginx", package: "nginx-light" },
    Server { variable: "TRIMTAB_TEST_REGISTRY", program: "docker-registry", package: "docker-registry" },
];

/// What was found.
pub(crate) struct Found {
    /// The variables for the tests.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// Programs that could not be had, each with the reason.
    pub(crate) missing: Vec<(&'static str, anyhow::Error)>,
}

/// Finds or fetches each of them. A variable that is set already is left alone: it names the program to use.
pub(crate) fn find() -> Found {
    let mut found = Found { variables: Vec::new(), missing: Vec::new() };
    for server in SERVERS {
        if std::env::var_os(server.variable).is_some() {
            continue;
        }
        match program(server) {
            Ok(path) => found.variables.push((server.variable, path.into())),
            Err(error) => found.missing.push((server.program, error)),
        }
    }
    found
}

fn program(server: &Server) -> Result<PathBuf> {
    if let Some(path) = debian::program(server.program) {
        return Ok(path);
    }
    let cache = Cache::open()?;
    let folder = debian::folder(&cache, &[server.package])
        .with_context(|| format!("{} is not installed and Debian's cannot be had", server.program))?;
    let places = ["usr/bin", "usr/sbin"].map(|place| folder.join(place).join(server.program));
    let Some(program) = places.iter().find(|place| place.is_file()) else {
        bail!("the Debian package {} has no {}; delete {}", server.package, server.program, folder.display());
    };
    starter(&folder, program, server.program)
}

/// A script that starts an unpacked program with the libraries unpacked beside it. It becomes that program, so that the pid
/// that a test knows is the server's own.
fn starter(folder: &Path, program: &Path, name: &str) -> Result<PathBuf> {
    let script = folder.join(name);
    let libraries = debian::library_path(folder)?;
    let text =
        format!("#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n", libraries.to_string_lossy(), program.display());
    if fs::read_to_string(&script).is_ok_and(|present| present == text) {
        return Ok(script);
    }
    fs::write(&script, text).with_context(|| format!("writing {}", script.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", script.display()))?;
    Ok(script)
}
