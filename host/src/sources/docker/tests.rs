//! With answers as an engine gave them, shortened. `tests/it/sources/containers.rs` asks a real one.

use bollard::models::ContainerStatsResponse;
use serde_json::{Value, json};

use super::*;
use crate::sources::stage::{NOW, instance, measure, spec, target};

/// An answer of Docker 20.10 on cgroups v1.
fn answer(second: u32, cpu_ns: u64, change: impl FnOnce(&mut Value)) -> Stats {
    let mut answer = json!({
        "read": format!("2023-11-14T22:13:{second:02}.5Z"),
        "pids_stats": {"current": 3},
        "blkio_stats": {"io_service_bytes_recursive": [
            {"major": 8, "minor": 0, "op": "Read", "value": 4096}, {"major": 8, "minor": 0, "op": "Write", "value": 0},
            {"major": 8, "minor": 16, "op": "Read", "value": 4096}, {"major": 8, "minor": 0, "op": "Total", "value": 4096}]},
        "cpu_stats": {
            "cpu_usage": {"total_usage": cpu_ns, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
            "system_cpu_usage": 1, "online_cpus": 2,
            "throttling_data": {"periods": 10 * second, "throttled_periods": 4 * second, "throttled_time": 0}},
        "memory_stats": {"usage": 1000, "limit": 4000, "stats": {"total_inactive_file": 300, "cache": 400}},
        "networks": {"eth0": {"rx_bytes": 100 * second, "tx_bytes": 10}, "eth1": {"rx_bytes": 50, "tx_bytes": 10}},
    });
    change(&mut answer);
    let answer: ContainerStatsResponse = serde_json::from_value(answer).unwrap();
    Stats::read(&answer).unwrap()
}

fn of(query: &str, now: &Stats, before: Option<&Stats>) -> Option<f64> {
    let (_, quantity) = QUERIES.iter().find(|(name, _)| *name == query).unwrap();
    quantity.of(now, before)
}

#[test]
fn numbers_of_the_moment_need_no_turn_before() {
    let now = answer(20, 1_000, |_| {});
    assert_eq!(of("memory_bytes", &now, None), Some(700.0), "without the cache that could be dropped");
    assert_eq!(of("memory_limit_bytes", &now, None), Some(4000.0));
    assert_eq!(of("processes", &now, None), Some(3.0));
    for (query, _) in QUERIES.iter().filter(|(query, _)| query.contains("per_second") || query.starts_with("cpu")) {
        assert_eq!(of(query, &now, None), None, "{query}: once is no rate");
    }
    let v2 = answer(20, 1_000, |answer| answer["memory_stats"]["stats"] = json!({"inactive_file": 100, "file": 400}));
    assert_eq!(of("memory_bytes", &v2, None), Some(900.0));
}

#[test]
fn rates_are_between_two_turns() {
    let (before, now) = (answer(10, 1_000_000_000, |_| {}), answer(20, 6_000_000_000, |_| {}));
    let rate = |query| of(query, &now, Some(&before));
    assert_eq!(rate("cpu_millicores"), Some(500.0));
    assert_eq!(rate("cpu_throttled_ratio"), Some(0.4));
    assert_eq!(rate("network_receive_bytes_per_second"), Some(100.0));
    assert_eq!(rate("network_transmit_bytes_per_second"), Some(0.0));
    assert_eq!(rate("block_read_bytes_per_second"), Some(0.0));
    assert_eq!(before.block_read_bytes, Some(8192), "both devices, and not their total");
}

#[test]
fn a_restart_and_a_clock_that_stands_give_no_rate() {
    let (before, after) = (answer(10, 9_000, |_| {}), answer(20, 10, |_| {}));
    assert_eq!(of("cpu_millicores", &after, Some(&before)), None);
    assert_eq!(of("cpu_millicores", &before, Some(&before)), None);
    assert_eq!(of("cpu_millicores", &before, Some(&after)), None, "a clock that went back");
}

#[test]
fn what_the_engine_does_not_tell_is_absent() {
    let none = answer(20, 1, |answer| {
        for key in ["networks", "blkio_stats", "memory_stats", "cpu_stats", "pids_stats"] {
            answer[key] = Value::Null;
        }
    });
    for (query, _) in QUERIES {
        assert_eq!(of(query, &none, Some(&none)), None, "{query}");
    }
    let gone: ContainerStatsResponse = serde_json::from_value(json!({"read": "0001-01-01T00:00:00Z"})).unwrap();
    assert_eq!(Stats::read(&gone).unwrap_err(), "it is not running");
}

#[test]
fn an_instance_is_known_by_its_handle_and_else_by_its_id() {
    let with = |handle: Option<&str>| Instance { handle: handle.map(str::to_owned), ..instance("w1") };
    let one = DockerStatsSource::new("engine", DockerStatsConfig::default()).unwrap();
    let id = |handle| one.place(&with(handle)).unwrap().1;
    assert_eq!(
        id(Some("docker:other/3e56eca842ad")),
        "3e56eca842ad",
        "one engine is asked, whatever the driver calls it"
    );
    assert_eq!(id(Some("docker:3e56eca842ad")), "3e56eca842ad");
    assert_eq!(id(Some("pid:17")), "w1");
    assert_eq!(id(None), "w1");

    let host = ["a", "b"].map(|name| (name.to_owned(), StatsHost::default())).into();
    let two = DockerStatsSource::new("engine", DockerStatsConfig { host, ..Default::default() }).unwrap();
    let place =
        |handle: &str, node: Option<&str>| two.place(&Instance { node: node.map(str::to_owned), ..with(Some(handle)) });
    assert_eq!(place("docker:b/3e56", Some("a")).unwrap(), ("b".to_owned(), "3e56".to_owned()));
    assert_eq!(place("docker:3e56", Some("a")).unwrap(), ("a".to_owned(), "3e56".to_owned()), "by its node");
    assert!(place("docker:c/3e56", None).unwrap_err().contains("write [source.engine.docker.host.c]"));
    assert!(place("docker:3e56", None).unwrap_err().contains("on which host"));
}

#[tokio::test]
async fn an_engine_that_is_silent_costs_its_own_containers_alone() {
    let dir = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("unix://{}", dir.path().join(name).display());
    let host = ["a", "b"].map(|name| (name.to_owned(), StatsHost { url: url(name), ..StatsHost::default() })).into();
    let source = DockerStatsSource::new("engine", DockerStatsConfig { host, ..Default::default() }).unwrap();
    let mut processes = spec("processes", "engine", Subject::Instance);
    processes.query = "processes".to_owned();
    let on = |id: &str, node: &str| Instance { node: Some(node.to_owned()), ..instance(id) };
    let targets = [(target("web"), vec![on("w1", "a"), on("w2", "b"), on("w3", "c")])];
    let told = measure(&source, &processes, &targets, NOW).await.unwrap();
    let failed: Vec<String> = told.failed.into_iter().map(|(who, why)| format!("{who}: {why}")).collect();
    assert!(failed[0].contains("w1: host a tells nothing") && failed[1].contains("w2: host b tells nothing"));
    assert!(failed[2].contains("w3: it is on host c; write [source.engine.docker.host.c]"), "{failed:?}");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_said_so_and_settings_that_do_not_suit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = format!("unix://{}", dir.path().join("none.sock").display());
    let source = DockerStatsSource::new("engine", DockerStatsConfig::at(host)).unwrap();
    let mut cpu = spec("cpu", "engine", Subject::Instance);
    cpu.query = "cpu_millicores".to_owned();
    source.check_reading(&cpu).unwrap();
    let error = measure(&source, &cpu, &[(target("web"), vec![instance("w1")])], NOW).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert!(measure(&source, &cpu, &[(target("web"), Vec::new())], NOW).await.unwrap().rows.is_empty());
    cpu.subject = Subject::Target;
    assert!(source.check_reading(&cpu).unwrap_err().to_string().contains("set subject = \"instance\""));
    let shown = StatsHost { cert_file: Some("cert.pem".into()), ..StatsHost::default() };
    for config in [
        DockerStatsConfig::at("http://x"),
        DockerStatsConfig { host: [("a".to_owned(), shown)].into(), ..Default::default() },
        DockerStatsConfig { at_once_max: 0, ..Default::default() },
    ] {
        assert_eq!(config.complaints().len(), 1, "{config:?}");
        DockerStatsSource::new("engine", config).unwrap_err();
    }
}
