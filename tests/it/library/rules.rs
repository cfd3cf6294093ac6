//! A story of `rules`.

use serde_json::{Value, json};

use super::Bench;

/// Load and state of the deployment over the last minutes, a sample a minute.
fn at(minute: u32, desired: u32, load: &[f64], state: &str) -> Value {
    let states = vec![state; load.len()];
    json!({
        "now": format!("2026-01-01T00:{minute:02}:00Z"),
        "target": { "desired": desired },
        "readings": {
            "load": { "values": load, "step": "1m" },
            "deploy": { "values": states, "step": "1m" },
        },
    })
}

#[test]
fn an_evening_with_a_deployment_and_a_lost_reading() {
    let rules = ["x1.5 when load >= 80 for 2m", "-1 when load < 30 for 3m", "hold when deploy is 'rolling' for 1m"];
    let mut bench = Bench::of("rules", &json!({ "rules": rules }));
    bench.play(&at(0, 4, &[20.0, 50.0, 85.0], "done")).says("no rule of 3 holds").says("decision nothing is done");
    bench
        .play(&at(2, 4, &[85.0, 90.0, 95.0], "done"))
        .says("proposes scale to 6: load is 95: rule 1 (`x1.5 when load >= 80 for 2m`)")
        .says("decision replicas 4 to 6");
    // Quiet, yet not for long enough; then long enough, but the deployment rolls.
    bench.play(&at(10, 6, &[40.0, 20.0, 20.0, 20.0], "done")).says("decision nothing is done");
    bench
        .play(&at(11, 6, &[20.0, 20.0, 20.0, 20.0], "rolling"))
        .says("keeps 6, not lowered to 5: deploy is \"rolling\": rule 3");
    bench.play(&at(12, 6, &[20.0, 20.0, 20.0, 20.0], "done")).says("decision replicas 6 to 5");
    let mut lost = at(13, 5, &[20.0, 20.0, 20.0, 20.0], "done");
    lost["readings"]["deploy"] = json!(null);
    bench.play(&lost).says("not lowered to 4, while reading `deploy`").says("decision nothing is done");
}
