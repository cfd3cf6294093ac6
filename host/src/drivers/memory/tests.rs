use super::*;
use crate::bounds::{Gates, Past, Question, Settings, Vote, VoteAnswer, decide};
use crate::policy::{Proposal, ProposalKind};
use crate::snapshot::{SNAPSHOT_FORMAT, Snapshot};

const START_MS: u64 = 1_000_000;

/// A decision to have so many instances of `web`.
async fn scale(driver: &MemoryDriver, now_ms: u64, to: u32) -> Decision {
    let observed = driver.observe(now_ms).await.unwrap().targets.remove(0);
    let proposal = Proposal { kind: ProposalKind::Scale, count: Some(to), ..Proposal::default() };
    let votes = [Vote {
        slot: "story".to_owned(),
        granted: vec![ProposalKind::Scale],
        declared: vec![ProposalKind::Scale],
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
        key: "key-1",
        lease_epoch: 1,
        lease_expires_ms: now_ms + 60_000,
    });
    ruling.decision.unwrap_or_else(|| panic!("{:?}", ruling.restraints))
}

fn backend(settings: MemorySettings) -> MemoryDriver {
    let driver = MemoryDriver::new("memory", settings);
    driver.set_now(START_MS);
    driver.insert(MemoryTarget::new("web", 2)).unwrap();
    driver
}

fn create(instance: &str) -> Step {
    Step::Create { instance: instance.to_owned() }
}

fn phase(driver: &MemoryDriver, id: &str) -> Option<Phase> {
    driver.instances("web").into_iter().find(|instance| instance.id == id).map(|instance| instance.phase)
}

#[tokio::test]
async fn instances_live_by_the_injected_time() {
    let driver = backend(MemorySettings { keeps_desired: false, start_ms: 5_000, stop_ms: 2_000 });
    let up = scale(&driver, START_MS, 3).await;
    let ready = Step::AwaitReady { instance: "new".to_owned() };
    assert_eq!(driver.take(&up, &create("new")).await.unwrap(), StepState::Done);
    assert_eq!(driver.take(&up, &create("new")).await.unwrap(), StepState::Done);
    assert_eq!(driver.instances("web").len(), 3, "made once");
    assert!(matches!(driver.take(&up, &ready).await.unwrap(), StepState::Waiting { .. }));
    driver.set_now(START_MS + 4_999);
    assert_eq!(phase(&driver, "new"), Some(Phase::Starting));
    driver.set_now(START_MS + 5_000);
    assert_eq!(driver.take(&up, &ready).await.unwrap(), StepState::Done);

    let stop = Step::Stop { instance: "new".to_owned() };
    assert!(matches!(driver.take(&up, &stop).await.unwrap(), StepState::Waiting { .. }));
    driver.set_now(START_MS + 7_000);
    assert_eq!(driver.take(&up, &stop).await.unwrap(), StepState::Done);
    assert_eq!(driver.take(&up, &Step::Remove { instance: "new".to_owned() }).await.unwrap(), StepState::Done);
    assert_eq!(phase(&driver, "new"), None);
    assert_eq!((driver.calls().created, driver.calls().removed), (1, 1));

    driver.set_now(START_MS + 60_001);
    assert!(matches!(driver.take(&up, &create("late")).await, Err(DriverError::LeaseEnded)));
}

#[tokio::test]
async fn it_fails_as_it_was_told() {
    let driver = backend(MemorySettings::default());
    let up = scale(&driver, START_MS, 3).await;
    driver.fail(Failure::Observe { times: 1 });
    driver.fail(Failure::Take { step: "create".to_owned(), times: 1, taken: false });
    driver.fail(Failure::Take { step: String::new(), times: 1, taken: true });
    driver.fail(Failure::Partial { target: "web".to_owned(), times: 1 });

    assert!(driver.observe(START_MS).await.is_err());
    assert!(driver.take(&up, &create("new")).await.is_err());
    assert_eq!(phase(&driver, "new"), None, "this one was not taken");
    assert!(driver.take(&up, &create("new")).await.is_err());
    assert_eq!(phase(&driver, "new"), Some(Phase::Ready), "of this one only the answer was lost");
    assert_eq!(driver.take(&up, &create("new")).await.unwrap(), StepState::Done);
    assert_eq!(driver.instances("web").len(), 3);

    let half = driver.observe(START_MS).await.unwrap().targets.remove(0);
    assert!(matches!(half.inventory, Inventory::Partial { .. }));
    assert_eq!(half.instances.len(), 1);
    assert_eq!(driver.observe(START_MS).await.unwrap().targets[0].instances.len(), 3, "and whole again");
}

#[tokio::test]
async fn a_backend_that_keeps_the_count_follows_it() {
    let driver = backend(MemorySettings { keeps_desired: true, ..MemorySettings::default() });
    let up = scale(&driver, START_MS, 4).await;
    assert_eq!(driver.take(&up, &Step::SetCount).await.unwrap(), StepState::Done);
    assert_eq!(driver.instances("web").len(), 4);
    let down = scale(&driver, START_MS, 1).await;
    let victims = down.victims().to_vec();
    assert_eq!(driver.take(&down, &Step::SetCount).await.unwrap(), StepState::Done);
    let left: Vec<String> = driver.instances("web").into_iter().map(|instance| instance.id).collect();
    assert_eq!(left.len(), 1);
    assert!(!victims.contains(&left[0]), "the victims went: {victims:?}");
}

#[tokio::test]
async fn what_happens_behind_the_hosts_back_is_seen() {
    let driver = backend(MemorySettings::default());
    assert!(driver.edit_instance("web", "web-1", |instance| instance.phase = Phase::Failed));
    driver.set_back_off("web", Some(START_MS + 9));
    let seen = driver.observe(START_MS).await.unwrap().targets.remove(0);
    assert_eq!((seen.target.total, seen.target.ready, seen.back_off_until_ms), (2, 1, Some(START_MS + 9)));
    driver.lose("web", 2);
    assert!(driver.observe(START_MS).await.unwrap().targets[0].instances.is_empty());
    driver.remove("web");
    assert!(driver.observe(START_MS).await.unwrap().targets.is_empty());
}
