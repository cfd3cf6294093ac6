//! Workers that say their name, a proxy as a process of ours, and how its answers are read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::any;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trimtab::registrars::{DrainState, Registrar};
use trimtab::snapshot::{Abilities, Limits, Resources, Samples, Subject, Target, TargetId};
use trimtab::sources::{Ask, AskTarget, ReadingSpec, Source};

use crate::skip::skip;

/// Time that anything may take; a loaded machine is slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that says its name at once, and at `/held` only when let go.
pub(super) struct Worker {
    pub(super) address: String,
    pub(super) go: Arc<Notify>,
    pub(super) arrived: Arc<Notify>,
}

impl Worker {
    pub(super) async fn start(name: &'static str) -> Self {
        let (go, arrived) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (held, came) = (go.clone(), arrived.clone());
        let router = Router::new().fallback(any(move || async move { name })).route(
            "/held",
            any(move || async move {
                came.notify_one();
                held.notified().await;
                name
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, go, arrived }
    }
}

/// A server that takes a moment for each request, and ends at once and with all its connections when it is stopped.
pub(super) struct Backend {
    pub(super) name: String,
    pub(super) address: String,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Backend {
    pub(super) async fn start(name: &str) -> Self {
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let called = name.to_owned();
        // On a runtime of its own, whose end is the end of every connection.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let router = Router::new().fallback(any(async move || {
                    tokio::time::sleep(Duration::from_millis(15)).await;
                    called
                }));
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap().to_string()).unwrap();
                tokio::select! {
                    _ = stopped => {}
                    served = async { axum::serve(listener, router).await } => served.unwrap(),
                }
            });
        });
        Self { name: name.to_owned(), address: told.await.unwrap(), stop, thread }
    }

    /// Nobody listens there after this.
    pub(super) fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Requests without end.
pub(super) struct Load {
    stop: CancellationToken,
    clients: Vec<JoinHandle<Answers>>,
}

/// Who answered how often, and what failed.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) by: BTreeMap<String, usize>,
    pub(super) failed: Vec<String>,
}

impl Load {
    /// Four clients, each over one kept connection or over a connection for each request.
    pub(super) fn start(address: SocketAddr, keeps: bool) -> Self {
        let stop = CancellationToken::new();
        let client = |_| tokio::spawn(ask_on(address, keeps, stop.clone()));
        Self { clients: (0..4).map(client).collect(), stop }
    }

    pub(super) async fn end(self) -> Answers {
        self.stop.cancel();
        let mut all = Answers::default();
        for client in self.clients {
            let one = client.await.unwrap();
            all.failed.extend(one.failed);
            one.by.into_iter().for_each(|(name, count)| *all.by.entry(name).or_default() += count);
        }
        all
    }
}

async fn ask_on(address: SocketAddr, keeps: bool, stop: CancellationToken) -> Answers {
    trimtab::tls::ready();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(usize::from(keeps)).timeout(PATIENCE);
    let (client, mut answers) = (client.build().unwrap(), Answers::default());
    while !stop.is_cancelled() {
        match client.get(format!("http://{address}/")).send().await {
            Ok(answer) if answer.status().is_success() => match answer.text().await {
                Ok(name) => *answers.by.entry(name).or_default() += 1,
                Err(error) => answers.failed.push(format!("{error:?}")),
            },
            Ok(answer) => answers.failed.push(answer.status().to_string()),
            Err(error) => answers.failed.push(format!("{error:?}")),
        }
    }
    answers
}

/// A whole scale up to five and down to one under load: entered, drained, taken out, and then really stopped. Not one request
/// may fail, and each instance must have had its part of them.
pub(super) async fn up_and_down(registrar: &dyn Registrar, front: SocketAddr, keeps: bool, between: impl AsyncFn()) {
    let first = Backend::start("b0").await;
    registrar.register(&web(), "b0", &first.address).await.unwrap();
    until("the first", async || get(front, "/").await.is_some()).await;
    let load = Load::start(front, keeps);
    let mut backends = vec![first];
    for number in 1..5 {
        backends.push(Backend::start(&format!("b{number}")).await);
    }
    for raised in backends[1..].chunks(2) {
        let entered =
            raised.iter().map(|backend| async { registrar.register(&web(), &backend.name, &backend.address).await });
        for entered in futures_util::future::join_all(entered).await {
            entered.unwrap();
        }
    }
    for backend in &backends {
        until(&backend.name, async || get(front, "/").await.as_ref() == Some(&backend.name)).await;
    }
    between().await;
    let last = backends.pop().unwrap();
    for gone in [backends.split_off(1), backends] {
        // Three at once, then one alone.
        let leave = gone.into_iter().map(|backend| async move {
            until("a drain's end", async || drained(registrar, &backend.name).await).await;
            registrar.deregister(&web(), &backend.name).await.unwrap();
            backend.stop();
        });
        futures_util::future::join_all(leave).await;
    }
    assert_eq!(get(front, "/").await.as_deref(), Some("b4"));
    let answers = load.end().await;
    assert_eq!(answers.failed, [""; 0], "of {:?}", answers.by);
    assert_eq!(answers.by.len(), 5, "each had a part: {:?}", answers.by);
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["b4"]);
    println!("{} under load: {:?}", registrar.kind(), answers.by);
    last.stop();
}

/// Takes an instance out, as soon as all proxies have left it out.
pub(super) async fn taken_out(registrar: &dyn Registrar, instance: &str) {
    until("its end", async || registrar.deregister(&web(), instance).await.is_ok()).await;
}

/// A proxy in the foreground. Ends with the test.
pub(super) struct Proxy {
    child: Child,
}

impl Proxy {
    pub(super) fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap() }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Asked first: nginx's master takes its workers with it only then.
        if let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// The program that a variable names, or that is on the path. Says it where there is none.
pub(super) fn program(variable: &str, name: &str, package: &str) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = places.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skip(name, &format!("no program; install {package}, or name one in {variable}"));
    }
    found
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(super) fn web() -> TargetId {
    TargetId::new("local", "web").unwrap()
}

/// What a proxy answers, over a connection of its own: a kept one would stay with an old worker.
pub(super) async fn get(address: SocketAddr, path: &str) -> Option<String> {
    trimtab::tls::ready();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let answer = client.get(format!("http://{address}{path}")).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    answer.text().await.ok()
}

/// Who answers a number of requests; `None` stands for a failed one.
pub(super) async fn who(address: SocketAddr) -> BTreeSet<Option<String>> {
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        seen.insert(get(address, "/").await);
    }
    seen
}

pub(super) fn names(names: &[&str]) -> BTreeSet<Option<String>> {
    names.iter().map(|name| Some((*name).to_owned())).collect()
}

pub(super) async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !reached().await {
        assert!(began.elapsed() < PATIENCE, "no sign of {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) fn held(address: SocketAddr) -> JoinHandle<Option<String>> {
    tokio::spawn(get(address, "/held"))
}

pub(super) async fn drained(registrar: &dyn Registrar, instance: &str) -> bool {
    registrar.drain(&web(), instance).await.unwrap() == DrainState::Drained
}

/// One reading of the target `local/web`, now.
pub(super) async fn measure(source: &dyn Source, query: &str, rate: bool, now_ms: u64) -> Option<f64> {
    let spec = ReadingSpec {
        name: "x".into(),
        source: "proxy".to_owned(),
        query: query.to_owned(),
        subject: Subject::Target,
        unit: "".into(),
        label: None,
        rate,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 30_000,
        absent_as: None,
    };
    source.check_reading(&spec).unwrap();
    let target = Target {
        id: web(),
        kind: String::new(),
        zones: Vec::new(),
        labels: BTreeMap::new(),
        desired: 2,
        total: 2,
        ready: 2,
        containers: Vec::new(),
        abilities: Abilities::default(),
        limits: Limits { replicas_min: 1, replicas_max: 9, least: Resources::default(), most: Resources::default() },
    };
    let targets = [AskTarget { target: &target, instances: &[] }];
    let told = source.measure(&Ask { spec: &spec, targets: &targets, now_ms }).await.unwrap();
    let Samples::Numbers { values, .. } = &told.rows.first()?.samples else { panic!("{told:?}") };
    values.last().copied()
}
