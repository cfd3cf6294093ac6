//! From made to removed.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use trimtab::drivers::{Driver, ObservedTarget, Step, StepState};
use trimtab::snapshot::{Phase, ResizeAbility};

use super::rig::{Rig, alive, decision, kill, now_ms, pid_of, repair_of, until, wanted};

fn step(make: impl Fn(String) -> Step, instance: &str) -> Step {
    make(instance.to_owned())
}

fn stop(instance: &str) -> Step {
    step(|instance| Step::Stop { instance }, instance)
}

fn remove(instance: &str) -> Step {
    step(|instance| Step::Remove { instance }, instance)
}

fn start(instance: &str) -> Step {
    step(|instance| Step::Start { instance }, instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn created_twice_runs_once() {
    let rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\nlabels = { app = 'web' }\nreplicas = 3\n");
    let empty = rig.observe("web").await;
    assert!(empty.instances.is_empty() && empty.inventory.is_complete());
    assert_eq!((empty.target.desired, empty.target.labels["app"].as_str()), (3, "web"));

    rig.create("web", "web-1").await;
    let first = rig.instance("web", "web-1").await;
    rig.create("web", "web-1").await;
    let second = rig.instance("web", "web-1").await;
    assert_eq!((second.phase, second.restarts), (Phase::Ready, 0));
    assert_eq!(second.handle, first.handle);
    assert_eq!(second.made_by.as_deref(), Some("key-1"));
    assert_eq!(rig.pids("web-1").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_obedient_instance_stops_in_order_and_leaves_nothing() {
    let rig = Rig::new(
        "[workload.web]\ncommand = ['sh', '-c', 'trap \"exit 0\" TERM; while :; do sleep 0.05; done']\ngrace = '60s'\n",
    );
    rig.create("web", "web-1").await;
    let pid = pid_of(&rig.phase("web", "web-1", Phase::Ready).await);
    let grouped = rig.observe("web").await.target.abilities.resize == ResizeAbility::Live;
    assert_eq!(rig.group_file("web", "web-1", "cgroup.procs").is_some(), grouped);
    let begun = Instant::now();
    assert!(matches!(rig.take(&decision("web"), stop("web-1")).await, Ok(StepState::Waiting { .. })));
    rig.done(&decision("web"), stop("web-1")).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "it did not have to be killed");
    assert!(!alive(pid));
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Stopped);

    rig.done(&decision("web"), remove("web-1")).await;
    rig.done(&decision("web"), remove("web-1")).await;
    rig.done(&decision("web"), stop("web-1")).await;
    assert!(rig.observe("web").await.instances.is_empty());
    let left: Vec<_> =
        std::fs::read_dir(rig.state().join("web")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["output"], "only its output is kept");
    assert_eq!(rig.group_file("web", "web-1", "cgroup.procs"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stubborn_instance_is_killed_with_its_children_when_its_grace_ends() {
    let rig = Rig::new(
        "[workload.web]\ncommand = ['sh', '-c', 'trap \"\" TERM; sleep 1000 & (sleep 1001 &) ; while :; do sleep 0.05; done']\ngrace = '700ms'\n",
    );
    rig.create("web", "web-1").await;
    until("the children are there", || rig.pids("web-1").len() >= 3).await;
    let pids = rig.pids("web-1");
    let begun = Instant::now();
    rig.done(&decision("web"), stop("web-1")).await;
    assert!(begun.elapsed() >= Duration::from_millis(700), "it had its grace");
    assert!(pids.iter().all(|pid| !alive(*pid)), "all of {pids:?} are gone");
    assert!(rig.pids("web-1").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_stopping_goes_on_stopping_after_a_restart_of_the_host() {
    let mut rig = Rig::new(
        "[workload.web]\ncommand = ['sh', '-c', 'trap \"\" TERM; while :; do sleep 0.05; done']\ngrace = '1s'\n",
    );
    rig.create("web", "web-1").await;
    let begun = Instant::now();
    assert!(matches!(rig.take(&decision("web"), stop("web-1")).await, Ok(StepState::Waiting { .. })));
    rig.restart_host();
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Stopping);
    assert!(
        rig.take(&decision("web"), step(|instance| Step::Create { instance }, "web-1"))
            .await
            .unwrap_err()
            .contains("told to stop")
    );
    rig.done(&decision("web"), remove("web-1")).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1), "its grace was counted from the first word: {took:?}");
    assert!(rig.observe("web").await.instances.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_and_start_bring_it_back_once_for_each_change() {
    let rig = Rig::new("[workload.web]\ncommand = ['sleep', '1000']\n");
    rig.create("web", "web-1").await;
    let first = pid_of(&rig.instance("web", "web-1").await);

    let change = wanted("web", "key-2", None);
    let restart = step(|instance| Step::Restart { instance }, "web-1");
    rig.done(&change, restart.clone()).await;
    let second = rig.instance("web", "web-1").await;
    assert_eq!((second.phase, second.restarts), (Phase::Ready, 1));
    assert_ne!(pid_of(&second), first);
    rig.done(&change, restart.clone()).await;
    assert_eq!(rig.instance("web", "web-1").await.handle, second.handle, "the same change restarts once");

    rig.done(&change, stop("web-1")).await;
    rig.done(&wanted("web", "key-3", None), start("web-1")).await;
    let third = rig.instance("web", "web-1").await;
    assert_eq!((third.phase, third.restarts), (Phase::Ready, 2));
    assert_eq!(rig.pids("web-1").len(), 1);
}

/// Looks until `web-1` has failed, and what that look saw.
async fn failed(rig: &Rig) -> ObservedTarget {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let target = rig.observe("web").await;
        if target.instances.iter().any(|one| one.id == "web-1" && one.phase == Phase::Failed) {
            return target;
        }
        assert!(Instant::now() < until, "web-1 does not fail: {:?}", target.instances);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_shown_and_repairs_wait_longer_each_time() {
    let rig = Rig::new(
        "[workload.web]\ncommand = ['sh', '-c', 'exit 3']\nrestart = { min = '3s', factor = 3.0 }\n[workload.other]\ncommand = ['sleep', '1000']\n",
    );
    let began = now_ms();
    rig.create("web", "web-1").await;
    // The look that sees the crash also says how long it waits, however late that look is.
    let first = failed(&rig).await.back_off_until_ms.expect("it waits");
    assert!((began + 3_000..=now_ms() + 3_000).contains(&first));
    let repair = |key: &str| repair_of("web", key);
    match rig.take(&decision("web"), step(|instance| Step::AwaitReady { instance }, "web-1")).await {
        Ok(StepState::Impossible { why }) => assert!(why.contains("ended by itself"), "{why}"),
        other => panic!("{other:?}"),
    }

    assert!(matches!(rig.take(&repair("r1"), start("web-1")).await, Ok(StepState::Waiting { .. })));
    rig.done(&repair("r1"), start("web-1")).await;
    assert!(now_ms() >= first, "the repair waited");
    let target = failed(&rig).await;
    let second = target.back_off_until_ms.expect("it waits");
    assert!((first + 9_000..=now_ms() + 9_000).contains(&second), "the second wait is 3 × 3 s");
    assert_eq!(target.instances[0].restarts, 1);

    // What policies and people want does not wait, nor do other workloads.
    rig.create("web", "web-2").await;
    rig.done(&repair_of("other", "r2"), step(|instance| Step::Create { instance }, "other-1")).await;
    assert_eq!(rig.observe("other").await.back_off_until_ms, None);
    rig.done(&decision("web"), remove("web-1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_a_crash_left_behind_end_before_the_next_start() {
    let rig = Rig::new("[workload.web]\ncommand = ['sh', '-c', 'sleep 1000 & exec sleep 1001']\n");
    rig.create("web", "web-1").await;
    until("the child is there", || rig.pids("web-1").len() == 2).await;
    let before = rig.pids("web-1");
    kill(pid_of(&rig.instance("web", "web-1").await));
    rig.phase("web", "web-1", Phase::Failed).await;
    rig.done(&wanted("web", "key-2", None), start("web-1")).await;
    assert!(before.iter().all(|pid| !alive(*pid)));
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instance_has_a_port_of_its_own() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = taken.local_addr().unwrap().port().min(65_000);
    let last = first + 3;
    let rig = Rig::new(&format!("[workload.web]\ncommand = ['sleep', '1000']\nports = '{first}-{last}'\n"));
    let mut ports = Vec::new();
    let mut refused = None;
    for number in 1..=4 {
        let step = step(|instance| Step::Create { instance }, &format!("web-{number}"));
        match rig.take(&decision("web"), step).await {
            Ok(StepState::Done) => {
                let address =
                    rig.driver.address(&"local/web".parse().unwrap(), &format!("web-{number}")).await.unwrap();
                ports.push(address.unwrap());
            }
            other => refused = Some(other.unwrap_err()),
        }
    }
    let mut distinct = ports.clone();
    distinct.dedup();
    assert_eq!(ports, distinct);
    assert!(!ports.contains(&format!("127.0.0.1:{first}")), "that one was taken");
    assert!(refused.expect("four do not fit beside the one that was taken").contains("no port of"));

    // A port that was given back is given again.
    rig.done(&decision("web"), remove("web-1")).await;
    rig.create("web", "web-9").await;
    assert_eq!(rig.instance("web", "web-9").await.address.as_ref(), ports.first());
}
