//! Overlord's rules: rctl, economy and load balancer: their documented behaviours as rows.

use serde_json::{Value, json};
use trimtab::bounds::{Cooldown, Range, Settings};

use super::Table;
use crate::library::Bench;

fn settings() -> Settings {
    Settings { stabilize_down_ms: 0, replicas: Range { min: 2, max: 6 }, ..Settings::default() }
}

/// Rules judged node by node, as Overlord's loop does.
fn exact(rules: &[&str]) -> Bench {
    Bench::of("rules", &json!({ "rules": rules, "compat": "overlord" })).within(settings())
}

/// The same in one statement each, with a way down of its own.
fn safe(rules: &[&str]) -> Bench {
    Bench::of("rules", &json!({ "rules": rules })).within(settings())
}

/// Two nodes, `a` and `b`, with two jails each, and a reading of the jails.
fn jails(memoryuse: [Value; 4]) -> Value {
    let instance = |number: usize| json!({ "id": format!("i-{number}"), "node": if number <= 2 { "a" } else { "b" } });
    let by: Value = (1..)
        .zip(memoryuse)
        .map(|(number, value)| (format!("i-{number}"), value))
        .collect::<serde_json::Map<_, _>>()
        .into();
    json!({
        "instances": (1..=4).map(instance).collect::<Vec<_>>(),
        "nodes": [{ "id": "a", "ready": true }, { "id": "b", "ready": true }],
        "readings": { "memoryuse": { "by": by } },
    })
}

fn of(values: [u64; 4]) -> Value {
    jails(values.map(|value| json!(value)))
}

fn reading(mut scene: Value, name: &str, value: Value) -> Value {
    scene["readings"][name] = value;
    scene
}

#[test]
fn decides_as_documented() {
    let mut table = Table::default();
    rule_types(&mut table);
    economy_and_balancer(&mut table);
    what_is_missing(&mut table);
    floor_steps_and_ceiling(&mut table);
    insta::assert_snapshot!(table.end());
}

fn rule_types(table: &mut Table) {
    const QUIET: [u64; 4] = [100, 100, 100, 100];
    for (kind, node_by_node, at_once, hot, warm) in [
        (
            "any-jail: one jail at its limit",
            "+1 when any(memoryuse) >= 512",
            "+1 when any(memoryuse) >= 512",
            [512, 0, 0, 0],
            [511, 511, 511, 511],
        ),
        (
            "any-project: the jails of one node together at it",
            "+1 when sum(memoryuse) >= 512",
            "+1 when any(sum(memoryuse) by node) >= 512",
            [256, 256, 0, 0],
            [0, 500, 500, 0],
        ),
        (
            "average: the jails of one node on average at it",
            "+1 when mean(memoryuse) >= 512",
            "+1 when any(mean(memoryuse) by node) >= 512",
            [0, 0, 1024, 0],
            [0, 1000, 1000, 0],
        ),
        (
            "percent-jail: at 80 % of the limit",
            "+1 when any(memoryuse) >= 80% of 500",
            "+1 when any(memoryuse) >= 80% of 500",
            [0, 0, 0, 400],
            [399, 399, 399, 399],
        ),
        (
            "percent-project: the jails of one node at 80 % of it",
            "+1 when sum(memoryuse) >= 80% of 500",
            "+1 when any(sum(memoryuse) by node) >= 80% of 500",
            [0, 0, 200, 200],
            [0, 399, 399, 0],
        ),
    ] {
        let overloaded = format!("{kind}: one more (1a, tests)");
        let down = "-1 when all(memoryuse) < 90 for 1s";
        table.row(&overloaded, &mut exact(&[node_by_node]), &of(hot), "scale to 5", "decision replicas 4 to 5");
        table.row(
            "  below it: one less",
            &mut exact(&[node_by_node]),
            &of(warm),
            "scale to 3",
            "decision replicas 4 to 3",
        );
        table.row("  without compat", &mut safe(&[at_once, down]), &of(hot), "scale to 5", "decision replicas 4 to 5");
        table.row(
            "  and below it, it stays",
            &mut safe(&[at_once, down]),
            &of(QUIET),
            "hold",
            "decision nothing is done",
        );
    }
    table.row(
        "rules are or-ed: any of them over its limit fails the node (1a, tests)",
        &mut exact(&["+1 when any(memoryuse) >= 512", "+1 when any(pcpu) >= 80"]),
        &reading(of([0; 4]), "pcpu", json!({ "by": { "i-1": 0, "i-2": 0, "i-3": 80, "i-4": 0 } })),
        "any(pcpu) is 0 to 80",
        "decision replicas 4 to 5",
    );
}

fn economy_and_balancer(table: &mut Table) {
    let totals =
        |a: Value, b: Value| reading(of([0; 4]), "pcpu_total", json!({ "subject": "node", "by": { "a": a, "b": b } }));
    let economy = ["+1 when any(memoryuse) >= 512", "+1 when any node(pcpu_total) >= 300"];
    table.row(
        "economy: the total of one node at its limit (1a, tests)",
        &mut exact(&economy),
        &totals(json!(10), json!(300)),
        "any node(pcpu_total) is 300",
        "decision replicas 4 to 5",
    );
    table.row(
        "  empty totals fail, too",
        &mut exact(&economy),
        &totals(json!(10), json!(null)),
        "no figures at all",
        "decision replicas 4 to 5",
    );
    let balancer = |value: Value| reading(of([0; 4]), "frontend.scur", value);
    for (what, rule, value, asks) in [
        ("load balancer: a figure at its value", "+1 when frontend.scur >= 500", json!(500), "scale to 5"),
        ("  below it", "+1 when frontend.scur >= 500", json!(499), "scale to 3"),
        ("  inside a range", "+1 when frontend.scur in 10..1000", json!(10), "scale to 5"),
        ("  outside of it", "+1 when frontend.scur in 10..1000", json!(1001), "scale to 3"),
        ("  its remainder by `each`", "+1 when frontend.scur each 1000 >= 900", json!(5900), "scale to 5"),
        ("  a remainder below", "+1 when frontend.scur each 1000 >= 900", json!(5899), "scale to 3"),
        ("  a text passes when equal", "+1 when frontend.scur is not 'UP'", json!("UP"), "scale to 3"),
        ("  and fails when not", "+1 when frontend.scur is not 'UP'", json!("DOWN"), "scale to 5"),
        ("  a figure that is null or absent passes", "+1 when frontend.scur >= 500", json!(null), "scale to 3"),
    ] {
        let rules = ["+1 when any(memoryuse) >= 512", rule];
        let does = if asks == "scale to 3" && value.is_null() { "restraint" } else { "decision replicas 4 to" };
        table.row(&format!("{what} (1a, tests)"), &mut exact(&rules), &balancer(value), asks, does);
    }
    let two = |qcur: u64| reading(balancer(json!(600)), "frontend.qcur", json!(qcur));
    table.row(
        "  its `and` group: all must pass, so one that fails is enough (1a, tests)",
        &mut exact(&["+1 when frontend.scur >= 500 or frontend.qcur >= 10"]),
        &two(0),
        "scale to 5",
        "decision replicas 4 to 5",
    );
    table.row(
        "  its `or` group: one must pass, so all must fail (1a, tests)",
        &mut exact(&["+1 when frontend.scur >= 500 and frontend.qcur >= 10"]),
        &two(0),
        "scale to 3",
        "decision replicas 4 to 3",
    );
}

fn what_is_missing(table: &mut Table) {
    let rules = ["+1 when any(memoryuse) >= 512", "+1 when any(pcpu) >= 80"];
    let pcpu = |scene| reading(scene, "pcpu", json!({ "by": { "i-1": 1, "i-2": 1, "i-3": 1, "i-4": 1 } }));
    let blind = || pcpu(jails([json!(null), json!(600), json!(600), json!(null)]));
    table.row(
        "a missing metric skips the node, and so shrinks (1c.2); the bounds restrain it",
        &mut exact(&rules),
        &blind(),
        "2 skipped for a missing figure",
        "restraint",
    );
    table.row(
        "  without compat, what is seen is enough to raise",
        &mut safe(&rules),
        &blind(),
        "scale to 5",
        "decision replicas 4 to 5",
    );
    table.row(
        "  and never to lower",
        &mut safe(&["+1 when any(memoryuse) >= 512", "-1 when any(memoryuse) < 90"]),
        &jails([json!(null), json!(10), json!(10), json!(10)]),
        "not lowered to 3",
        "decision nothing is done",
    );
    let all_blind = || jails([json!(null), json!(null), json!(null), json!(null)]);
    table.row(
        "wholly empty stats scale up (1a, tests; 1c.2)",
        &mut exact(&["+1 when any(memoryuse) >= 512"]),
        &all_blind(),
        "no figures at all",
        "decision replicas 4 to 5",
    );
    table.row(
        "  without compat, it is refused",
        &mut safe(&["+1 when any(memoryuse) >= 512"]),
        &all_blind(),
        "refuses reading-missing",
        "decision nothing is done",
    );
    let mut unfinished = of([600, 600, 600, 600]);
    for instance in unfinished["instances"].as_array_mut().unwrap() {
        instance["phase"] = json!("starting");
    }
    table.row(
        "a project that is unfinished passes (1a, tests)",
        &mut exact(&["+1 when any(memoryuse) >= 512"]),
        &unfinished,
        "no node of 0 is overloaded",
        "decision replicas 4 to 3",
    );
}

fn floor_steps_and_ceiling(table: &mut Table) {
    let rules = ["+1 when any(memoryuse) >= 512"];
    let bounded = |min, max| exact(&rules).within(Settings { replicas: Range { min, max }, ..settings() });
    table.row(
        "below its floor it fills up at once, and asks no rule (1a, 8); that is the bounds' here",
        &mut bounded(6, 8),
        &of([600; 4]),
        "no rule is asked",
        "decision replicas 4 to 6",
    );
    table.row(
        "at its floor nothing goes (1a, 10)",
        &mut bounded(4, 8),
        &of([0; 4]),
        "keeps 4, the least",
        "decision nothing is done",
    );
    table.row(
        "at its ceiling nothing comes (1a, 9)",
        &mut bounded(1, 4),
        &of([600; 4]),
        "keeps 4, the most",
        "decision nothing is done",
    );
    table.row(
        "above its ceiling it stayed while any node was hot (1c.3); the bounds correct that",
        &mut bounded(1, 3),
        &of([600; 4]),
        "keeps 4, the most",
        "decision replicas 4 to 3",
    );
    table.row(
        "however many nodes are hot, one comes per turn (1a, 9)",
        &mut exact(&rules),
        &of([9000; 4]),
        "scale to 5",
        "decision replicas 4 to 5",
    );
    let cooling = Settings { cooldown: Cooldown { up_ms: 0, down_ms: 300_000 }, ..settings() };
    let mut bench = exact(&rules).within(cooling);
    let at = |time: &str, mut scene: Value| {
        scene["now"] = json!(time);
        scene
    };
    table.row(
        "no cooldown, and one threshold both ways: at the limit it adds (1c.4) …",
        &mut bench,
        &at("2026-01-01T00:00:00Z", of([512, 0, 0, 0])),
        "scale to 5",
        "decision replicas 4 to 5",
    );
    table.row(
        "  … and takes away in the next cycle, which a cooldown of the bounds prevents",
        &mut bench,
        &at("2026-01-01T00:00:23Z", of([511, 0, 0, 0])),
        "scale to 3",
        "cooling down for another",
    );
}
