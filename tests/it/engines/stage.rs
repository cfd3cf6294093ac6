//! The driver at whatever engines a story has, and what the stories do with it.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions};
use trimtab::bounds::{Decision, Gates, Past, Question, Settings, Vote, VoteAnswer, decide};
use trimtab::drivers::docker::{DockerConfig, DockerDriver};
use trimtab::drivers::{Driver as _, DriverError, ObservedTarget, Step, StepState};
use trimtab::policy::{ContainerResources, Proposal, ProposalKind};
use trimtab::snapshot::{Instance, Phase, Resources, SNAPSHOT_FORMAT, Snapshot};

use crate::backends::engine::Engine;
use crate::host::Host;

/// No story waits longer for anything: a loaded machine is slow, and a minute is what a change goes unseen that no event told.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// A driver `box`.
pub(super) struct Stage {
    pub(super) driver: DockerDriver,
    folder: tempfile::TempDir,
    settings: String,
}

impl Stage {
    /// With settings as in the file, hosts among them.
    pub(super) fn open(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { driver: open(settings, folder.path()), folder, settings: settings.to_owned() }
    }

    /// The host ends and starts again: what it held in memory is lost.
    pub(super) fn reopen(&mut self) {
        self.driver = open(&self.settings, self.folder.path());
    }

    /// The same with other settings.
    pub(super) fn reopen_with(&mut self, settings: &str) {
        self.settings = settings.to_owned();
        self.reopen();
    }

    pub(super) async fn observe(&self, workload: &str) -> ObservedTarget {
        let observation = self.driver.observe(now_ms()).await.unwrap();
        let found = observation.targets.into_iter().find(|seen| seen.target.id.name() == workload);
        found.unwrap_or_else(|| panic!("no {workload}: {:?}", observation.unreadable))
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

    pub(super) async fn refusal(&self, decision: &Decision, step: Step) -> String {
        match self.settled(decision, &step).await {
            Err(DriverError::Refused { what, .. }) => what,
            other => panic!("{step:?} came to {other:?}"),
        }
    }

    /// Makes a container, and tells on which host.
    pub(super) async fn make(&self, decision: &Decision, instance: &str) -> String {
        self.done(decision, create(instance)).await;
        self.done(decision, Step::AwaitReady { instance: instance.to_owned() }).await;
        self.instance(decision.target().name(), instance).await.node.unwrap()
    }

    pub(super) async fn count(&self, workload: &str, to: u32, key: &str) -> Decision {
        let proposal = Proposal { kind: ProposalKind::Scale, count: Some(to), ..Proposal::default() };
        self.decide(workload, key, proposal).await.unwrap()
    }

    pub(super) async fn size(&self, workload: &str, requests: Resources, limits: Resources, key: &str) -> Decision {
        let resources = vec![ContainerResources { requests, limits, ..ContainerResources::default() }];
        let proposal = Proposal { kind: ProposalKind::Resize, resources, ..Proposal::default() };
        self.decide(workload, key, proposal).await.unwrap()
    }

    /// What the bounds make of a policy's wish, from what is seen now; else why nothing.
    pub(super) async fn decide(&self, workload: &str, key: &str, proposal: Proposal) -> Result<Decision, String> {
        let seen = self.observe(workload).await;
        let kind = proposal.kind.clone();
        let votes = [Vote {
            slot: "story".to_owned(),
            granted: vec![kind.clone()],
            declared: vec![kind],
            answer: VoteAnswer::Proposals(vec![proposal]),
        }];
        let snapshot = Snapshot {
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
        };
        let ruling = decide(&Question {
            snapshot: &snapshot,
            settings: &Settings { stabilize_down_ms: 0, ..Settings::default() },
            votes: &votes,
            past: &Past::default(),
            gates: &Gates::default(),
            key,
            lease_epoch: 1,
            lease_expires_ms: now_ms() + 600_000,
        });
        ruling.decision.ok_or_else(|| format!("{:?}", ruling.restraints))
    }

    /// A whole host with a binding on this workload, whose policy wants nothing.
    pub(super) fn host(&self, workload: &str, binding: &str) -> Running {
        trimtab::tls::ready();
        let (file, data) = (self.folder.path().join("trimtab.toml"), self.folder.path().join("data"));
        let wrap = |key: &str, inner: toml::Table| toml::Table::from_iter([(key.to_owned(), inner.into())]);
        let driver = wrap("driver", wrap("box", wrap("docker", toml::from_str(&self.settings).unwrap())));
        let text = format!(
            "data_dir = {data:?}\n[api]\nlisten = \"127.0.0.1:0\"\n{driver}\n\
             [binding.web]\nselect = {{ id = \"box/{workload}\" }}\n{binding}\n{NOTHING}"
        );
        std::fs::write(&file, text).unwrap();
        let host = Host::start(&file);
        let address = host.address();
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned();
        Running { _host: host, url: format!("http://{address}/v1/targets/box/{workload}"), token }
    }
}

/// A policy that is there and says nothing.
const NOTHING: &str = "[[binding.web.policy]]\nuse = \"schedule\"\n\
                       params = { windows = [\"at least 1 from '0 0 29 2 *' for 1h\"] }\n";

/// A host that runs: the built binary.
pub(super) struct Running {
    _host: Host,
    url: String,
    token: String,
}

/// How a target stands, as its last turn left it.
#[derive(Debug, serde::Deserialize)]
pub(super) struct View {
    target: Counts,
    instances: Vec<Instance>,
    in_flight: Option<serde_json::Value>,
}

#[derive(Debug, serde::Deserialize)]
struct Counts {
    ready: u32,
    total: u32,
}

impl View {
    /// Whether nothing is being done, and so many serve.
    pub(super) fn rests_with(&self, ready: u32) -> bool {
        self.in_flight.is_none() && self.target.ready == ready
    }

    pub(super) fn total(&self) -> u32 {
        self.target.total
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.instances.iter().any(|one| one.id == id)
    }

    /// How many on this engine are in this phase.
    pub(super) fn on(&self, node: &str, phase: Phase) -> usize {
        self.instances.iter().filter(|one| one.node.as_deref() == Some(node) && one.phase == phase).count()
    }
}

impl Running {
    pub(super) async fn until(&self, what: &str, stands: impl Fn(&View) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = reqwest::Client::new().get(&self.url).bearer_auth(&self.token).send().await.unwrap();
            let view: Option<View> = serde_json::from_slice(&answer.bytes().await.unwrap()).ok();
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
}

/// A container as a person would start it.
pub(super) async fn run(
    client: &Docker,
    image: &str,
    name: &str,
    change: impl FnOnce(&mut ContainerCreateBody),
) -> String {
    let workload = name.rsplit_once('-').unwrap().0;
    let mut body = ContainerCreateBody {
        image: Some(image.to_owned()),
        labels: Some(HashMap::from([("trimtab.workload".to_owned(), workload.to_owned())])),
        exposed_ports: Some(vec!["8080/tcp".to_owned()]),
        host_config: Some(HostConfig::default()),
        ..ContainerCreateBody::default()
    };
    change(&mut body);
    let options = CreateContainerOptions { name: Some(name.to_owned()), ..CreateContainerOptions::default() };
    let id = client.create_container(Some(options), body).await.unwrap().id;
    client.start_container(&id, None).await.unwrap();
    id
}

pub(super) async fn delete(client: &Docker, id: &str) {
    let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
    client.remove_container(id, Some(options)).await.unwrap();
}

pub(super) async fn inspect(client: &Docker, id: &str) -> ContainerInspectResponse {
    client.inspect_container(id, None).await.unwrap()
}

/// The settings of a host at this engine.
pub(super) fn host(name: &str, engine: &Engine, more: &str) -> String {
    format!("[host.{name}]\nurl = \"unix://{}\"\n{more}\n", engine.socket().display())
}

pub(super) fn create(instance: &str) -> Step {
    Step::Create { instance: instance.to_owned() }
}

pub(super) fn now_ms() -> u64 {
    u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

fn open(settings: &str, folder: &Path) -> DockerDriver {
    let config: DockerConfig = toml::from_str(settings).unwrap();
    DockerDriver::open("box", config, folder).unwrap()
}
