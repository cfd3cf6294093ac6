//! The driver at Podman's service: what differs from Docker's engine is made good, and told as it is.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use bollard::models::{
    EndpointSettings, HealthConfig, HostConfig, NetworkCreateRequest, NetworkingConfig, ResourcesUlimits,
};
use trimtab::drivers::{Driver as _, Step, StepState};
use trimtab::snapshot::{Phase, Resources};

use super::stage::{Stage, create, delete, host, inspect, now_ms, run};
use crate::backends::engine::Engine;

const MIB: u64 = 1 << 20;

fn ulimit(name: &str, most: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(most / 2), hard: Some(most) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn podman_runs_what_it_is_told_on_the_network_of_the_template() {
    let Some(engine) = Engine::podman("podman clone").await else { return };
    let image = engine.import("worker:1").await;
    let client = engine.client();
    let network = NetworkCreateRequest { name: "shop".to_owned(), ..NetworkCreateRequest::default() };
    client.create_network(network).await.unwrap();
    let template = run(&client, &image, "web-1", |body| {
        body.env = Some(vec!["MODE=fast".to_owned()]);
        body.volumes = Some(vec!["/scratch".to_owned()]);
        body.labels.as_mut().unwrap().insert("tier".to_owned(), "front".to_owned());
        body.healthcheck = Some(HealthConfig {
            test: Some(["CMD", "/worker", "check"].map(str::to_owned).to_vec()),
            interval: Some(1_000_000_000),
            ..HealthConfig::default()
        });
        body.host_config = Some(HostConfig {
            binds: Some(vec!["data:/data".to_owned()]),
            nano_cpus: Some(500_000_000),
            memory: Some(64 << 20),
            ulimits: Some(vec![ulimit("nofile", 512), ulimit("nproc", 1_024)]),
            network_mode: Some("shop".to_owned()),
            ..HostConfig::default()
        });
        let endpoint = EndpointSettings { aliases: Some(vec!["web".to_owned()]), ..EndpointSettings::default() };
        let endpoints_config = Some(HashMap::from([("shop".to_owned(), endpoint)]));
        body.networking_config = Some(NetworkingConfig { endpoints_config });
    })
    .await;
    let stage = Stage::open(&host("a", &engine, ""));
    stage.driver.check().await.unwrap();
    assert_eq!(stage.instance("web", "web-1").await.phase, Phase::Starting);
    checked(&engine, "web-1").await;
    stage.until("web", |seen| seen.target.ready == 1).await;

    let up = stage.count("web", 2, "k1").await;
    stage.done(&up, create("web-k1-1")).await;
    let ready = Step::AwaitReady { instance: "web-k1-1".to_owned() };
    let state = stage.driver.take(&up, &ready).await.unwrap();
    assert!(matches!(state, StepState::Waiting { .. }), "{state:?}");
    checked(&engine, "web-k1-1").await;
    stage.done(&up, ready).await;

    let clone = stage.instance("web", "web-k1-1").await;
    let limits = Resources { cpu_millis: Some(500), memory_bytes: Some(64 * MIB) };
    assert_eq!((clone.phase, clone.limits), (Phase::Ready, limits));
    let (theirs, own) = (inspect(&client, &template).await, inspect(&client, "web-k1-1").await);
    let networks = own.network_settings.as_ref().unwrap().networks.as_ref().unwrap();
    assert_eq!(networks.keys().collect::<Vec<_>>(), ["shop"], "not the engine's own");
    assert!(networks["shop"].aliases.as_ref().unwrap().contains(&"web".to_owned()), "{networks:?}");
    let (config, before) = (own.config.as_ref().unwrap(), theirs.config.as_ref().unwrap());
    assert_eq!(config.labels.as_ref().unwrap()["tier"], "front");
    assert_eq!(config.labels.as_ref().unwrap()["trimtab.made-by"], "k1");
    let env = config.env.as_ref().unwrap();
    assert!(env.contains(&"MODE=fast".to_owned()), "{env:?}");
    let hostname = config.hostname.as_ref().unwrap();
    assert_ne!(config.hostname, before.hostname);
    assert!(env.iter().all(|one| !one.starts_with("HOSTNAME=") || one.ends_with(hostname)), "{env:?}");
    let volume = |seen: &bollard::models::ContainerInspectResponse, at: &str| {
        let mounts = seen.mounts.as_ref().unwrap().iter();
        mounts.filter(|mount| mount.destination.as_deref() == Some(at)).find_map(|mount| mount.name.clone()).unwrap()
    };
    assert_eq!(volume(&own, "/data"), "data");
    assert_ne!(volume(&own, "/scratch"), volume(&theirs, "/scratch"), "a volume without a name is nobody else's");

    let address = stage.driver.address(up.target(), "web-k1-1").await.unwrap().unwrap();
    let url = format!("http://{address}/health");
    assert_eq!(engine.within(async || reqwest::get(&url).await.unwrap().status()), 200);

    // All are deleted: from what is remembered they are made again.
    for id in ["web-k1-1", template.as_str()] {
        delete(&client, id).await;
    }
    let up = stage.count("web", 1, "k2").await;
    stage.done(&up, create("web-k2-1")).await;
    let again = inspect(&client, "web-k2-1").await;
    assert!(again.network_settings.unwrap().networks.unwrap().contains_key("shop"));
    assert_eq!(again.host_config.unwrap().memory, Some(64 << 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn podman_changes_sizes_and_is_asked_again_after_each_start() {
    let Some(engine) = Engine::podman("podman sizes").await else { return };
    let image = engine.import("worker:1").await;
    let client = engine.client();
    let sized = |cpu: u64, memory: u64| Resources { cpu_millis: Some(cpu), memory_bytes: Some(memory * MIB) };
    let id = run(&client, &image, "web-1", |body| {
        let host = body.host_config.as_mut().unwrap();
        (host.nano_cpus, host.memory) = (Some(500_000_000), Some(64 << 20));
        (host.cpu_shares, host.memory_reservation) = (Some(512), Some(32 << 20));
    })
    .await;
    let mut stage = Stage::open(&host("a", &engine, "[workload.web]\nremove_template = true"));
    let first = Kernel { cpu_millis: 500, weight: weight(512), memory: 64 * MIB, reserved: 32 * MIB };
    let last = Kernel { cpu_millis: 250, weight: weight(256), memory: 96 * MIB, reserved: 48 * MIB };
    assert_eq!(Kernel::of(&id), first);

    // Less, and back to what Podman shows all the time.
    let cpu = |millis| Resources { cpu_millis: Some(millis), memory_bytes: None };
    stage.done(&stage.size("web", cpu(300), cpu(300), "k1").await, Step::Resize).await;
    assert_eq!(Kernel::of(&id).cpu_millis, 300);
    stage.done(&stage.size("web", cpu(500), cpu(500), "k2").await, Step::Resize).await;
    assert_eq!(Kernel::of(&id), first);

    let size = stage.size("web", sized(250, 48), sized(250, 96), "k3").await;
    stage.done(&size, Step::Resize).await;
    assert_eq!(Kernel::of(&id), last, "the kernel has them");
    assert_eq!(inspect(&client, &id).await.host_config.unwrap().memory, Some(64 << 20), "and Podman shows the first");
    let seen = stage.instance("web", "web-1").await;
    assert_eq!((seen.requests, seen.limits), (sized(250, 48), sized(250, 96)));
    stage.reopen();
    let seen = stage.instance("web", "web-1").await;
    assert_eq!(seen.limits, sized(250, 96), "also after the host was started again");

    // At a start Podman gives it its first sizes: ours gives it the last ones.
    let instance = seen.id;
    stage.done(&size, Step::Restart { instance: instance.clone() }).await;
    assert_eq!(Kernel::of(&id), last);
    assert_eq!(stage.instance("web", "web-1").await.limits, sized(250, 96));
    client.restart_container(&id, None).await.unwrap();
    assert_eq!(Kernel::of(&id), first, "a person's does not");
    let seen = stage.until("web", |seen| seen.instances[0].limits == sized(500, 64)).await;
    assert_eq!(seen.target.containers[0].limits, sized(250, 96), "what is meant and what is are told apart");
    stage.done(&stage.size("web", cpu(240), cpu(240), "k4").await, Step::Resize).await;
    assert_eq!(Kernel::of(&id), Kernel { cpu_millis: 240, weight: weight(245), ..last });

    // One that does not run is refused by Podman, and has them once it is started.
    stage.done(&size, Step::Stop { instance: instance.clone() }).await;
    let again = stage.size("web", cpu(230), cpu(230), "k5").await;
    stage.done(&again, Step::Resize).await;
    stage.done(&again, Step::Start { instance: instance.clone() }).await;
    assert_eq!(Kernel::of(&id), Kernel { cpu_millis: 230, weight: weight(235), ..last });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn podman_is_waited_for_while_a_container_is_on_its_way_out() {
    let Some(engine) = Engine::podman("podman stop").await else { return };
    let image = engine.import("worker:1").await;
    let client = engine.client();
    run(&client, &image, "web-1", |_| {}).await;
    let stage = Stage::open(&host("a", &engine, "[workload.web]\nremove_template = true"));
    let up = stage.count("web", 2, "k1").await;
    stage.make(&up, "web-k1-1").await;
    let address = stage.driver.address(up.target(), "web-k1-1").await.unwrap().unwrap();
    assert_eq!(inspect(&client, "web-k1-1").await.config.unwrap().stop_timeout, Some(0), "its word for nothing said");

    // It ends its work first, for which it has ten seconds: Podman says meanwhile that it does not run.
    let (url, held) = (format!("http://{address}/hold?ms=2000"), std::sync::Mutex::new(None));
    std::thread::scope(|scope| {
        let (engine, held) = (&engine, &held);
        scope.spawn(move || {
            let answer = engine.within(async || reqwest::get(&url).await.map(|answer| answer.status().as_u16()));
            *held.lock().unwrap() = Some(answer.ok());
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                served(engine, &address).await;
                let restart = Step::Restart { instance: "web-k1-1".to_owned() };
                stage.done(&up, restart).await;
            });
        });
    });
    assert_eq!(held.into_inner().unwrap(), Some(Some(200)), "its session was ended in order");
    assert_eq!(stage.instance("web", "web-k1-1").await.phase, Phase::Ready);

    let instance = || "web-k1-1".to_owned();
    stage.done(&up, Step::Stop { instance: instance() }).await;
    assert_eq!(stage.instance("web", "web-k1-1").await.phase, Phase::Stopped);
    stage.done(&stage.count("web", 2, "k2").await, Step::Start { instance: instance() }).await;
    assert_eq!(stage.instance("web", "web-k1-1").await.phase, Phase::Ready);
    client.kill_container("web-k1-1", None).await.unwrap();
    // Right after an end Podman has a word of its own for it, with which Docker's types cannot be read.
    assert_eq!(stage.driver.observe(now_ms()).await.unwrap().unreadable, Vec::new());
    stage.until("web", |seen| seen.instances.iter().any(|one| one.phase == Phase::Failed)).await;
    stage.done(&up, Step::Remove { instance: instance() }).await;
    assert_eq!(stage.observe("web").await.instances.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_host_scales_and_repairs_at_podman() {
    let Some(engine) = Engine::podman("podman host").await else { return };
    let image = engine.import("worker:1").await;
    let client = engine.client();
    run(&client, &image, "web-1", |_| {}).await;
    let stage = Stage::open(&host("a", &engine, ""));
    let running = stage.host("web", "every = \"300ms\"\nreplicas = { min = 1, max = 4 }");
    running.until("the first turn", |view| view.rests_with(1)).await;
    running.pin(3).await;
    running.until("three", |view| view.rests_with(3)).await;
    let made = stage.observe("web").await.instances.into_iter().find(|one| one.made_by.is_some()).unwrap();
    delete(&client, &made.name).await;
    running.until("a new one", |view| view.rests_with(3) && !view.has(&made.id)).await;
    running.pin(1).await;
    running.until("one", |view| view.rests_with(1) && view.total() == 1).await;
    assert_eq!(stage.observe("web").await.instances[0].name, "web-1", "the template stays");
}

/// Lets Podman run the health check of a container once, as systemd's timers would.
async fn checked(engine: &Engine, name: &str) {
    trimtab::tls::ready();
    let client = reqwest::Client::builder().unix_socket(engine.socket()).build().unwrap();
    let url = format!("http://podman/v4.3.0/libpod/containers/{name}/healthcheck");
    let end = std::time::Instant::now() + super::stage::PATIENCE;
    loop {
        let said = client.get(&url).send().await.unwrap().text().await.unwrap();
        if said.contains("\"healthy\"") {
            return;
        }
        assert!(std::time::Instant::now() < end, "{said}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Waits until the worker has a session open.
async fn served(engine: &Engine, address: &str) {
    let url = format!("http://{address}/metrics");
    let end = std::time::Instant::now() + super::stage::PATIENCE;
    loop {
        let said = engine.within(async || reqwest::get(&url).await.unwrap().text().await.unwrap());
        if said.lines().any(|line| line == "worker_sessions 1") {
            return;
        }
        assert!(std::time::Instant::now() < end, "{said}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// What the kernel holds a container to, whichever version its cgroups are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kernel {
    cpu_millis: u64,
    /// On the scale of cgroups v2, to which the runtimes bring shares.
    weight: u64,
    memory: u64,
    reserved: u64,
}

impl Kernel {
    fn of(id: &str) -> Self {
        let mut find = Command::new("find");
        find.args(["/sys/fs/cgroup", "-type", "d", "-name"]).arg(format!("libpod-{id}"));
        let found = String::from_utf8(find.output().unwrap().stdout).unwrap();
        let read = |name: &str| {
            let mut files = found.lines().map(|folder| PathBuf::from(folder).join(name));
            files.find_map(|file| std::fs::read_to_string(file).ok()).map(|text| text.trim().to_owned())
        };
        let number = |name: &str| read(name).map(|text| text.parse::<u64>().unwrap());
        if let Some(quota) = number("cpu.cfs_quota_us") {
            return Self {
                cpu_millis: quota / 100,
                weight: weight(number("cpu.shares").unwrap()),
                memory: number("memory.limit_in_bytes").unwrap(),
                reserved: number("memory.soft_limit_in_bytes").unwrap(),
            };
        }
        let quota = read("cpu.max").unwrap().split(' ').next().unwrap().parse::<u64>().unwrap();
        Self {
            cpu_millis: quota / 100,
            weight: number("cpu.weight").unwrap(),
            memory: number("memory.max").unwrap(),
            reserved: number("memory.low").unwrap(),
        }
    }
}

/// The runtimes' way from shares to weights.
fn weight(shares: u64) -> u64 {
    1 + (shares - 2) * 9_999 / 262_142
}
