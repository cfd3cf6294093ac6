//! Starts the launcher, and hears from it whether it became the command.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Inner;
use super::census::{ATTEMPT, CHANGE, HOST, INSTANCE, PORT, TARGET};
use super::config::{WorkloadConfig, lookup};
use super::files::InstanceFile;
use super::launch::{ALREADY, LaunchSpec};

/// Variables of the host's own that every instance gets.
const PASSED_ENV: &[&str] = &["PATH", "LANG", "TZ"];
/// How long the launcher may take to become the command.
const LAUNCH_WAIT: Duration = Duration::from_secs(5);
/// Most bytes of its answer.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// What came of a launch.
#[derive(Debug)]
pub(super) enum Launched {
    /// The command runs.
    Running(Child),
    /// A process of the instance lived already.
    Already(Child),
    /// It was not executed.
    Failed(Child, String),
    /// The launcher has not said.
    Slow(Child),
}

impl Inner {
    /// Starts the launcher for this start of an instance. Its file is on disk already.
    pub(super) fn spawn(
        &self,
        workload: &str,
        config: &WorkloadConfig,
        file: &InstanceFile,
        groups: Vec<PathBuf>,
    ) -> Result<Launched, String> {
        let (uid, gid) = ids(config)?;
        let dir = self.dir(workload);
        let output = self.output_dir(workload, config);
        fs::create_dir_all(&output).map_err(|error| format!("cannot make {}: {error}", output.display()))?;
        let spec = LaunchSpec {
            dir,
            instance: file.instance.clone(),
            attempt: file.attempt,
            groups,
            cwd: config.cwd.clone(),
            uid,
            gid,
            out: output.join(format!("{}.out", file.instance)),
            err: output.join(format!("{}.err", file.instance)),
            output_bytes_max: config.output_bytes_max.0,
            command: config.command.clone(),
        };
        let spec = serde_json::to_string(&spec).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.launcher);
        command.arg("launch-instance").arg(spec).env_clear();
        for name in PASSED_ENV.iter().copied().chain(config.pass_env.iter().map(String::as_str)) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&config.env.0);
        command.env(HOST, &self.host).env(TARGET, format!("{}/{workload}", self.name)).env(INSTANCE, &file.instance);
        command.env(CHANGE, &file.made_by).env(ATTEMPT, file.attempt.to_string());
        if let Some(port) = file.port {
            command.env(PORT, port.to_string()).env("PORT", port.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("cannot start {}: {error}", self.launcher.display()))?;
        Ok(hear(child))
    }

    pub(super) fn output_dir(&self, workload: &str, config: &WorkloadConfig) -> PathBuf {
        config.output_dir.as_ref().map_or_else(|| self.dir(workload).join("output"), |dir| dir.join(workload))
    }
}

/// Reads the launcher's answer: its end without a word means that the command was executed.
fn hear(mut child: Child) -> Launched {
    let Some(mut pipe) = child.stdout.take() else { return Launched::Slow(child) };
    let until = Instant::now() + LAUNCH_WAIT;
    let mut answer = Vec::new();
    let mut chunk = [0_u8; 1024];
    while answer.len() < ANSWER_BYTES_MAX {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Launched::Slow(child),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Launched::Failed(child, format!("cannot hear the launcher: {error}")),
        }
        match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Launched::Failed(child, format!("cannot hear the launcher: {error}")),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    match answer.trim().split_once(' ').unwrap_or((answer.trim(), "")) {
        ("", _) => Launched::Running(child),
        (ALREADY, _) => Launched::Already(child),
        (_, text) => Launched::Failed(child, text.to_owned()),
    }
}

/// The numbers of the workload's user and group.
pub(super) fn ids(config: &WorkloadConfig) -> Result<(Option<u32>, Option<u32>), String> {
    let user = match &config.user {
        Some(name) => Some(lookup("/etc/passwd", name).ok_or_else(|| format!("there is no user {name}"))?),
        None => None,
    };
    let group = match &config.group {
        Some(name) => Some(lookup("/etc/group", name).ok_or_else(|| format!("there is no group {name}"))?.0),
        // A user without an entry has the group of its number: never the host's.
        None => user.map(|(uid, gid)| gid.unwrap_or(uid)),
    };
    Ok((user.map(|(uid, _)| uid), group))
}

/// Whether the workload's program is there.
pub(super) fn find_program(config: &WorkloadConfig) -> Result<(), String> {
    let program = config.command.first().map_or("", String::as_str);
    let exists = if program.contains('/') {
        config.cwd.join(program).is_file()
    } else {
        let own = std::env::var("PATH").unwrap_or_default();
        let path = config.env.0.get("PATH").unwrap_or(&own);
        path.split(':').any(|dir| Path::new(dir).join(program).is_file())
    };
    if exists { Ok(()) } else { Err(format!("there is no program {program}")) }
}
