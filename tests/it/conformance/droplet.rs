//! DigitalOcean's droplet-autoscale: its documented behaviours as rows.

use serde_json::{Value, json};
use trimtab::bounds::{Cooldown, Range, Settings};

use super::Table;
use crate::library::Bench;

/// Its own thresholds; down before up, to show that the order is not the operator's.
fn rules() -> [&'static str; 2] {
    [
        "-1 when mean(load_1) < 0.15 and mean(free_memory_mb) > 900 and mean(outbound_bandwidth) < 1.5",
        "+1 when mean(load_1) > 0.35 or mean(free_memory_mb) < 800 or mean(outbound_bandwidth) > 2.5",
    ]
}

fn exact() -> Bench {
    Bench::of("rules", &json!({ "rules": rules(), "compat": "droplet" })).within(settings())
}

fn safe() -> Bench {
    Bench::of("rules", &json!({ "rules": rules() })).within(settings())
}

/// The base droplet and four clones at most; an interval of 180 s.
fn settings() -> Settings {
    let cooldown = Cooldown { up_ms: 180_000, down_ms: 180_000 };
    Settings { stabilize_down_ms: 0, replicas: Range { min: 1, max: 5 }, cooldown, ..Settings::default() }
}

/// Load, free memory and bandwidth of each of so many droplets.
fn droplets(count: usize, figures: [f64; 3]) -> Value {
    let by = |value: f64| -> Value {
        (1..=count).map(|number| (format!("i-{number}"), json!(value))).collect::<serde_json::Map<_, _>>().into()
    };
    let [load, free, bandwidth] = figures;
    json!({ "instances": count, "readings": {
        "load_1": { "by": by(load) }, "free_memory_mb": { "by": by(free) }, "outbound_bandwidth": { "by": by(bandwidth) },
    } })
}

/// Without that reading of the first droplet.
fn silent(mut scene: Value, reading: &str) -> Value {
    scene["readings"][reading]["by"]["i-1"] = json!(null);
    scene
}

fn at(time: &str, mut scene: Value) -> Value {
    scene["now"] = json!(time);
    scene
}

#[test]
fn decides_as_documented() {
    let mut table = Table::default();
    thresholds(&mut table);
    missing(&mut table);
    range_and_interval(&mut table);
    insta::assert_snapshot!(table.end());
}

fn thresholds(table: &mut Table) {
    for (what, figures) in [
        ("load above its limit raises by one (4a, decision)", [0.36, 950.0, 0.0]),
        ("free memory below its limit raises (4a, decision)", [0.0, 799.0, 0.0]),
        ("bandwidth above its limit raises (4a, decision)", [0.0, 950.0, 2.6]),
    ] {
        table.row(what, &mut exact(), &droplets(3, figures), "scale to 4", "decision replicas 3 to 4");
    }
    let all_low = [0.14, 901.0, 1.4];
    table.row(
        "only all three together lower, by one (4a, decision)",
        &mut exact(),
        &droplets(3, all_low),
        "scale to 2",
        "decision replicas 3 to 2",
    );
    for (what, figures) in [
        ("  load alone is not low enough", [0.2, 901.0, 1.4]),
        ("  free memory alone is not high enough", [0.14, 850.0, 1.4]),
        ("  bandwidth alone is not low enough", [0.14, 901.0, 2.0]),
        ("comparisons are strict upwards (4a, decision)", [0.35, 800.0, 2.5]),
        ("  and downwards", [0.15, 900.0, 1.5]),
    ] {
        table.row(what, &mut exact(), &droplets(3, figures), "no change", "decision nothing is done");
    }
    let mut uneven = droplets(3, [0.0, 950.0, 0.0]);
    uneven["readings"]["load_1"]["by"]["i-1"] = json!(1.2);
    table.row(
        "the cluster is the mean of its droplets (4a, metrics)",
        &mut exact(),
        &uneven,
        "mean(load_1) is 0.4",
        "decision replicas 3 to 4",
    );
    let overlapping =
        json!({ "rules": ["-1 when mean(load_1) < 0.5", "+1 when mean(load_1) > 0.3"], "compat": "droplet" });
    table.row(
        "up goes before down (4a, decision)",
        &mut Bench::of("rules", &overlapping),
        &droplets(3, [0.4, 0.0, 0.0]),
        "scale to 4",
        "decision replicas 3 to 4",
    );
}

fn missing(table: &mut Table) {
    let high = || droplets(3, [9.0, 950.0, 0.0]);
    let low = || droplets(3, [0.1, 950.0, 9.0]);
    table.row(
        "one droplet without load makes the cluster invalid: no change, for ever if its agent is missing (4a, 4c)",
        &mut exact(),
        &silent(high(), "load_1"),
        "the cluster's figures are invalid",
        "decision nothing is done",
    );
    table.row(
        "  without compat, what the others show is enough to raise",
        &mut safe(),
        &silent(high(), "load_1"),
        "scale to 4",
        "decision replicas 3 to 4",
    );
    table.row(
        "  and never to lower",
        &mut safe(),
        &silent(droplets(3, [0.1, 950.0, 0.0]), "load_1"),
        "refuses reading-missing",
        "decision nothing is done",
    );
    table.row(
        "one without free memory, too (4a, metrics)",
        &mut exact(),
        &silent(high(), "free_memory_mb"),
        "the cluster's figures are invalid",
        "decision nothing is done",
    );
    let mut no_bandwidth = low();
    no_bandwidth["readings"]["outbound_bandwidth"] = json!({ "by": { "i-1": null, "i-2": null, "i-3": null } });
    table.row(
        "missing bandwidth is 0 (4a, metrics), and so lowers; the bounds restrain it",
        &mut exact(),
        &no_bandwidth,
        "scale to 2",
        "restraint",
    );
    table.row(
        "  without compat, it is not known",
        &mut safe(),
        &no_bandwidth,
        "refuses reading-missing",
        "decision nothing is done",
    );
    table.row(
        "no droplet at all is an error (4a, order)",
        &mut exact(),
        &json!({ "instances": 0, "target": { "desired": 1 }, "readings": {} }),
        "refuses reading-missing",
        "decision nothing is done",
    );
}

fn range_and_interval(table: &mut Table) {
    let high = |count| droplets(count, [9.0, 950.0, 0.0]);
    let low = |count| droplets(count, [0.1, 950.0, 0.0]);
    table.row(
        "at the most there is no change, and down is not asked (4a, decision)",
        &mut exact(),
        &high(5),
        "no change: 5 droplets reached the most of 5",
        "decision nothing is done",
    );
    table.row(
        "the base droplet stays (4a, decision)",
        &mut exact(),
        &low(1),
        "no change: the last droplet stays",
        "decision nothing is done",
    );
    let mut bench = exact();
    table.row(
        "the interval: after a change (4a, cooldown) …",
        &mut bench,
        &at("2026-01-01T00:00:00Z", high(3)),
        "scale to 4",
        "decision replicas 3 to 4",
    );
    table.row(
        "  … nothing is raised",
        &mut bench,
        &at("2026-01-01T00:02:59Z", high(4)),
        "scale to 5",
        "cooling down for another 1s",
    );
    table.row(
        "  … nor lowered, within it",
        &mut bench,
        &at("2026-01-01T00:02:59Z", low(4)),
        "scale to 3",
        "cooling down for another 1s",
    );
    table.row(
        "  … and both after it",
        &mut bench,
        &at("2026-01-01T00:03:01Z", low(4)),
        "scale to 3",
        "decision replicas 4 to 3",
    );
}
