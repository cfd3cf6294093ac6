//! A swarm of one manager, the driver at it, and what others do to its services.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use bollard::Docker;
use bollard::models::{
    EndpointSpec, EndpointSpecModeEnum, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated,
    ServiceSpecUpdateConfig, ServiceSpecUpdateConfigFailureActionEnum as FailureAction,
    ServiceSpecUpdateConfigOrderEnum as Order, SwarmInitRequest, SwarmSpec, SwarmSpecDispatcher, TaskSpec,
    TaskSpecContainerSpec, TaskSpecRestartPolicy,
};
use bollard::query_parameters::UpdateServiceOptionsBuilder;
use trimtab::bounds::{Decision, Gates, Past, Question, Ruling, Settings, Vote, VoteAnswer, decide};
use trimtab::drivers::swarm::{SwarmConfig, SwarmDriver};
use trimtab::drivers::{Driver as _, Observation, ObservedTarget, Step, StepState};
use trimtab::policy::{ContainerResources, Proposal, ProposalKind};
use trimtab::snapshot::{Resources, SNAPSHOT_FORMAT, Snapshot};

use crate::backends::engine::Engine;

/// An exchange of tasks is watched by Swarm for seconds each, and a loaded machine is slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A swarm of one manager, and the driver at it.
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) driver: SwarmDriver,
    pub(super) folder: tempfile::TempDir,
}

impl Stage {
    pub(super) async fn start(test: &str) -> Option<Self> {
        Some(Self::of(Engine::start(test).await?, "127.0.0.1").await)
    }

    /// Makes a swarm of this engine.
    pub(super) async fn of(engine: Engine, address: &str) -> Self {
        engine.import("worker:1").await;
        // A node that says nothing for three of these is down.
        let dispatcher = SwarmSpecDispatcher { heartbeat_period: Some(1_000_000_000) };
        let request = SwarmInitRequest {
            advertise_addr: Some(address.to_owned()),
            listen_addr: Some(format!("{address}:2377")),
            spec: Some(SwarmSpec { dispatcher: Some(dispatcher), ..SwarmSpec::default() }),
            ..SwarmInitRequest::default()
        };
        engine.client().init_swarm(request).await.unwrap();
        let driver = driver_at(&engine.socket());
        Self { engine, driver, folder: tempfile::tempdir().unwrap() }
    }

    pub(super) async fn create(&self, name: &str, count: i64) {
        self.create_as(name, |spec| *replicas(spec) = Some(count)).await;
    }

    /// Makes a service of our worker, with what is changed in it.
    pub(super) async fn create_as(&self, name: &str, change: impl FnOnce(&mut ServiceSpec)) {
        let mut spec = ServiceSpec {
            name: Some(name.to_owned()),
            mode: Some(ServiceSpecMode {
                replicated: Some(ServiceSpecModeReplicated { replicas: Some(1) }),
                ..ServiceSpecMode::default()
            }),
            task_template: Some(TaskSpec {
                container_spec: Some(TaskSpecContainerSpec {
                    image: Some("worker:1".to_owned()),
                    stop_signal: Some("SIGKILL".to_owned()),
                    ..TaskSpecContainerSpec::default()
                }),
                restart_policy: Some(TaskSpecRestartPolicy { delay: Some(0), ..TaskSpecRestartPolicy::default() }),
                ..TaskSpec::default()
            }),
            update_config: Some(ServiceSpecUpdateConfig {
                parallelism: Some(0),
                monitor: Some(100_000_000),
                failure_action: Some(FailureAction::PAUSE),
                order: Some(Order::START_FIRST),
                ..ServiceSpecUpdateConfig::default()
            }),
            // The kernel may have no IPVS, which Swarm's own balancer needs.
            endpoint_spec: Some(EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ..EndpointSpec::default() }),
            ..ServiceSpec::default()
        };
        change(&mut spec);
        self.engine.client().create_service(spec, None).await.unwrap();
    }

    pub(super) async fn spec(&self, name: &str) -> ServiceSpec {
        self.engine.client().inspect_service(name, None).await.unwrap().spec.unwrap()
    }

    /// What somebody else does to a service.
    pub(super) async fn change(&self, name: &str, change: impl FnOnce(&mut ServiceSpec)) {
        self.update(name, change, None).await;
    }

    pub(super) async fn roll_back(&self, name: &str) {
        self.update(name, |_| {}, Some("previous")).await;
    }

    async fn update(&self, name: &str, change: impl FnOnce(&mut ServiceSpec), rollback: Option<&str>) {
        update(&self.engine.client(), name, change, rollback).await;
    }

    pub(super) fn deploy(&self, docker: &PathBuf, file: &std::path::Path) {
        let host = format!("unix://{}", self.engine.socket().display());
        let ran = Command::new(docker)
            .args(["--host", &host, "stack", "deploy", "--resolve-image", "never", "--compose-file"])
            .arg(file)
            .arg("shop")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    pub(super) async fn look(&self) -> Observation {
        self.driver.observe(now_ms()).await.unwrap()
    }

    pub(super) async fn observe(&self, name: &str) -> ObservedTarget {
        let observation = self.look().await;
        let found = observation.targets.into_iter().find(|seen| seen.target.id.name() == name);
        found.unwrap_or_else(|| panic!("no {name}: {:?}", observation.unreadable))
    }

    /// Looks until all that a look told is as it should be.
    pub(super) async fn until_seen(&self, reached: impl Fn(&Observation) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.look().await;
            if reached(&seen) {
                return;
            }
            assert!(Instant::now() < end, "in vain: {seen:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// After the manager was started anew: it is one again only when its own store has come up.
    pub(super) async fn until_it_answers(&self) {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = self.driver.observe(now_ms()).await {
            assert!(Instant::now() < end, "{error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn until(&self, name: &str, reached: impl Fn(&ObservedTarget) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.observe(name).await;
            if reached(&seen) {
                return;
            }
            assert!(Instant::now() < end, "in vain: {seen:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Takes a step until it says something else than that it waits.
    pub(super) async fn settled(&self, decision: &Decision, step: Step) -> StepState {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.driver.take(decision, &step).await.unwrap();
            if !matches!(state, StepState::Waiting { .. }) {
                return state;
            }
            assert!(Instant::now() < end, "{step:?} still {state:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn done(&self, decision: &Decision, step: Step) {
        assert_eq!(self.settled(decision, step).await, StepState::Done);
    }

    pub(super) async fn impossible(&self, decision: &Decision, step: Step) -> String {
        match self.settled(decision, step).await {
            StepState::Impossible { why } => why,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn waits_for(&self, decision: &Decision, step: Step, what: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let state = self.driver.take(decision, &step).await.unwrap();
            if matches!(&state, StepState::Waiting { why } if why.contains(what)) {
                return;
            }
            assert!(Instant::now() < end, "{state:?} says nothing of {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn count(&self, name: &str, to: u32, key: &str) -> Decision {
        let proposal = Proposal { kind: ProposalKind::Scale, count: Some(to), ..Proposal::default() };
        self.decide(name, key, proposal).await
    }

    pub(super) async fn size(&self, name: &str, limits: Resources, key: &str) -> Decision {
        self.decide(name, key, resize(ContainerResources { limits, ..ContainerResources::default() })).await
    }

    pub(super) async fn reserve(&self, name: &str, bytes: u64, key: &str) -> Decision {
        let requests = Resources { cpu_millis: None, memory_bytes: Some(bytes) };
        self.decide(name, key, resize(ContainerResources { requests, ..ContainerResources::default() })).await
    }

    /// What the bounds make of a policy's wish, from what is seen now.
    pub(super) async fn decide(&self, name: &str, key: &str, proposal: Proposal) -> Decision {
        let ruling = self.rules(name, key, proposal).await;
        ruling.decision.unwrap_or_else(|| panic!("nothing was decided: {:?}", ruling.restraints))
    }

    pub(super) async fn rules(&self, name: &str, key: &str, proposal: Proposal) -> Ruling {
        let seen = self.observe(name).await;
        let kinds = vec![ProposalKind::Scale, ProposalKind::Resize];
        let votes = [Vote {
            slot: "story".to_owned(),
            granted: kinds.clone(),
            declared: kinds,
            answer: VoteAnswer::Proposals(vec![proposal]),
        }];
        let now_ms = now_ms();
        let snapshot = Snapshot {
            format: SNAPSHOT_FORMAT,
            now_ms,
            target: seen.target,
            in_flight: None,
            instances: seen.instances,
            nodes: self.look().await.nodes,
            readings: Vec::new(),
            alerts: Vec::new(),
            changes: Vec::new(),
            transitions: Vec::new(),
            inventory: seen.inventory,
        };
        decide(&Question {
            snapshot: &snapshot,
            settings: &Settings { stabilize_down_ms: 0, ..Settings::default() },
            votes: &votes,
            past: &Past::default(),
            gates: &Gates::default(),
            key,
            lease_epoch: 1,
            lease_expires_ms: now_ms + 600_000,
        })
    }
}

fn resize(wanted: ContainerResources) -> Proposal {
    Proposal { kind: ProposalKind::Resize, resources: vec![wanted], ..Proposal::default() }
}

pub(super) fn replicas(spec: &mut ServiceSpec) -> &mut Option<i64> {
    &mut spec.mode.as_mut().unwrap().replicated.as_mut().unwrap().replicas
}

pub(super) fn driver_at(socket: &Path) -> SwarmDriver {
    let host = format!("unix://{}", socket.display());
    SwarmDriver::new("swarm", SwarmConfig { host, ..SwarmConfig::default() }).unwrap()
}

/// What a client does that reads a service, changes it and writes it back.
pub(super) async fn update(client: &Docker, name: &str, change: impl FnOnce(&mut ServiceSpec), rollback: Option<&str>) {
    let service = client.inspect_service(name, None).await.unwrap();
    let mut spec = service.spec.unwrap();
    change(&mut spec);
    let version = i32::try_from(service.version.unwrap().index.unwrap()).unwrap();
    let options = UpdateServiceOptionsBuilder::default().version(version);
    let options = rollback.into_iter().fold(options, |options, to| options.rollback(to));
    client.update_service(name, spec, options.build(), None).await.unwrap();
}

pub(super) fn now_ms() -> u64 {
    u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}
