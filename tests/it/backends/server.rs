//! What rigs share: finding a program, a free port, and a server that does not outlive its test.

use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::skip::skip;

/// No test waits longer for a server; a loaded machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program that the variable names (none: an empty one), else the one on the path or where Debian keeps servers.
pub(crate) fn program(variable: &str, name: &str) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .chain(postgres())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("no {name}; {}", remedy(variable, name)))
}

/// What to do about a missing program: `cargo xtask test` can unpack most servers, but no engine and no tool.
fn remedy(variable: &str, name: &str) -> String {
    let packages = match name {
        "dockerd" => "docker.io iptables iproute2",
        "podman" => "podman runc netavark aardvark-dns iptables iproute2",
        "docker" => "docker.io",
        "prometheus-alertmanager" => name,
        _ if variable.is_empty() => name,
        _ => return format!("run `cargo xtask test`, install it, or name one in {variable}"),
    };
    let named = if variable.is_empty() { String::new() } else { format!(", or name one in {variable}") };
    format!("as root: apt-get install -y --no-install-recommends {packages}{named}")
}

/// Where Debian has PostgreSQL: a folder for each version, the newest first.
fn postgres() -> Vec<PathBuf> {
    let number = |folder: &PathBuf| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut versions: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    versions.sort_by_key(|folder| std::cmp::Reverse(number(folder)));
    versions.into_iter().map(|folder| folder.join("bin")).collect()
}

/// The same, or a skip of the test of this name.
pub(crate) fn program_or_skip(test: &str, variable: &str, name: &str) -> Option<PathBuf> {
    program(variable, name).map_err(|why| skip(test, &why)).ok()
}

/// A port on loopback that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether something answers a GET well.
pub(crate) async fn answers(url: &str) -> bool {
    trimtab::tls::ready();
    reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success())
}

/// The last lines of a log, for the message of a test that fails.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// A server and its folder, where its log is, too. It is killed and its folder removed when this is dropped.
pub(crate) struct Server {
    command: Command,
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts it; its output goes to a log in its folder.
    pub(crate) fn start(mut command: Command, folder: tempfile::TempDir) -> Self {
        let child = spawn(&mut command, folder.path());
        Self { command, child, folder }
    }

    /// Waits until it is there; one that ends instead fails the test with the end of its log.
    pub(crate) async fn ready(&mut self, there: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !there().await {
            let ended = self.child.try_wait().unwrap();
            let said = || tail(&self.folder.path().join("server.log"));
            assert!(ended.is_none(), "{} ended with {ended:?}:\n{}", self.name(), said());
            assert!(Instant::now() < end, "{} is not ready:\n{}", self.name(), said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id, for signals.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL. What it keeps in its folder stays.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it once more, as before.
    pub(crate) fn start_again(&mut self) {
        self.kill();
        self.child = spawn(&mut self.command, self.folder.path());
    }

    fn name(&self) -> String {
        OsString::from(self.command.get_program()).to_string_lossy().into_owned()
    }
}

fn spawn(command: &mut Command, folder: &Path) -> Child {
    let out = File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
    let errors = out.try_clone().unwrap();
    command.stdin(Stdio::null()).stdout(out).stderr(errors).spawn().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
