//! A real Docker Engine, alone in its namespaces (`engine.sh`), and the image of our worker (`tests/worker`).
//!
//! The program is the one that `TRIMTAB_TEST_DOCKERD` names, else `dockerd` on the path (Debian: package `docker.io`). It needs root.
//! Nothing is pulled: images are imported. Containers' addresses and published ports are reached from inside only.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bollard::query_parameters::CreateImageOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::TryStreamExt as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::server::{PATIENCE, program, tail};
use crate::skip::skip;

/// How long a call of the client may take, in seconds.
const CALL_S: u64 = 30;

/// The engine. It, its containers and its folder end with this.
pub(crate) struct Engine {
    keeper: Child,
    orders: Option<ChildStdin>,
    done: BufReader<ChildStdout>,
    cgroups: String,
    folder: tempfile::TempDir,
}

impl Engine {
    /// Starts one and waits until it answers; where none can run, skips the test of this name.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        Self::with(test, &[]).await
    }

    /// The same with further arguments for `dockerd`.
    pub(crate) async fn with(test: &str, arguments: &[&str]) -> Option<Self> {
        let program = match program("TRIMTAB_TEST_DOCKERD", "dockerd") {
            Ok(program) if rustix::process::geteuid().is_root() => program,
            Ok(_) => {
                skip(test, "a Docker Engine of its own needs root");
                return None;
            }
            Err(why) => {
                skip(test, &why);
                return None;
            }
        };
        let mut engine = Self::alone(&program, arguments);
        engine.order("start");
        engine.ready().await;
        Some(engine)
    }

    fn alone(program: &Path, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cgroups = format!("trimtab-{}", folder.path().file_name().unwrap().to_string_lossy().trim_matches('.'));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/it/backends/engine.sh");
        let mut keeper = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", script])
            .arg(folder.path())
            .arg(&cgroups)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let done = BufReader::new(keeper.stdout.take().unwrap());
        Self { orders: keeper.stdin.take(), done, keeper, cgroups, folder }
    }

    /// The unix socket of its API.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
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
            .changes(vec!["ENTRYPOINT [\"/worker\"]".to_owned(), "EXPOSE 8080".to_owned()])
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
    }

    /// Starts it again after its end, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        self.order("start");
        self.ready().await;
    }

    /// A command that runs in its network, where containers' addresses and published ports are: `engine.inside("curl")`.
    pub(crate) fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target"]).arg(self.keeper.id().to_string()).arg("--").arg(program);
        command
    }

    /// Does something in its network, on a thread of its own: `engine.within(async || reqwest::get(url).await)`.
    pub(crate) fn within<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        let network = std::fs::File::open(format!("/proc/{}/ns/net", self.keeper.id())).unwrap();
        let work = move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work())
        };
        std::thread::scope(|scope| scope.spawn(work).join().unwrap())
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
        let _ = Command::new("find").args(find).arg(format!("*/{}*", self.cgroups)).arg("-delete").output();
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_serves_in_an_engine_of_its_own_and_outlives_its_death() {
    use bollard::models::ContainerCreateBody;
    use bollard::query_parameters::CreateContainerOptionsBuilder;

    let Some(mut engine) = Engine::with("engine", &["--live-restore"]).await else { return };
    let image = engine.import("worker:1").await;
    assert!(image.starts_with("sha256:"), "{image}");
    let client = engine.client();
    let options = CreateContainerOptionsBuilder::new().name("web-1").build();
    let body = ContainerCreateBody { image: Some("worker:1".to_owned()), ..ContainerCreateBody::default() };
    let id = client.create_container(Some(options), body).await.unwrap().id;
    client.start_container("web-1", None).await.unwrap();
    let seen = client.inspect_container("web-1", None).await.unwrap();
    let networks = seen.network_settings.unwrap().networks.unwrap();
    let address = networks["bridge"].ip_address.clone().unwrap();

    trimtab::tls::ready();
    let url = format!("http://{address}:8080/");
    let ask = async || reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert_eq!(engine.within(ask).trim(), &id[..12]);
    let links = engine.inside("ip").args(["link", "show", "docker0"]).output().unwrap();
    assert!(links.status.success(), "{}", String::from_utf8_lossy(&links.stderr));

    engine.kill();
    assert!(client.ping().await.is_err());
    assert_eq!(engine.within(ask).trim(), &id[..12], "a container does not need its engine");
    engine.start_again().await;
    let state = engine.client().inspect_container("web-1", None).await.unwrap().state.unwrap();
    assert_eq!(state.running, Some(true));
    engine.stop();
    assert!(client.ping().await.is_err());
}
