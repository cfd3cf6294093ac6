//! A HAProxy of the test's own, on loopback, and the workers behind it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::any;
use tokio::sync::Notify;
use trimtab::runtime_socket::RuntimeSocket;
use trimtab::snapshot::TargetId;

use crate::skip::skip;

/// Time that it has to come up; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// HAProxy, running with frontends `front` (to backend `web`) and `slots` (to the backend of that name), and a page of statistics.
pub(super) struct Haproxy {
    binary: PathBuf,
    child: Child,
    folder: tempfile::TempDir,
    pub(super) front: SocketAddr,
    pub(super) old: SocketAddr,
    pub(super) page: SocketAddr,
}

impl Haproxy {
    /// `None`, and said so, where there is no such program.
    pub(super) async fn start() -> Option<Self> {
        let Some(binary) = binary() else {
            skip("haproxy", "no program; install Debian's package haproxy, or name one in TRIMTAB_TEST_HAPROXY");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let [front, old, page] = free_addresses();
        let text = format!(
            "global\n stats socket {socket} mode 600 level admin\n maxconn 2000\n\
             defaults\n mode http\n timeout connect 2s\n timeout client 30s\n timeout server 30s\n timeout queue 5s\n\
             frontend front\n bind {front}\n default_backend web\n\
             frontend slots\n bind {old}\n default_backend slots\n\
             backend web\n balance leastconn\n server theirs 127.0.0.1:9 disabled\n\
             backend slots\n balance roundrobin\n server-template s 1-2 127.0.0.1:9 disabled\n\
             backend static\n balance static-rr\n\
             listen page\n bind {page}\n stats enable\n stats uri /stats\n stats auth watcher:secret\n",
            socket = folder.path().join("admin.sock").display(),
        );
        std::fs::write(folder.path().join("haproxy.cfg"), text).unwrap();
        let child = spawn(&binary, folder.path());
        let haproxy = Self { binary, child, folder, front, old, page };
        haproxy.up().await;
        Some(haproxy)
    }

    pub(super) fn socket(&self) -> String {
        self.folder.path().join("admin.sock").display().to_string()
    }

    pub(super) async fn ask(&self, command: &str) -> String {
        RuntimeSocket::new(&self.socket(), 5_000, 1 << 20).unwrap().ask(command).await.unwrap()
    }

    /// Names of the servers of a backend and their state of administration, ordered.
    pub(super) async fn servers(&self, backend: &str) -> BTreeMap<String, String> {
        let told = self.ask(&format!("show servers state {backend}")).await;
        let lines = told.lines().filter(|line| line.chars().next().is_some_and(|c| c.is_ascii_digit()));
        let fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|fields| fields.len() > 6);
        fields.map(|fields| (fields[3].to_owned(), fields[6].to_owned())).collect()
    }

    /// Killed as by `kill -9`, and begun anew with the configuration of the beginning.
    pub(super) async fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::fs::remove_file(self.folder.path().join("admin.sock")).unwrap();
        self.child = spawn(&self.binary, self.folder.path());
        self.up().await;
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn up(&self) {
        let began = Instant::now();
        let socket = RuntimeSocket::new(&self.socket(), 1_000, 1 << 20).unwrap();
        while socket.ask("show info").await.is_err() {
            assert!(began.elapsed() < PATIENCE, "haproxy does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(binary: &Path, folder: &Path) -> Child {
    let mut command = Command::new(binary);
    command.arg("-db").arg("-f").arg(folder.join("haproxy.cfg"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The program that the variable names, or one that is installed. Debian puts it where only root's path looks.
fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TRIMTAB_TEST_HAPROXY") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("haproxy")).find(|program| program.is_file())
}

fn free_addresses() -> [SocketAddr; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.each_ref().map(|listener| listener.local_addr().unwrap())
}

/// A server that says its name at once, and at `/held` only when let go.
pub(super) struct Worker {
    pub(super) address: String,
    pub(super) go: Arc<Notify>,
    pub(super) arrived: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Worker {
    pub(super) async fn start(name: &'static str) -> Self {
        let (go, arrived) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (held, came) = (go.clone(), arrived.clone());
        let router = Router::new().route("/", any(move || async move { name })).route(
            "/held",
            any(move || async move {
                came.notify_one();
                held.notified().await;
                name
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, go, arrived, task }
    }

    pub(super) fn die(self) {
        self.task.abort();
    }
}

pub(super) fn web() -> TargetId {
    "local/web".parse().unwrap()
}

pub(super) async fn get(at: SocketAddr, path: &str) -> (u16, String) {
    trimtab::tls::ready();
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(format!("http://{at}{path}")).send();
    let answer = answer.await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
