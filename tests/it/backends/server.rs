//! What rigs share: finding a program, a free port, and a server that does not outlive its test.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No test waits longer for a server; a loaded machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program that the variable names, else the one on the path or where Debian keeps servers.
pub(crate) fn program(variable: &str, name: &str) -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("no {name}; run `cargo xtask test`, install it, or name one in {variable}"))
}

/// A port on loopback that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !reached().await {
        assert!(Instant::now() < end, "no sign of {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
    child: Child,
    program: OsString,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts it; its output goes to a log in its folder.
    pub(crate) fn start(mut command: Command, folder: tempfile::TempDir) -> Self {
        let log = folder.path().join("server.log");
        let out = std::fs::File::create(&log).unwrap();
        let errors = out.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(errors).spawn().unwrap();
        Self { child, program: command.get_program().to_owned(), log, _folder: folder }
    }

    /// Waits until it answers; one that ends instead fails the test with the end of its log.
    pub(crate) async fn ready(&mut self, answers: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !answers().await {
            let ended = self.child.try_wait().unwrap();
            let late = Instant::now() >= end;
            assert!(ended.is_none() && !late, "{:?} is not ready ({ended:?}):\n{}", self.program, tail(&self.log));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process id, for signals.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
