//! Overscaler: its documented behaviours as rows.

use serde_json::{Value, json};
use trimtab::bounds::{Cooldown, Range, Settings};

use super::Table;
use crate::library::Bench;

const RULES: [&str; 3] = ["cpu_greater_90_scale", "cpu_lower_20_reduce", "memory_greater_50_scale"];

/// The decision to the letter. Every row has a binding of its own, unless it goes on with the one before.
fn exact() -> Bench {
    Bench::of("rules", &json!({ "rules": RULES, "compat": "overscaler" })).within(settings())
}

/// The same labels in the safe reading.
fn safe() -> Bench {
    Bench::of("rules", &json!({ "rules": RULES })).within(settings())
}

/// `min-replicas: 2`, `max-replicas: 5`; `autoscaler-count` of so many passes is so much time.
fn settings() -> Settings {
    Settings { stabilize_down_ms: 0, replicas: Range { min: 2, max: 5 }, ..Settings::default() }
}

/// CPU of each pod in percent, all with little memory.
fn pods<const N: usize>(cpu: [Value; N]) -> Value {
    let by = |values: Vec<Value>| -> Value {
        (1..)
            .zip(values)
            .map(|(number, value)| (format!("i-{number}"), value))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let memory = vec![json!(10); N];
    json!({ "instances": N, "readings": { "cpu": { "by": by(cpu.into()) }, "memory": { "by": by(memory) } } })
}

fn with(mut scene: Value, key: &str, value: Value) -> Value {
    scene[key] = value;
    scene
}

#[test]
fn decides_as_documented() {
    let mut table = Table::default();
    rules(&mut table);
    pods_one_by_one(&mut table);
    range_and_pace(&mut table);
    insta::assert_snapshot!(table.end());
}

fn rules(table: &mut Table) {
    table.row(
        "`greater` means at least (3a, rules)",
        &mut exact(),
        &pods([json!(50), json!(90), json!(50)]),
        "scale to 4",
        "decision replicas 3 to 4",
    );
    table.row(
        "`lower` means at most (3a, rules)",
        &mut exact(),
        &pods([json!(50), json!(20), json!(50)]),
        "scale to 2",
        "decision replicas 3 to 2",
    );
    table.row(
        "between the limits nothing changes (3a, rules)",
        &mut exact(),
        &pods([json!(21), json!(89), json!(50)]),
        "hold",
        "decision nothing is done",
    );
    table.refused(
        "a limit is a whole number: 0.5 is refused (3a, rules)",
        "rules",
        &json!({ "rules": ["cpu_greater_0.5_scale"], "compat": "overscaler" }),
        "expected an action",
    );
    table.refused(
        "another word than `greater` or `lower` is refused (3a, rules)",
        "rules",
        &json!({ "rules": ["cpu_above_5_scale"] }),
        "expected an action",
    );
    table.refused(
        "node rules and compound rules were never built (3c)",
        "rules",
        &json!({ "rules": ["+1 when any(cpu) >= 90 and any(memory) >= 50"], "compat": "overscaler" }),
        "rule 1 of `rules`",
    );
}

fn pods_one_by_one(table: &mut Table) {
    let first_idle = || pods([json!(10), json!(95), json!(95)]);
    table.row(
        "any single pod acts for the whole set, and the first wins: one idle pod among busy ones shrinks it (3a, decision)",
        &mut exact(),
        &first_idle(),
        "scale to 2",
        "decision replicas 3 to 2",
    );
    table.row("  without compat, the raise wins", &mut safe(), &first_idle(), "scale to 4", "decision replicas 3 to 4");
    table.row(
        "no points are 0, so a `lower` rule fires on no data (3a, metrics); the bounds restrain it",
        &mut exact(),
        &pods([json!(null), json!(null), json!(null)]),
        "scale to 2",
        "restraint",
    );
    table.row(
        "  without compat, it is not known",
        &mut safe(),
        &pods([json!(null), json!(null), json!(null)]),
        "cpu is not known",
        "decision nothing is done",
    );
    table.row(
        "  and where one pod is silent, it is not lowered",
        &mut safe(),
        &pods([json!(10), json!(null), json!(10)]),
        "hold",
        "decision nothing is done",
    );
    let mut two = pods([json!(95), json!(50), json!(50)]);
    two["readings"]["memory"]["by"]["i-1"] = json!(60);
    table.row(
        "two rules that fire on one pod give two replicas (3a, rescale)",
        &mut exact(),
        &two,
        "scale to 5",
        "decision replicas 3 to 5",
    );
    two["readings"]["cpu"]["by"]["i-1"] = json!(10);
    table.row(
        "a scale and a reduce rule on one pod: net nothing (3a, rescale); here without two rollouts",
        &mut exact(),
        &two,
        "keeps 3, up and down",
        "decision nothing is done",
    );
}

fn range_and_pace(table: &mut Table) {
    table.row(
        "at max-replicas, or with as many replicas as nodes, it only logs why (3a, rescale)",
        &mut exact(),
        &pods([json!(95), json!(95), json!(95), json!(95), json!(95)]),
        "at the end of its range",
        "decision nothing is done",
    );
    table.row(
        "at min-replicas too (3a, rescale)",
        &mut exact(),
        &pods([json!(10), json!(10)]),
        "at the end of its range",
        "decision nothing is done",
    );
    let one_to_five = Settings { replicas: Range { min: 0, max: 5 }, ..settings() };
    table.row(
        "the last replica is never taken (3a, rescale)",
        &mut exact().within(one_to_five),
        &pods([json!(10)]),
        "at the end of its range",
        "decision nothing is done",
    );
    let cooling = Settings { cooldown: Cooldown { up_ms: 60_000, down_ms: 60_000 }, ..settings() };
    let mut bench = exact().within(cooling);
    let at = |time: &str, scene: Value| with(scene, "now", json!(time));
    table.row(
        "autoscaler-count: after a change (3a, cooldown) …",
        &mut bench,
        &at("2026-01-01T00:00:00Z", pods([json!(95), json!(50), json!(50)])),
        "scale to 4",
        "decision replicas 3 to 4",
    );
    table.row(
        "  … the set is frozen, upwards",
        &mut bench,
        &at("2026-01-01T00:00:30Z", pods([json!(95), json!(50), json!(50), json!(50)])),
        "scale to 5",
        "cooling down for another 30s",
    );
    table.row(
        "  … and downwards",
        &mut bench,
        &at("2026-01-01T00:00:45Z", pods([json!(10), json!(50), json!(50), json!(50)])),
        "scale to 3",
        "cooling down for another 15s",
    );
    table.row(
        "  … until it has passed: time here, passes of its loop there",
        &mut bench,
        &at("2026-01-01T00:01:01Z", pods([json!(95), json!(50), json!(50), json!(50)])),
        "scale to 5",
        "decision replicas 4 to 5",
    );
    let in_flight = json!({
        "key": "k1", "kind": "scale", "from_count": 4, "to_count": 3,
        "since_ms": 1_767_225_590_000_u64, "deadline_ms": 1_767_226_190_000_u64,
    });
    table.row(
        "`rescaling`: while a change is under way none begins (3a, decision)",
        &mut exact(),
        &with(pods([json!(10), json!(50), json!(50)]), "in_flight", in_flight),
        "scale to 2",
        "restraint",
    );
}
