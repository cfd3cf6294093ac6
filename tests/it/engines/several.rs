//! Several engines under one driver: where new containers go, and what becomes of those on an engine that is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ImportImageOptions, ListVolumesOptions};
use futures_util::TryStreamExt as _;
use trimtab::drivers::{Driver as _, DriverError, Step};
use trimtab::policy::{Proposal, ProposalKind};
use trimtab::snapshot::{Inventory, Phase};

use super::stage::{Stage, create, host, now_ms, run};
use crate::backends::engine::Engine;

/// The very same image, as a registry or `docker load` would bring it.
async fn copy_image(from: &Engine, to: &Engine) {
    let parts: Vec<_> = from.client().export_image("worker:1").try_collect().await.unwrap();
    let body = bollard::body_full(parts.concat().into());
    let client = to.client();
    let said: Vec<_> = client.import_image(ImportImageOptions::default(), body, None).try_collect().await.unwrap();
    assert!(said.iter().all(|one| one.error_detail.is_none()), "{said:?}");
}

async fn two(test: &str, arguments: &[&str]) -> Option<(Engine, Engine)> {
    let (a, b) = (Engine::with(test, arguments).await?, Engine::with(test, arguments).await?);
    a.import("worker:1").await;
    Some((a, b))
}

fn settings(a: &Engine, b: &Engine, more: &str) -> String {
    let (east, west) = ("zone = \"east\"\nlabels = { disk = \"ssd\" }", "zone = \"west\"\nlabels = { disk = \"hdd\" }");
    format!("{more}\n{}{}", host("a", a, east), host("b", b, west))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_containers_are_spread_and_go_only_where_all_that_they_need_is() {
    let Some((a, b)) = two("docker two", &[]).await else { return };
    run(&a.client(), "worker:1", "web-1", |_| {}).await;
    run(&a.client(), "worker:1", "disk-1", |_| {}).await;
    for (name, volume) in [("store-1", "data:/data"), ("stray-1", "other:/data"), ("bare-1", "third:/data")] {
        let binds = Some(vec![volume.to_owned()]);
        run(&a.client(), "worker:1", name, |body| body.host_config.as_mut().unwrap().binds = binds).await;
    }
    let workloads = "[workload.disk]\nhost_labels = { disk = \"ssd\" }\n[workload.stray]\nhost_labels = { disk = \"hdd\" }\n\
                     [workload.bare]\nempty_volumes = true\n";
    let mut stage = Stage::open(&settings(&a, &b, workloads));

    // The image is only on one of them.
    let up = stage.count("web", 3, "k1").await;
    assert_eq!(stage.make(&up, "web-k1-1").await, "a");
    let only_b = format!("{workloads}[workload.web]\nhost_labels = {{ disk = \"hdd\" }}\n");
    stage.reopen_with(&settings(&a, &b, &only_b));
    stage.observe("web").await;
    let why = stage.refusal(&up, create("web-k1-2")).await;
    let lacks = "a has no label disk=hdd, b has no image worker:1, and no registry is known for it: load it there";
    assert!(why.contains(lacks), "{why}");
    stage.reopen_with(&settings(&a, &b, workloads));

    copy_image(&a, &b).await;
    let up = stage.count("web", 6, "k2").await;
    let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
    for number in 1..=4 {
        *hosts.entry(stage.make(&up, &format!("web-k2-{number}")).await).or_default() += 1;
    }
    assert_eq!(hosts, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 3)]), "three on each in the end");
    let zone = stage.instance("web", "web-k2-1").await.zone;
    assert_eq!(zone.as_deref(), Some("west"));

    // Labels decide.
    let up = stage.count("disk", 2, "k3").await;
    assert_eq!(stage.make(&up, "disk-k3-1").await, "a");

    // An engine makes an empty volume where it knows none of that name.
    let up = stage.count("store", 3, "k4").await;
    assert_eq!(stage.make(&up, "store-k4-1").await, "a", "with its data");
    let up_stray = stage.count("stray", 2, "k5").await;
    let why = stage.refusal(&up_stray, create("stray-k5-1")).await;
    assert!(
        why.contains("b has no volume other, and would make an empty one: make it there, or set empty_volumes"),
        "{why}"
    );
    assert_eq!(b.client().list_volumes(None::<ListVolumesOptions>).await.unwrap().volumes.unwrap_or_default(), []);
    let volume = VolumeCreateRequest { name: Some("data".to_owned()), ..VolumeCreateRequest::default() };
    b.client().create_volume(volume).await.unwrap();
    assert_eq!(stage.make(&up, "store-k4-2").await, "b", "somebody has made it there");
    let up = stage.count("bare", 2, "k6").await;
    assert_eq!(stage.make(&up, "bare-k6-1").await, "b", "the operator wants it so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_engine_is_silent_nothing_is_known_of_its_containers_and_nothing_is_lowered() {
    let Some((a, mut b)) = two("docker silent", &["--live-restore"]).await else { return };
    copy_image(&a, &b).await;
    run(&a.client(), "worker:1", "web-1", |_| {}).await;
    let mut stage = Stage::open(&settings(&a, &b, ""));
    let up = stage.count("web", 2, "k1").await;
    assert_eq!(stage.make(&up, "web-k1-1").await, "b");

    b.kill();
    let seen = stage.observe("web").await;
    assert!(matches!(&seen.inventory, Inventory::Partial { why } if why.contains("host b did not answer")), "{seen:?}");
    let phase = |id: &str| seen.instances.iter().find(|one| one.id == id || one.name == id).unwrap().phase;
    assert_eq!((phase("web-1"), phase("web-k1-1")), (Phase::Ready, Phase::Unknown));
    assert_eq!(seen.target.desired, 2, "it may well live");
    let down = Proposal { kind: ProposalKind::Scale, count: Some(1), ..Proposal::default() };
    let why = stage.decide("web", "k2", down).await.unwrap_err();
    assert!(why.contains("Inventory"), "{why}");
    // Nor is it made anew or counted as removed.
    let error = stage.settled(&up, &Step::Remove { instance: "web-k1-1".to_owned() }).await.unwrap_err();
    assert!(matches!(&error, DriverError::Unreachable { what, .. } if what.contains("on host b")), "{error}");
    let error = stage.settled(&up, &Step::AwaitReady { instance: "web-k9-9".to_owned() }).await.unwrap_err();
    assert!(
        matches!(&error, DriverError::Unreachable { what, .. } if what.contains("host b does not answer")),
        "{error}"
    );

    b.start_again().await;
    let back = |id: &'static str| move |one: &trimtab::snapshot::Instance| one.id == id && one.phase == Phase::Ready;
    stage
        .until("web", |seen| seen.inventory == Inventory::Complete && seen.instances.iter().any(back("web-k1-1")))
        .await;

    // Silent for longer than the operator would wait: it is gone, and the list is whole.
    stage.reopen_with(&settings(&a, &b, "call_timeout = \"1s\"\nhost_lost_after = \"1500ms\""));
    stage.observe("web").await;
    b.kill();
    let gone = |one: &trimtab::snapshot::Instance| one.id == "web-k1-1" && one.phase == Phase::Lost;
    let began = std::time::Instant::now();
    let seen = stage.until("web", |seen| seen.instances.iter().any(gone)).await;
    assert!(began.elapsed() >= Duration::from_millis(1_500));
    assert_eq!((&seen.inventory, seen.target.desired), (&Inventory::Complete, 1));
    let nodes = stage.driver.observe(now_ms()).await.unwrap().nodes;
    assert_eq!(nodes.iter().map(|node| node.ready).collect::<Vec<_>>(), [true, false]);
    let up = stage.count("web", 2, "k3").await;
    assert_eq!(stage.make(&up, "web-k3-1").await, "a", "though the other would have fewer");
    let limits = trimtab::snapshot::Resources { cpu_millis: Some(250), memory_bytes: None };
    let size = stage.size("web", trimtab::snapshot::Resources::default(), limits, "k4").await;
    stage.done(&size, Step::Resize).await;

    b.start_again().await;
    stage.until("web", |seen| seen.target.ready == 3 && seen.inventory == Inventory::Complete).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_take_over_for_an_engine_that_is_gone_and_the_surplus_goes_when_it_is_back() {
    let Some((a, mut b)) = two("docker taken over", &["--live-restore"]).await else { return };
    copy_image(&a, &b).await;
    run(&a.client(), "worker:1", "web-1", |_| {}).await;
    let stage = Stage::open(&settings(&a, &b, "call_timeout = \"1s\"\nhost_lost_after = \"2s\""));
    // Two of four are more than are replaced unasked, where the operator does not say that they may be.
    let binding = "every = \"300ms\"\nreplicas = { min = 1, max = 8 }\nlost = { share = 1.0 }";
    let running = stage.host("web", binding);
    running.until("the first turn", |view| view.rests_with(1)).await;
    running.pin(4).await;
    running.until("four", |view| view.rests_with(4)).await;
    running.until("two on each", |view| view.on("a", Phase::Ready) == 2 && view.on("b", Phase::Ready) == 2).await;

    b.kill();
    running.until("nobody knows", |view| view.on("b", Phase::Unknown) == 2).await;
    running
        .until("four on one", |view| {
            view.rests_with(4) && view.on("a", Phase::Ready) == 4 && view.on("b", Phase::Lost) == 2
        })
        .await;

    b.start_again().await;
    running.until("four in all", |view| view.rests_with(4) && view.total() == 4).await;
    let mut all = 0;
    for engine in [&a, &b] {
        all += engine.client().list_containers(None).await.unwrap().len();
    }
    assert_eq!(all, 4, "and no more run on either");
}
