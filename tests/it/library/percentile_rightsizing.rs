//! A story of `percentile-rightsizing`.

use serde_json::{Value, json};

use super::Bench;

const MIB: f64 = 1_048_576.0;

/// Two instances at that hour, of this size; 15 samples of CPU (millicores) and memory (MiB), a minute apart.
fn hour(hour: u32, room: (u32, u32), cpu: f64, mib: f64, kills: f64) -> Value {
    let now = format!("2026-01-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
    let instance = |id| json!({ "id": id, "phase": "ready", "memory": format!("{mib}Mi") });
    let of_both = |values: &[f64]| json!({ "by": { "i-1": values, "i-2": values }, "step": "1m" });
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
        .says("proposes resize main requests.cpu 1039m limits.cpu 1039m")
        .says("since it is below its range");
    for passed in 1..12 {
        bench.play(&hour(passed, (1039, 2000), 900.0, 800.0, 0.0)).says("rests until it has 12 hours of history");
    }
    // By then the policy would lower; the backend saw more used than the reading did, and the bounds go by that.
    let mut measured = hour(12, (1039, 2000), 900.0, 800.0, 0.0);
    measured["instances"][0]["memory"] = json!("900Mi");
    bench
        .play(&measured)
        .says("proposes resize main requests.memory 933Mi limits.memory 933Mi")
        .says("decision resize main requests.memory 991Mi limits.memory 991Mi")
        .says("is below the recent peak use");
    bench
        .play(&hour(13, (1039, 1000), 900.0, 800.0, 1.0))
        .says("1403Mi, since an instance was killed for lack of memory")
        .says("decision resize main requests.memory 1403Mi limits.memory 1403Mi");
    let mut lost = hour(14, (1039, 2000), 900.0, 800.0, 1.0);
    lost["readings"] = json!({ "cpu_millicores": null, "memory_bytes": null });
    bench.play(&lost).says("refuses reading-missing").says("decision nothing is done");
}
