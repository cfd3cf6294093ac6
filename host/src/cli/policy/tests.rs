use super::snapshot_input::read;
use crate::bounds::Settings;
use crate::snapshot::{Freshness, Phase, Samples, Snapshot, Subject};

fn short(text: &str) -> Snapshot {
    read(text, "s.json", &Settings::default()).unwrap_or_else(|error| panic!("{error:#}\n{text}"))
}

fn refused(text: &str) -> String {
    read(text, "s.json", &Settings::default()).unwrap_err().to_string()
}

#[test]
fn five_lines_make_a_snapshot() {
    let snapshot = short(r#"{ "target": { "desired": 3 }, "readings": { "requests_per_second": 180 } }"#);
    assert_eq!((snapshot.target.desired, snapshot.target.total, snapshot.target.ready), (3, 3, 3));
    assert_eq!(snapshot.instances.iter().filter(|instance| instance.phase == Phase::Ready).count(), 3);
    let reading = snapshot.reading("requests_per_second", &Subject::Target, None).unwrap();
    assert_eq!((reading.freshness, reading.latest()), (Freshness::Fresh, Some(180.0)));
    assert_eq!(snapshot.target.limits.replicas_max, 10);
}

#[test]
fn the_short_form_becomes_the_strict_one_and_reads_back_the_same() {
    let snapshot = short(
        r#"{ "now": "2026-03-01T12:00:00Z",
             "target": { "id": "local/web", "ready": 1, "cpu": "500m", "memory": "256Mi", "labels": { "app": "web" } },
             "instances": [{ "id": "b", "cpu": 0.2 }, { "id": "a", "phase": "failed" }],
             "readings": { "load": [1, 2, 3], "state": "degraded", "gone": null,
                           "cpu": { "by": { "b": 40, "a": null } }, "old": { "value": 1, "age": "5m", "unit": "x" } } }"#,
    );
    assert_eq!(snapshot.target.containers[0].limits.memory_bytes, Some(256 << 20));
    let [a, b] = snapshot.instances.as_slice() else { panic!("{:?}", snapshot.instances) };
    assert_eq!((a.id.as_str(), b.id.as_str(), b.usage.cpu_millis), ("a", "b", Some(200)));
    assert_eq!((a.phase, b.requests.cpu_millis), (Phase::Failed, Some(500)));
    let freshness = |name: &str| snapshot.reading(name, &Subject::Target, None).unwrap().freshness;
    assert_eq!(
        [freshness("load"), freshness("gone"), freshness("old")],
        [Freshness::Fresh, Freshness::Absent, Freshness::Stale]
    );
    let cpu = |owner| snapshot.reading("cpu", &Subject::Instance, Some(owner)).unwrap().latest();
    assert_eq!((cpu("a"), cpu("b")), (None, Some(40.0)));
    assert!(matches!(&snapshot.reading("state", &Subject::Target, None).unwrap().samples, Samples::Texts { .. }));
    let strict = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(short(&strict), snapshot);
}

#[test]
fn samples_stand_apart_by_their_step_and_end_now() {
    let snapshot = short(r#"{ "now_ms": 100000, "readings": { "load": { "values": [1, 2], "step": "10s" } } }"#);
    let Samples::Numbers { times_ms, .. } = &snapshot.readings[0].samples else { panic!() };
    assert_eq!(times_ms, &[90_000, 100_000]);
}

#[test]
fn what_is_no_snapshot_is_refused_in_words() {
    for (text, word) in [
        ("{", "is not JSON"),
        ("[]", "must be an object"),
        (r#"{ "format": 99 }"#, "format 99"),
        (r#"{ "targte": {} }"#, "targte"),
        (r#"{ "target": { "desired": -1 } }"#, "whole number"),
        (r#"{ "target": { "total": 2, "ready": 3 } }"#, "not possible"),
        (r#"{ "instances": 100000000000 }"#, "not possible"),
        (r#"{ "readings": { "load": true } }"#, "load"),
        (r#"{ "readings": { "load": { "valeu": 1 } } }"#, "valeu"),
        (r#"{ "readings": { "load": 1e999 } }"#, "is not JSON"),
        (r#"{ "now": "yesterday" }"#, "date"),
        (r#"{ "readings": [{ "name": "load", "freshness": "fresh" }] }"#, "absent if and only if"),
        (
            r#"{ "readings": [{ "name": "load", "freshness": "fresh",
                 "samples": { "of": "numbers", "times_ms": [1, 2], "values": [3] } }] }"#,
            "reading load: 2 times for 1 samples",
        ),
        (r#"{ "instances": [{ "memo\ry": "64Mi" }] }"#, r"unknown field `memo\u{d}y`"),
        (r#"{ "readings": { "lo\nad\u001b[2J": true } }"#, r"reading lo ad\u{1b}[2J"),
    ] {
        let said = refused(text);
        assert!(said.starts_with("s.json") && said.contains(word), "{text}: {said}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}

#[test]
fn the_documentation_shows_a_snapshot_that_reads() {
    let docs = include_str!("../../../../docs/snapshot.md");
    let block = docs.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(short(block).target.desired, 3);
}
