//! A story of `predictive`.

use serde_json::{Value, json};
use trimtab::bounds::{Range, Settings};

use super::Bench;

const QUARTER_MS: u64 = 900_000;
/// 2026-01-01T00:00:00Z.
const MIDNIGHT_MS: u64 = 1_767_225_600_000;

/// 60 requests in each quarter of an hour but from eight to ten, when there are 240: a season of a day, in quarters.
fn demand(quarter: u64) -> u64 {
    if (32..40).contains(&(quarter % 96)) { 240 } else { 60 }
}

fn moment(quarter: u64, desired: u32, rps: &Value) -> Value {
    json!({
        "now_ms": MIDNIGHT_MS + quarter * QUARTER_MS,
        "target": { "desired": desired },
        "readings": { "rps": rps },
    })
}

#[test]
fn two_days_are_learned_the_third_is_met_and_an_outage_lowers_nothing() {
    let params = json!({ "reading": "rps", "target": 30.0, "horizon": "15m" });
    let open = Settings { replicas: Range { min: 1, max: 20 }, stabilize_down_ms: 0, ..Settings::default() };
    let mut bench = Bench::of("predictive", &params).within(open);
    bench
        .play(&moment(0, 1, &json!(60)))
        .says("scale to 2")
        .says("96 of 96 buckets of the first season are still missing");
    let mut desired = 2;
    for quarter in 1..192 + 31 {
        let played = bench.play(&moment(quarter, desired, &json!(demand(quarter))));
        desired = played.count().unwrap_or(desired);
    }
    assert_eq!(desired, 2, "at half past seven there is little to do");
    // A quarter before eight: the load is what it was, the count what it will have to be.
    bench
        .play(&moment(192 + 31, desired, &json!(60)))
        .says("`rps` is 60, target 30 each; forecast up to 24")
        .says("decision replicas 2 to 8");
    // At nine the reading is lost. The forecast does not lower what it has raised.
    bench.play(&moment(192 + 36, 8, &json!(null))).says("decision nothing is done");
    bench
        .play(&moment(192 + 36, 4, &json!(null)))
        .says("`rps` is absent; forecast up to")
        .says("decision replicas 4 to");
    // At ten it is back, and the day is over.
    bench.play(&moment(192 + 42, 8, &json!(60))).says("decision replicas 8 to");
}

#[test]
fn contradictory_parameters_make_no_binding() {
    let refused = Bench::try_of("predictive", &json!({ "reading": "rps", "target": 1.0, "alpha": 0.8, "gamma": 0.8 }));
    assert!(refused.is_err_and(|why| why.contains("`alpha` 0.8 and `gamma` 0.8")));
}
