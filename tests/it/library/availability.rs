//! Stories of `availability`: alone, and in the whole arrow beside the host's own repair.

use serde_json::{Value, json};
use trimtab::snapshot::{Node, Phase, Resources};

use super::{Arrow, Bench};

fn scene(now: &str, desired: u32, instances: &Value, node_b: bool) -> Value {
    let nodes = json!([{ "id": "a", "ready": true, "schedulable": true }, { "id": "b", "ready": node_b, "schedulable": true }, { "id": "c", "ready": true, "schedulable": true }]);
    json!({ "now": now, "target": { "desired": desired }, "instances": instances, "nodes": nodes })
}

#[test]
fn a_node_is_lost_and_comes_back() {
    let mut bench = Bench::of("availability", &json!({}));
    let one = |id: &str, node: &str, phase: &str| json!({ "id": id, "node": node, "phase": phase });
    let lost =
        json!([one("i-1", "a", "ready"), one("i-2", "a", "ready"), one("i-3", "a", "ready"), one("i-4", "b", "lost")]);
    bench.play(&scene("2026-01-01T00:00:00Z", 4, &lost, false)).says("it abstains");
    bench
        .play(&scene("2026-01-01T00:02:00Z", 4, &lost, false))
        .says("1 instances are away with 1 lost nodes, 3 of 4 wanted are left: 1 stand in")
        .says("decision replicas 4 to 5");
    let made_ms = 1_767_225_600_000_u64 + 121_000;
    let stand_in = json!({ "id": "i-0", "node": "c", "phase": "ready", "started_ms": made_ms });
    let mut back = lost.clone();
    back[3]["phase"] = json!("ready");
    back.as_array_mut().unwrap().push(stand_in);
    bench.play(&scene("2026-01-01T00:20:00Z", 5, &back, true)).says("decision replicas 5 to 4").says("victims i-0");
}

#[tokio::test(start_paused = true)]
async fn what_stopped_is_started_and_not_made_anew_beside() {
    let mut arrow = Arrow::of("availability", &json!({}), 3).await;
    arrow.force("web-2", |one| one.phase = Phase::Stopped);
    arrow.turns(2).await;
    assert_eq!(arrow.instances(), ["web-1 ready", "web-2 ready", "web-3 ready"]);
    assert_eq!(arrow.driver.calls().created, 0, "the host's repair would have made one");
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_is_lost_is_the_hosts_to_repair_where_it_keeps_the_count() {
    let mut arrow = Arrow::of("availability", &json!({ "failed_for": "0s", "lost_for": "15s" }), 6).await;
    arrow.force("web-2", |one| one.phase = Phase::Failed);
    arrow.turns(8).await;
    let made = |arrow: &Arrow| arrow.driver.calls().created;
    assert_eq!((made(&arrow), arrow.instances().len(), arrow.desired()), (1, 6, 6), "{:?}", arrow.instances());
    arrow.force("web-3", |one| one.phase = Phase::Lost);
    arrow.turns(40).await;
    assert_eq!((made(&arrow), arrow.desired()), (2, 6), "one stands in, and nothing is made twice");
    assert!(arrow.instances().contains(&"web-3 lost".to_owned()));
    arrow.force("web-3", |one| one.phase = Phase::Ready);
    arrow.turns(4).await;
    assert_eq!((made(&arrow), arrow.desired()), (2, 6));
    assert_eq!(
        arrow.instances(),
        ["new ready", "web-1 ready", "web-3 ready", "web-4 ready", "web-5 ready", "web-6 ready"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_unready_one_is_restarted_once_in_the_hosts_own_time() {
    let mut arrow = Arrow::of("availability", &json!({}), 3).await;
    arrow.force("web-1", |one| one.phase = Phase::Unready);
    arrow.turns(4).await;
    assert_eq!(arrow.instances()[0], "web-1 unready", "it has a minute");
    arrow.turns(2).await;
    assert_eq!(arrow.instances()[0], "web-1 ready");
    assert_eq!(arrow.driver.instances("web")[0].restarts, 1);
    arrow.turns(40).await;
    assert_eq!(arrow.driver.instances("web")[0].restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn half_is_lost_with_a_node_and_stand_ins_go_when_it_is_back() {
    let mut arrow = Arrow::of("availability", &json!({}), 6).await;
    let nodes = |b_ready: bool| {
        let (capacity, free) = (Resources::default(), Resources::default());
        let node =
            |id: &str, ready| Node { id: id.to_owned(), zone: String::new(), ready, schedulable: true, capacity, free };
        vec![node("a", true), node("b", b_ready), node("c", true)]
    };
    arrow.driver.set_nodes(nodes(true));
    for number in 1..=6 {
        let node = if number > 3 { "b" } else { "a" };
        arrow.force(&format!("web-{number}"), |one| one.node = Some(node.to_owned()));
    }
    arrow.turns(2).await;
    let lost = ["web-4", "web-5", "web-6"];
    arrow.driver.set_nodes(nodes(false));
    lost.iter().for_each(|id| arrow.force(id, |one| one.phase = Phase::Lost));
    arrow.turns(7).await;
    assert_eq!(
        (arrow.driver.calls().created, arrow.desired()),
        (0, 6),
        "half at once: the host's repair does not trust it"
    );
    arrow.turns(4).await;
    assert_eq!((arrow.driver.calls().created, arrow.desired()), (3, 9), "the node is known to be lost: three stand in");
    arrow.turns(40).await;
    assert_eq!((arrow.driver.calls().created, arrow.desired()), (3, 9));
    arrow.driver.set_nodes(nodes(true));
    lost.iter().for_each(|id| arrow.force(id, |one| one.phase = Phase::Ready));
    arrow.turns(4).await;
    let home: Vec<String> = (1..=6).map(|number| format!("web-{number} ready")).collect();
    assert_eq!((arrow.desired(), arrow.instances()), (6, home), "the stand-ins went, and all are at home");
    assert_eq!(arrow.driver.calls().created, 3);
}
