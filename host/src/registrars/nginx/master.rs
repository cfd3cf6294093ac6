//! A running nginx: its test of a configuration, its master process and its workers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::NginxConfig;
use crate::quantity::DurationMs;
use crate::registrars::post::{Failure, aside};
use crate::registrars::roster;

/// Distance of looks for new workers after a reload.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Most bytes of a pid file.
const PID_BYTES_MAX: u64 = 64;

/// Most characters of nginx's own words that an error repeats.
const WORDS_MAX: usize = 500;

/// One worker process. Its start tells it from a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pid: i32,
    start_ticks: u64,
}

/// One worker process, as it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worker {
    identity: Identity,
    /// Whether it takes no more connections and only finishes what it has.
    pub(super) ending: bool,
}

impl PartialEq for Worker {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Worker {}

impl PartialOrd for Worker {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worker {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.identity.cmp(&other.identity)
    }
}

#[derive(Debug)]
pub(super) struct Master {
    program: PathBuf,
    config: Option<PathBuf>,
    pid_file: PathBuf,
    timeout_ms: u64,
}

impl Master {
    pub(super) fn new(config: &NginxConfig) -> Self {
        Self {
            program: config.program.clone(),
            config: config.config.clone(),
            pid_file: config.pid_file.clone(),
            timeout_ms: config.timeout_ms,
        }
    }

    /// Whether nginx finds its configuration sound, and this file in it.
    pub(super) async fn test(&self, file: Option<&Path>) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.args(["-q", "-T"]).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(config) = &self.config {
            command.arg("-c").arg(config);
        }
        let program = self.program.display();
        let output = match timeout(Duration::from_millis(self.timeout_ms), command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => {
                let what = format!("{program} cannot be run: {error}; install nginx, or set `program`");
                return Err(Failure::Refused(what));
            }
            Err(_) => {
                let what = format!("{program} -T did not end within {}", DurationMs(self.timeout_ms));
                return Err(Failure::Unreachable(what));
            }
        };
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let words: String =
                words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(WORDS_MAX).collect();
            return Err(Failure::Refused(format!("nginx finds its configuration wrong: {words}")));
        }
        match file.map(Path::to_owned) {
            Some(file) => aside(move || reads(&String::from_utf8_lossy(&output.stdout), &file)).await,
            None => Ok(()),
        }
    }

    /// Lets nginx read its configuration again, and waits until only new workers accept. Gives the workers of before.
    pub(super) async fn reload(&self) -> Result<BTreeSet<Worker>, Failure> {
        let before = self.workers().await?;
        let pid_file = self.pid_file.clone();
        aside(move || {
            let (_, process) = running(&pid_file)?;
            pidfd_send_signal(&process, Signal::HUP).map_err(|error| {
                let remedy = "; run trimtab as its user, or as root";
                let remedy = if error == rustix::io::Errno::PERM { remedy } else { "" };
                Failure::Refused(format!("nginx cannot be told to reload: {error}{remedy}"))
            })
        })
        .await?;
        let until = Instant::now() + Duration::from_millis(self.timeout_ms);
        loop {
            let now = self.workers().await?;
            let taken = now.iter().any(|worker| !worker.ending && !before.contains(worker));
            // nginx lets the old workers go on accepting for a tenth of a second, with the configuration of before.
            if taken && !now.iter().any(|worker| !worker.ending && before.contains(worker)) {
                return Ok(before);
            }
            if Instant::now() > until {
                let within = DurationMs(self.timeout_ms);
                let what = format!("nginx has not reloaded within {within}; its error log says why");
                return Err(Failure::Refused(what));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// The workers there are; an error where nginx does not run.
    pub(super) async fn workers(&self) -> Result<BTreeSet<Worker>, Failure> {
        let pid_file = self.pid_file.clone();
        aside(move || {
            let (master, _) = running(&pid_file)?;
            workers_of(master.as_raw_nonzero().get())
                .map_err(|error| Failure::Unreachable(format!("nginx's processes cannot be read: {error}")))
        })
        .await
    }
}

/// Whether this file is among those that nginx says to have read.
fn reads(dump: &str, file: &Path) -> Result<(), Failure> {
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut read = dump.lines().filter_map(|line| line.strip_prefix("# configuration file ")?.strip_suffix(':'));
    if read.any(|read| fs::canonicalize(read).is_ok_and(|read| read == place)) {
        return Ok(());
    }
    let file = file.display();
    Err(Failure::Refused(format!(
        "nginx does not read {file}; write `include {file};` inside `http` in nginx's own configuration"
    )))
}

/// The master process that the file tells of. What is held of it stays that process: whoever gets its number after it has ended
/// gets no signal of ours.
fn running(pid_file: &Path) -> Result<(Pid, OwnedFd), Failure> {
    let file = pid_file.display();
    let gone = |what: String| Failure::Unreachable(format!("nginx does not run: {what}; start it, or set `pid_file`"));
    let text = match roster::read(pid_file, PID_BYTES_MAX) {
        Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(None) => return Err(gone(format!("there is no {file}"))),
        Err(error) => return Err(gone(format!("{file}: {error}"))),
    };
    let pid = text.trim().parse::<i32>().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| gone(format!("{file} holds no process's number")))?;
    let number = pid.as_raw_nonzero();
    let process = pidfd_open(pid, PidfdFlags::empty())
        .map_err(|error| gone(format!("process {number} of {file} cannot be had: {error}")))?;
    // After a crash the number may be another process's, which a signal might end. Looked at while the process is held.
    match fs::read(format!("/proc/{number}/cmdline")) {
        Ok(title) if title.starts_with(b"nginx: master process") => Ok((pid, process)),
        Ok(_) => Err(gone(format!("process {number} of {file} is another program's"))),
        Err(_) => Err(gone(format!("there is no process {number} of {file}"))),
    }
}

fn workers_of(master: i32) -> procfs::ProcResult<BTreeSet<Worker>> {
    let mut workers = BTreeSet::new();
    for process in procfs::process::all_processes()?.flatten() {
        let Ok(stat) = process.stat() else { continue };
        if stat.ppid != master {
            continue;
        }
        let title = process.cmdline().unwrap_or_default().join(" ");
        if title.starts_with("nginx: worker process") {
            let identity = Identity { pid: stat.pid, start_ticks: stat.starttime };
            workers.insert(Worker { identity, ending: title.contains("is shutting down") });
        }
    }
    Ok(workers)
}
