//! Load comes and goes; nobody who is served notices.

use bollard::models::{ContainerCreateBody, NetworkConnectRequest, NetworkDisconnectRequest};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use rustix::process::Signal;

use super::latency::{Watch, tell};
use super::stage::{Stage, TARGET};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_bring_containers_and_their_end_takes_them_and_no_request_fails() {
    let Some(mut stage) = Stage::open("containers behind haproxy").await else { return };
    stage.start_host();
    stage.until_at_rest(1).await;

    let watch = Watch::start(&stage);
    // One less than full, for a session may be between two requests when it is counted.
    stage.load.hold(4 * TARGET - 1);
    stage.until_at_rest(4).await;
    tell(&watch.delays_ms());
    stage.until_all_answer().await;

    stage.load.hold(2 * TARGET - 1);
    stage.until_at_rest(2).await;
    stage.until_all_answer().await;

    stage.load.hold(1);
    stage.until_at_rest(1).await;
    stage.until_all_answer().await;
    assert_eq!(stage.load.failed(), (0, Vec::new()), "of {}", stage.load.served());
    println!("{} requests, none failed", stage.load.served());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_comes_back_at_another_address_is_entered_there() {
    let Some(mut stage) = Stage::open("containers, restarted").await else { return };
    stage.start_host();
    stage.until_at_rest(1).await;
    let before = stage.entries();
    stage.end_host(Signal::KILL);
    // Off its network and on it again, and somebody else has its address by then.
    let client = stage.engine.client();
    let container = "web-0".to_owned();
    let off = NetworkDisconnectRequest { container: container.clone(), ..NetworkDisconnectRequest::default() };
    client.disconnect_network("bridge", off).await.unwrap();
    let body = ContainerCreateBody { image: Some("worker:1".to_owned()), ..ContainerCreateBody::default() };
    let options = CreateContainerOptionsBuilder::new().name("other").build();
    client.create_container(Some(options), body).await.unwrap();
    client.start_container("other", None).await.unwrap();
    let on = NetworkConnectRequest { container, ..NetworkConnectRequest::default() };
    client.connect_network("bridge", on).await.unwrap();
    stage.start_host();
    stage.until_at_rest(1).await;
    assert_ne!(stage.entries(), before, "it got the same address");
    stage.load.hold(1);
    stage.until_all_answer().await;
}
