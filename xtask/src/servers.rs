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
    /// The Debian packages that have it and what it starts, beside libraries; the first names it.
    packages: &'static [&'static str],
    /// Where the package has the program, without the leading slash, if that is not on any path. `*` is a version: the newest.
    place: Option<&'static str>,
    /// What tests start beside it, from the same folder.
    beside: &'static [&'static str],
    /// The option that tells an unpacked one where its `usr` is.
    base: Option<&'static str>,
}

impl Server {
    const fn new(variable: &'static str, program: &'static str, packages: &'static [&'static str]) -> Self {
        Self { variable, program, packages, place: None, beside: &[], base: None }
    }
}

const SERVERS: &[Server] = &[
    Server::new("TRIMTAB_TEST_PROMETHEUS", "prometheus", &["prometheus"]),
    Server::new("TRIMTAB_TEST_HAPROXY", "haproxy", &["haproxy"]),
    Server::new("TRIMTAB_TEST_NGINX", "nginx", &["nginx"]),
    Server::new("TRIMTAB_TEST_REGISTRY", "docker-registry", &["docker-registry"]),
    // The server's package is a link into that of the tools.
    Server::new("TRIMTAB_TEST_REDIS", "redis-server", &["redis-server", "redis-tools"]),
    Server {
        place: Some("usr/lib/postgresql/*/bin"),
        beside: &["initdb"],
        ..Server::new("TRIMTAB_TEST_POSTGRES", "postgres", &["postgresql"])
    },
    Server {
        beside: &["mariadb-install-db"],
        base: Some("--basedir"),
        ..Server::new("TRIMTAB_TEST_MARIADB", "mariadbd", &["mariadb-server-core", "mariadb-client-core"])
    },
    Server {
        // The one on the path becomes another user.
        place: Some("usr/lib/rabbitmq/bin"),
        ..Server::new("TRIMTAB_TEST_RABBITMQ", "rabbitmq-server", RABBITMQ)
    },
];

const RABBITMQ: &[&str] = &[
    "rabbitmq-server",
    "erlang-asn1",
    "erlang-base",
    "erlang-crypto",
    "erlang-eldap",
    "erlang-ftp",
    "erlang-inets",
    "erlang-mnesia",
    "erlang-os-mon",
    "erlang-parsetools",
    "erlang-public-key",
    "erlang-runtime-tools",
    "erlang-snmp",
    "erlang-ssl",
    "erlang-syntax-tools",
    "erlang-tftp",
    "erlang-tools",
    "erlang-xmerl",
];

/// What works only where it is installed. Engines need root and start many programs by their names; Debian's Alertmanager reads
/// templates from a place that no option changes.
const INSTALLED: &[Server] = &[
    Server::new("TRIMTAB_TEST_ALERTMANAGER", "prometheus-alertmanager", &["prometheus-alertmanager"]),
    Server::new("TRIMTAB_TEST_DOCKERD", "dockerd", &["docker.io", "iptables", "iproute2"]),
    // The other way to an engine; it runs as a user of its own that installing makes.
    Server::new("TRIMTAB_TEST_SSHD", "sshd", &["openssh-server", "openssh-client"]),
    Server::new(
        "TRIMTAB_TEST_PODMAN",
        "podman",
        &["podman", "runc", "netavark", "aardvark-dns", "iptables", "iproute2"],
    ),
];

/// How a program is had.
type Way = fn(&Server) -> Result<PathBuf>;

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
    let ways: [(_, Way); 2] = [(SERVERS, program), (INSTALLED, installed)];
    for (server, get) in ways.iter().flat_map(|(servers, get)| servers.iter().map(move |server| (server, get))) {
        if std::env::var_os(server.variable).is_some() {
            continue;
        }
        match get(server) {
            Ok(path) => found.variables.push((server.variable, path.into())),
            Err(error) => found.missing.push((server.program, error)),
        }
    }
    found
}

fn program(server: &Server) -> Result<PathBuf> {
    let installed = match server.place {
        Some(place) => find_in(Path::new("/"), place, server.program),
        None => debian::program(server.program),
    };
    if let Some(path) = installed {
        return Ok(path);
    }
    let cache = Cache::open()?;
    let folder = debian::folder(&cache, server.packages)
        .with_context(|| format!("{} is not installed and Debian's cannot be had", server.program))?;
    for name in server.beside {
        unpacked(&folder, server, name)?;
    }
    unpacked(&folder, server, server.program)
}

/// A program of an unpacked package, ready to be started.
fn unpacked(folder: &Path, server: &Server, name: &str) -> Result<PathBuf> {
    let places = [server.place.unwrap_or("usr/bin"), "usr/bin", "usr/sbin"];
    let Some(program) = places.iter().find_map(|place| find_in(folder, place, name)) else {
        bail!("the Debian packages {} have no {name}; delete {}", server.packages.join(", "), folder.display());
    };
    starter(folder, &program, name, server.base)
}

/// A file in a folder below `root`. In `place` one name may be `*` or end in it: of several the one with the highest number there.
fn find_in(root: &Path, place: &str, name: &str) -> Option<PathBuf> {
    let Some((before, after)) = place.split_once("*/") else {
        return Some(root.join(place).join(name)).filter(|file| file.is_file());
    };
    let (parent, start) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(root.join(parent)).ok()?.filter_map(Result::ok);
    let versions = entries.filter_map(|entry| {
        let version = entry.file_name().to_str()?.strip_prefix(start)?.to_owned();
        let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap_or(0)).collect();
        Some((numbers, entry.path().join(after).join(name)))
    });
    versions.filter(|(_, file)| file.is_file()).max().map(|(_, file)| file)
}

/// A program that is installed.
fn installed(server: &Server) -> Result<PathBuf> {
    debian::program(server.program).with_context(|| {
        let packages = server.packages.join(" ");
        format!("not installed; as root: apt-get install -y --no-install-recommends {packages}")
    })
}

/// A script that starts an unpacked program with the libraries unpacked beside it. It becomes that program, so that the pid
/// that a test knows is the server's own.
fn starter(folder: &Path, program: &Path, name: &str, base: Option<&str>) -> Result<PathBuf> {
    let script = folder.join(name);
    let libraries = debian::library_path(folder)?.to_string_lossy().into_owned();
    // What it starts by name lies beside it; RabbitMQ's plugins are looked for where they were not unpacked to.
    let root = folder.display();
    let mut text = format!("#!/bin/sh\nexport PATH='{root}/usr/bin':\"$PATH\"\n");
    if folder.join("usr/lib/erlang").is_dir() {
        move_erlang(&folder.join("usr/lib/erlang"))?;
        text += &format!("for plugins in '{root}'/usr/lib/rabbitmq/lib/*/plugins; do\n");
        text += "    export RABBITMQ_PLUGINS_DIR=\"$plugins\"\ndone\n";
    }
    let base = base.map(|option| format!(" {option}='{root}/usr'")).unwrap_or_default();
    text += &format!("LD_LIBRARY_PATH='{libraries}' exec '{}' \"$@\"{base}\n", program.display());
    if fs::read_to_string(&script).is_ok_and(|present| present == text) {
        return Ok(script);
    }
    fs::write(&script, text).with_context(|| format!("writing {}", script.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", script.display()))?;
    Ok(script)
}

/// Debian's Erlang looks for itself where it is installed, whatever its variables say: tells it where it was unpacked to. The
/// runtime starts itself once more, by another copy of the script.
fn move_erlang(root: &Path) -> Result<()> {
    const INSTALLED: &str = "ROOTDIR=/usr/lib/erlang\n";
    let runtime = find_in(root, "erts-*/bin", "erl").context("finding Erlang's runtime among what was unpacked")?;
    for script in [root.join("bin/erl"), runtime] {
        let text = fs::read_to_string(&script).with_context(|| format!("reading {}", script.display()))?;
        let moved = text.replace(INSTALLED, &format!("ROOTDIR='{}'\n", root.display()));
        fs::write(&script, moved).with_context(|| format!("writing {}", script.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn of_several_versions_the_newest_is_found() {
        let root = env::temp_dir().join(format!("trimtab-servers-{}", std::process::id()));
        for version in ["9", "15", "17", "notes"] {
            fs::create_dir_all(root.join("usr/lib/x").join(version).join("bin")).unwrap();
        }
        for version in ["9", "15", "notes"] {
            fs::write(root.join("usr/lib/x").join(version).join("bin/server"), "").unwrap();
        }
        let found = find_in(&root, "usr/lib/x/*/bin", "server");
        let missing = (find_in(&root, "usr/lib/x/*/bin", "other"), find_in(&root, "usr/lib/y/*/bin", "server"));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, Some(root.join("usr/lib/x/15/bin/server")), "17 has none");
        assert_eq!(missing, (None, None));
    }
}
