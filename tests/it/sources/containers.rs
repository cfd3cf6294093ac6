//! A container engine's own measurements.

use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use trimtab::snapshot::Subject;
use trimtab::sources::Source;
use trimtab::sources::docker::{DockerStatsConfig, DockerStatsSource};

use super::{measure, row, values};
use crate::backends::engine::Engine;

const LIMIT: i64 = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_tells_what_containers_use() {
    let Some(mut engine) = Engine::start("source docker").await else { return };
    let image = engine.import("worker:1").await;
    let client = engine.client();
    for name in ["w1", "w2"] {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let host = HostConfig { memory: Some(LIMIT), ..HostConfig::default() };
        let body = ContainerCreateBody { image: Some(image.clone()), host_config: Some(host), ..Default::default() };
        client.create_container(Some(options), body).await.unwrap();
    }
    client.start_container("w1", None).await.unwrap();
    let host = format!("unix://{}", engine.socket().display());
    let source = DockerStatsSource::new("engine", DockerStatsConfig { host, ..Default::default() }).unwrap();
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
    let began = std::time::Instant::now();
    let gone = ask("memory_bytes", 3).await;
    assert!(gone.is_err() || gone.is_ok_and(|told| told.rows.is_empty()), "an engine that is gone tells nothing");
    assert!(began.elapsed() < Duration::from_secs(6));
}
