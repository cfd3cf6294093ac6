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
    // The reading says 200 MiB; the backend measured 600, and the bounds add their margin of a tenth.
    bench
        .play(&scene)
        .says("proposes resize main requests.cpu 1286m requests.memory 250Mi")
        .says("decision resize main requests.cpu 1286m requests.memory 660Mi")
        .says("is below the recent peak use");
    let mut unseen = scene;
    unseen["readings"]["cpu_millicores"] = json!({ "by": { "i-1": 100, "i-2": null } });
    unseen["readings"]["memory_bytes"] = json!(null);
    bench
        .play(&unseen)
        .says("cpu: not lowered while 1 instances have no fresh sample")
        .says("decision nothing is done");
}
