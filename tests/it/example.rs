//! `examples/web-behind-haproxy/run`, as a person starts it: what it says where something is missing, that it leaves nothing behind
//! when it is stopped, and with `TRIMTAB_LONG=1` the whole of it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bollard::query_parameters::{ListContainersOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::backends::engine::Engine;
use crate::backends::server::{PATIENCE, program_or_skip};
use crate::cli::Desk;

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/web-behind-haproxy/run");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/web-behind-haproxy");

#[test]
fn the_examples_configuration_is_sound() {
    let desk = Desk::new();
    let text = std::fs::read_to_string(Path::new(FOLDER).join("trimtab.toml")).unwrap();
    let text = text.replace("@HERE@", "/tmp").replace("@DOCKER_HOST@", "unix:///var/run/docker.sock");
    desk.put("trimtab.toml", &text);
    let checked = desk.run(&["check"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""), "{}", checked.out);
}

#[test]
fn the_example_says_what_is_missing_and_starts_nothing() {
    let desk = Desk::new();
    let said = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let help = example(Command::new(RUN), desk.path()).arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--seconds N"), "{help:?}");
    for wrong in [&["--seconds", "1"][..], &["--seconds"], &["--port", "99999"], &["--what"]] {
        let ended = example(Command::new(RUN), desk.path()).args(wrong).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{wrong:?}: {}", said(&ended));
    }
    let missing =
        [("HAPROXY", "/nowhere/haproxy"), ("PROMETHEUS", "/nowhere/prometheus"), ("TRIMTAB", "/nowhere/trimtab")];
    let ended = example(Command::new(RUN), desk.path()).envs(missing).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    for (variable, program) in missing {
        let line = said(&ended).lines().find(|line| line.starts_with(&format!("no {program}: "))).map(str::to_owned);
        assert!(line.as_ref().is_some_and(|line| line.contains(variable)), "all at once: {}", said(&ended));
    }
    if let Some(programs) = Programs::find("example, no engine") {
        let mut command = example(Command::new(RUN), desk.path());
        let ended = programs.name(&mut command).env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap();
        assert_eq!(ended.status.code(), Some(2));
        assert!(said(&ended).starts_with("no Docker Engine answers at unix:///nowhere.sock:\n"), "{}", said(&ended));
    }
    assert_eq!(std::fs::read_dir(desk.path()).unwrap().count(), 0, "it made no folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_the_example_follows_sessions_up_and_down_without_a_failed_request() {
    let Some(programs) = Programs::find("example") else { return };
    let Some(engine) = Engine::start("example").await else { return };
    let desk = Desk::new();
    if std::env::var_os("TRIMTAB_LONG").is_some_and(|long| long == "1") {
        let ended = start(&engine, &programs, &desk).wait_with_output().unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        let last = said.lines().find(|line| line.contains(" requests, 0 failed; up to ")).unwrap_or_default();
        assert!(ended.status.success() && last.ends_with("1 in the end"), "{said}");
        assert!(said.contains("running") && said.contains("deleted"), "the books: {said}");
        let answered = said.lines().skip_while(|line| *line != "answers by container:").skip(1);
        assert!(answered.take_while(|line| !line.is_empty()).count() > 1, "all of them served: {said}");
        nothing_is_left(&engine, &desk).await;
    }

    // Ctrl-C in the middle.
    let mut run = start(&engine, &programs, &desk);
    let mut lines = BufReader::new(run.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains(" # 1 ") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    assert!(!engine.client().list_containers(None::<ListContainersOptions>).await.unwrap().is_empty());
    kill_process_group(Pid::from_child(&run), Signal::INT).unwrap();
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("taking away containers, image and servers"), "{said}");
    nothing_is_left(&engine, &desk).await;
}

/// The programs that it needs, beside those that every machine has that compiles Rust.
struct Programs {
    haproxy: std::path::PathBuf,
    prometheus: std::path::PathBuf,
}

impl Programs {
    fn find(test: &str) -> Option<Self> {
        program_or_skip(test, "", "docker")?;
        program_or_skip(test, "", "curl")?;
        Some(Self {
            haproxy: program_or_skip(test, "TRIMTAB_TEST_HAPROXY", "haproxy")?,
            prometheus: program_or_skip(test, "TRIMTAB_TEST_PROMETHEUS", "prometheus")?,
        })
    }

    fn name<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("HAPROXY", &self.haproxy).env("PROMETHEUS", &self.prometheus)
    }
}

fn example(mut command: Command, folder: &Path) -> Command {
    command.env("TMPDIR", folder).env("TRIMTAB", env!("CARGO_BIN_EXE_trimtab"));
    command
}

fn start(engine: &Engine, programs: &Programs, desk: &Desk) -> Child {
    // What runs in the background of a shell ignores Ctrl-C, and so would all that it starts.
    let mut command = example(engine.inside("env"), desk.path());
    command.args(["--default-signal=INT", RUN]);
    programs.name(&mut command).env("DOCKER_HOST", format!("unix://{}", engine.socket().display()));
    // A terminal's Ctrl-C is for the whole group.
    command.process_group(0).args(["--seconds", "45"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// No container, no image, no file, and no process that works in its folder.
async fn nothing_is_left(engine: &Engine, desk: &Desk) {
    let client = engine.client();
    let all = ListContainersOptionsBuilder::new().all(true).build();
    assert_eq!(client.list_containers(Some(all)).await.unwrap(), []);
    let images = ListImagesOptionsBuilder::new().build();
    assert_eq!(client.list_images(Some(images)).await.unwrap(), []);
    assert_eq!(std::fs::read_dir(desk.path()).unwrap().count(), 0);
    let working = || -> Vec<_> {
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let folders = processes.filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok());
        folders.filter(|folder| folder.starts_with(desk.path())).collect()
    };
    let end = Instant::now() + PATIENCE;
    while !working().is_empty() {
        assert!(Instant::now() < end, "{:?}", working());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
