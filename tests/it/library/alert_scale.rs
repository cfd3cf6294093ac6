//! Stories of `alert-scale`: alone, and in the whole arrow with alerts as the host keeps them.

use serde_json::json;
use trimtab::snapshot::Phase;

use super::{Arrow, Bench};

#[test]
fn an_alert_makes_one_step() {
    let rules = json!(["busy: +2 when alert QueueFull queue=mail"]);
    let mut bench = Bench::of("alert-scale", &json!({ "rules": rules }));
    let scene = |now: &str, desired: u32| {
        let alert = json!({
            "id": "a1", "name": "QueueFull", "since_ms": 1_767_225_600_000_u64, "labels": { "queue": "mail" },
        });
        json!({ "now": now, "target": { "desired": desired }, "alerts": [alert] })
    };
    bench
        .play(&scene("2026-01-01T00:00:10Z", 3))
        .says("busy, alert QueueFull of 10 s ago: 3 to 5")
        .says("decision replicas 3 to 5");
    bench.play(&scene("2026-01-01T00:00:25Z", 5)).says("5 replicas, done").says("nothing is done: as wished");
    bench.play(&scene("2026-01-01T00:00:40Z", 5)).says("it abstains");
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_closed_when_its_step_is_done_and_others_stay_open() {
    let rules = json!({ "rules": ["+1 when alert HighCpu", "-1 when alert LowLoad"] });
    let mut arrow = Arrow::of("alert-scale", &rules, 3).await;
    arrow.alert("HighCpu").await;
    arrow.alert("Unrelated").await;
    arrow.turns(1).await;
    assert_eq!((arrow.desired(), arrow.alerts().join(", ")), (4, "HighCpu open, Unrelated open".to_owned()));
    arrow.turns(6).await;
    assert_eq!((arrow.desired(), arrow.alerts().join(", ")), (4, "HighCpu handled, Unrelated open".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_goes_first_does_not_close_the_alert() {
    let mut arrow = Arrow::of("alert-scale", &json!({ "rules": ["-1 when alert LowLoad"] }), 4).await;
    arrow.force("web-1", |one| one.phase = Phase::Failed);
    arrow.alert("LowLoad").await;
    arrow.turns(1).await;
    assert_eq!((arrow.desired(), arrow.alerts().join(", ")), (4, "LowLoad open".to_owned()), "the repair went first");
    arrow.turns(4).await;
    assert_eq!((arrow.desired(), arrow.alerts().join(", ")), (3, "LowLoad handled".to_owned()));
}
