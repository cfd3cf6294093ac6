//! A container engine's own measurements.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use trimtab::drivers::Driver;
use trimtab::drivers::docker::{DockerConfig, DockerDriver, DockerHost};
use trimtab::snapshot::Subject;
use trimtab::sources::docker::{DockerStatsConfig, DockerStatsSource};
use trimtab::sources::{AskTarget, GatherLimits, History, ReadingSpec, Source, Sources, gather, questions};

use super::{measure, row, values};
use crate::backends::engine::Engine;
use crate::backends::server::PATIENCE;

const LIMIT: i64 = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_tells_what_containers_use() {
    let Some(mut engine) = Engine::start("source docker").await else { return };
    let image = engine.import("worker:1").await;
    let client = engine.client();
    start(&client, &image, "w1", None).await;
    start(&client, &image, "w2", None).await;
    client.kill_container("w2", None).await.unwrap();
    let host = format!("unix://{}", engine.socket().display());
    let source = DockerStatsSource::new("engine", DockerStatsConfig::at(host)).unwrap();
    source.check().await.unwrap();

    let targets: &[(&str, &[&str])] = &[("web", &["w1", "w2", "none"])];
    let ask = async |query: &str, now_ms| measure(&source, query, Subject::Instance, targets, now_ms).await;
    let limits = ask("memory_limit_bytes", 1).await.unwrap();
    assert_eq!(values(&limits), [row("web/w1", 67_108_864.0)], "and nothing of those that do not run");
    let failed = |of: &str| limits.failed.iter().find(|(who, _)| who.ends_with(of)).unwrap().1.clone();
    assert_eq!(failed("w2"), "it is not running");
    assert!(failed("none").contains("status 404"), "{}", failed("none"));
    let memory = values(&ask("memory_bytes", 1).await.unwrap());
    assert!(memory[0].1 > 0.0 && memory[0].1 < 67_108_864.0, "{memory:?}");
    assert!(ask("cpu_millicores", 1).await.unwrap().rows.is_empty(), "once is no rate");

    tokio::time::sleep(Duration::from_millis(300)).await;
    let cpu = values(&ask("cpu_millicores", 2).await.unwrap());
    assert!(cpu.len() == 1 && cpu[0].1 >= 0.0 && cpu[0].1 < 2_000.0, "{cpu:?}");
    for query in ["cpu_throttled_ratio", "network_receive_bytes_per_second", "processes"] {
        assert_eq!(ask(query, 2).await.unwrap().rows.len(), 1, "{query}");
    }

    engine.kill();
    let began = Instant::now();
    let gone = ask("memory_bytes", 3).await;
    assert!(gone.is_err() || gone.is_ok_and(|told| told.rows.is_empty()), "an engine that is gone tells nothing");
    assert!(began.elapsed() < Duration::from_secs(6));
}

/// A container of our worker, in this workload if any.
pub(super) async fn start(client: &Docker, image: &str, name: &str, workload: Option<&str>) {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let host = HostConfig { memory: Some(LIMIT), ..HostConfig::default() };
    let labels = workload.map(|workload| HashMap::from([("trimtab.workload".to_owned(), workload.to_owned())]));
    let image = Some(image.to_owned());
    let body = ContainerCreateBody { image, labels, host_config: Some(host), ..Default::default() };
    client.create_container(Some(options), body).await.unwrap();
    client.start_container(name, None).await.unwrap();
}

/// What a turn asks an engine, as the engine itself tells it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_asks_twice_for_a_new_container_and_once_for_one_that_did_not_change() {
    const COUNT: usize = 4;
    let Some(engine) = Engine::with("calls of a turn", &["--debug"]).await else { return };
    let (image, client) = (engine.import("worker:1").await, engine.client());
    for number in 0..COUNT {
        start(&client, &image, &format!("web-{number}"), Some("web")).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix://{}", engine.socket().display());
    let host = BTreeMap::from([("local".to_owned(), DockerHost { url: url.clone(), ..DockerHost::default() })]);
    let config = DockerConfig { host, ..DockerConfig::default() };
    let driver = DockerDriver::open("local", config, folder.path()).unwrap();
    let source = DockerStatsSource::new("engine", DockerStatsConfig::at(url)).unwrap();
    let sources = Sources::from([("engine".to_owned(), Arc::new(source) as Arc<dyn Source>)]);
    let specs = ["cpu_millicores", "memory_bytes", "processes"].map(of_instances);
    let (history, limits) = (History::default(), GatherLimits::default());
    // Looks and measurements of containers, lists of them, and readings had.
    let turn = async |now_ms| {
        let before = engine.calls().len();
        let seen = driver.observe(now_ms).await.unwrap();
        let web = &seen.targets[0];
        let asked = AskTarget { target: &web.target, instances: &web.instances };
        let all = specs.iter().map(|spec| (spec, asked));
        let told = gather(&sources, &questions(all), &history, &limits, now_ms).await;
        let readings = told.readings.values().flatten().filter(|reading| reading.latest().is_some()).count();
        let calls = engine.calls();
        let own = |call: &&String| call.starts_with("/containers/");
        let of = |end: &str| calls[before..].iter().filter(own).filter(|call| call.ends_with(end)).count();
        ([of("/json") - of("/containers/json"), of("/stats"), of("/containers/json")], readings)
    };
    assert_eq!(turn(1_000).await, ([COUNT, COUNT, 1], 2 * COUNT), "no rate yet");
    // The engine's events are heard from the first look on; what was seen before that is looked at once more.
    let end = Instant::now() + PATIENCE;
    while turn(1_500).await.0[0] > 0 {
        assert!(Instant::now() < end, "no look is quiet");
    }
    let (calls, readings) = turn(2_000).await;
    assert_eq!(calls, [0, COUNT, 1], "a list, and one measurement of each for three readings");
    assert_eq!(readings, 3 * COUNT);

    client.kill_container("web-1", None).await.unwrap();
    // Asked about are the one that ended, once, and those that run.
    let (calls, readings) = turn(3_000).await;
    assert_eq!((calls, readings), ([1, COUNT - 1, 1], 3 * (COUNT - 1)));
}

fn of_instances(query: &str) -> ReadingSpec {
    ReadingSpec {
        name: query.into(),
        source: "engine".to_owned(),
        query: query.to_owned(),
        subject: Subject::Instance,
        unit: "".into(),
        label: None,
        rate: false,
        look_back_ms: 0,
        step_ms: 0,
        stale_after_ms: 30_000,
        absent_as: None,
    }
}
