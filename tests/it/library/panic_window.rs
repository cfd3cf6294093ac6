//! A story of `panic-window`.

use serde_json::{Value, json};
use trimtab::bounds::{Range, Settings};

use super::Bench;

/// Ninety seconds of samples, two seconds apart: the last four of them apart from the others.
fn at(now: &str, replicas: u32, long: f64, short: f64) -> Value {
    let mut values = vec![long; 46];
    values[42..].fill(short);
    let readings = json!({ "concurrency": { "values": values, "step": "2s" } });
    json!({ "now": format!("2026-01-01T{now}Z"), "target": { "desired": replicas }, "readings": readings })
}

#[test]
fn a_surge_is_met_and_its_replicas_outlast_it() {
    let settings = Settings { replicas: Range { min: 0, max: 40 }, stabilize_down_ms: 0, ..Settings::default() };
    let mut bench = Bench::of("panic-window", &json!({ "target": 10 })).within(settings);
    bench.play(&at("08:00:00", 3, 18.0, 18.0)).says("panic lasts 60s more").says("nothing is done");
    bench.play(&at("08:02:00", 3, 18.0, 18.0)).says_not("panic").says("nothing is done");
    bench
        .play(&at("08:03:00", 3, 18.0, 130.0))
        .says("`concurrency` is 32.452 over 60s and 130 over 6s, 7 for each replica: 5 and 19")
        .says("decision replicas 3 to 19");
    bench.play(&at("08:03:40", 19, 18.0, 18.0)).says("the greatest is 19").says("nothing is done");
    let lost =
        json!({ "now": "2026-01-01T08:04:10Z", "target": { "desired": 19 }, "readings": { "concurrency": null } });
    bench.play(&lost).says("refuses reading-missing").says("nothing is done");
    bench.play(&at("08:04:20", 19, 18.0, 18.0)).says("decision replicas 19 to 9");
    bench.play(&at("08:05:00", 9, 0.0, 0.0)).says("decision replicas 9 to 4");
    bench.play(&at("08:05:10", 1, 0.0, 0.0)).says("decision replicas 1 to 0");
}
