//! The policy-based container autoscaler: its documented behaviours as rows.

use serde_json::{Value, json};
use trimtab::bounds::{Range, Settings};

use super::Table;
use crate::library::Bench;

const NOON_MS: u64 = 1_767_268_800_000;

fn bounds() -> Settings {
    Settings { stabilize_down_ms: 0, ..Settings::default() }
}

fn steps(params: &Value) -> Bench {
    Bench::of("alert-scale", params).within(bounds())
}

fn healing() -> Bench {
    Bench::of("availability", &json!({})).within(bounds())
}

/// One of its documents, as it stands in `/v1/alerts` once sent there: of 30 s ago, with that action and these fields.
fn document(action: &str, fields: &Value) -> Value {
    let mut labels =
        json!({ "autoscale_action": action, "Alert_Status": "unprocessed", "container_policy_name": "cpu" });
    labels.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "id": action, "name": "cpu_spike", "since_ms": NOON_MS - 30_000, "labels": labels })
}

/// `ready` containers of service `web`, on Docker hosts d1 and d2 in turn, the later ones the newer.
fn hosts(ready: u32, alerts: &Value) -> Value {
    let one = |number: u32| {
        let age_ms = 3_600_000 - u64::from(number) * 60_000;
        let node = if number.is_multiple_of(2) { "d2" } else { "d1" };
        json!({ "id": format!("c{number}"), "node": node, "phase": "ready", "started_ms": NOON_MS - age_ms })
    };
    let instances: Vec<Value> = (1..=ready).map(one).collect();
    json!({
        "now_ms": NOON_MS, "target": { "id": "docker/web", "desired": ready }, "instances": instances, "alerts": alerts,
        "nodes": [{ "id": "d1", "ready": true, "schedulable": true }, { "id": "d2", "ready": true, "schedulable": true }],
    })
}

fn with(mut scene: Value, change: impl FnOnce(&mut Value)) -> Value {
    change(&mut scene);
    scene
}

#[test]
fn aviratna() {
    let mut table = Table::default();
    service_availability(&mut table);
    scale_up(&mut table);
    scale_down(&mut table);
    by_node_service_and_balancer(&mut table);
    defects(&mut table);
    insta::assert_snapshot!(table.end());
}

fn service_availability(table: &mut Table) {
    let stopped =
        document("service_availability", &json!({ "docker.event.status": "die", "docker.event.actor.id": "c2" }));
    let scene = |alert: &Value, phase: &str| {
        with(hosts(3, &json!([alert])), |scene| scene["instances"][1]["phase"] = json!(phase))
    };
    table.row(
        "2a service_availability: a stopped container is started",
        &mut healing(),
        &scene(&stopped, "stopped"),
        "proposes start (c2)",
        "decision start c2",
    );
    table.row(
        "2a service_availability, the author's wish: one that was deleted is made anew (here: that has failed; what is gone from \
         the list the host repairs)",
        &mut healing(),
        &scene(&stopped, "failed"),
        "proposes replace (c2)",
        "decision replace c2",
    );
    table.row(
        "2a service_availability of one that serves: restarted, as long as another may be away",
        &mut healing(),
        &scene(&stopped, "ready"),
        "proposes restart (c2)",
        "decision restart c2",
    );
    table.row(
        "— the same, while one is away already",
        &mut healing(),
        &with(scene(&stopped, "ready"), |scene| scene["instances"][0]["phase"] = json!("unready")),
        "proposes restart (c2)",
        "restraint",
    );
    table.row(
        "2a service_availability is not for the policy that makes steps: it leaves the alert open",
        &mut steps(&json!({})),
        &scene(&stopped, "stopped"),
        "it is for the policy `availability`",
        "nothing is done: abstained",
    );
}

fn scale_up(table: &mut Table) {
    let up =
        |max: &str| document("scale_up", &json!({ "autoscale_service_name": "web", "autoscale_max_instances": max }));
    table.row(
        "2a scale_up: one more of the service (the intended step is ambiguous: `step`, 1)",
        &mut steps(&json!({})),
        &hosts(2, &json!([up("5")])),
        "2 to 3",
        "decision replicas 2 to 3",
    );
    table.row(
        "2a scale_up as written: one alert fills to max",
        &mut steps(&json!({ "mode": "fill" })),
        &hosts(2, &json!([up("5")])),
        "2 to 5",
        "decision replicas 2 to 5",
    );
    table.row(
        "2a scale_up at max: skipped",
        &mut steps(&json!({})),
        &hosts(5, &json!([up("5")])),
        "5 replicas, done",
        "nothing is done: as wished",
    );
    let small = Settings { replicas: Range { min: 1, max: 3 }, ..bounds() };
    table.row(
        "2a policy precedence: the alert's own max. The binding's goes before it",
        &mut steps(&json!({ "mode": "fill" })).within(small),
        &hosts(2, &json!([up("50")])),
        "2 to 3",
        "decision replicas 2 to 3",
    );
    table.row(
        "— a max that is no number says nothing: the binding's holds",
        &mut steps(&json!({})),
        &hosts(2, &json!([up("many")])),
        "2 to 3",
        "decision replicas 2 to 3",
    );
}

fn scale_down(table: &mut Table) {
    let down =
        |min: &str| document("scale_down", &json!({ "autoscale_service_name": "web", "autoscale_min_instances": min }));
    table.row(
        "2a scale_down: one less, the newest (Docker lists the newest first)",
        &mut steps(&json!({})),
        &hosts(4, &json!([down("2")])),
        "4 to 3",
        "victims c4",
    );
    table.row(
        "2a scale_down as written: the test is inverted, it removes below min. Here: not below",
        &mut steps(&json!({})),
        &hosts(2, &json!([down("2")])),
        "2 replicas, done",
        "nothing is done",
    );
    table.row(
        "— a min that is no number: not lowered",
        &mut steps(&json!({})),
        &hosts(4, &json!([down("two")])),
        "is no count: not lowered",
        "nothing is done: abstained",
    );
    table.row(
        "2c no cooldown, no window of its own. The default bounds wait five minutes",
        &mut steps(&json!({})).within(Settings::default()),
        &hosts(4, &json!([down("2")])),
        "4 to 3",
        "restraint",
    );
    let guarded = with(hosts(4, &json!([down("2")])), |scene| scene["instances"][3]["protected"] = json!(true));
    table.row(
        "2c force-kills without a drain: a protected one is spared, and the host drains",
        &mut steps(&json!({})),
        &guarded,
        "4 to 3",
        "victims c3",
    );
}

fn by_node_service_and_balancer(table: &mut Table) {
    let on =
        |action: &str| document(action, &json!({ "alert_service_name": "web", "metricset.host": "d2.example.net" }));
    for (behavior, action, asks, does) in [
        ("2a scale_up_node: on the alert's Docker host", "scale_up_node", "4 to 5", "decision replicas 4 to 5"),
        ("2a scale_down_node: from the alert's Docker host", "scale_down_node", "4 to 3", "victims c4"),
        ("2a scale_up_service: wherever", "scale_up_service", "4 to 5", "decision replicas 4 to 5"),
        (
            "2a scale_down_service (as written it never removes, and never ends)",
            "scale_down_service",
            "4 to 3",
            "decision replicas 4 to 3",
        ),
        (
            "2a haproxy_scale_up: entering it is the registrar's",
            "haproxy_scale_up",
            "4 to 5",
            "decision replicas 4 to 5",
        ),
        (
            "2a there is no haproxy_scale_down: here there is",
            "haproxy_scale_down",
            "4 to 3",
            "decision replicas 4 to 3",
        ),
    ] {
        table.row(behavior, &mut steps(&json!({})), &hosts(4, &json!([on(action)])), asks, does);
    }
    let other = document("scale_up_service", &json!({ "alert_service_name": "mail" }));
    table.row(
        "2a the service of the alert is another one",
        &mut steps(&json!({})),
        &hosts(4, &json!([other])),
        "it is about another service",
        "nothing is done: abstained",
    );
}

fn defects(table: &mut Table) {
    let up = document("scale_up", &json!({}));
    let mut bench = steps(&json!({}));
    table.row(
        "2c no lock, two runs double it: first run",
        &mut bench,
        &hosts(2, &json!([up])),
        "2 to 3",
        "decision replicas 2 to 3",
    );
    table.row(
        "2c — second run: the step is done, and the alert is dealt with",
        &mut bench,
        &hosts(3, &json!([up])),
        "3 replicas, done",
        "nothing is done: as wished",
    );
    let stale = with(up.clone(), |alert| alert["since_ms"] = json!(NOON_MS - 3_600_000));
    table.row(
        "2c no age check, a backlog replays stale alerts: older than `max_age` never act",
        &mut steps(&json!({})),
        &hosts(2, &json!([stale])),
        "older than 600 s never act",
        "nothing is done: abstained",
    );
    let processed = with(up.clone(), |alert| alert["labels"]["Alert_Status"] = json!("processed"));
    table.row(
        "2a only `unprocessed` documents are looked at",
        &mut steps(&json!({})),
        &hosts(2, &json!([processed])),
        "it is processed already",
        "nothing is done: abstained",
    );
    let unknown = document("scale_sideways", &json!({}));
    table.row(
        "2c one bad document aborts the run: here it is passed over",
        &mut steps(&json!({})),
        &hosts(2, &json!([unknown, up])),
        "its word is not known",
        "decision replicas 2 to 3",
    );
    let down = document("scale_down", &json!({}));
    table.row(
        "2c up and down at once: up first, down waits",
        &mut steps(&json!({})),
        &hosts(2, &json!([down, up])),
        "waits, for others raise",
        "decision replicas 2 to 3",
    );
    let many: Vec<Value> = (0..3)
        .map(|number| {
            with(document("scale_up", &json!({ "docker.container.id": format!("c{number}") })), |alert| {
                alert["id"] = json!(number.to_string())
            })
        })
        .collect();
    table.row(
        "2a each container's alert is a document of its own: three steps, unless `dedupe_by` takes them for one",
        &mut steps(&json!({ "dedupe_by": ["autoscale_action"] })),
        &hosts(2, &json!(many)),
        "2 to 3",
        "decision replicas 2 to 3",
    );
}
