//! A story of `queue-depth`.

use serde_json::{Value, json};
use trimtab::bounds::{Range, Settings};

use super::Bench;

fn at(minute: u32, desired: u32, orders: &Value) -> Value {
    let readings = json!({ "orders": orders });
    json!({ "now": format!("2026-01-01T00:{minute:02}:00Z"), "target": { "desired": desired }, "readings": readings })
}

#[test]
fn orders_come_and_go_and_their_queue_is_lost() {
    let params = json!({ "reading": "orders", "per_instance": 20, "activation": 2, "idle_for": "4m" });
    let settings = Settings { replicas: Range { min: 0, max: 10 }, stabilize_down_ms: 0, ..Settings::default() };
    let mut bench = Bench::of("queue-depth", &params).within(settings);
    let quiet = |values: &[u32]| json!({ "values": values, "step": "1m" });
    bench.play(&at(0, 0, &json!(2))).says("up to 2 wakes nothing").says("nothing is done");
    bench.play(&at(1, 0, &json!(3))).says("decision replicas 0 to 1");
    bench.play(&at(2, 1, &json!(95))).says("95 waiting, 20 for each replica: 5").says("decision replicas 1 to 5");
    bench.play(&at(3, 5, &Value::Null)).says("refuses reading-missing").says("nothing is done");
    bench.play(&at(6, 5, &quiet(&[3, 1, 0, 0]))).says("one stays").says("decision replicas 5 to 1");
    bench.play(&at(7, 1, &quiet(&[3, 1, 0, 0, 0]))).says("one stays").says("nothing is done");
    bench.play(&at(8, 1, &quiet(&[3, 1, 0, 0, 0, 0]))).says("up to 2 for 240s: none").says("decision replicas 1 to 0");
}
