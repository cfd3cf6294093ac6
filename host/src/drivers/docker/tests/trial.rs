use super::*;
use crate::bounds::{Gates, Past, Question, Settings, Vote, VoteAnswer, decide};
use crate::policy::{ContainerResources, Proposal, ProposalKind};
use crate::snapshot::{Resources, SNAPSHOT_FORMAT, Snapshot};

fn now() -> u64 {
    u64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

async fn decision(driver: &DockerDriver, proposal: Proposal, key: &str) -> Decision {
    let now_ms = now();
    let observed =
        driver.observe(now_ms).await.unwrap().targets.into_iter().find(|t| t.target.id.name() == "shop.web").unwrap();
    let kind = proposal.kind.clone();
    let votes = [Vote {
        slot: "s".to_owned(),
        granted: vec![kind.clone()],
        declared: vec![kind],
        answer: VoteAnswer::Proposals(vec![proposal]),
    }];
    let snapshot = Snapshot {
        format: SNAPSHOT_FORMAT,
        now_ms,
        target: observed.target,
        in_flight: None,
        instances: observed.instances,
        nodes: Vec::new(),
        readings: Vec::new(),
        alerts: Vec::new(),
        changes: Vec::new(),
        transitions: Vec::new(),
        inventory: observed.inventory,
    };
    let settings = Settings { stabilize_down_ms: 0, ..Settings::default() };
    let ruling = decide(&Question {
        snapshot: &snapshot,
        settings: &settings,
        votes: &votes,
        past: &Past::default(),
        gates: &Gates::default(),
        key,
        lease_epoch: 1,
        lease_expires_ms: now_ms + 600_000,
    });
    ruling.decision.unwrap_or_else(|| panic!("{:?}", ruling.restraints))
}

async fn see(driver: &DockerDriver, what: &str) {
    let began = std::time::Instant::now();
    let seen = driver.observe(now()).await.unwrap();
    eprintln!("== {what} ({:?}) unreadable {:?}", began.elapsed(), seen.unreadable);
    for t in &seen.targets {
        eprintln!(
            "{} desired {} {:?} {:?} back_off {:?}",
            t.target.id, t.target.desired, t.target.containers, t.inventory, t.back_off_until_ms
        );
        for i in &t.instances {
            eprintln!(
                "   {} {} {:?} prot {} addr {:?} lim {:?} by {:?} restarts {}",
                i.id, i.name, i.phase, i.protected, i.address, i.limits, i.made_by, i.restarts
            );
        }
    }
}

async fn until(driver: &DockerDriver, d: &Decision, step: Step) -> StepState {
    loop {
        let state = driver.take(d, &step).await;
        eprintln!("{step:?} -> {state:?}");
        match state {
            Ok(StepState::Waiting { .. }) => tokio::time::sleep(Duration::from_millis(300)).await,
            Ok(s) => return s,
            Err(e) => panic!("{e}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trial() {
    let Ok(socket) = std::env::var("TRIAL_SOCKET") else { return };
    let folder = tempfile::tempdir().unwrap();
    let host = DockerHost { url: format!("unix://{socket}"), ..DockerHost::default() };
    let config = DockerConfig { host: BTreeMap::from([("a".to_owned(), host)]), ..DockerConfig::default() };
    let driver = DockerDriver::open("box", config, folder.path()).unwrap();
    driver.check().await.unwrap();
    see(&driver, "first").await;
    let up =
        decision(&driver, Proposal { kind: ProposalKind::Scale, count: Some(3), ..Proposal::default() }, "k1").await;
    let id = |n: u32| format!("shop.web-k1-{n}");
    let c = |n| Step::Create { instance: id(n) };
    let (x, y) = tokio::join!(until(&driver, &up, c(1)), until(&driver, &up, c(2)));
    assert_eq!((x, y), (StepState::Done, StepState::Done));
    assert_eq!(until(&driver, &up, c(1)).await, StepState::Done);
    assert_eq!(until(&driver, &up, Step::AwaitReady { instance: id(1) }).await, StepState::Done);
    assert_eq!(until(&driver, &up, Step::AwaitReady { instance: id(2) }).await, StepState::Done);
    see(&driver, "three").await;
    see(&driver, "three, quick").await;
    let limits = Resources { cpu_millis: Some(250), memory_bytes: Some(96 << 20) };
    let size = decision(
        &driver,
        Proposal {
            kind: ProposalKind::Resize,
            resources: vec![ContainerResources { container: String::new(), requests: Resources::default(), limits }],
            ..Proposal::default()
        },
        "k2",
    )
    .await;
    assert_eq!(until(&driver, &size, Step::Resize).await, StepState::Done);
    see(&driver, "resized").await;
    eprintln!("address {:?}", driver.address(up.target(), &id(1)).await);
    assert_eq!(until(&driver, &up, Step::Restart { instance: id(2) }).await, StepState::Done);
    let template =
        driver.observe(now()).await.unwrap().targets.iter().find(|t| t.target.id.name() == "shop.web").unwrap().instances.iter().find(|i| i.protected).unwrap().id.clone();
    assert!(matches!(
        until(&driver, &up, Step::Remove { instance: template.clone() }).await,
        StepState::Impossible { .. }
    ));
    assert_eq!(until(&driver, &up, Step::Stop { instance: id(1) }).await, StepState::Done);
    see(&driver, "one stopped").await;
    assert_eq!(until(&driver, &up, Step::Start { instance: id(1) }).await, StepState::Done);
    see(&driver, "started again").await;
    assert_eq!(until(&driver, &up, Step::Remove { instance: id(1) }).await, StepState::Done);
    let client = bollard::Docker::connect_with_unix(&socket, 30, bollard::API_DEFAULT_VERSION)
        .unwrap()
        .negotiate_version()
        .await
        .unwrap();
    client.kill_container(&id(2), None).await.unwrap();
    see(&driver, "one killed").await;
    assert_eq!(until(&driver, &up, Step::Remove { instance: id(2) }).await, StepState::Done);
    let force = bollard::query_parameters::RemoveContainerOptions { force: true, ..Default::default() };
    client.remove_container(&template, Some(force)).await.unwrap();
    see(&driver, "all gone").await;
    let again =
        decision(&driver, Proposal { kind: ProposalKind::Scale, count: Some(1), ..Proposal::default() }, "k3").await;
    assert_eq!(until(&driver, &again, Step::Create { instance: "shop.web-k3-1".to_owned() }).await, StepState::Done);
    see(&driver, "made again from what is remembered").await;
}
