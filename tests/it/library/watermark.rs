//! A story of `watermark`.

use serde_json::json;
use trimtab::bounds::{Settings, StepLimit};

use super::Bench;

/// The example of the WPA's README: watermarks 150m and 400m, tolerance 0.01, `scaleUpLimitFactor` 50, which is a step limit of
/// the bounds here.
#[test]
fn latency_leaves_its_band_upwards_and_comes_back() {
    let settings = Settings {
        stabilize_down_ms: 0,
        step_up: StepLimit { count: None, percent: Some(50.0) },
        ..Settings::default()
    };
    let params = json!({ "reading": "latency", "high": 0.4, "low": 0.15, "tolerance": 0.01 });
    let mut bench = Bench::of("watermark", &params).within(settings);
    let scene =
        |replicas: u32, latency: f64| json!({ "target": { "desired": replicas }, "readings": { "latency": latency } });
    bench
        .play(&scene(4, 0.9))
        .says("proposes scale to 9: `latency` is 0.9, watermarks 0.15 and 0.4: above with 4 that serve: 9")
        .says("decision replicas 4 to 6");
    bench.play(&scene(6, 0.3)).says("between").says("decision nothing is done");
    bench.play(&scene(6, 0.1)).says("proposes scale to 4").says("below: 4");
    bench.play(&json!({ "target": { "desired": 4 }, "readings": { "latency": null } })).says("refuses reading-missing");
}
