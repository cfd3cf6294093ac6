//! An engine that ends in the middle of a scale: nothing is made twice, and nothing is left over.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bollard::models::ContainerSummary;
use trimtab::drivers::{DriverError, Step};

use super::stage::{PATIENCE, Stage};

const WEB: [(&str, &str); 1] = [("trimtab.workload", "web")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_whose_making_was_not_answered_is_found_again() {
    let Some(mut stage) = Stage::start("docker answer lost").await else { return };
    stage.run("web-1", &WEB).await;
    let up = stage.count("web", 2, "k1").await;
    let create = Step::Create { instance: "web-k1-1".to_owned() };
    stage.proxy.lose_answers(true);
    let error = stage.fails(&up, create.clone()).await;
    assert!(matches!(error, DriverError::Unreachable { .. }), "{error}");
    stage.proxy.lose_answers(false);
    assert_eq!(stage.containers().await.len(), 2, "it was made all the same");
    // The host was ended then, too, and knows of nothing.
    stage.reopen();
    stage.observe("web").await;
    stage.done(&up, create).await;
    stage.done(&up, Step::AwaitReady { instance: "web-k1-1".to_owned() }).await;
    assert_eq!(stage.containers().await.len(), 2, "and is not made again");
}

async fn killed_in_the_middle(test: &str, arguments: &[&str]) -> Option<(Stage, Vec<ContainerSummary>)> {
    let settings = "call_timeout = \"2s\"\nrestart = { min = \"200ms\" }";
    let mut stage = Stage::with(test, arguments, settings).await?;
    stage.run("web-1", &WEB).await;
    let host = stage.host("web", "every = \"300ms\"\nreplicas = { min = 1, max = 6 }");
    host.until("the first turn", |view| view.target.ready == 1).await;
    host.pin(6).await;
    let end = Instant::now() + PATIENCE;
    while stage.containers().await.len() < 3 {
        assert!(Instant::now() < end, "nothing is made");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.engine.kill();
    stage.engine.start_again().await;
    host.until("six of them", |view| view.at_rest_with(6)).await;
    host.ends().await;
    let containers = stage.containers().await;
    let marks: BTreeSet<_> =
        containers.iter().filter_map(|one| one.labels.as_ref()?.get("trimtab.instance").cloned()).collect();
    assert_eq!(marks.len(), containers.len() - 1, "each instance once, and the template: {containers:#?}");
    Some((stage, containers))
}

fn running(containers: &[ContainerSummary]) -> usize {
    containers.iter().filter(|one| one.state.is_some_and(|state| state.to_string() == "running")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_killed_in_the_middle_of_a_scale_and_keeps_its_containers() {
    let Some((_stage, containers)) = killed_in_the_middle("docker killed", &["--live-restore"]).await else { return };
    assert_eq!((running(&containers), containers.len()), (6, 6), "{containers:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_killed_in_the_middle_of_a_scale_and_ends_its_containers() {
    let Some((_stage, containers)) = killed_in_the_middle("docker killed with all", &[]).await else { return };
    // The template does not run, is counted by nobody, and is kept.
    assert_eq!((running(&containers), containers.len()), (6, 7), "{containers:#?}");
}
