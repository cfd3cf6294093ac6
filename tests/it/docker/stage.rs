//! An engine, the driver at it through a proxy, and what the stories do with both.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, ContainerSummary, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, ListContainersOptions, RemoveContainerOptions};
use rustix::process::Signal;
use trimtab::audit::{self, Event, Span, Turn};
use trimtab::bounds::{Decision, Gates, Past, Question, RepairQuestion, Settings, Vote, VoteAnswer, decide, repair};
use trimtab::drivers::docker::{DockerConfig, DockerDriver, DockerHost};
use trimtab::drivers::{Driver, DriverError, Observation, ObservedTarget, Step, StepState};
use trimtab::policy::{ContainerResources, Proposal, ProposalKind};
use trimtab::snapshot::{Instance, Resources, SNAPSHOT_FORMAT, Snapshot, TargetId};
use trimtab::store::SqliteStore;

use super::proxy::Proxy;
use crate::backends::engine::Engine;
use crate::host::Host;

/// No story waits longer for anything; a loaded machine is slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// The engine with our worker's image, and a driver `box` of one host `a`.
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) proxy: Proxy,
    pub(super) driver: DockerDriver,
    pub(super) folder: tempfile::TempDir,
    settings: String,
}

impl Stage {
    pub(super) async fn start(test: &str) -> Option<Self> {
        Self::with(test, &[], "").await
    }

    /// With further arguments for the engine, and settings of the driver as in the file.
    pub(super) async fn with(test: &str, arguments: &[&str], settings: &str) -> Option<Self> {
        let engine = Engine::with(test, arguments).await?;
        engine.import("worker:1").await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = Proxy::start(folder.path(), engine.socket());
        let driver = open(settings, &proxy, folder.path());
        Some(Self { engine, proxy, driver, folder, settings: settings.to_owned() })
    }

    /// The host ends and starts again: what it held in memory is lost.
    pub(super) fn reopen(&mut self) {
        self.driver = open(&self.settings, &self.proxy, self.folder.path());
    }

    // ------------------------------------------------------------------------------------------------- what people do

    /// A container as a person would start it.
    pub(super) async fn run(&self, name: &str, labels: &[(&str, &str)]) -> String {
        self.run_as(name, labels, |_| {}).await
    }

    pub(super) async fn run_as(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        change: impl FnOnce(&mut ContainerCreateBody),
    ) -> String {
        let labels: HashMap<String, String> = labels.iter().map(|(l, v)| ((*l).to_owned(), (*v).to_owned())).collect();
        let mut body = ContainerCreateBody {
            image: Some("worker:1".to_owned()),
            labels: Some(labels),
            exposed_ports: Some(vec!["8080/tcp".to_owned()]),
            host_config: Some(HostConfig::default()),
            ..ContainerCreateBody::default()
        };
        change(&mut body);
        let client = self.engine.client();
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..CreateContainerOptions::default() };
        let id = client.create_container(Some(options), body).await.unwrap().id;
        client.start_container(&id, None).await.unwrap();
        id
    }

    /// A container that was made for this instance, and that nobody has started: so a host leaves it that is killed in between.
    pub(super) async fn made_for(&self, instance: &str, labels: &[(&str, &str)]) -> String {
        let own = [("trimtab.instance", instance), ("trimtab.target", "box/web")];
        let labels =
            labels.iter().chain(&own).map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        let body = ContainerCreateBody {
            image: Some("worker:1".to_owned()),
            labels: Some(labels),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptions { name: Some(instance.to_owned()), ..CreateContainerOptions::default() };
        self.engine.client().create_container(Some(options), body).await.unwrap().id
    }

    pub(super) async fn delete(&self, id: &str) {
        let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
        self.engine.client().remove_container(id, Some(options)).await.unwrap();
    }

    pub(super) async fn inspect(&self, id: &str) -> ContainerInspectResponse {
        self.engine.client().inspect_container(id, None).await.unwrap()
    }

    /// All containers of the engine, whoever's, also those that do not run.
    pub(super) async fn containers(&self) -> Vec<ContainerSummary> {
        let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        self.engine.client().list_containers(Some(options)).await.unwrap()
    }

    // ---------------------------------------------------------------------------------------------- what the driver does

    pub(super) async fn look(&self) -> Observation {
        self.driver.observe(now_ms()).await.unwrap()
    }

    pub(super) async fn observe(&self, workload: &str) -> ObservedTarget {
        of(self.look().await, workload)
    }

    pub(super) async fn instance(&self, workload: &str, id: &str) -> Instance {
        let seen = self.observe(workload).await;
        let found = seen.instances.iter().find(|one| one.id == id || one.name == id).cloned();
        found.unwrap_or_else(|| panic!("no {id}: {:?}", seen.instances))
    }

    pub(super) async fn until(&self, workload: &str, reached: impl Fn(&ObservedTarget) -> bool) -> ObservedTarget {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.observe(workload).await;
            if reached(&seen) {
                return seen;
            }
            assert!(Instant::now() < end, "in vain: {seen:#?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Takes a step until it says something else than that it waits.
    pub(super) async fn settled(&self, decision: &Decision, step: &Step) -> Result<StepState, DriverError> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.driver.take(decision, step).await {
                Ok(StepState::Waiting { why }) => assert!(Instant::now() < end, "{step:?} waits still: {why}"),
                other => return other,
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(super) async fn done(&self, decision: &Decision, step: Step) {
        assert_eq!(self.settled(decision, &step).await.unwrap(), StepState::Done, "{step:?}");
    }

    pub(super) async fn impossible(&self, decision: &Decision, step: Step) -> String {
        match self.settled(decision, &step).await {
            Ok(StepState::Impossible { why }) => why,
            other => panic!("{step:?} came to {other:?}"),
        }
    }

    pub(super) async fn fails(&self, decision: &Decision, step: Step) -> DriverError {
        match self.settled(decision, &step).await {
            Err(error) => error,
            other => panic!("{step:?} came to {other:?}"),
        }
    }

    /// Makes a container, and waits until it serves.
    pub(super) async fn make(&self, decision: &Decision, instance: &str) {
        self.done(decision, Step::Create { instance: instance.to_owned() }).await;
        self.done(decision, Step::AwaitReady { instance: instance.to_owned() }).await;
    }

    pub(super) async fn count(&self, workload: &str, to: u32, key: &str) -> Decision {
        let proposal = Proposal { kind: ProposalKind::Scale, count: Some(to), ..Proposal::default() };
        self.decide(workload, key, proposal).await
    }

    pub(super) async fn size(&self, workload: &str, limits: Resources, key: &str) -> Decision {
        let wanted = ContainerResources { limits, ..ContainerResources::default() };
        let proposal = Proposal { kind: ProposalKind::Resize, resources: vec![wanted], ..Proposal::default() };
        self.decide(workload, key, proposal).await
    }

    /// What the bounds make of a policy's wish, from what is seen now.
    pub(super) async fn decide(&self, workload: &str, key: &str, proposal: Proposal) -> Decision {
        let kind = proposal.kind.clone();
        let votes = [Vote {
            slot: "story".to_owned(),
            granted: vec![kind.clone()],
            declared: vec![kind],
            answer: VoteAnswer::Proposals(vec![proposal]),
        }];
        let snapshot = snapshot(self.observe(workload).await);
        let (settings, past, gates) = (free(), Past::default(), Gates::default());
        let ruling = decide(&Question {
            snapshot: &snapshot,
            settings: &settings,
            votes: &votes,
            past: &past,
            gates: &gates,
            key,
            lease_epoch: 1,
            lease_expires_ms: now_ms() + 600_000,
        });
        ruling.decision.unwrap_or_else(|| panic!("nothing was decided: {:?}", ruling.restraints))
    }

    /// What a repair towards `desired` decides.
    pub(super) async fn repair(&self, workload: &str, desired: u32, key: &str) -> Decision {
        let mut snapshot = snapshot(self.observe(workload).await);
        snapshot.target.desired = desired;
        let (settings, past, gates) = (free(), Past::default(), Gates::default());
        let ruling = repair(&RepairQuestion {
            snapshot: &snapshot,
            settings: &settings,
            past: &past,
            gates: &gates,
            key,
            lease_epoch: 1,
            lease_expires_ms: now_ms() + 600_000,
        });
        ruling.decision.unwrap_or_else(|| panic!("nothing to repair: {:?}", ruling.restraints))
    }

    // ------------------------------------------------------------------------------------------------- the whole host

    /// A whole host with a binding on this workload, whose policy wants nothing.
    pub(super) fn host(&self, workload: &str, binding: &str) -> Running {
        trimtab::tls::ready();
        let (folder, socket) = (self.folder.path(), self.proxy.socket.display());
        let (file, data) = (folder.join("trimtab.toml"), folder.join("data"));
        let text = format!(
            "data_dir = {data:?}\n[api]\nlisten = \"127.0.0.1:0\"\n[driver.box.docker]\n{}\n\
             [driver.box.docker.host.a]\nurl = \"unix://{socket}\"\n\
             [binding.web]\nselect = {{ id = \"box/{workload}\" }}\n{binding}\n{NOTHING}",
            self.settings
        );
        std::fs::write(&file, text).unwrap();
        let host = Host::start(&file);
        let address = host.address();
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned();
        let url = format!("http://{address}/v1/targets/box/{workload}");
        Running { host, url, token, data, target: format!("box/{workload}").parse().unwrap() }
    }
}

/// A policy that is there and says nothing.
const NOTHING: &str = "[[binding.web.policy]]\nuse = \"schedule\"\n\
                       params = { windows = [\"at least 1 from '0 0 29 2 *' for 1h\"] }\n";

/// A host that runs: the built binary.
pub(super) struct Running {
    pub(super) host: Host,
    pub(super) target: TargetId,
    url: String,
    token: String,
    data: PathBuf,
}

/// How a target stands, as its last turn left it.
#[derive(Debug, serde::Deserialize)]
pub(super) struct View {
    pub(super) target: Counts,
    pub(super) instances: Vec<Instance>,
    in_flight: Option<serde_json::Value>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Counts {
    pub(super) ready: u32,
}

impl View {
    pub(super) fn at_rest_with(&self, ready: u32) -> bool {
        self.in_flight.is_none() && self.target.ready == ready
    }

    pub(super) fn clones(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(|one| one.made_by.is_some())
    }
}

impl Running {
    /// `None`: it was not seen yet.
    pub(super) async fn view(&self) -> Option<View> {
        let answer = reqwest::Client::new().get(&self.url).bearer_auth(&self.token).send().await.unwrap();
        let answer = answer.bytes().await.unwrap();
        serde_json::from_slice(&answer).ok()
    }

    pub(super) async fn until(&self, what: &str, stands: impl Fn(&View) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let view = self.view().await;
            if view.as_ref().is_some_and(&stands) {
                return;
            }
            assert!(Instant::now() < end, "{what}: in vain: {view:#?}");
            tokio::time::sleep(POLL).await;
        }
    }

    pub(super) async fn pin(&self, count: u32) {
        let wanted = reqwest::Client::new().post(format!("{}/scale", self.url)).bearer_auth(&self.token);
        let wanted = wanted.header("content-type", "application/json").body(format!("{{\"replicas\":{count}}}"));
        let answer = wanted.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// It ends in order; what it has on record.
    pub(super) async fn ends(mut self) -> Vec<Turn> {
        self.host.tell(Signal::TERM);
        self.host.child.wait().unwrap();
        let store = SqliteStore::open(&self.data).unwrap();
        let span = Span { from_ms: 0, to_ms: u64::MAX, entries_max: 1_000 };
        let events = audit::history(&store, &self.target, span).await.unwrap();
        let turns = events.into_iter().filter_map(|event| match event {
            Event::Turn(turn) => Some(*turn),
            _ => None,
        });
        turns.collect()
    }
}

pub(super) fn of(observation: Observation, workload: &str) -> ObservedTarget {
    let found = observation.targets.into_iter().find(|seen| seen.target.id.name() == workload);
    found.unwrap_or_else(|| panic!("no {workload}: {:?}", observation.unreadable))
}

pub(super) fn now_ms() -> u64 {
    u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

fn open(settings: &str, proxy: &Proxy, folder: &Path) -> DockerDriver {
    let mut config: DockerConfig = toml::from_str(settings).unwrap();
    let url = format!("unix://{}", proxy.socket.display());
    config.host = BTreeMap::from([("a".to_owned(), DockerHost { url, ..DockerHost::default() })]);
    DockerDriver::open("box", config, folder).unwrap()
}

fn free() -> Settings {
    Settings { stabilize_down_ms: 0, ..Settings::default() }
}

fn snapshot(seen: ObservedTarget) -> Snapshot {
    Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms: now_ms(),
        target: seen.target,
        in_flight: None,
        instances: seen.instances,
        nodes: Vec::new(),
        readings: Vec::new(),
        alerts: Vec::new(),
        changes: Vec::new(),
        transitions: Vec::new(),
        inventory: seen.inventory,
    }
}
