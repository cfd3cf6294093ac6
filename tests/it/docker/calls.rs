//! What a turn costs the engine.

use std::time::{Duration, Instant};

use bollard::models::{ContainerCreateBody, ContainerUpdateBody};
use bollard::query_parameters::CreateContainerOptions;
use futures_util::future::join_all;
use trimtab::drivers::{Driver as _, Step};
use trimtab::snapshot::Phase;

use super::stage::{PATIENCE, Stage};

const WEB: [(&str, &str); 1] = [("trimtab.workload", "web")];
const CONTAINERS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_costs_one_list_and_one_call_for_each_container_of_which_something_changed() {
    let Some(stage) = Stage::start("docker calls").await else { return };
    let first = stage.run("web-1", &WEB).await;
    let client = stage.engine.client();
    // What does not run is looked at as much as what does.
    let more = (2..=CONTAINERS).map(|number| {
        let options =
            CreateContainerOptions { name: Some(format!("web-{number}")), ..CreateContainerOptions::default() };
        let labels = Some(WEB.map(|(label, value)| (label.to_owned(), value.to_owned())).into());
        let body = ContainerCreateBody { image: Some("worker:1".to_owned()), labels, ..ContainerCreateBody::default() };
        client.create_container(Some(options), body)
    });
    join_all(more).await.into_iter().for_each(|made| drop(made.unwrap()));

    assert_eq!(stage.observe("web").await.instances.len(), CONTAINERS);
    let asked = stage.proxy.requests();
    let looks = asked.iter().filter(|request| request.contains("/containers/") && !request.contains("/json?")).count();
    assert_eq!(looks, CONTAINERS, "each once: {asked:#?}");
    assert!(asked.len() <= CONTAINERS + 10, "{asked:#?}");

    // The stream of events has begun with that; what was seen before it has is looked at once more.
    quiet(&stage).await;
    let began = Instant::now();
    stage.observe("web").await;
    println!("a quiet look at {CONTAINERS} containers took {:?}", began.elapsed());
    assert_eq!(paths(&stage.proxy.requests()), ["containers/json"], "one list, and nothing else");

    // What the list does not show, the events tell.
    let size =
        ContainerUpdateBody { memory: Some(64 << 20), memory_swap: Some(128 << 20), ..ContainerUpdateBody::default() };
    client.update_container("web-1", size).await.unwrap();
    stage.until("web", |seen| seen.instances.iter().any(|one| one.limits.memory_bytes == Some(64 << 20))).await;
    let asked = stage.proxy.requests();
    let looks: Vec<&String> = asked.iter().filter(|request| request.contains(&first)).collect();
    assert_eq!(looks.len(), 1, "{asked:#?}");

    client.kill_container("web-1", None).await.unwrap();
    stage.until("web", |seen| seen.instances.iter().all(|one| one.phase != Phase::Ready)).await;
    quiet(&stage).await;
    stage.observe("web").await;
    assert_eq!(paths(&stage.proxy.requests()), ["containers/json"]);

    // Waiting costs little.
    let sick = |body: &mut ContainerCreateBody| {
        let test = Some(["CMD", "/worker", "die"].map(str::to_owned).to_vec());
        let interval = Some(1_000_000_000);
        body.healthcheck = Some(bollard::models::HealthConfig { test, interval, ..Default::default() });
    };
    stage.run_as("sick-1", &[("trimtab.workload", "sick")], sick).await;
    let up = stage.count("sick", 2, "k1").await;
    stage.done(&up, Step::Create { instance: "sick-k1-1".to_owned() }).await;
    stage.proxy.requests();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        stage.driver.take(&up, &Step::AwaitReady { instance: "sick-k1-1".to_owned() }).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = stage.proxy.requests();
    assert!(asked.len() <= 8, "once a second, and after each event: {asked:#?}");
}

/// Waits until a look asks for no more than the list.
async fn quiet(stage: &Stage) {
    let end = Instant::now() + PATIENCE;
    loop {
        stage.proxy.requests();
        stage.observe("web").await;
        let asked = stage.proxy.requests();
        if asked.len() == 1 {
            return;
        }
        assert!(Instant::now() < end, "{asked:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Without the method, the version and the query.
fn paths(requests: &[String]) -> Vec<&str> {
    requests
        .iter()
        .map(|request| {
            let path = request.split(' ').nth(1).unwrap().split('?').next().unwrap();
            // The first part of it is the version.
            path.trim_start_matches("/v1.").split_once('/').unwrap().1
        })
        .collect()
}
