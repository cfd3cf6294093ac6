//! What of a snapshot crosses.

use serde_json::{Value, json};

use super::snapshot;
use crate::policy::project::{Columns, NO_OWNER, project};
use crate::policy::{Need, NeedKind};
use crate::snapshot::{Snapshot, Subject};

fn need(kind: NeedKind, name: &str, subject: Subject, look_back_ms: u64) -> Need {
    Need { kind, name: name.to_owned(), subject, unit: String::new(), look_back_ms, step_ms: 0, required: false }
}

fn numbers(name: &str, subject: &str, owner: Option<&str>, times_ms: &[u64]) -> Value {
    let values: Vec<f64> = times_ms.iter().map(|at_ms| *at_ms as f64 / 1_000.0).collect();
    json!({
        "name": name, "subject": subject, "owner": owner, "freshness": "fresh",
        "samples": { "of": "numbers", "times_ms": times_ms, "values": values },
    })
}

fn with_instances(ids: &[&str], readings: &Value) -> Snapshot {
    let mut snapshot = snapshot(readings);
    snapshot.instances = ids
        .iter()
        .map(|id| {
            serde_json::from_value(json!({ "id": id, "phase": "ready", "node": format!("n{}", id.len()) })).unwrap()
        })
        .collect();
    snapshot
}

#[test]
fn nothing_crosses_that_nobody_asked_for() {
    let snapshot = with_instances(&["a", "b"], &json!([numbers("secret", "target", None, &[1])]));
    let mut columns = Columns::default();
    let view = project(&snapshot, &[need(NeedKind::Label, "app", Subject::Target, 0)], &mut columns);
    assert_eq!(view.labels, [("app", "web")]);
    assert!(view.instances.is_empty() && view.alerts.is_empty() && columns.needs.is_empty());
}

#[test]
fn a_look_back_cuts_and_always_leaves_the_newest() {
    let snapshot = snapshot(&json!([numbers("load", "target", None, &[900_000, 960_000, 990_000])]));
    let mut columns = Columns::default();
    for (look_back_ms, times_ms) in [(0, vec![990_000]), (50_000, vec![960_000, 990_000]), (1, vec![990_000])] {
        project(&snapshot, &[need(NeedKind::Reading, "load", Subject::Target, look_back_ms)], &mut columns);
        assert_eq!(columns.times_ms, times_ms, "{look_back_ms}");
        assert_eq!(columns.counts, [u32::try_from(times_ms.len()).unwrap()]);
    }
}

#[test]
fn offsets_of_a_zone_cross_as_far_ahead_and_back_as_was_asked() {
    let mut snapshot = snapshot(&json!([]));
    let told =
        json!([{ "zone": "Europe/Berlin", "at_ms": [100_000, 900_000, 1_100_000], "offsets_seconds": [1, 2, 3] }]);
    snapshot.transitions = serde_json::from_value(told).unwrap();
    let mut columns = Columns::default();
    for (reach_ms, offsets) in [(0, vec![2]), (50_000, vec![2]), (100_001, vec![1, 2, 3]), (u64::MAX, vec![1, 2, 3])] {
        let needs = [need(NeedKind::Transitions, "Europe/Berlin", Subject::Target, reach_ms)];
        let view = project(&snapshot, &needs, &mut columns);
        assert_eq!(view.transitions[0].offsets_seconds, offsets, "{reach_ms}");
    }
}

#[test]
fn no_row_is_missing_and_the_absent_is_not_zero() {
    let readings = json!([
        numbers("cpu", "instance", Some("a"), &[990_000]),
        numbers("cpu", "instance", Some("c"), &[990_000]),
        numbers("cpu", "instance", Some("gone"), &[990_000]),
    ]);
    let snapshot = with_instances(&["a", "b", "c"], &readings);
    let mut columns = Columns::default();
    let needs =
        [need(NeedKind::Reading, "nowhere", Subject::Target, 0), need(NeedKind::Reading, "cpu", Subject::Instance, 0)];
    let view = project(&snapshot, &needs, &mut columns);
    assert_eq!(view.instances.len(), 3, "readings of instances bring the instances along");
    assert_eq!(columns.needs, [0, 1, 1, 1]);
    assert_eq!(columns.owners, [NO_OWNER, 0, 1, 2]);
    assert_eq!(columns.freshness, [2, 0, 2, 0]);
    assert_eq!(columns.counts, [0, 1, 0, 1]);
    assert_eq!(columns.firsts, [0, 0, 1, 1]);
}

#[test]
fn a_snapshot_in_no_order_gives_the_same_rows() {
    let readings = [
        numbers("a", "instance", Some("x"), &[1]),
        numbers("a", "instance", Some("y"), &[2]),
        numbers("a", "target", None, &[3]),
        numbers("b", "target", None, &[4]),
    ];
    let needs = [
        need(NeedKind::Reading, "b", Subject::Target, 0),
        need(NeedKind::Reading, "a", Subject::Instance, 0),
        need(NeedKind::Reading, "a", Subject::Target, 0),
    ];
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3], [1, 3, 0, 2]];
    for order in orders {
        let snapshot = with_instances(&["x", "y"], &order.map(|index| readings[index].clone()).to_vec().into());
        let mut columns = Columns::default();
        project(&snapshot, &needs, &mut columns);
        assert_eq!(columns.times_ms, [4, 1, 2, 3], "{order:?}");
    }
}

#[test]
fn texts_have_their_own_columns_and_queues_their_names() {
    let snapshot = snapshot(&json!([
        { "name": "depth", "subject": "queue", "owner": "mail", "freshness": "fresh",
          "samples": { "of": "numbers", "times_ms": [5], "values": [7.0] } },
        { "name": "state", "subject": "target", "freshness": "stale",
          "samples": { "of": "texts", "times_ms": [3, 4], "texts": ["up", "down"] } },
    ]));
    let needs = [
        need(NeedKind::Reading, "state", Subject::Target, 999_999),
        need(NeedKind::Reading, "depth", Subject::Other("queue".into()), 0),
    ];
    let mut columns = Columns::default();
    let view = project(&snapshot, &needs, &mut columns);
    assert_eq!(columns.freshness, [17, 0]);
    assert_eq!((columns.firsts.as_slice(), columns.counts.as_slice()), (&[0, 0][..], &[2, 1][..]));
    assert_eq!(view.texts, ["up", "down"]);
    assert_eq!(view.owner_names, [(1, "mail")]);
}

#[test]
fn a_declared_value_stands_in_for_what_is_absent() {
    let snapshot = snapshot(&json!([{ "name": "errors", "freshness": "absent", "absent_as": 0.5 }]));
    let mut columns = Columns::default();
    project(&snapshot, &[need(NeedKind::Reading, "errors", Subject::Target, 0)], &mut columns);
    assert_eq!((columns.freshness.as_slice(), columns.values.as_slice()), (&[0][..], &[0.5][..]));
    assert_eq!(columns.times_ms, [1_000_000]);
}

#[test]
fn nodes_are_told_apart_also_where_they_do_not_cross() {
    let snapshot = with_instances(&["a", "bb", "c"], &json!([]));
    let mut columns = Columns::default();
    let view = project(&snapshot, &[need(NeedKind::Instances, "", Subject::Target, 0)], &mut columns);
    assert_eq!(view.instance_nodes, [Some(0), Some(1), Some(0)]);
    let needs = [need(NeedKind::Instances, "", Subject::Target, 0), need(NeedKind::Nodes, "", Subject::Target, 0)];
    let view = project(&snapshot, &needs, &mut columns);
    assert_eq!(view.instance_nodes, [None, None, None], "an index into nodes that are not there would be wrong");
}
