//! A story of `step`.

use serde_json::json;

use super::Bench;

#[test]
fn a_breach_grows_while_the_first_instance_warms_up() {
    let mut bench = Bench::of(
        "step",
        &json!({
            "reading": "cpu",
            "up_threshold": 50.0, "up_steps": ["0..10: 0", "10..20: +10%", "20..: +50%"],
            "down_threshold": 30.0, "down_steps": ["-10..0: -1", "..-10: -2"],
        }),
    );
    let ready = |id: &str| json!({ "id": id, "phase": "ready", "started_ms": 1_767_220_000_000u64 });
    let four = ["a", "b", "c", "d"].map(ready);
    bench
        .play(&json!({ "target": { "desired": 4 }, "instances": four, "readings": { "cpu": 62 } }))
        .says("proposes scale to 5: `cpu` is 62 (average of 1 of 1 datapoints), 12 above 50: step `10..20: +10%`")
        .says("decision replicas 4 to 5");
    let mut five = Vec::from(four);
    five.push(json!({ "id": "e", "phase": "starting" }));
    let mut later = |seconds: u32, cpu: u32| {
        let now = format!("2026-01-01T00:00:{seconds}Z");
        bench.play(&json!({ "now": now, "target": { "desired": 5 }, "instances": five, "readings": { "cpu": cpu } }))
    };
    later(15, 64).says("asks for 5; 5 are asked for already, 1 of them warm up").says("decision nothing is done");
    later(30, 71).says("proposes scale to 6").says("from 4 in service to 6").says("decision replicas 5 to 6");
    later(45, 10).says("not taken while 1 instances warm up").says("decision nothing is done");
    let lost = json!({ "now": "2026-01-01T00:01:00Z", "target": { "desired": 6 }, "readings": { "cpu": null } });
    bench.play(&lost).says("refuses reading-missing").says("decision nothing is done");
}
