//! A story of `rightsizing`.

use serde_json::json;

use super::Bench;

#[test]
fn cpu_is_raised_and_memory_kept_above_its_peak() {
    let mut bench = Bench::of("rightsizing", &json!({ "look_back": "1m", "headroom": 0.0 }));
    let instance = |id: &str| json!({ "id": id, "phase": "ready", "memory": "600Mi" });
    let scene = json!({
        "target": { "desired": 2, "cpu": "1", "memory": "1000Mi" },
        "instances": [instance("i-1"), instance("i-2")],
        "readings": {
            "cpu_millicores": { "by": { "i-1": 900, "i-2": 400 } },
            "memory_bytes": { "by": { "i-1": 209_715_200, "i-2": 209_715_200 } },
        },
    });
    bench.play(&scene).says("proposes resize").says("decision");
}
