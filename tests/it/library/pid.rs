//! A story of `pid`.

use serde_json::json;

use super::Bench;

/// An hour above what the maximum of 10 can serve, and what remains of it when the load is gone: nothing.
#[test]
fn an_hour_at_the_maximum_does_not_wind_up() {
    let mut bench = Bench::of("pid", &json!({ "reading": "cpu", "setpoint": 50.0 }));
    let mut replicas = 2;
    let mut play = |turn: u32, cpu: f64| {
        let (minute, second) = (turn / 4, turn % 4 * 15);
        let now = format!("2026-01-01T{:02}:{:02}:{second:02}Z", minute / 60, minute % 60);
        let moment = bench.play(&json!({ "now": now, "target": { "desired": replicas }, "readings": { "cpu": cpu } }));
        replicas = moment.count().unwrap_or(replicas);
        (replicas, moment)
    };
    for turn in 0..240 {
        let _ = play(turn, 400.0);
    }
    let (count, moment) = play(240, 400.0);
    assert_eq!(count, 10);
    moment.says("integral 10,").says("decision nothing is done");
    let (count, moment) = play(241, 15.0);
    moment.says("error -0.7; integral ").says("decision replicas 10 to 7");
    assert_eq!(count, 7);
    let (count, moment) = play(242, 50.0);
    moment.says("within the deadband");
    assert_eq!(count, 7);
}
