//! The driver `swarm` against a real manager: counts, sizes, rollbacks, others who change the service, and stacks.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use bollard::models::{
    EndpointSpec, EndpointSpecModeEnum, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated,
    ServiceSpecUpdateConfig, ServiceSpecUpdateConfigFailureActionEnum as FailureAction,
    ServiceSpecUpdateConfigOrderEnum as Order, SwarmInitRequest, TaskSpec, TaskSpecContainerSpec,
    TaskSpecRestartPolicy,
};
use bollard::query_parameters::UpdateServiceOptionsBuilder;
use trimtab::bounds::{Decision, Gates, Past, Question, Settings, Vote, VoteAnswer, decide};
use trimtab::drivers::swarm::{SwarmConfig, SwarmDriver};
use trimtab::drivers::{Driver, ObservedTarget, Step, StepState};
use trimtab::policy::{ContainerResources, Proposal, ProposalKind};
use trimtab::snapshot::{Phase, Resources, SNAPSHOT_FORMAT, Snapshot};

use crate::backends::engine::Engine;
use crate::backends::server::program;
use crate::skip::skip;

/// An exchange of tasks is watched by Swarm for seconds each, and a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_scaled_and_resized_and_nobody_is_overruled() {
    let Some(stage) = Stage::start("swarm").await else { return };
    stage.driver.check().await.unwrap();
    stage.create("web", 1).await;
    stage.until("web", |seen| seen.target.ready == 1).await;

    let up = stage.count("web", 3, "up").await;
    stage.done(&up, Step::SetCount).await;
    let seen = stage.observe("web").await;
    assert_eq!((seen.target.desired, seen.target.ready), (3, 3));
    assert!(seen.instances.iter().all(|one| one.phase == Phase::Ready && one.handle.is_some() && one.node.is_some()));
    assert_eq!(stage.driver.take(&up, &Step::SetCount).await.unwrap(), StepState::Done, "taken again, it is done");

    // Somebody else sets the count between the look and the step.
    let late = stage.count("web", 4, "late").await;
    stage.change("web", |spec| *replicas(spec) = Some(2)).await;
    let error = stage.driver.take(&late, &Step::SetCount).await.unwrap_err().to_string();
    assert!(error.contains("somebody else has set swarm/web to 2 since it was 3"), "{error}");
    stage.until("web", |seen| seen.target.total == 2).await;

    let before = stage.spec("web").await;
    let resize = stage.size("web", 500, "size").await;
    stage.done(&resize, Step::Resize).await;
    let seen = stage.observe("web").await;
    let cpu = |found: &Resources| found.cpu_millis;
    assert!(seen.instances.iter().filter(|one| one.phase == Phase::Ready).all(|one| cpu(&one.limits) == Some(500)));
    let mut after = stage.spec("web").await;
    assert_ne!(before.task_template, after.task_template);
    after.task_template.as_mut().unwrap().resources = before.task_template.as_ref().unwrap().resources.clone();
    assert_eq!(before, after, "nothing but the size was changed");

    let down = stage.count("web", 1, "down").await;
    stage.done(&down, Step::SetCount).await;
    assert_eq!(stage.observe("web").await.target.total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resize_that_swarm_rolls_back_is_noticed_and_not_asked_for_again() {
    let Some(stage) = Stage::start("swarm rollback").await else { return };
    stage.create("web", 1).await;
    // More memory than any machine has, set aside: no task of that size finds a node, and the update is taken back by hand.
    stage.until("web", |seen| seen.target.ready == 1).await;
    let resize = stage.reserve("web", 1 << 49, "too-much").await;
    let state = stage.driver.take(&resize, &Step::Resize).await.unwrap();
    assert!(matches!(state, StepState::Waiting { .. }), "{state:?}");
    stage.waits_for(&resize, Step::Resize, "no suitable node").await;
    stage.roll_back("web").await;
    let why = stage.impossible(&resize, Step::Resize).await;
    assert!(why.contains("Swarm rolled it back"), "{why}");
    stage.until("web", |seen| seen.target.ready == 1).await;
    let again = stage.reserve("web", 1 << 49, "again").await;
    let why = stage.impossible(&again, Step::Resize).await;
    assert!(why.contains("it is not asked for again"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_that_is_deployed_again_has_its_files_count_and_its_labels() {
    let Some(stage) = Stage::start("swarm stack").await else { return };
    let docker = match program("TRIMTAB_TEST_DOCKER", "docker") {
        Ok(docker) => docker,
        Err(why) => return skip("swarm stack", &why),
    };
    let file = stage.folder.path().join("stack.yml");
    let text = "version: '3.8'\nservices:\n  web:\n    image: worker:1\n    deploy: {endpoint_mode: dnsrr, replicas: 1, labels: {tier: front}}\n";
    std::fs::write(&file, text).unwrap();
    stage.deploy(&docker, &file);
    stage.until("shop_web", |seen| seen.target.ready == 1).await;
    let labels = stage.observe("shop_web").await.target.labels;
    assert_eq!(labels.get("tier").map(String::as_str), Some("front"));

    let up = stage.count("shop_web", 3, "up").await;
    stage.done(&up, Step::SetCount).await;
    assert_eq!(stage.observe("shop_web").await.target.labels, labels, "labels are kept");

    stage.deploy(&docker, &file);
    let seen = stage.observe("shop_web").await;
    assert_eq!((seen.target.desired, &seen.target.labels), (1, &labels), "the file's count holds until the next turn");
    let again = stage.count("shop_web", 3, "again").await;
    stage.done(&again, Step::SetCount).await;
}

/// A swarm of one manager, and the driver at it.
struct Stage {
    engine: Engine,
    driver: SwarmDriver,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn start(test: &str) -> Option<Self> {
        let engine = Engine::start(test).await?;
        engine.import("worker:1").await;
        let request = SwarmInitRequest {
            advertise_addr: Some("127.0.0.1".to_owned()),
            listen_addr: Some("127.0.0.1:2377".to_owned()),
            ..SwarmInitRequest::default()
        };
        engine.client().init_swarm(request).await.unwrap();
        let host = format!("unix://{}", engine.socket().display());
        let driver = SwarmDriver::new("swarm", SwarmConfig { host, ..SwarmConfig::default() }).unwrap();
        Some(Self { engine, driver, folder: tempfile::tempdir().unwrap() })
    }

    async fn create(&self, name: &str, count: i64) {
        let spec = ServiceSpec {
            name: Some(name.to_owned()),
            mode: Some(ServiceSpecMode {
                replicated: Some(ServiceSpecModeReplicated { replicas: Some(count) }),
                ..ServiceSpecMode::default()
            }),
            task_template: Some(TaskSpec {
                container_spec: Some(TaskSpecContainerSpec {
                    image: Some("worker:1".to_owned()),
                    stop_grace_period: Some(1_000_000_000),
                    ..TaskSpecContainerSpec::default()
                }),
                restart_policy: Some(TaskSpecRestartPolicy { delay: Some(0), ..TaskSpecRestartPolicy::default() }),
                ..TaskSpec::default()
            }),
            update_config: Some(ServiceSpecUpdateConfig {
                parallelism: Some(0),
                monitor: Some(1_000_000_000),
                failure_action: Some(FailureAction::PAUSE),
                order: Some(Order::START_FIRST),
                ..ServiceSpecUpdateConfig::default()
            }),
            // The kernel may have no IPVS, which Swarm's own balancer needs.
            endpoint_spec: Some(EndpointSpec { mode: Some(EndpointSpecModeEnum::DNSRR), ..EndpointSpec::default() }),
            ..ServiceSpec::default()
        };
        self.engine.client().create_service(spec, None).await.unwrap();
    }

    async fn spec(&self, name: &str) -> ServiceSpec {
        self.engine.client().inspect_service(name, None).await.unwrap().spec.unwrap()
    }

    /// What somebody else does to a service.
    async fn change(&self, name: &str, change: impl FnOnce(&mut ServiceSpec)) {
        self.update(name, change, None).await;
    }

    async fn roll_back(&self, name: &str) {
        self.update(name, |_| {}, Some("previous")).await;
    }

    async fn update(&self, name: &str, change: impl FnOnce(&mut ServiceSpec), rollback: Option<&str>) {
        let client = self.engine.client();
        let service = client.inspect_service(name, None).await.unwrap();
        let mut spec = service.spec.unwrap();
        change(&mut spec);
        let version = i32::try_from(service.version.unwrap().index.unwrap()).unwrap();
        let options = UpdateServiceOptionsBuilder::default().version(version);
        let options = rollback.into_iter().fold(options, |options, to| options.rollback(to));
        client.update_service(name, spec, options.build(), None).await.unwrap();
    }

    fn deploy(&self, docker: &PathBuf, file: &std::path::Path) {
        let host = format!("unix://{}", self.engine.socket().display());
        let ran = Command::new(docker)
            .args(["--host", &host, "stack", "deploy", "--resolve-image", "never", "--compose-file"])
            .arg(file)
            .arg("shop")
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    async fn observe(&self, name: &str) -> ObservedTarget {
        let observation = self.driver.observe(now_ms()).await.unwrap();
        let found = observation.targets.into_iter().find(|seen| seen.target.id.name() == name);
        found.unwrap_or_else(|| panic!("no {name}: {:?}", observation.unreadable))
    }

    async fn until(&self, name: &str, reached: impl Fn(&ObservedTarget) -> bool) {
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
    async fn settled(&self, decision: &Decision, step: Step) -> StepState {
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

    async fn done(&self, decision: &Decision, step: Step) {
        assert_eq!(self.settled(decision, step).await, StepState::Done);
    }

    async fn impossible(&self, decision: &Decision, step: Step) -> String {
        match self.settled(decision, step).await {
            StepState::Impossible { why } => why,
            other => panic!("{other:?}"),
        }
    }

    async fn waits_for(&self, decision: &Decision, step: Step, what: &str) {
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

    async fn count(&self, name: &str, to: u32, key: &str) -> Decision {
        let proposal = Proposal { kind: ProposalKind::Scale, count: Some(to), ..Proposal::default() };
        self.decide(name, key, proposal).await
    }

    async fn size(&self, name: &str, millis: u64, key: &str) -> Decision {
        let limits = Resources { cpu_millis: Some(millis), memory_bytes: None };
        self.decide(name, key, resize(ContainerResources { limits, ..ContainerResources::default() })).await
    }

    async fn reserve(&self, name: &str, bytes: u64, key: &str) -> Decision {
        let requests = Resources { cpu_millis: None, memory_bytes: Some(bytes) };
        self.decide(name, key, resize(ContainerResources { requests, ..ContainerResources::default() })).await
    }

    /// What the bounds make of a policy's wish, from what is seen now.
    async fn decide(&self, name: &str, key: &str, proposal: Proposal) -> Decision {
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
            lease_expires_ms: now_ms + 600_000,
        });
        ruling.decision.unwrap_or_else(|| panic!("nothing was decided: {:?}", ruling.restraints))
    }
}

fn resize(wanted: ContainerResources) -> Proposal {
    Proposal { kind: ProposalKind::Resize, resources: vec![wanted], ..Proposal::default() }
}

fn replicas(spec: &mut ServiceSpec) -> &mut Option<i64> {
    &mut spec.mode.as_mut().unwrap().replicated.as_mut().unwrap().replicas
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}
