//! Events of the engine begin turns: what dies is replaced at once, however seldom its binding is looked at.

use std::time::Instant;

use bollard::models::ContainerSummaryStateEnum as State;
use trimtab::audit::{Trigger, Turn};
use trimtab::snapshot::{Instance, Phase};

use super::stage::{Running, Stage};

const WEB: [(&str, &str); 1] = [("trimtab.workload", "web")];

/// The clone that serves beside the template.
async fn clone(host: &Running) -> String {
    let view = host.view().await.unwrap();
    view.clones().find(|one| one.phase == Phase::Ready).unwrap().id.clone()
}

/// Waits until another clone serves instead of this one.
async fn replaced(host: &Running, lost: &str) {
    // What is left of it may stay: where many were lost, nothing is taken away.
    let serves = |one: &Instance| one.phase == Phase::Ready;
    host.until("it is replaced", |view| view.at_rest_with(2) && view.clones().any(|one| serves(one) && one.id != lost))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dies_is_replaced_long_before_its_time() {
    let Some(mut stage) = Stage::with("docker events", &["--live-restore"], "").await else { return };
    stage.run("web-1", &WEB).await;
    let host = stage.host("web", "every = \"1h\"\nreplicas = { min = 2, max = 2 }");
    host.until("a clone", |view| view.at_rest_with(2)).await;
    let client = stage.engine.client();

    let first = clone(&host).await;
    let began = Instant::now();
    client.kill_container(&first, None).await.unwrap();
    replaced(&host, &first).await;
    println!("killed and replaced in {:?}", began.elapsed());

    let second = clone(&host).await;
    let began = Instant::now();
    stage.delete(&second).await;
    replaced(&host, &second).await;
    println!("deleted and replaced in {:?}", began.elapsed());

    // The stream is lost with the engine, and taken up again.
    stage.engine.kill();
    stage.engine.start_again().await;
    let third = clone(&host).await;
    stage.engine.client().kill_container(&third, None).await.unwrap();
    replaced(&host, &third).await;
    let running = stage.containers().await.into_iter().filter(|one| one.state == Some(State::RUNNING)).count();
    assert_eq!(running, 2);
    let turns = host.ends().await;
    let because = |turn: &Turn| matches!(&turn.record.trigger, Trigger::Event { what } if what.contains(&second));
    assert!(turns.iter().any(because), "the record says because of what");
}
