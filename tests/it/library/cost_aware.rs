//! A story of `cost-aware`: number and size are traded for each other in one group, through the bounds.

use serde_json::{Value, json};
use trimtab::bounds::{Settings, StepLimit};

use super::Bench;

const MIB: u64 = 1 << 20;

/// So many replicas of that size; each uses so much.
fn moment(count: u32, [cpu, mib]: [u64; 2], [cpu_used, mib_used]: [u64; 2]) -> Value {
    let name = |index: u32| format!("i-{index}");
    let instances: Vec<Value> = (0..count)
        .map(|index| json!({ "id": name(index), "phase": "ready", "cpu": format!("{cpu_used}m"), "memory": format!("{mib_used}Mi") }))
        .collect();
    let by = |amount: u64| (0..count).map(|index| (name(index), json!(amount))).collect::<serde_json::Map<_, _>>();
    json!({
        "target": { "desired": count, "cpu": format!("{cpu}m"), "memory": format!("{mib}Mi") },
        "instances": instances,
        "readings": {
            "cpu_millicores": { "by": by(cpu_used), "subject": "instance" },
            "memory_bytes": { "by": by(mib_used * MIB), "subject": "instance" },
        },
    })
}

fn params() -> Value {
    json!({ "prices": ["small: 1 cpu 2Gi 0.02", "large: 4 cpu 8Gi 0.07"] })
}

#[test]
fn eight_small_ones_become_two_large_ones_and_stay() {
    let mut bench = Bench::of("cost-aware", &params());
    bench
        .play(&moment(8, [1000, 2048], [560, 200]))
        .says("proposes scale to 2: 4480m cpu and 1600Mi used in all, at most 200Mi by one; 8 × small cost 0.16/h")
        .says("12.5% can be saved: 2 × large cost 0.14/h")
        .says("decision replicas 8 to 2")
        .says("requests.cpu 4 requests.memory 8Gi")
        .says_not("restraint");
    bench.play(&moment(2, [4000, 8192], [2240, 800])).says("nothing is cheaper").says("decision nothing is done");
}

#[test]
fn a_bound_on_one_part_stops_the_whole_trade() {
    let stepwise = Settings {
        step_down: StepLimit { count: Some(1), ..StepLimit::default() },
        stabilize_down_ms: 0,
        ..Settings::default()
    };
    let mut bench = Bench::of("cost-aware", &params()).within(stepwise);
    let moment = moment(8, [1000, 2048], [560, 200]);
    assert!(!bench.play(&moment).says("group").is_done());
}

#[test]
fn load_comes_before_cost_and_in_steps() {
    let mut bench = Bench::of("cost-aware", &params());
    bench
        .play(&moment(3, [1000, 2048], [900, 500]))
        .says("do not carry it: 5 × small")
        .says("decision replicas 3 to 5");
    let mut lost = moment(3, [1000, 2048], [10, 100]);
    lost["readings"]["cpu_millicores"]["by"]["i-0"] = json!(null);
    bench
        .play(&lost)
        .says("nothing is taken away while 1 instances have no fresh sample")
        .says("decision nothing is done");
}
