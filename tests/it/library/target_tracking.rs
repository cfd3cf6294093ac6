//! A story of `target-tracking`.

use serde_json::json;

use super::Bench;

#[test]
fn load_rises_and_its_reading_is_lost() {
    let mut bench = Bench::of("target-tracking", &json!({ "reading": "rps", "target": 50.0 }));
    bench
        .play(&json!({ "target": { "desired": 2 }, "readings": { "rps": 180 } }))
        .says("proposes scale to 4")
        .says("decision replicas 2 to 4");
    let lost = json!({ "now": "2026-01-01T00:01:00Z", "target": { "desired": 4 }, "readings": { "rps": null } });
    bench.play(&lost).says("refuses reading-missing").says("decision nothing is done");
}
