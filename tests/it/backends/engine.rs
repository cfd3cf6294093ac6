//! A real Docker Engine or Podman, alone in its namespaces (`engine.sh`), and the image of our worker (`tests/worker`).
//!
//! The programs are those that `TRIMTAB_TEST_DOCKERD` and `TRIMTAB_TEST_PODMAN` name, else `dockerd` and `podman` on the path. They
//! need root.
//! Nothing is pulled: images are imported. Containers' addresses and published ports are reached from inside only.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptionsBuilder, CreateImageOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::TryStreamExt as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::haproxy::Haproxy;
use super::server::{PATIENCE, program, tail};
use crate::skip::skip;

/// How long a call of the client may take, in seconds.
const CALL_S: u64 = 30;

/// Runs processes for containers by the containerd of an engine that does not run: its folder, its cgroups, what they run in, their ids.
const FORGET: &str = r#"
set -e
command -v ctr >/dev/null || { echo "no ctr; as root: apt-get install -y containerd" >&2; exit 1; }
containerd=$1/exec/containerd
cgroups=$2
root=$3
shift 3
containerd --config "$containerd/containerd.toml" >"$containerd/alone.log" 2>&1 &
alone=$!
patience=200
until ctr --address "$containerd/containerd.sock" version >/dev/null 2>&1; do
    patience=$((patience - 1))
    [ $patience -gt 0 ]
    sleep 0.05
done
for id in "$@"; do
    ctr --address "$containerd/containerd.sock" --namespace moby run --detach --cgroup "/$cgroups/$id" --rootfs "$root" "$id" /worker
done
kill -9 $alone
wait $alone || true
"#;

/// The engine. It, its containers and its folder end with this.
pub(crate) struct Engine {
    keeper: Child,
    orders: Option<ChildStdin>,
    done: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    /// The containers that had processes when it was killed last.
    outlived: Vec<String>,
}

impl Engine {
    /// Starts Docker's and waits until it answers; where none can run, skips the test of this name.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        Self::with(test, &[]).await
    }

    /// The same with further arguments for `dockerd`.
    pub(crate) async fn with(test: &str, arguments: &[&str]) -> Option<Self> {
        let dockerd = found(test, "TRIMTAB_TEST_DOCKERD", "dockerd")?;
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let cgroups = cgroups(folder.path());
        let mut command = vec![dockerd.into_os_string()];
        command.extend(["--shutdown-timeout", "1", "--cgroup-parent", &cgroups].map(Into::into));
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "engine.pid")] {
            command.extend([flag.into(), place(name).into_os_string()]);
        }
        command.extend(["-H".into(), url(folder.path()).into()]);
        command.extend(arguments.iter().map(Into::into));
        Some(Self::run(folder, &command, &[]).await)
    }

    /// Starts Podman's service, which speaks Docker's API and its own.
    pub(crate) async fn podman(test: &str) -> Option<Self> {
        let podman = found(test, "TRIMTAB_TEST_PODMAN", "podman")?;
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let settings = place("containers.conf");
        // Its own limits are higher than a container may have that itself runs in one.
        let text = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
                    [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
        std::fs::write(&settings, text).unwrap();
        let mut command = vec![podman.into_os_string()];
        for (flag, name) in
            [("--root", "data"), ("--runroot", "run"), ("--tmpdir", "tmp"), ("--network-config-dir", "net")]
        {
            command.extend([flag.into(), place(name).into_os_string()]);
        }
        // Its own choice, crun, refuses the hybrid layout of cgroups.
        command.extend(["--runtime", "runc", "system", "service", "--time", "0", &url(folder.path())].map(Into::into));
        Some(Self::run(folder, &command, &[("CONTAINERS_CONF", &settings)]).await)
    }

    async fn run(folder: tempfile::TempDir, command: &[OsString], variables: &[(&str, &Path)]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/it/backends/engine.sh");
        let mut keeper = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", script])
            .arg(folder.path())
            .args(command)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let done = BufReader::new(keeper.stdout.take().unwrap());
        let mut engine = Self { orders: keeper.stdin.take(), done, keeper, folder, outlived: Vec::new() };
        engine.order("start");
        engine.ready().await;
        engine
    }

    /// The unix socket of its API.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// What one that was started with `--debug` has been asked so far, by its own log: `/containers/json` and the like.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("engine.log")).unwrap();
        let called = |line: &str| {
            // Docker up to 25 writes `Calling GET /path`, later ones `request-url=/path`; some with the version before it.
            let from = line.find("Calling ").or_else(|| line.find("request-url="))?;
            let path = line.get(from..)?.split_once('/')?.1;
            let path = if path.starts_with("v1.") { path.split_once('/')?.1 } else { path };
            let end = path.find(['?', '"', ' ']).unwrap_or(path.len());
            Some(format!("/{}", path.get(..end)?))
        };
        text.lines().filter_map(called).collect()
    }

    /// A client of its API.
    pub(crate) fn client(&self) -> Docker {
        Docker::connect_with_unix(&self.socket().to_string_lossy(), CALL_S, API_DEFAULT_VERSION).unwrap()
    }

    /// Imports our worker as an image of this name, such as `worker:1`; returns the image's id (`sha256:…`).
    pub(crate) async fn import(&self, name: &str) -> String {
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(name.split(':').next().unwrap())
            .tag(name.split(':').nth(1).unwrap_or("latest"))
            .changes(vec!["ENTRYPOINT [\"/worker\"]".to_owned()])
            .build();
        let body = bollard::body_full(image().into());
        let client = self.client();
        let said: Vec<_> = client.create_image(Some(options), Some(body), None).try_collect().await.unwrap();
        said.last().and_then(|last| last.status.clone()).unwrap()
    }

    /// Ends it in good order: its containers end, too.
    pub(crate) fn stop(&mut self) {
        self.order("stop");
    }

    /// Kills it with SIGKILL: its containers live on, unless it is told otherwise.
    pub(crate) fn kill(&mut self) {
        self.order("kill");
        self.outlived = self.with_processes();
    }

    /// Starts it again after its end, and waits until it answers. What it has forgotten when it was killed is ended, as a person would:
    /// the host only tells of it (`docker::faults::a_process_that_its_engine_has_forgotten…`), and it would keep an address that another
    /// is given. That is help which the host does not have outside: each time it is said.
    pub(crate) async fn start_again(&mut self) {
        self.order("start");
        self.ready().await;
        let client = self.client();
        for container in std::mem::take(&mut self.outlived) {
            let state = client.inspect_container(&container, None).await.ok().and_then(|seen| seen.state);
            if state.and_then(|state| state.running) != Some(true) {
                println!("the engine has forgotten that {container} runs: it is ended from outside");
                self.end_processes(&container);
            }
        }
    }

    /// Whether a container has processes, whatever the engine says of it.
    pub(crate) fn has_processes(&self, container: &str) -> bool {
        self.with_processes().iter().any(|id| id == container)
    }

    /// The containers of Docker's that have processes.
    fn with_processes(&self) -> Vec<String> {
        let group = format!("/{}/", cgroups(self.folder.path()));
        let of = |process: procfs::process::Process| {
            let groups = process.cgroups().ok()?;
            let own =
                groups.into_iter().find_map(|own| own.pathname.split_once(&group).map(|(_, id)| id.to_owned()))?;
            own.split('/').next().filter(|id| id.len() == 64).map(str::to_owned)
        };
        let mut ids: Vec<_> = procfs::process::all_processes().unwrap().flatten().filter_map(of).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// As if it had been killed while it started these containers, in the moment after their processes began and before it noted
    /// that: killed, and started again, it takes them for ones that were never started.
    pub(crate) async fn forget(&mut self, containers: &[&str]) {
        self.kill();
        let root = self.folder.path().join("forgotten");
        std::fs::create_dir_all(&root).unwrap();
        let mut tar = Command::new("tar").arg("-C").arg(&root).arg("-xf-").stdin(Stdio::piped()).spawn().unwrap();
        tar.stdin.take().unwrap().write_all(&image()).unwrap();
        assert!(tar.wait().unwrap().success());
        let mut command = self.inside_of_all("sh");
        command
            .args(["-c", FORGET, "forget"])
            .arg(self.folder.path())
            .arg(cgroups(self.folder.path()))
            .arg(&root)
            .args(containers);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        self.start_again().await;
    }

    /// Ends all processes of a container, as a person would where the engine does not know of them.
    fn end_processes(&self, container: &str) {
        let group = format!("find /sys/fs/cgroup -path '*/{}/{container}*'", cgroups(self.folder.path()));
        let end = format!("{group} -name cgroup.procs -exec cat {{}} + | sort -u | xargs -r kill -9");
        assert!(Command::new("sh").args(["-c", &end]).status().unwrap().success());
    }

    /// A command among its processes, with its network and mounts.
    fn inside_of_all(&self, program: &str) -> Command {
        let keeper = self.keeper.id();
        // `unshare` itself is outside; its child is the first process inside.
        let first = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["--net", "--mount", "--pid", "--target", first.trim(), "--", program]);
        command
    }

    /// A command that runs in its network, where containers' addresses and published ports are: `engine.inside("curl")`.
    pub(crate) fn inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target"]).arg(self.keeper.id().to_string()).arg("--").arg(program);
        command
    }

    /// Does something in its network, on a thread of its own: `engine.within(async || reqwest::get(url).await)`.
    pub(crate) fn within<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        let work = inside_of(self.network(), work);
        std::thread::scope(|scope| scope.spawn(work).join().unwrap())
    }

    /// Lays a cable to another engine's network, with these addresses at our end and theirs: `10.0.0.1/24`.
    pub(crate) fn wire(&self, other: &Self, ours: &str, theirs: &str) {
        let run = |engine: &Self, words: &str| {
            let ran = engine.inside("ip").args(words.split(' ')).output().unwrap();
            assert!(ran.status.success(), "ip {words}: {}", String::from_utf8_lossy(&ran.stderr));
        };
        run(self, &format!("link add wire type veth peer name wire netns {}", other.keeper.id()));
        for (engine, address) in [(self, ours), (other, theirs)] {
            run(engine, &format!("address add {address} dev wire"));
            run(engine, "link set wire up");
        }
    }

    /// The same beside the test, which goes on.
    pub(crate) fn alongside<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        std::thread::spawn(inside_of(self.network(), work))
    }

    fn network(&self) -> std::fs::File {
        std::fs::File::open(format!("/proc/{}/ns/net", self.keeper.id())).unwrap()
    }

    fn order(&mut self, word: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{word}").unwrap();
        let mut said = String::new();
        self.done.read_line(&mut said).unwrap();
        assert_eq!(said.trim(), word, "the engine's keeper is gone");
    }

    async fn ready(&self) {
        let end = Instant::now() + PATIENCE;
        // The socket is there before the engine answers, and a client of no socket is an error.
        while !(self.socket().exists() && self.client().ping().await.is_ok()) {
            let log = self.folder.path().join("engine.log");
            assert!(Instant::now() < end, "the engine is not ready:\n{}", tail(&log));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The end of its input ends the keeper, and the kernel all the rest.
        drop(self.orders.take());
        let _ = self.keeper.wait();
        // Empty now, but they outlive those who made them.
        let find = ["/sys/fs/cgroup", "-depth", "-type", "d", "-path"];
        let _ =
            Command::new("find").args(find).arg(format!("*/{}*", cgroups(self.folder.path()))).arg("-delete").output();
    }
}

/// Moves the thread that it is called on into the network, and does the work there.
fn inside_of<T>(network: std::fs::File, work: impl AsyncFnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work())
    }
}

/// The program, or a skip.
fn found(test: &str, variable: &str, name: &str) -> Option<PathBuf> {
    let why = match program(variable, name) {
        Ok(_) if !rustix::process::geteuid().is_root() => format!("{name} in namespaces of its own needs root"),
        Ok(program) => match namespaces() {
            Ok(()) => return Some(program),
            Err(why) => why,
        },
        Err(why) => why,
    };
    skip(test, &why);
    None
}

/// Whether there is what makes and enters namespaces, and root may.
fn namespaces() -> Result<(), String> {
    for (tool, package) in
        [("unshare", "util-linux"), ("nsenter", "util-linux"), ("ip", "iproute2"), ("iptables", "iptables")]
    {
        program("", tool).map_err(|_| format!("no {tool}; as root: apt-get install -y {package}"))?;
    }
    let tried = Command::new("unshare").args(["--net", "--mount", "--pid", "--fork", "true"]).output();
    match tried {
        Ok(tried) if tried.status.success() => Ok(()),
        Ok(tried) => {
            let said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
            Err(format!("no namespaces: {said}; in a container, run that with --privileged"))
        }
        Err(error) => Err(format!("no namespaces: {error}")),
    }
}

fn url(folder: &Path) -> String {
    format!("unix://{}", folder.join("engine.sock").display())
}

/// The name of an engine's cgroups: they are outside its namespaces.
fn cgroups(folder: &Path) -> String {
    format!("trimtab-engine{}", folder.file_name().unwrap().to_string_lossy().replace('.', "-"))
}

/// The image of our worker: a tar that holds but one static program.
fn image() -> Vec<u8> {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let built = Command::new("rustc")
            .args([
                "--edition",
                "2024",
                "-O",
                "-C",
                "target-feature=+crt-static",
                "-C",
                "panic=abort",
                "-C",
                "strip=symbols",
            ])
            .arg("-o")
            .arg(folder.path().join("worker"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/worker/main.rs"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Command::new("tar").arg("-C").arg(folder.path()).args(["-cf", "-", "worker"]).output().unwrap().stdout
    };
    IMAGE.get_or_init(make).clone()
}

/// What a worker answers, once it does: that its container runs does not say that it listens already.
async fn served(url: &str) -> String {
    trimtab::tls::ready();
    let end = Instant::now() + PATIENCE;
    loop {
        match reqwest::get(url).await {
            Ok(answer) => return answer.text().await.unwrap(),
            Err(error) => assert!(Instant::now() < end, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_serves_in_an_engine_of_its_own_and_outlives_its_death() {
    let Some(mut engine) = Engine::with("engine", &["--live-restore"]).await else { return };
    let id = start_worker(&engine, "web-1").await;
    let url = format!("http://{}:8080/", address(&engine, "web-1").await);
    let ask = async || served(&url).await;
    assert_eq!(engine.within(ask).trim(), &id[..12]);
    let links = engine.inside("ip").args(["link", "show", "docker0"]).output().unwrap();
    assert!(links.status.success(), "{}", String::from_utf8_lossy(&links.stderr));

    let client = engine.client();
    engine.kill();
    assert!(client.ping().await.is_err());
    assert_eq!(engine.within(ask).trim(), &id[..12], "a container does not need its engine");
    engine.start_again().await;
    let state = engine.client().inspect_container("web-1", None).await.unwrap().state.unwrap();
    assert_eq!(state.running, Some(true));
    engine.stop();
    assert!(client.ping().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_beside_an_engine_serves_from_its_container() {
    let Some(engine) = Engine::start("haproxy beside an engine").await else { return };
    let id = start_worker(&engine, "web-1").await;
    let address = address(&engine, "web-1").await;
    let sections =
        format!("frontend web\n  bind 127.0.0.1:80\n  default_backend web\nbackend web\n  server one {address}:8080");
    let Some(haproxy) = Haproxy::beside(&engine, "haproxy beside an engine", &sections).await else { return };
    let answer = engine.within(async || reqwest::get("http://127.0.0.1/").await.unwrap().text().await.unwrap());
    assert_eq!(answer.trim(), &id[..12]);
    assert!(haproxy.ask("show info").unwrap().contains("CumReq: "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_serves_in_a_podman_of_its_own() {
    let Some(engine) = Engine::podman("podman").await else { return };
    start_worker(&engine, "web-1").await;
    let url = format!("http://{}:8080/health", address(&engine, "web-1").await);
    assert_eq!(engine.within(async || reqwest::get(&url).await.unwrap().status()), 200);
}

async fn start_worker(engine: &Engine, name: &str) -> String {
    trimtab::tls::ready();
    let image = engine.import("worker:1").await;
    let client = engine.client();
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let body = ContainerCreateBody { image: Some(image), ..ContainerCreateBody::default() };
    let id = client.create_container(Some(options), body).await.unwrap().id;
    client.start_container(name, None).await.unwrap();
    id
}

async fn address(engine: &Engine, name: &str) -> String {
    let seen = engine.client().inspect_container(name, None).await.unwrap();
    let networks = seen.network_settings.unwrap().networks.unwrap();
    networks.values().find_map(|network| network.ip_address.clone().filter(|address| !address.is_empty())).unwrap()
}
