//! The scene on which every policy of the binary is measured, and the parameters with which each reads as much of it as it can.

use serde_json::{Value, json};
use trimtab::snapshot::{Freshness, Reading, Samples, Snapshot, Subject};

/// Readings that cross.
pub(crate) const READINGS: usize = 20;
/// Samples of each, a quarter of a minute apart.
pub(crate) const LOOK_BACK_MS: u64 = SAMPLES * STEP_MS;
const SAMPLES: u64 = 60;
const STEP_MS: u64 = 15_000;
/// 2026-11-20, noon in UTC.
const NOON_MS: u64 = 1_795_176_000_000;

/// Instances, twenty readings of the target, and what the instances use; all of it moves a little. Twenty series cross in all:
/// policies that read two of each instance see ten instances.
pub(crate) fn snapshot(policy: &str) -> Snapshot {
    let reads_two = matches!(policy, "cost-aware" | "percentile-rightsizing" | "rightsizing");
    let instances = if reads_two { READINGS / 2 } else { READINGS };
    let mut snapshot: Snapshot = serde_json::from_value(json!({
        "now_ms": NOON_MS,
        "target": {
            "id": "local/web", "desired": instances, "total": instances, "ready": instances,
            "limits": { "replicas_min": 1, "replicas_max": 100 },
            "containers": [{ "name": "main", "requests": size(), "limits": size() }],
        },
        "transitions": [{ "zone": "UTC", "at_ms": [0], "offsets_seconds": [0] }],
    }))
    .unwrap();
    for index in 0..READINGS {
        snapshot.readings.push(reading(&format!("reading_{index:02}"), None, 900.0 + index as f64));
    }
    for index in 0..instances {
        let id = format!("web-{index:02}");
        let instance = json!({
            "id": id, "phase": "ready", "started_ms": NOON_MS - 3_600_000, "requests": size(), "limits": size(),
        });
        snapshot.instances.push(serde_json::from_value(instance).unwrap());
        snapshot.readings.push(reading("cpu_millicores", Some(&id), 520.0 + index as f64));
        snapshot.readings.push(reading("memory_bytes", Some(&id), 3e8 + index as f64 * 1e5));
    }
    snapshot
        .readings
        .sort_by(|one, other| (&one.name, &one.subject, &one.owner).cmp(&(&other.name, &other.subject, &other.owner)));
    snapshot
}

fn size() -> Value {
    json!({ "cpu_millis": 1_000, "memory_bytes": 1 << 30 })
}

fn reading(name: &str, owner: Option<&str>, middle: f64) -> Reading {
    let times_ms = (0..SAMPLES).map(|back| NOON_MS - (SAMPLES - 1 - back) * STEP_MS).collect();
    let values = (0..SAMPLES).map(|index| middle * (1.0 + (index as f64 / 9.0).sin() / 50.0)).collect();
    Reading {
        name: name.into(),
        unit: "".into(),
        subject: if owner.is_some() { Subject::Instance } else { Subject::Target },
        owner: owner.map(str::to_owned),
        freshness: Freshness::Fresh,
        samples: Samples::Numbers { times_ms, values },
        absent_as: None,
    }
}

/// The names of the first `count` readings of the target.
fn readings(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("reading_{index:02}")).collect()
}

/// A pair of rules over each two of the twenty readings, with a time.
fn rules() -> Vec<String> {
    let pair = |number: usize| {
        let (one, other) = (2 * number, 2 * number + 1);
        [
            format!("+1 when reading_{one:02} > 1000 or reading_{other:02} > 1000 for 5m"),
            format!("-1 when reading_{one:02} < 100 and reading_{other:02} < 100 for 10m"),
        ]
    };
    (0..READINGS / 2).flat_map(pair).collect()
}

/// The parameters of a policy in this scene.
pub(crate) fn params(policy: &str) -> Value {
    match policy {
        "alert-scale" => json!({
            "rules": ["+1 when alert HighCpu service=web", "fill when alert QueueFull", "-1 when alert LowLoad"],
        }),
        "availability" => json!({ "compat": "overlord", "min_healthy": 10, "dirty_reading": "cpu_millicores" }),
        "cost-aware" => json!({
            "prices": ["small: 1 cpu 1Gi 0.02", "medium: 2 cpu 4Gi 0.05", "large: 4 cpu 8Gi 0.07"],
            "look_back": "15m",
        }),
        "panic-window" => {
            json!({ "reading": "cpu_millicores", "subject": "instance", "target": 700.0, "stable_window": "10m" })
        }
        "percentile-rightsizing" => json!({ "look_back": "15m" }),
        "pid" => json!({ "reading": "reading_00", "setpoint": 500.0 }),
        "predictive" => json!({ "reading": "reading_00", "target": 50.0 }),
        "queue-depth" => json!({ "readings": readings(READINGS), "per_instance": 20.0, "idle_for": "10m" }),
        "rightsizing" => json!({ "window": "15m", "look_back": "15m" }),
        "rules" => json!({ "rules": rules() }),
        "schedule" => json!({
            "windows": [
                "at least 10 from '0 8 * * mon-fri' to '0 18 * * mon-fri'",
                "at most 20 from '0 22 * * *' for 8h priority 2",
                "exactly 3 from '0 0 25 12 *' for 24h priority 5",
            ],
            "otherwise": "at least 2",
        }),
        "step" => json!({
            "reading": "cpu_millicores", "subject": "instance", "evaluation_periods": 15,
            "up_threshold": 500.0, "up_steps": ["0..100: +1", "100..: +30%"],
            "down_threshold": 100.0, "down_steps": ["..0: -1"],
        }),
        "target-tracking" => json!({ "readings": readings(READINGS), "target": 50.0 }),
        "watermark" => json!({ "readings": readings(READINGS), "high": 800.0, "low": 400.0 }),
        other => panic!("the benchmark has no parameters for {other}: add them to benches/told/library.rs"),
    }
}
