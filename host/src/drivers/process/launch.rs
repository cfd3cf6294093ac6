//! `trimtab launch-instance`: the hidden command that becomes an instance.
//!
//! It exists because nothing may run between fork and exec without `unsafe`: what must happen there happens here, in a program
//! of its own that then becomes the command. It is also the guard against doubles: under the instance's lock it checks that its
//! start is still wanted and that no process of the instance lives, and notes its own number before it becomes anything. A
//! launcher that a killed host left behind is found by its environment, or finds that it is too late.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Gid, Uid, fchown};
use serde::{Deserialize, Serialize};

use super::files::{self, InstanceFile, InstancePaths, PidFile, Wish};
use super::identity::{ProcessId, wall_ms};

/// First word of the launcher's answer where a process of the instance lives already.
pub(super) const ALREADY: &str = "already";
/// First word where the start is no longer wanted.
pub(super) const TOO_LATE: &str = "too-late";
/// First word where it failed.
pub(super) const FAILED: &str = "failed";
/// Exit status where the command was not executed; what a shell uses too.
const NOT_EXECUTED: u8 = 127;

/// What to become. Travels as one argument; the environment travels as environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaunchSpec {
    pub dir: PathBuf,
    pub instance: String,
    pub attempt: u32,
    /// `cgroup.procs` files to enter.
    pub groups: Vec<PathBuf>,
    pub cwd: PathBuf,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub out: PathBuf,
    pub err: PathBuf,
    pub output_bytes_max: u64,
    pub command: Vec<String>,
}

/// The whole of `trimtab launch-instance SPEC`: returns only where the command was not executed, and then with the exit status.
/// Standard output is a pipe to the host: what is written there is the reason; nothing means success.
#[must_use]
pub fn launch(spec: Option<&str>) -> u8 {
    // Closes itself when the command is executed, which tells the host that it was.
    let Ok(answer) = io::stdout().as_fd().try_clone_to_owned() else { return NOT_EXECUTED };
    let reason = match spec.ok_or_else(|| "the specification is missing".to_owned()).and_then(|text| {
        serde_json::from_str::<LaunchSpec>(text).map_err(|error| format!("the specification is wrong: {error}"))
    }) {
        Ok(spec) => become_instance(&spec),
        Err(text) => Refusal { word: FAILED, text },
    };
    // The host may be gone: then nobody reads this, and nothing else is to be done.
    let _ = writeln!(File::from(answer), "{} {}", reason.word, reason.text);
    NOT_EXECUTED
}

#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) word: &'static str,
    text: String,
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Refusal {
    Refusal { word: FAILED, text: format!("{what} {}: {error}", path.display()) }
}

fn become_instance(spec: &LaunchSpec) -> Refusal {
    match prepare(spec) {
        // Only the failure of exec returns. The lock is released by it, or by our end.
        Ok((mut command, lock)) => {
            let error = command.exec();
            drop(lock);
            let program = spec.command.first().map_or("", String::as_str);
            Refusal { word: FAILED, text: format!("cannot run {program}: {error}") }
        }
        Err(refusal) => refusal,
    }
}

fn prepare(spec: &LaunchSpec) -> Result<(Command, File), Refusal> {
    // Away from the host's terminal and process group: it must not be interrupted together with the host.
    rustix::process::setsid().map_err(|error| failed("cannot leave the session for", &spec.dir, &error.into()))?;
    let paths = InstancePaths::new(&spec.dir, &spec.instance);
    // Before the lock, whose file would be left over: the wish was written before this launcher was started.
    if !paths.wish.exists() {
        return Err(Refusal { word: TOO_LATE, text: "the instance was removed".to_owned() });
    }
    let lock = lock_wanted(spec, &paths)?;
    for group in &spec.groups {
        fs::write(group, "0").map_err(|error| failed("cannot enter", group, &error))?;
    }
    let out = open_output(spec, &spec.out)?;
    let err = open_output(spec, &spec.err)?;
    if !spec.cwd.is_dir() {
        return Err(Refusal {
            word: FAILED,
            text: format!("the working directory {} does not exist", spec.cwd.display()),
        });
    }
    let process = ProcessId::now_of(i32::try_from(std::process::id()).unwrap_or_default())
        .ok_or_else(|| Refusal { word: FAILED, text: "cannot find itself in /proc".to_owned() })?;
    let pid = PidFile { process, attempt: spec.attempt, started_ms: wall_ms() };
    files::write(&paths.pid, &pid).map_err(|error| failed("cannot write", &paths.pid, &error))?;

    let (program, arguments) =
        spec.command.split_first().ok_or_else(|| Refusal { word: FAILED, text: "the command is empty".to_owned() })?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&spec.cwd).stdin(Stdio::null()).stdout(out).stderr(err);
    if let Some(gid) = spec.gid {
        command.gid(gid);
    }
    if let Some(uid) = spec.uid {
        command.uid(uid);
    }
    Ok((command, lock))
}

/// Takes the lock, and keeps it only where this start is still wanted. Where the instance was removed between the look at its
/// wish and the lock, the lock's file was made here, and nobody else would ever clear it away.
pub(super) fn lock_wanted(spec: &LaunchSpec, paths: &InstancePaths) -> Result<File, Refusal> {
    let lock = paths.lock().map_err(|error| failed("cannot lock", &paths.lock, &error))?;
    if let Err(refusal) = check_wanted(spec, paths) {
        if !paths.wish.exists() {
            files::remove_if_there(&paths.lock).map_err(|error| failed("cannot remove", &paths.lock, &error))?;
        }
        return Err(refusal);
    }
    Ok(lock)
}

/// Whether this very start is still wanted, and nothing of the instance lives.
fn check_wanted(spec: &LaunchSpec, paths: &InstancePaths) -> Result<(), Refusal> {
    let too_late = |text: &str| Refusal { word: TOO_LATE, text: text.to_owned() };
    let wish: InstanceFile = files::read(&paths.wish)
        .map_err(|error| failed("cannot read", &paths.wish, &error))?
        .ok_or_else(|| too_late("the instance was removed"))?;
    if wish.attempt != spec.attempt || wish.wish != Wish::Run {
        return Err(too_late("another start or a stop came after this one"));
    }
    let pid: Option<PidFile> = files::read(&paths.pid).map_err(|error| failed("cannot read", &paths.pid, &error))?;
    match pid {
        Some(pid) if pid.process.lives() => {
            // It is what this start came to: when it ends, it has failed, and is not still to come.
            let text = pid.process.pid.to_string();
            files::write(&paths.pid, &PidFile { attempt: spec.attempt, ..pid })
                .map_err(|error| failed("cannot write", &paths.pid, &error))?;
            Err(Refusal { word: ALREADY, text })
        }
        _ => Ok(()),
    }
}

/// Opens an output file at its end; one that has grown too long is set aside first.
fn open_output(spec: &LaunchSpec, path: &Path) -> Result<File, Refusal> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > spec.output_bytes_max) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        fs::rename(path, PathBuf::from(aside)).map_err(|error| failed("cannot set aside", path, &error))?;
    }
    let file =
        OpenOptions::new().create(true).append(true).open(path).map_err(|error| failed("cannot open", path, &error))?;
    if spec.uid.is_some() || spec.gid.is_some() {
        // So that the command can open its own /dev/stdout.
        fchown(&file, spec.uid.map(Uid::from_raw), spec.gid.map(Gid::from_raw))
            .map_err(|error| failed("cannot give away", path, &error.into()))?;
    }
    Ok(file)
}
