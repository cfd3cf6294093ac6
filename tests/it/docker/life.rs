//! Growing, shrinking, changing size, starting and making again.

use std::time::Duration;

use bollard::models::{HealthConfig, HostConfig};
use trimtab::drivers::{Driver as _, Step, StepState};
use trimtab::snapshot::{Phase, Resources};

use super::stage::Stage;

const WEB: [(&str, &str); 1] = [("trimtab.workload", "web")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_grows_and_shrinks_and_its_template_and_volumes_stay() {
    let Some(stage) = Stage::start("docker scale").await else { return };
    let template = stage
        .run_as("web-1", &WEB, |body| {
            body.volumes = Some(vec!["/scratch".to_owned()]);
            body.healthcheck = Some(HealthConfig {
                test: Some(["CMD", "/worker", "check"].map(str::to_owned).to_vec()),
                interval: Some(200_000_000),
                ..HealthConfig::default()
            });
            body.host_config = Some(HostConfig { binds: Some(vec!["data:/data".to_owned()]), ..HostConfig::default() });
        })
        .await;
    stage.driver.check().await.unwrap();
    stage.until("web", |seen| seen.target.ready == 1).await;

    let up = stage.count("web", 3, "k1").await;
    let create = |number: u32| Step::Create { instance: format!("web-k1-{number}") };
    tokio::join!(stage.done(&up, create(1)), stage.done(&up, create(2)));
    stage.done(&up, create(1)).await;
    assert_eq!(stage.containers().await.len(), 3, "a step that is taken again makes no other");
    for number in [1, 2] {
        stage.done(&up, Step::AwaitReady { instance: format!("web-k1-{number}") }).await;
    }
    let seen = stage.observe("web").await;
    assert_eq!((seen.target.desired, seen.target.ready), (3, 3));
    let made: Vec<_> = seen.instances.iter().filter(|one| one.made_by.as_deref() == Some("k1")).collect();
    assert_eq!(made.len(), 2);
    assert!(seen.instances.iter().all(|one| one.protected == one.made_by.is_none()));

    let address = stage.driver.address(up.target(), "web-k1-1").await.unwrap().unwrap();
    assert_eq!(made[0].address.as_ref(), Some(&address));
    let ask = async |path: &str| reqwest::get(format!("http://{address}{path}")).await.unwrap().status().as_u16();
    assert_eq!(stage.engine.within(async || ask("/").await), 200);

    // What it is at when it is told to stop, it finishes.
    let down = stage.count("web", 1, "k2").await;
    let (stop, remove) =
        (Step::Stop { instance: "web-k1-1".to_owned() }, Step::Remove { instance: "web-k1-1".to_owned() });
    let inside = &stage.engine;
    let answered = std::thread::scope(|scope| {
        let held = scope.spawn(move || inside.within(async || ask("/hold?ms=1500").await));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                busy(&stage, &address).await;
                assert!(matches!(stage.driver.take(&down, &stop).await.unwrap(), StepState::Waiting { .. }));
                assert_eq!(stage.instance("web", "web-k1-1").await.phase, Phase::Stopping);
                stage.done(&down, stop).await;
            });
        });
        held.join().unwrap()
    });
    assert_eq!(answered, 200, "within its grace");
    assert_eq!(stage.instance("web", "web-k1-1").await.phase, Phase::Stopped);
    stage.done(&down, remove.clone()).await;
    stage.done(&down, remove).await;
    stage.done(&down, Step::Remove { instance: "web-k1-2".to_owned() }).await;

    let kept = &template[..12];
    for step in [Step::Stop { instance: kept.to_owned() }, Step::Remove { instance: kept.to_owned() }] {
        let why = stage.impossible(&down, step).await;
        assert!(why.contains("web-1 is the template; set remove_template"), "{why}");
    }
    assert_eq!(stage.observe("web").await.target.ready, 1);
    let volumes = stage
        .engine
        .client()
        .list_volumes(None::<bollard::query_parameters::ListVolumesOptions>)
        .await
        .unwrap()
        .volumes
        .unwrap();
    assert_eq!(volumes.len(), 4, "the one with a name, and those of three containers: {volumes:?}");
}

/// Waits until the worker at this address has a session besides the one that asks.
async fn busy(stage: &Stage, address: &str) {
    let url = format!("http://{address}/metrics");
    let sessions = async || reqwest::get(&url).await.unwrap().text().await.unwrap();
    while !stage.engine.within(sessions).contains("worker_sessions 1") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_and_template_go_where_that_is_said() {
    let settings =
        "workload = { web = { remove_volumes = true, remove_template = true, container_name = \"web-{number}\" } }";
    let Some(stage) = Stage::with("docker removal", &[], settings).await else { return };
    let template = stage.run_as("web-1", &WEB, |body| body.volumes = Some(vec!["/scratch".to_owned()])).await;
    let up = stage.count("web", 2, "k1").await;
    stage.make(&up, "web-k1-1").await;
    assert_eq!(stage.instance("web", "web-k1-1").await.name, "web-2", "the next number");
    let down = stage.count("web", 1, "k2").await;
    stage.done(&down, Step::Remove { instance: template[..12].to_owned() }).await;
    let seen = stage.observe("web").await;
    assert_eq!((seen.target.total, seen.target.ready), (1, 1));
    let volumes = stage
        .engine
        .client()
        .list_volumes(None::<bollard::query_parameters::ListVolumesOptions>)
        .await
        .unwrap()
        .volumes
        .unwrap();
    assert_eq!(volumes.len(), 1, "{volumes:?}");
    let up = stage.count("web", 2, "k3").await;
    stage.make(&up, "web-k3-1").await;
    assert_eq!(stage.instance("web", "web-k3-1").await.name, "web-1", "the lowest that is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_change_while_containers_run_and_new_ones_have_them() {
    let Some(mut stage) = Stage::start("docker resize").await else { return };
    let sized = |body: &mut bollard::models::ContainerCreateBody| {
        let host = body.host_config.get_or_insert_default();
        (host.memory, host.nano_cpus) = (Some(64 << 20), Some(500_000_000));
    };
    let template = stage.run_as("web-1", &WEB, sized).await;
    let up = stage.count("web", 2, "k1").await;
    stage.make(&up, "web-k1-1").await;
    let before = stage.inspect(&template).await;

    let limits = Resources { cpu_millis: Some(250), memory_bytes: Some(96 << 20) };
    let resize = stage.size("web", limits, "k2").await;
    stage.done(&resize, Step::Resize).await;
    let seen = stage.observe("web").await;
    assert!(seen.instances.iter().all(|one| one.limits == limits), "{:?}", seen.instances);
    assert_eq!(seen.target.containers[0].limits, limits);
    let after = stage.inspect(&template).await;
    assert_eq!(after.state.unwrap().started_at, before.state.unwrap().started_at, "nothing was restarted");
    let (mut changed, mut kept) = (after.host_config.unwrap(), before.host_config.unwrap());
    assert_eq!(changed.memory_swap, Some(192 << 20));
    for host in [&mut changed, &mut kept] {
        (host.memory, host.memory_swap, host.nano_cpus) = (None, None, None);
    }
    assert_eq!(changed, kept, "nothing else");

    stage.reopen();
    let up = stage.count("web", 3, "k3").await;
    stage.make(&up, "web-k3-1").await;
    assert_eq!(stage.instance("web", "web-k3-1").await.limits, limits, "also after the host was started again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stopped_is_started_and_what_was_deleted_is_made_again() {
    let Some(mut stage) = Stage::start("docker again").await else { return };
    let template = stage.run_as("web-1", &WEB, |body| body.env = Some(vec!["MODE=fast".to_owned()])).await;
    let up = stage.count("web", 2, "k1").await;
    stage.make(&up, "web-k1-1").await;

    let client = stage.engine.client();
    client.stop_container(&template, None).await.unwrap();
    assert_eq!(stage.instance("web", "web-1").await.phase, Phase::Stopped, "a person stopped it");
    let start = stage.repair("web", 2, "k2").await;
    stage.done(&start, Step::Start { instance: template[..12].to_owned() }).await;
    stage.done(&start, Step::AwaitReady { instance: template[..12].to_owned() }).await;
    let started = stage.inspect("web-k1-1").await.state.unwrap().started_at;
    stage.done(&start, Step::Restart { instance: "web-k1-1".to_owned() }).await;
    stage.done(&start, Step::AwaitReady { instance: "web-k1-1".to_owned() }).await;
    assert_ne!(stage.inspect("web-k1-1").await.state.unwrap().started_at, started);
    stage.done(&start, Step::Restart { instance: "web-k1-1".to_owned() }).await;

    for container in stage.containers().await {
        stage.delete(&container.id.unwrap()).await;
    }
    stage.reopen();
    let seen = stage.observe("web").await;
    assert_eq!((seen.target.total, seen.instances.len()), (0, 0), "it is there, with nothing in it");
    let again = stage.repair("web", 1, "k3").await;
    stage.make(&again, "web-k3-1").await;
    let clone = stage.inspect("web-k3-1").await;
    assert!(clone.config.unwrap().env.unwrap().contains(&"MODE=fast".to_owned()), "after what is remembered");
}
