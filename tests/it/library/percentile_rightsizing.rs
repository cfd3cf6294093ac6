//! A story of `percentile-rightsizing`.

use serde_json::{Value, json};

use super::Bench;

const MIB: f64 = 1_048_576.0;

/// Two instances at that hour, of this size; 15 samples of CPU (millicores) and memory (MiB), a minute apart.
fn hour(hour: u32, room: (u32, u32), cpu: f64, mib: f64, kills: f64) -> Value {
    let now = format!("2026-01-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
    let instance = |id| json!({ "id": id, "phase": "ready", "memory": format!("{mib}Mi") });
    let of_both = |values: &[f64]| {
        let series = json!({ "values": values, "step": "1m" });
        json!({ "by": { "i-1": series, "i-2": series } })
    };
    json!({
        "now": now,
        "target": { "desired": 2, "cpu": format!("{}m", room.0), "memory": format!("{}Mi", room.1) },
        "instances": [instance("i-1"), instance("i-2")],
        "readings": {
            "cpu_millicores": of_both(&[cpu; 15]),
            "memory_bytes": of_both(&[mib * MIB; 15]),
            "oom_kills": of_both(&[kills]),
        },
    })
}

#[test]
fn a_day_passes_and_memory_runs_out() {
    let mut bench = Bench::of("percentile-rightsizing", &json!({ "oom_reading": "oom_kills" }));
    bench
        .play(&hour(0, (500, 1000), 900.0, 800.0, 0.0))
        .says("proposes resize main: cpu 855m")
        .says("since it is below its range");
    for passed in 1..12 {
        bench.play(&hour(passed, (1039, 2000), 900.0, 800.0, 0.0)).says("rests until it has 12 hours of history");
    }
    // The policy would lower to 933 MiB; the backend's own measure of the peak, and its margin of 30 %, ask for more.
    bench.play(&hour(12, (1039, 2000), 900.0, 800.0, 0.0)).says("decision");
    bench
        .play(&hour(13, (1039, 1000), 900.0, 800.0, 1.0))
        .says("since an instance was killed for lack of memory")
        .says("decision");
    let mut lost = hour(14, (1039, 2000), 900.0, 800.0, 1.0);
    lost["readings"] = json!({ "cpu_millicores": null, "memory_bytes": null });
    bench.play(&lost).says("refuses reading-missing").says("decision nothing is done");
}
