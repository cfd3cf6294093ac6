//! One engine, one HAProxy beside it, one host, and a load; and what each of them says there is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::models::{ContainerCreateBody, HealthConfig};
use bollard::query_parameters::{CreateContainerOptionsBuilder, ListContainersOptions};
use rustix::process::Signal;
use trimtab::audit::{self, Event, Span};
use trimtab::snapshot::{Phase, Samples, TargetId};
use trimtab::store::SqliteStore;

use super::load::Load;
use crate::backends::engine::Engine;
use crate::backends::haproxy::{self, Haproxy};
use crate::host::Host;

/// No story waits longer for anything; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

/// Sessions that one container is to have.
pub(super) const TARGET: usize = 4;
/// Where HAProxy serves, in the engine's network.
const FRONT: &str = "127.0.0.1:8000";
/// The label that makes containers a workload.
const LABEL: &str = "trimtab.workload";
/// In milliseconds; each check is a process in the container.
const CHECK_EVERY: i64 = 250;

/// All of it. What was started ends with this.
pub(super) struct Stage {
    // Ended in this order.
    pub(super) load: Load,
    host: Option<Host>,
    pub(super) haproxy: Haproxy,
    pub(super) engine: Engine,
    folder: tempfile::TempDir,
}

/// One container of the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) id: String,
    /// As Trimtab calls it.
    pub(super) instance: String,
    pub(super) runs: bool,
    address: String,
}

/// What the host's records say.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Changes that are not closed.
    pub(super) open: Vec<String>,
    /// How each was closed.
    closed: BTreeMap<String, Vec<String>>,
    /// The instances that the last turn saw ready, if it saw no others and left nothing to be done.
    at_rest: Option<BTreeSet<String>>,
    /// For a person.
    last: String,
}

impl Stage {
    /// With one container, that HAProxy does not know of; `None` where a server is missing.
    pub(super) async fn open(test: &str) -> Option<Self> {
        let engine = Engine::with(test, &["--live-restore"]).await?;
        let sections = format!(
            "frontend web\n  bind {FRONT}\n  default_backend web\nbackend web\n  balance leastconn\n\
             \x20 server theirs 127.0.0.1:9 disabled"
        );
        let haproxy = Haproxy::beside(&engine, test, &sections).await?;
        engine.import("worker:1").await;
        make_template(&engine).await;
        let load = Load::start(&engine, &format!("http://{FRONT}/"));
        let stage = Self { load, host: None, haproxy, engine, folder: tempfile::tempdir().unwrap() };
        stage.write_config();
        Some(stage)
    }

    fn write_config(&self) {
        let text = format!(
            r#"data_dir = "{data}"

[api]
listen = "127.0.0.1:0"

[driver.docker.docker.host.local]
url = "unix://{docker}"

[driver.docker.docker.workload.web]
port = 8080
ready_timeout = "15s"

[registrar.front.haproxy]
socket = "{haproxy}"
serves = {{ "docker/web" = {{ backend = "web" }} }}
options = "check inter 200ms"

[source.front.haproxy]
at = "{haproxy}"

[binding.web]
select = {{ driver = "docker" }}
every = "500ms"
replicas = {{ min = 1, max = 8 }}
stabilization = {{ up = "0s", down = "2s" }}
cooldown = {{ up = "500ms", down = "500ms" }}

[[binding.web.reading]]
name = "sessions"
source = "front"
query = "backend/web/scur+qcur"

[[binding.web.policy]]
use = "target-tracking"
params = {{ reading = "sessions", target = {TARGET}.0 }}
"#,
            data = self.folder.path().join("data").display(),
            docker = self.engine.socket().display(),
            haproxy = self.haproxy.socket().display(),
        );
        std::fs::write(self.folder.path().join("trimtab.toml"), text).unwrap();
    }

    pub(super) fn start_host(&mut self) {
        let command = self.engine.inside(env!("CARGO_BIN_EXE_trimtab"));
        self.host = Some(Host::start_by(command, &self.folder.path().join("trimtab.toml")));
    }

    pub(super) fn end_host(&mut self, signal: Signal) {
        let mut host = self.host.take().unwrap();
        host.tell(signal);
        let ended = host.child.wait().unwrap();
        assert_eq!(ended.success(), signal == Signal::TERM, "{ended}");
    }

    // ------------------------------------------------------------------------------------------------ what there is

    /// The containers of the workload, as the engine lists them; dead ones included.
    pub(super) async fn containers(&self) -> Vec<Container> {
        let filters = Some([("label".to_owned(), vec![format!("{LABEL}=web")])].into());
        let options = ListContainersOptions { all: true, filters, ..ListContainersOptions::default() };
        let listed = self.engine.client().list_containers(Some(options)).await.unwrap();
        let container = |one: bollard::models::ContainerSummary| {
            let id = one.id.unwrap();
            let labels = one.labels.unwrap_or_default();
            let networks = one.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
            let address = networks.into_values().find_map(|network| network.ip_address).unwrap_or_default();
            Container {
                instance: labels.get("trimtab.instance").cloned().unwrap_or_else(|| id[..12].to_owned()),
                runs: one.state.is_some_and(|state| state.to_string() == "running"),
                address: format!("{address}:8080"),
                id,
            }
        };
        listed.into_iter().map(container).collect()
    }

    /// Our servers in HAProxy: instance and address.
    pub(super) fn entries(&self) -> BTreeMap<String, String> {
        entries_at(&self.haproxy.socket())
    }

    pub(super) async fn told(&self) -> Told {
        let target: TargetId = "docker/web".parse().unwrap();
        let data = self.folder.path().join("data");
        let mut told = Told::default();
        if !data.join("trimtab.db").exists() {
            return told;
        }
        // A host killed before its first commit leaves a store that says nothing.
        let Ok(store) = SqliteStore::open_read_only(&data) else { return told };
        let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 100_000 };
        for event in audit::history(&store, &target, span).await.unwrap() {
            let Event::Turn(turn) = event else { continue };
            let seen = &turn.record.snapshot;
            let readings = seen.readings.iter().map(|reading| match &reading.samples {
                Samples::Numbers { values, .. } => format!("{} {:?}", reading.name, values.last()),
                Samples::Texts { .. } => String::new(),
            });
            let phases: Vec<_> = seen.instances.iter().map(|one| (one.id.clone(), one.phase)).collect();
            let line = format!("{:?} {phases:?} acts {}\n", readings.collect::<Vec<_>>(), turn.record.acts());
            told.last.push_str(&line);
            let rests = seen.in_flight.is_none() && !turn.record.acts();
            let all_ready = phases.iter().all(|(_, phase)| *phase == Phase::Ready);
            told.at_rest = (rests && all_ready).then(|| phases.into_iter().map(|(id, _)| id).collect());
        }
        told.closed = closings(&store, &target).await;
        told.open = audit::open_records(&store).await.unwrap().iter().map(|one| one.id.as_str().to_owned()).collect();
        told
    }

    // ------------------------------------------------------------------------------------------------------ waiting

    pub(super) async fn until(&self, what: &str, mut so: impl AsyncFnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !so().await {
            if Instant::now() > end {
                panic!("in vain waited until {what}\n{}", self.account().await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until there are as many containers, all of them run, exactly these are entered with their addresses, and the host
    /// counts exactly these and has nothing left to do.
    pub(super) async fn until_at_rest(&self, count: usize) {
        self.until(&format!("{count} containers serve and nothing is left to do"), async || {
            let containers = self.containers().await;
            let wanted: BTreeMap<_, _> =
                containers.iter().map(|one| (one.instance.clone(), one.address.clone())).collect();
            let told = self.told().await;
            containers.len() == count
                && containers.iter().all(|one| one.runs)
                && wanted.len() == count
                && self.entries() == wanted
                && told.open.is_empty()
                && told.at_rest.is_some_and(|seen| seen.iter().eq(wanted.keys()))
        })
        .await;
        for (record, closed) in self.told().await.closed {
            assert_eq!(closed.len(), 1, "record {record} was closed more than once: {closed:?}");
        }
        assert!(self.haproxy.ask("show servers state web").unwrap().contains(" theirs "), "what is not ours stays");
    }

    /// Waits until each of these containers has answered.
    pub(super) async fn until_all_answer(&self) {
        self.load.forget_answers();
        let containers: BTreeSet<String> =
            self.containers().await.into_iter().map(|one| one.id[..12].to_owned()).collect();
        let answers = || -> BTreeSet<String> { self.load.answers().into_keys().collect() };
        self.until("each container has answered", async || answers().is_superset(&containers)).await;
        assert_eq!(answers(), containers, "nobody else answers");
    }

    pub(super) async fn account(&self) -> String {
        let told = self.told().await;
        let turns: Vec<&str> = told.last.lines().rev().take(8).collect();
        let said = self.host.as_ref().map(Host::said).unwrap_or_default();
        format!(
            "containers {:#?}\nentries {:?}\nopen {:?}\nchanges {:#?}\nserved {}, failed {:?}, answers {:?}\nturns, the last first:\n{}\nthe host said:\n{}",
            self.containers().await,
            self.entries(),
            told.open,
            told.closed.iter().rev().take(12).collect::<Vec<_>>(),
            self.load.served(),
            self.load.failed(),
            self.load.answers(),
            turns.join("\n"),
            said,
        )
    }
}

/// Our servers in the HAProxy of this socket; those that are given no work have more than their address. None where none answers.
pub(super) fn entries_at(socket: &Path) -> BTreeMap<String, String> {
    let Ok(told) = haproxy::ask(socket, "show servers state web") else { return BTreeMap::new() };
    let lines = told.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|fields| fields.len() > 18);
    // Columns 4, 5, 7 and 19: name, address, state of administration, port.
    let ours = lines.filter_map(|fields| {
        let instance = fields[3].strip_prefix("trimtab.")?;
        let state = if fields[6] == "0" { "" } else { " not at work" };
        Some((instance.to_owned(), format!("{}:{}{state}", fields[4], fields[18])))
    });
    ours.collect()
}

async fn closings(store: &SqliteStore, target: &TargetId) -> BTreeMap<String, Vec<String>> {
    use trimtab::store::{LogRange, Store as _};
    let range = LogRange { kinds: vec![audit::kind::CLOSED], newest_first: false, ..LogRange::newest(100_000) };
    let mut closed = BTreeMap::new();
    for entry in store.read_log(&audit::log_of(target), range).await.unwrap() {
        let closing: audit::Closing = serde_json::from_slice(&entry.body).unwrap();
        let so_far: &mut Vec<String> = closed.entry(closing.id.as_str().to_owned()).or_default();
        so_far.push(format!("{}: {}", closing.outcome, closing.text));
    }
    closed
}

/// The container that others are made after. It says by itself whether it is well.
async fn make_template(engine: &Engine) {
    let client = engine.client();
    let body = ContainerCreateBody {
        image: Some("worker:1".to_owned()),
        labels: Some([(LABEL.to_owned(), "web".to_owned())].into()),
        healthcheck: Some(HealthConfig {
            test: Some(["CMD", "/worker", "check"].map(str::to_owned).to_vec()),
            interval: Some(CHECK_EVERY * 1_000_000),
            timeout: Some(10_000_000_000),
            retries: Some(20),
            ..HealthConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name("web-0").build();
    client.create_container(Some(options), body).await.unwrap();
    client.start_container("web-0", None).await.unwrap();
}
