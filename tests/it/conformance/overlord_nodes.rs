//! Overlord: which nodes it makes, keeps and gives back.

use serde_json::{Value, json};
use trimtab::bounds::{Range, Settings};

use super::Table;
use crate::library::Bench;

fn bounds() -> Settings {
    Settings { stabilize_down_ms: 0, ..Settings::default() }
}

fn overlord(more: &Value) -> Bench {
    let mut params = json!({ "compat": "overlord", "min_healthy": 2 });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Bench::of("availability", &params).within(bounds())
}

/// Nodes `a`, `b`, `c` …; each with an instance in that phase, or none.
fn nodes(phases: &[&str]) -> Value {
    let name = |index: usize| char::from(b'a' + u8::try_from(index).unwrap()).to_string();
    let there = phases.iter().enumerate().filter(|(_, phase)| !phase.is_empty());
    let instances: Vec<Value> = there
        .map(|(index, phase)| json!({ "id": format!("on-{}", name(index)), "node": name(index), "phase": phase }))
        .collect();
    let nodes: Vec<Value> =
        (0..phases.len()).map(|index| json!({ "id": name(index), "ready": true, "schedulable": true })).collect();
    json!({ "target": { "desired": instances.len() }, "instances": instances, "nodes": nodes })
}

fn with(mut scene: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut scene);
    scene
}

#[test]
fn overlord_nodes() {
    let mut table = Table::default();
    classification(&mut table);
    redeployment_and_cleanup(&mut table);
    floor(&mut table);
    shrinking(&mut table);
    defects(&mut table);
    insta::assert_snapshot!(table.end());
}

fn classification(table: &mut Table) {
    table.row(
        "1a step 4: all services up: good",
        &mut overlord(&json!({})),
        &nodes(&["ready", "ready"]),
        "2 good nodes of 2",
        "nothing is done: as wished",
    );
    table.row(
        "1a step 4: the project does not exist there: bad, and it is brought up there",
        &mut overlord(&json!({})),
        &nodes(&["ready", ""]),
        "proposes scale to 2",
        "decision replicas 1 to 2",
    );
    table.row(
        "1a step 4: UNFINISHED: good, it is assumed to be made",
        &mut overlord(&json!({})),
        &nodes(&["ready", "starting"]),
        "2 good nodes of 2",
        "nothing is done",
    );
    table.row(
        "1a step 4: a service that is down: bad, and brought up again on the same node",
        &mut overlord(&json!({})),
        &nodes(&["ready", "failed", ""]),
        "proposes replace (on-b)",
        "decision replace on-b",
    );
    table.row(
        "1a step 4: stopped in good order: bad, and started",
        &mut overlord(&json!({})),
        &nodes(&["ready", "stopped"]),
        "proposes start (on-b)",
        "decision start on-b",
    );
    table.row(
        "1a step 4: an unhealthy health check: in neither list, so that another node is used",
        &mut overlord(&json!({})),
        &nodes(&["ready", "unready", ""]),
        "proposes scale to 3",
        "decision replicas 2 to 3",
    );
    let unreached = with(nodes(&["ready", "ready", ""]), |scene| scene["nodes"][1]["ready"] = json!(false));
    table.row(
        "1a step 3: an error when talking to a node: in neither list",
        &mut overlord(&json!({})),
        &unreached,
        "1 not to be reached",
        "decision replicas 2 to 3",
    );
    let closed = with(nodes(&["ready", "", ""]), |scene| scene["nodes"][1]["schedulable"] = json!(false));
    table.row(
        "1a step 3: labels that do not match: no candidate",
        &mut overlord(&json!({})),
        &closed,
        "proposes scale to 2",
        "decision replicas 1 to 2",
    );
    let dirty = with(nodes(&["ready", "ready"]), |scene| {
        scene["readings"] = json!({ "dirty": { "by": { "on-a": 1, "on-b": 0 } } })
    });
    table.row(
        "1c 11: `dirty` is not in the default keywords, the check is dead",
        &mut overlord(&json!({})),
        &dirty,
        "2 good nodes of 2",
        "nothing is done",
    );
    table.row(
        "1a step 4: a dirty jail: bad, where it is asked for. A replacement of one that serves has to leave enough ready",
        &mut overlord(&json!({ "dirty_reading": "dirty" })),
        &dirty,
        "proposes replace (on-a)",
        "decision replace on-a",
    );
}

fn redeployment_and_cleanup(table: &mut Table) {
    let labelled = |now: &str, name: &str, value: &str| {
        with(nodes(&["ready", "ready", "ready"]), |scene| {
            scene["now"] = json!(now);
            scene["target"]["labels"] = json!({ name: value });
        })
    };
    let mut bench = overlord(&json!({ "digest_label": "sha1", "min_healthy": 3 }));
    table.row(
        "1a loop 3: the first checksum is taken for what runs",
        &mut bench,
        &labelled("2026-01-01T00:00:00Z", "sha1", "one"),
        "3 good nodes of 3",
        "nothing is done",
    );
    table.row(
        "1a step 5: another checksum: up anew on every good node, nothing else in this cycle. The bounds take one at a time",
        &mut bench,
        &labelled("2026-01-01T00:00:20Z", "sha1", "two"),
        "proposes redeploy",
        "restraint",
    );
    table.row(
        "1c 7: the checksum is stored before acting: what was not done in that cycle is never rolled out",
        &mut bench,
        &labelled("2026-01-01T00:00:40Z", "sha1", "two"),
        "3 good nodes of 3",
        "nothing is done",
    );
    let mut safe = Bench::of("availability", &json!({ "digest_label": "sha1" })).within(bounds());
    safe.play(&labelled("2026-01-01T00:00:00Z", "sha1", "one"));
    safe.play(&labelled("2026-01-01T00:00:20Z", "sha1", "two"));
    table.row(
        "— without compat: asked again until no instance is older than the change",
        &mut safe,
        &labelled("2026-01-01T00:00:40Z", "sha1", "two"),
        "`sha1` changed 20 s ago",
        "decision replace on-a",
    );
    table.row(
        "1a step 6: `overlord destroy`: down on all nodes. The binding's minimum holds; who means it lowers `replicas.min`",
        &mut overlord(&json!({ "cleanup_label": "overlord.autoscale-cleanup" })),
        &labelled("2026-01-01T00:00:00Z", "overlord.autoscale-cleanup", "{}"),
        "proposes scale to 0",
        "decision replicas 3 to 1",
    );
}

fn floor(table: &mut Table) {
    table.row(
        "1a step 8: below the floor many come up in one cycle, rules are not looked at: a floor and a ceiling",
        &mut overlord(&json!({ "min_healthy": 4 })),
        &nodes(&["ready", "", "", "", ""]),
        "scale to 4 at least 4 at most 4",
        "decision replicas 1 to 4",
    );
    table.row(
        "1a step 8: not enough nodes",
        &mut overlord(&json!({ "min_healthy": 4 })),
        &nodes(&["ready", "", "unready"]),
        "Insufficient nodes to replicate the project (2/4)",
        "decision replicas 2 to 3",
    );
    let small = Settings { replicas: Range { min: 1, max: 1 }, ..bounds() };
    table.row(
        "1a schema: max < min is no valid specification",
        &mut overlord(&json!({})).within(small),
        &nodes(&["ready"]),
        "refuses parameter-wrong",
        "nothing is done",
    );
}

fn shrinking(table: &mut Table) {
    table.row(
        "1a step 10: more than the floor: one down per cycle, the first listed, not the newest",
        &mut overlord(&json!({})),
        &nodes(&["ready", "ready", "ready", "ready"]),
        "proposes scale to 3",
        "victims on-a",
    );
    table.row(
        "1c 4: no cooldown. The default bounds wait until it was so for five minutes",
        &mut overlord(&json!({})).within(Settings::default()),
        &nodes(&["ready", "ready", "ready", "ready"]),
        "proposes scale to 3",
        "restraint",
    );
    let guarded = with(nodes(&["ready", "ready", "ready"]), |scene| scene["instances"][0]["protected"] = json!(true));
    table.row(
        "1a step 10: the first goes, whatever it is. A protected one does not",
        &mut overlord(&json!({})),
        &guarded,
        "proposes scale to 2",
        "victims on-c",
    );
}

fn defects(table: &mut Table) {
    let hours = with(nodes(&["ready", "starting"]), |scene| scene["instances"][1]["started_ms"] = json!(1));
    table.row(
        "1c 6: UNFINISHED counts as healthy for ever",
        &mut overlord(&json!({})),
        &hours,
        "2 good nodes of 2",
        "nothing is done",
    );
    table.row(
        "— without compat: it has five minutes",
        &mut Bench::of("availability", &json!({})).within(bounds()),
        &hours,
        "`on-b` is starting for too long",
        "decision restart on-b",
    );
    // A node died, another stood in, the first is back: four are good, three are wanted.
    let made_ms = 1_767_225_600_000_u64 + 121_000;
    let phases = ["ready", "ready", "lost", ""];
    let at = |now: &str, desired: u32, phases: &[&str], back: bool| {
        with(nodes(phases), |scene| {
            scene["now"] = json!(now);
            scene["target"]["desired"] = json!(desired);
            scene["nodes"][2]["ready"] = json!(back);
            if let Some(stand_in) = scene["instances"].get_mut(3) {
                stand_in["started_ms"] = json!(made_ms);
            }
        })
    };
    let returned = at("2026-01-01T00:20:00Z", 4, &["ready"; 4], true);
    table.row(
        "1c 16: when a dead node returns there is a surplus, and the first node is destroyed",
        &mut overlord(&json!({ "min_healthy": 3 })),
        &returned,
        "proposes scale to 3",
        "victims on-a",
    );
    let mut safe = Bench::of("availability", &json!({})).within(bounds());
    safe.play(&at("2026-01-01T00:00:00Z", 3, &phases, false));
    table.row(
        "— without compat: another stands in, elsewhere",
        &mut safe,
        &at("2026-01-01T00:02:00Z", 3, &phases, false),
        "1 stand in",
        "decision replicas 3 to 4",
    );
    table.row("— without compat: the stand-in goes", &mut safe, &returned, "1 of 1 stand-ins go", "victims on-d");
}
