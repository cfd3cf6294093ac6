//! What goes wrong at an engine: each "no" is typed and says what it is about, and nothing else suffers from it.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use bollard::models::{
    EndpointSettings, HealthConfig, Ipam, IpamConfig, NetworkCreateRequest, NetworkingConfig, PortBinding,
};
use bollard::query_parameters::RemoveImageOptions;
use trimtab::drivers::{Driver as _, DriverError, Outcome, Step, StepState};
use trimtab::snapshot::Phase;

use super::stage::{PATIENCE, Stage, now_ms};

const WEB: [(&str, &str); 1] = [("trimtab.workload", "web")];
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn create(instance: &str) -> Step {
    Step::Create { instance: instance.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_slow_or_gone_is_unreachable_and_comes_back() {
    let Some(mut stage) = Stage::with("docker engine gone", &["--live-restore"], "call_timeout = \"3s\"").await else {
        return;
    };
    stage.run("web-1", &WEB).await;
    let up = stage.count("web", 2, "k1").await;

    stage.proxy.delay(Duration::from_secs(60));
    let began = Instant::now();
    let error = stage.driver.observe(now_ms()).await.unwrap_err();
    assert!(
        matches!(&error, DriverError::Unreachable { what, .. } if what.contains("host a: no answer within 3 s")),
        "{error}"
    );
    let error = stage.fails(&up, create("web-k1-1")).await;
    assert!(matches!(&error, DriverError::Unreachable { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30), "it keeps nobody waiting");
    stage.proxy.delay(Duration::ZERO);
    stage.until("web", |seen| seen.target.ready == 1).await;

    stage.engine.kill();
    let error = stage.driver.observe(now_ms()).await.unwrap_err();
    assert!(matches!(&error, DriverError::Unreachable { what, .. } if what.starts_with("host a: ")), "{error}");
    let error = stage.driver.check().await.unwrap_err();
    assert!(error.to_string().contains("reach the engine at unix://"), "{error}");
    stage.engine.start_again().await;
    stage.until("web", |seen| seen.target.ready == 1).await;
    stage.make(&up, "web-k1-1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_is_gone_a_name_and_a_port_that_are_taken_are_refusals_that_say_so() {
    let settings = "workload = { web = {}, api = { container_name = \"api-{number}\" } }";
    let Some(stage) = Stage::with("docker taken", &[], settings).await else { return };
    let publish = |body: &mut bollard::models::ContainerCreateBody| {
        let port = PortBinding { host_ip: None, host_port: Some("18080".to_owned()) };
        let ports = HashMap::from([("8080/tcp".to_owned(), Some(vec![port]))]);
        body.host_config.get_or_insert_default().port_bindings = Some(ports);
    };
    let web = stage.run_as("web-1", &WEB, publish).await;
    stage.run("api-1", &[("trimtab.workload", "api")]).await;
    // Somebody else's.
    stage.run("web-k1-1", &[]).await;
    stage.run("api-2", &[]).await;

    let up = stage.count("web", 2, "k1").await;
    let error = stage.fails(&up, create("web-k1-1")).await;
    assert!(
        matches!(&error, DriverError::Refused { what, .. } if what.contains("name web-k1-1 is taken on host a")),
        "{error}"
    );
    let up = stage.count("api", 2, "k2").await;
    stage.make(&up, "api-k2-1").await;
    assert_eq!(stage.instance("api", "api-k2-1").await.name, "api-3", "where there are numbers, the next");

    let client = stage.engine.client();
    client.stop_container(&web, None).await.unwrap();
    stage.run_as("squatter", &[], publish).await;
    let start = stage.repair("web", 1, "k3").await;
    let error = stage.fails(&start, Step::Start { instance: web[..12].to_owned() }).await;
    assert!(
        matches!(&error, DriverError::Refused { what, .. } if what.contains("port is already allocated")),
        "{error}"
    );

    for container in stage.containers().await {
        stage.delete(&container.id.unwrap()).await;
    }
    let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
    client.remove_image("worker:1", Some(options), None).await.unwrap();
    let again = stage.repair("web", 1, "k4").await;
    let error = stage.fails(&again, create("web-k4-1")).await;
    let says = |what: &str| what.contains("image worker:1 (sha256:") && what.contains("is not on host a");
    assert!(matches!(&error, DriverError::Refused { what, .. } if says(what)), "{error}");
    assert!(stage.containers().await.is_empty(), "nothing half-made is left");
}

/// On the machine's own network the template has the port: every clone ends at once.
fn on_the_machines_network(body: &mut bollard::models::ContainerCreateBody) {
    body.host_config.get_or_insert_default().network_mode = Some("host".to_owned());
}

/// The first check is an hour away.
fn unasked(body: &mut bollard::models::ContainerCreateBody) {
    body.healthcheck = Some(HealthConfig {
        test: Some(vec!["CMD".to_owned(), "/worker".to_owned(), "check".to_owned()]),
        interval: Some(3_600 * 1_000_000_000),
        ..HealthConfig::default()
    });
}

/// Between two tries of what died, so that no machine is too slow to see that it waits.
const LONG: &str = "restart = { min = \"1h\", max = \"1h\" }";

/// `web-1` serves at a port that its clones find taken. None of them is ready before they end: their first check is far away.
async fn takes_the_port(stage: &Stage) {
    let there_unasked = |body: &mut bollard::models::ContainerCreateBody| {
        on_the_machines_network(body);
        unasked(body);
    };
    stage.run_as("web-1", &WEB, there_unasked).await;
    let end = Instant::now() + PATIENCE;
    while stage.engine.within(async || tokio::net::TcpStream::connect(("127.0.0.1", 8_080)).await.is_err()) {
        assert!(Instant::now() < end, "web-1 does not serve");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_dies_on_start_is_tried_ever_more_seldom() {
    let settings = "restart = { min = \"1s\", factor = 3.0 }";
    let Some(stage) = Stage::with("docker dies on start", &[], settings).await else { return };
    stage.run_as("web-1", &WEB, on_the_machines_network).await;
    let host = stage.host("web", "every = \"100ms\"\nreplicas = { min = 2, max = 2 }");
    let began = Instant::now();
    let mut made = 0;
    while made < 3 {
        let requests = stage.proxy.requests();
        made += requests.iter().filter(|request| request.contains("/containers/create")).count();
        assert!(began.elapsed() < PATIENCE, "{made}");
        assert!(stage.containers().await.len() <= 3, "the dead are cleared away");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waited = began.elapsed();
    assert!(waited > Duration::from_millis(3_500), "after 1 s and 3 s, not {waited:?}");
    host.until("it says why", |view| view.instances.iter().any(|one| one.phase == Phase::Failed)).await;
    host.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_container_ended_is_told() {
    let Some(stage) = Stage::with("docker ended", &[], LONG).await else { return };
    takes_the_port(&stage).await;
    let up = stage.count("web", 2, "k1").await;
    stage.done(&up, create("web-k1-1")).await;
    let why = stage.impossible(&up, Step::AwaitReady { instance: "web-k1-1".to_owned() }).await;
    assert_eq!(why, "it ended by itself: exit code 1");
    let seen = stage.until("web", |seen| seen.back_off_until_ms.is_some()).await;
    assert_eq!(seen.instances.iter().find(|one| one.id == "web-k1-1").unwrap().phase, Phase::Failed);
    let repair = stage.repair("web", 2, "k2").await;
    let state = stage.driver.take(&repair, &create("web-k2-1")).await.unwrap();
    assert!(matches!(&state, StepState::Waiting { why } if why.starts_with("it failed 1 times in a row")), "{state:?}");
    // A person's wish is not held back.
    let up = stage.count("web", 3, "k3").await;
    assert_eq!(stage.driver.take(&up, &create("web-k3-1")).await.unwrap(), StepState::Done);
}

/// As after a kill of the engine while it starts a container: it runs it, and never asks its check.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_whose_check_says_nothing_for_too_long_is_replaced() {
    let settings = "workload = { web = { ready_timeout = \"500ms\", grace = \"1s\" } }\nrestart = { min = \"500ms\" }";
    let Some(stage) = Stage::with("docker unasked", &[], settings).await else { return };
    let template = stage.run_as("web-1", &WEB, unasked).await;
    let host = stage.host("web", "every = \"100ms\"\nreplicas = { min = 2, max = 2 }");
    let began = Instant::now();
    host.until("it is no longer waited for", |view| view.instances.iter().any(|one| one.phase == Phase::Failed)).await;
    let (end, mut made) = (Instant::now() + PATIENCE, 0);
    while made < 3 {
        made += stage.proxy.requests().iter().filter(|request| request.contains("/containers/create")).count();
        assert!(Instant::now() < end, "another is made in its place");
        assert!(stage.containers().await.len() <= 3, "those that say nothing are cleared away");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(2), "after 500 ms and 1 s, and each time ready_timeout, not {waited:?}");
    host.ends().await;
    let there = stage.containers().await;
    assert!(there.iter().any(|one| one.id.as_deref() == Some(template.as_str())), "what others made stays");
}

/// As after a kill of the engine in the moment when it had started a container and not noted it: it takes it for one that was never
/// started, refuses to start it, and forgets its process for good when it is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_its_engine_has_forgotten_is_told_with_what_ends_it() {
    let Some(mut stage) = Stage::with("docker forgotten", &["--live-restore"], "").await else { return };
    stage.run("web-1", &WEB).await;
    let up = stage.count("web", 3, "k1").await;
    let (first, second) = (stage.made_for("web-k1-1", &WEB).await, stage.made_for("web-k1-2", &WEB).await);
    let fresh = stage.made_for("web-k1-3", &WEB).await;
    stage.engine.forget(&[&first, &second]).await;

    match stage.settled(&up, &create("web-k1-1")).await {
        // A Docker that ends by itself what it finds there; none such was tried.
        Ok(state) => assert_eq!(state, StepState::Done),
        Err(error) => {
            let DriverError::Refused { what, .. } = &error else { panic!("{error:?}") };
            let remedy = what.split("does not know that it runs; as root there, end it: ").nth(1);
            let remedy = remedy.unwrap_or_else(|| panic!("{what}"));
            assert!(stage.engine.has_processes(&first));
            assert!(Command::new("sh").args(["-c", remedy]).status().unwrap().success());
            let end = Instant::now() + PATIENCE;
            while stage.engine.has_processes(&first) {
                assert!(Instant::now() < end, "it is no remedy: {remedy}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    stage.make(&up, "web-k1-1").await;

    stage.proxy.requests();
    stage.done(&up, Step::Remove { instance: "web-k1-2".to_owned() }).await;
    stage.done(&up, Step::Remove { instance: "web-k1-3".to_owned() }).await;
    let asked = stage.proxy.requests();
    let was = |what: &str| asked.iter().any(|request| request.contains(what));
    assert!(was(&format!("/containers/{second}/start")), "whether it is forgotten, too: {asked:?}");
    assert!(was(&format!("/containers/{fresh}/start")) && was(&format!("/containers/{fresh}/stop")), "{asked:?}");
    let left = stage.containers().await;
    assert!(!left.iter().any(|one| [&second, &fresh].contains(&one.id.as_ref().unwrap())), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_the_clones_are_kept_and_the_others_are_tried_again() {
    let settings = "restart = { min = \"200ms\", factor = 1.0 }";
    let Some(stage) = Stage::with("docker half", &[], settings).await else { return };
    // Five addresses: the template's, two of others, and two more.
    let ipam = Ipam {
        config: Some(vec![IpamConfig { subnet: Some("10.77.0.0/29".to_owned()), ..IpamConfig::default() }]),
        ..Ipam::default()
    };
    let network =
        NetworkCreateRequest { name: "narrow".to_owned(), ipam: Some(ipam), ..NetworkCreateRequest::default() };
    stage.engine.client().create_network(network).await.unwrap();
    let narrow = |body: &mut bollard::models::ContainerCreateBody| {
        let there = HashMap::from([("narrow".to_owned(), EndpointSettings::default())]);
        body.networking_config = Some(NetworkingConfig { endpoints_config: Some(there) });
        body.host_config.get_or_insert_default().network_mode = Some("narrow".to_owned());
    };
    stage.run_as("web-1", &WEB, narrow).await;
    let others = [stage.run_as("other-1", &[], narrow).await, stage.run_as("other-2", &[], narrow).await];

    let host = stage.host("web", "every = \"200ms\"\nreplicas = { min = 5, max = 5 }");
    host.until("half of them", |view| view.target.ready == 3).await;
    let (end, mut made) = (Instant::now() + PATIENCE, 0);
    while made < 7 {
        made += stage.proxy.requests().iter().filter(|request| request.contains("/containers/create")).count();
        assert!(Instant::now() < end, "those that failed are tried again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    host.until("what came is kept", |view| view.target.ready == 3).await;

    for other in &others {
        stage.delete(other).await;
    }
    host.until("all of them", |view| view.target.ready == 5).await;
    let turns = host.ends().await;
    let first = turns.into_iter().find_map(|turn| turn.closing).unwrap();
    assert_eq!(first.outcome, Outcome::Partial);
    assert_eq!(first.text.matches("no available IPv4 addresses").count(), 2, "{}", first.text);
    assert_eq!(stage.containers().await.len(), 5, "what could not be started was not left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_labels_on_one_container_disturb_no_other() {
    let Some(stage) = Stage::start("docker labels").await else { return };
    stage.run("web-1", &[("trimtab.workload", "web"), ("trimtab.min", "many"), ("trimtab.protected", "perhaps")]).await;
    stage.run("web-2", &[("trimtab.workload", "web"), ("com.docker.compose.container-number", "two")]).await;
    let long = "x".repeat(10_000);
    for (name, workload) in [("bad-1", ""), ("bad-2", "a\nb"), ("bad-4", long.as_str())] {
        stage.run(name, &[("trimtab.workload", workload)]).await;
    }
    let observation = stage.look().await;
    let names: Vec<&str> = observation.targets.iter().map(|seen| seen.target.id.as_str()).collect();
    assert_eq!(names, ["box/web"], "{:?}", observation.unreadable);
    let told = observation.unreadable.iter().map(|(name, why)| format!("{name}: {why}")).collect::<String>();
    assert!(
        told.contains("(container bad-2): ") && told.contains("(container bad-4): ") && told.len() < 2_000,
        "{told}"
    );
    let up = stage.count("web", 3, "k1").await;
    stage.make(&up, "web-k1-1").await;
    assert_eq!(stage.observe("web").await.target.ready, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_jump_lose_nothing_and_hold_nothing_back() {
    let Some(stage) = Stage::with("docker clock", &[], LONG).await else { return };
    takes_the_port(&stage).await;
    let up = stage.count("web", 2, "k1").await;
    stage.done(&up, create("web-k1-1")).await;
    stage.impossible(&up, Step::AwaitReady { instance: "web-k1-1".to_owned() }).await;
    // Its end is seen by a clock that is a day ahead, and set right after.
    let ahead = stage.driver.observe(now_ms() + DAY_MS).await.unwrap().targets.remove(0);
    assert!(ahead.back_off_until_ms.is_some_and(|until| until > now_ms() + DAY_MS));
    let right = stage.observe("web").await;
    assert_eq!(right.back_off_until_ms, None, "nobody waits for a day");
    assert_eq!((right.target.total, ahead.target.total), (2, 2));
    let repair = stage.repair("web", 2, "k2").await;
    assert_eq!(stage.driver.take(&repair, &create("web-k2-1")).await.unwrap(), StepState::Done);
    let behind = stage.driver.observe(now_ms() - DAY_MS).await.unwrap().targets.remove(0);
    assert_eq!(behind.target.total, 3);
}
