//! Workers that say their name, a proxy as a process of ours, and how its answers are read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::any;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
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
