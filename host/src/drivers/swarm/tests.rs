//! Stories over recorded answers of a manager (Engine 20.10, API 1.41); those over a real one are in `tests/it/swarm.rs`.

use bollard::models::{Service, Task};
use serde_json::{Value, json};

use super::engine::Seen;
use super::measure::{Memory, Meters};
use super::observe::{left_alone, observation};
use super::progress::{Census, Rollout};
use super::size::Size;
use super::*;
use crate::snapshot::{Instance, Inventory, Phase, Resources};

/// A service with nearly everything that `docker service create` can ask for.
const RICH: &str = include_str!("tests/service.json");

mod what_is_written {
    use super::*;

    #[test]
    fn a_resize_writes_what_was_asked_for_and_nothing_else() {
        let recorded: Value = serde_json::from_str(RICH).unwrap();
        let service: Service = serde_json::from_str(RICH).unwrap();
        let limits = Resources { cpu_millis: Some(1_500), memory_bytes: None };
        let size = Size::of(service.spec.unwrap().task_template.as_ref()).overlaid(Resources::default(), limits);
        let mut spec = recorded["Spec"].clone();
        assert!(size.write(&mut spec));
        let mut expected = recorded["Spec"].clone();
        expected["TaskTemplate"]["Resources"]["Limits"]["NanoCPUs"] = json!(1_500_000_000_u64);
        assert_eq!(spec, expected);
    }

    #[test]
    fn a_size_is_written_where_there_was_none_and_a_specification_without_template_is_refused() {
        let size = Size { requests: Resources { cpu_millis: Some(1), memory_bytes: None }, ..Size::default() };
        let mut spec = json!({"TaskTemplate": {"Resources": null}});
        assert!(size.write(&mut spec));
        assert_eq!(spec, json!({"TaskTemplate": {"Resources": {"Reservations": {"NanoCPUs": 1_000_000}}}}));
        assert!(!size.write(&mut json!({})));
    }
}

mod what_is_seen {
    use super::*;

    #[test]
    fn tasks_have_the_phases_that_they_are_in() {
        let rows = [
            ("new", "running", "ready", Some(Phase::Pending)),
            ("pending", "running", "ready", Some(Phase::Pending)),
            ("preparing", "running", "ready", Some(Phase::Starting)),
            ("starting", "running", "ready", Some(Phase::Starting)),
            ("running", "running", "ready", Some(Phase::Ready)),
            ("running", "running", "unknown", Some(Phase::Unknown)),
            ("running", "running", "down", Some(Phase::Lost)),
            ("running", "shutdown", "down", Some(Phase::Lost)),
            ("running", "shutdown", "ready", Some(Phase::Stopping)),
            ("running", "remove", "ready", Some(Phase::Stopping)),
            ("failed", "shutdown", "ready", Some(Phase::Failed)),
            ("rejected", "shutdown", "ready", Some(Phase::Failed)),
            ("complete", "shutdown", "ready", None),
            ("shutdown", "shutdown", "ready", None),
            ("orphaned", "shutdown", "down", Some(Phase::Lost)),
        ];
        for (state, desired, node, expected) in rows {
            let seen = look(&[task("t1", 1, state, desired)], node);
            let phase = instances(&seen).first().map(|instance| instance.phase);
            assert_eq!(phase, expected, "{state}, told to be {desired}, on a node that is {node}");
        }
    }

    #[test]
    fn a_task_that_was_started_anew_counts_those_that_failed_before() {
        let tasks = [
            task("t1", 1, "failed", "shutdown"),
            task("t2", 1, "failed", "shutdown"),
            task("t3", 1, "running", "running"),
            task("t4", 2, "running", "running"),
        ];
        let found = instances(&look(&tasks, "ready"));
        let told: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.name.as_str(), one.restarts)).collect();
        assert_eq!(told, [("t3", "rich.1", 2), ("t4", "rich.2", 0)]);
    }

    #[test]
    fn what_failed_in_a_slot_that_is_no_more_is_history() {
        let mut tasks = vec![task("t0", 9, "failed", "shutdown"), task("t1", 1, "running", "running")];
        tasks.push(task("t2", 2, "pending", "running"));
        let ids = |tasks: &[Task]| instances(&look(tasks, "ready")).into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(&tasks), ["t0", "t1", "t2"], "three are asked for, and two are there");
        tasks.push(task("t3", 3, "running", "running"));
        assert_eq!(ids(&tasks), ["t1", "t2", "t3"]);
    }

    #[test]
    fn a_service_is_told_with_its_count_its_size_and_its_labels() {
        let seen = look(&[task("t1", 1, "running", "running")], "ready");
        let target = observation("swarm", &SwarmConfig::default(), &seen).targets.remove(0).target;
        assert_eq!((target.id.as_str(), target.desired, target.total, target.ready), ("swarm/rich", 3, 1, 1));
        assert_eq!(target.labels.get("tier").map(String::as_str), Some("front"));
        assert_eq!(target.zones, ["a"]);
        let requests = Resources { cpu_millis: Some(250), memory_bytes: Some(16 << 20) };
        let limits = Resources { cpu_millis: None, memory_bytes: Some(64 << 20) };
        assert_eq!((target.containers[0].requests, target.containers[0].limits), (requests, limits));
    }

    #[test]
    fn a_global_service_and_a_job_have_no_count_and_a_broken_one_disturbs_nobody() {
        let mut seen = look(&[], "ready");
        for (name, mode) in [("global", json!({"Global": {}})), ("job", json!({"ReplicatedJob": {}}))] {
            let text = json!({"ID": name, "Version": {"Index": 1}, "Spec": {"Name": name, "Mode": mode}});
            seen.services.push(serde_json::from_value(text).unwrap());
        }
        let told: Vec<_> = seen.services.iter().filter_map(left_alone).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        seen.services.push(serde_json::from_value(json!({"ID": "broken"})).unwrap());
        for (name, mode) in [("less", json!({"Replicated": {"Replicas": -1}})), ("later", json!({"Periodic": {}}))] {
            let text = json!({"ID": name, "Spec": {"Name": name, "Mode": mode}});
            seen.services.push(serde_json::from_value(text).unwrap());
        }
        let told = observation("swarm", &SwarmConfig::default(), &seen);
        assert_eq!(told.targets.len(), 1);
        let names: Vec<&str> = told.unreadable.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["swarm/broken", "swarm/less", "swarm/later"]);
    }

    #[test]
    fn what_is_not_of_the_known_form_takes_nothing_else_with_it() {
        let whole: Value = serde_json::from_str(RICH).unwrap();
        let rich = whole["ID"].clone();
        let mut other = whole.clone();
        (other["ID"], other["Spec"]["Name"]) = (json!("y"), json!("other"));
        let bad = json!({"ID": "x", "Spec": {"Name": "bad", "Labels": ["tier=front"]}});
        let task = json!({"ID": "t1", "ServiceID": rich, "Slot": 1, "Status": {"State": "\rpondering"}});
        let node = json!({"ID": "n", "Description": {"Hostname": "east"}, "Status": {"State": 7}});
        let seen = Seen::of(vec![bad, whole, other], vec![task], vec![node, json!({"ID": "m"})]);
        let told = observation("swarm", &SwarmConfig::default(), &seen);
        let names: Vec<&str> = told.unreadable.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["swarm/bad", "node east"], "{:?}", told.unreadable);
        let targets: Vec<_> =
            told.targets.iter().map(|one| (one.target.id.name(), one.inventory.is_complete())).collect();
        assert_eq!(targets, [("other", true), ("rich", false)]);
        assert!(matches!(&told.targets[1].inventory, Inventory::Partial { why } if why.contains(r"`\u{d}pondering`")));
        assert_eq!(told.nodes.len(), 1);
    }

    #[test]
    fn a_node_has_left_what_its_tasks_did_not_set_aside_and_a_drained_one_takes_none() {
        let mut seen = look(&[task("t1", 1, "running", "running"), task("t2", 2, "failed", "shutdown")], "ready");
        let told = observation("swarm", &SwarmConfig::default(), &seen);
        let [node] = told.nodes.as_slice() else { panic!() };
        assert_eq!((node.zone.as_str(), node.ready, node.schedulable), ("a", true, true));
        assert_eq!(node.free, Resources { cpu_millis: Some(1_750), memory_bytes: Some((1 << 30) - (16 << 20)) });
        seen.nodes[0].spec.as_mut().unwrap().availability = serde_json::from_value(json!("drain")).unwrap();
        let drained = observation("swarm", &SwarmConfig::default(), &seen);
        assert!(!drained.nodes[0].schedulable);
    }

    #[test]
    fn a_port_in_host_mode_is_where_a_task_is_reached() {
        let port = json!({"Ports": [{"TargetPort": 80, "PublishedPort": 18080, "PublishMode": "host"}]});
        let mut task = task("t1", 1, "running", "running");
        task.status.as_mut().unwrap().port_status = serde_json::from_value(port).unwrap();
        let found = instances(&look(&[task], "ready"));
        assert_eq!(found[0].address.as_deref(), Some("10.0.0.1:18080"));
    }
}

mod what_is_followed {
    use super::*;

    #[test]
    fn tasks_are_counted_by_what_is_still_waited_for() {
        let mut waits = task("t3", 3, "pending", "running");
        waits.status.as_mut().unwrap().err = Some("no suitable node".to_owned());
        let mut small = task("t1", 1, "running", "running");
        small.spec = None;
        let tasks = [small, task("t2", 2, "running", "running"), waits, task("t4", 4, "running", "remove")];
        let size = Size::of(tasks[1].spec.as_ref());
        let census = Census::of(&tasks, &look(&tasks, "ready").nodes, size);
        assert_eq!((census.wanted, census.running, census.resized, census.leaving), (3, 2, 1, 1));
        assert_eq!(census.waits("2 of 3 tasks run"), "2 of 3 tasks run, 1 still end; slot 3: no suitable node");
    }

    #[test]
    fn nobody_waits_for_what_a_node_that_is_down_does() {
        let tasks = [task("t1", 1, "running", "shutdown"), task("t2", 2, "failed", "shutdown")];
        let census = Census::of(&tasks, &look(&tasks, "down").nodes, Size::default());
        assert_eq!((census.leaving, census.lost), (0, 1));
        assert_eq!(census.waits("0 of 1 tasks run"), "0 of 1 tasks run, 1 on a node that is down");
        assert_eq!(Census::of(&tasks, &look(&tasks, "unknown").nodes, Size::default()).leaving, 1);
    }

    #[test]
    fn an_update_and_its_rollback_are_told_apart() {
        let why = "x".to_owned();
        let rows = [
            ("updating", Rollout::Going { why: why.clone(), restores: true }),
            ("paused", Rollout::Paused { why: why.clone() }),
            ("rollback_started", Rollout::RolledBack { why: why.clone(), done: false }),
            ("rollback_completed", Rollout::RolledBack { why: why.clone(), done: true }),
            ("rollback_paused", Rollout::RolledBack { why, done: true }),
            ("completed", Rollout::None),
        ];
        for (state, expected) in rows {
            let mut service: Service = serde_json::from_str(RICH).unwrap();
            service.update_status = serde_json::from_value(json!({"State": state, "Message": "x"})).unwrap();
            assert_eq!(Rollout::of(&service), expected, "{state}");
        }
    }
}

mod what_is_measured {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    #[test]
    fn cache_that_can_be_dropped_is_not_in_use() {
        let v1 = json!({"memory_stats": {"usage": 100, "max_usage": 150, "stats": {"total_inactive_file": 40}}});
        let v2 = json!({"memory_stats": {"usage": 100, "stats": {"inactive_file": 30}}});
        assert_eq!(Memory::of(&v1), Some(Memory { bytes: 60, most_bytes: Some(150) }));
        assert_eq!(Memory::of(&v2), Some(Memory { bytes: 70, most_bytes: None }));
        assert_eq!(Memory::of(&json!({"memory_stats": {}})), None, "it does not run");
    }

    #[test]
    fn a_peak_is_kept_while_it_is_recent_and_goes_with_its_task() {
        let mut meters = Meters::default();
        let memory = |bytes| Memory { bytes, most_bytes: Some(500) };
        let mut peak = |now_ms, told: Option<u64>| {
            let mut found = instances(&look(&[task("t1", 1, "running", "running")], "ready"));
            let told = told.map(|bytes| ("t1".to_owned(), memory(bytes))).into_iter().collect();
            meters.enter(now_ms, &mut found.iter_mut().collect::<Vec<_>>(), &told);
            (found[0].usage.memory_bytes, found[0].memory_peak_bytes)
        };
        assert_eq!(peak(0, None), (None, None), "what was never measured is not known");
        assert_eq!(peak(0, Some(100)), (Some(100), Some(500)), "the kernel knows of more");
        assert_eq!(peak(MINUTE_MS, Some(900)), (Some(900), Some(900)));
        assert_eq!(peak(2 * MINUTE_MS, None), (None, Some(900)), "an engine that is silent for a turn");
        assert_eq!(peak(11 * MINUTE_MS, Some(200)), (Some(200), Some(900)));
        assert_eq!(peak(22 * MINUTE_MS, Some(300)), (Some(300), Some(300)));
        meters.enter(23 * MINUTE_MS, &mut [], &HashMap::new());
        let mut found = instances(&look(&[task("t1", 1, "running", "running")], "ready"));
        meters.enter(23 * MINUTE_MS, &mut found.iter_mut().collect::<Vec<_>>(), &HashMap::new());
        assert_eq!(found[0].memory_peak_bytes, None);
    }
}

mod what_is_configured {
    use super::*;

    #[test]
    fn every_fault_is_complained_about() {
        assert_eq!(SwarmConfig::default().complaints(), Vec::<String>::new());
        for (text, word) in [
            ("host = \"manager:2376\"", "host"),
            ("host = \"tcp://\"", "host"),
            ("host = \"tcp://m\"\nca_file = \"ca.pem\"", "go together"),
            ("timeout = \"1m\"", "timeout"),
            ("engines = [\"node-2\"]", "engines"),
        ] {
            let config: SwarmConfig = toml::from_str(text).unwrap();
            let complaints = config.complaints();
            assert!(matches!(complaints.as_slice(), [one] if one.contains(word)), "{text}: {complaints:?}");
            assert!(SwarmDriver::new("swarm", config).is_err());
        }
    }
}

fn instances(seen: &Seen) -> Vec<Instance> {
    observation("swarm", &SwarmConfig::default(), seen).targets.remove(0).instances
}

/// The recorded service with these tasks, on one node in zone a.
fn look(tasks: &[Task], node: &str) -> Seen {
    let node = json!({
        "ID": "node-1",
        "Spec": {"Labels": {"zone": "a"}, "Availability": "active"},
        "Status": {"State": node, "Addr": "10.0.0.1"},
        "Description": {"Resources": {"NanoCPUs": 2_000_000_000_u64, "MemoryBytes": 1_u64 << 30}},
    });
    Seen {
        services: vec![serde_json::from_str(RICH).unwrap()],
        tasks: tasks.to_vec(),
        nodes: vec![serde_json::from_value(node).unwrap()],
        ..Seen::default()
    }
}

/// A task of the recorded service, of its size; its id says when it was made.
fn task(id: &str, slot: u32, state: &str, desired: &str) -> Task {
    let service: Value = serde_json::from_str(RICH).unwrap();
    let task = json!({
        "ID": id,
        "CreatedAt": format!("2026-01-01T00:00:00.{id}Z"),
        "ServiceID": service["ID"],
        "Slot": slot,
        "NodeID": "node-1",
        "Spec": {"Resources": service["Spec"]["TaskTemplate"]["Resources"]},
        "Status": {"State": state, "Timestamp": "2026-01-01T00:00:01Z"},
        "DesiredState": desired,
    });
    serde_json::from_value(task).unwrap()
}
