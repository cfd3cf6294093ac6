//! Ready is what answers.

use trimtab::drivers::{Step, StepState};
use trimtab::snapshot::Phase;

use super::rig::{Rig, decision, pid_of};
use super::worker;

/// An instance that takes its time to answer: a look that waits for less than an answer does not see that it serves.
fn web(sick: &std::path::Path) -> String {
    format!(
        "[workload.web]\n{}\nenv = {{ PART = 'web', DELAY_MS = '700', SICK = {:?} }}\nports = '23000-23999'\n\
         [workload.web.health.http]\npath = '/healthz'\ninterval = '100ms'\ntimeout = '10s'\nunhealthy_after = 2\n",
        worker::command(),
        sick.display().to_string()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_ready_as_long_as_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let sick = folder.path().join("sick");
    std::fs::write(&sick, "").unwrap();
    let mut rig = Rig::new(&web(&sick));
    let await_ready = || Step::AwaitReady { instance: "web-1".to_owned() };

    rig.create("web", "web-1").await;
    let Ok(StepState::Waiting { .. }) = rig.take(&decision("web"), await_ready()).await else { panic!("it is sick") };
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Starting);
    std::fs::remove_file(&sick).unwrap();
    rig.done(&decision("web"), await_ready()).await;
    let before = rig.instance("web", "web-1").await;
    assert_eq!(before.phase, Phase::Ready);

    // The first look of a new host waits for the first check: what serves is not taken for starting, and what does not is not
    // taken for ready because it once was.
    rig.restart_host();
    let after = rig.instance("web", "web-1").await;
    assert_eq!((after.phase, pid_of(&after)), (Phase::Ready, pid_of(&before)));
    std::fs::write(&sick, "").unwrap();
    rig.restart_host();
    assert_ne!(rig.instance("web", "web-1").await.phase, Phase::Ready);
    std::fs::remove_file(&sick).unwrap();
    rig.phase("web", "web-1", Phase::Ready).await;

    std::fs::write(&sick, "").unwrap();
    rig.phase("web", "web-1", Phase::Unready).await;
    std::fs::remove_file(&sick).unwrap();
    rig.phase("web", "web-1", Phase::Ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_instance_is_unknown_until_its_first_checks_have_ended() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut rig = Rig::new(&format!(
        "[workload.web]\ncommand = ['sleep', '1000']\n\
         [workload.web.health.http]\npath = '/'\nport = {port}\ninterval = '100ms'\ntimeout = '60s'\n"
    ));
    rig.create("web", "web-1").await;
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Starting, "nobody waits for what is new");
    // It takes connections and says nothing.
    rig.restart_host();
    assert_eq!(rig.instance("web", "web-1").await.phase, Phase::Unknown);
    let step = Step::AwaitReady { instance: "web-1".to_owned() };
    assert!(matches!(rig.take(&decision("web"), step).await, Ok(StepState::Waiting { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_never_answers_is_given_up_after_its_time() {
    let rig = Rig::new(
        "[workload.web]\ncommand = ['sleep', '1000']\nports = '24000-24999'\nready_timeout = '3s'\nhealth = { tcp = { interval = '100ms' } }\n",
    );
    rig.create("web", "web-1").await;
    let step = Step::AwaitReady { instance: "web-1".to_owned() };
    assert!(matches!(rig.take(&decision("web"), step.clone()).await, Ok(StepState::Waiting { .. })));
    rig.phase("web", "web-1", Phase::Unready).await;
    match rig.take(&decision("web"), step).await {
        Ok(StepState::Impossible { why }) => assert!(why.contains("3s") && why.contains("no connection"), "{why}"),
        other => panic!("{other:?}"),
    }
}
