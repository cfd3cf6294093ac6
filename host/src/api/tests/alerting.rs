//! Alerts that others send, as their own tools send them. What policies make of them is told by the supervisor's stories.

use serde_json::json;

use super::pushing::Pushed;
use super::*;

impl Pushed {
    async fn alert(&self, body: &Value) -> Value {
        let answer = self.stage.admin(Method::POST, "/v1/alerts").json(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn alerts(&self, query: &str) -> Vec<Value> {
        self.stage.get(&format!("/v1/alerts{query}")).await["items"].as_array().unwrap().clone()
    }
}

/// What Alertmanager posts.
fn webhook(status: &str, names: &[&str]) -> Value {
    let alert = |name: &&str| {
        json!({
            "status": status,
            "labels": { "alertname": name, "service": "web", "severity": "page" },
            "annotations": { "summary": "the queue grows" },
            "startsAt": "2026-11-22T07:00:00.123Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus/graph",
            "fingerprint": format!("f-{name}"),
        })
    };
    json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "trimtab",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager",
        "alerts": names.iter().map(alert).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn alertmanagers_alerts_are_taken_once_told_of_and_outlive_the_host() {
    let pushed = Pushed::open().await;
    let told = pushed.alert(&webhook("firing", &["QueueGrows", "Other"])).await;
    assert_eq!((&told["accepted"], &told["refused"]), (&json!(2), &json!([])));
    let why = |at: usize| told["skipped"][at]["why"].as_str().unwrap();
    assert!(
        why(0).contains("no policy of binding \"web\" asks for alerts") && why(1).contains("names no target"),
        "{told}"
    );
    pushed.alert(&webhook("firing", &["QueueGrows"])).await;
    let all = pushed.alerts("").await;
    assert_eq!(all.len(), 2, "the same is no second one");
    let grows = all.iter().find(|alert| alert["name"] == "QueueGrows").unwrap();
    assert_eq!(
        (&grows["times"], &grows["state"], &grows["labels"]["severity"]),
        (&json!(2), &json!("skipped"), &json!("page"))
    );
    assert_eq!(
        (&grows["since_ms"], &grows["annotations"]["summary"]),
        (&json!(1_795_330_800_123_u64), &json!("the queue grows"))
    );
    let trail = pushed.stage.get("/v1/audit?limit=1").await;
    assert_eq!((&trail["items"][0]["object"], &trail["items"][0]["what"]), (&json!("alerts"), &json!("alert-push")));

    let pushed = Pushed::in_folder(pushed.stage.ended().await).await;
    assert_eq!(pushed.alerts("").await, all);
    pushed.alert(&webhook("resolved", &["Other"])).await;
    let names = async |query: &str| -> Vec<String> {
        pushed.alerts(query).await.iter().map(|alert| alert["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names("?state=resolved").await, names("?state=skipped").await),
        (vec!["Other".to_owned()], vec!["QueueGrows".to_owned()])
    );
    assert!(names("?state=open").await.is_empty() && names("?target=local/web").await.is_empty());
    let page = pushed.stage.get("/v1/alerts?limit=1").await;
    let rest = pushed.stage.get(&format!("/v1/alerts?after={}", page["next"].as_str().unwrap())).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));

    let path = format!("/v1/alerts/{}", grows["id"].as_str().unwrap());
    let answer = pushed.stage.admin(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = pushed.stage.admin(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(problem(answer).await, (404, "no-such-alert".to_owned()));
    let trail = pushed.stage.get("/v1/audit?limit=1").await;
    assert_eq!(trail["items"][0]["before"]["name"], "QueueGrows");
    let pushed = Pushed::in_folder(pushed.stage.ended().await).await;
    assert_eq!(pushed.alerts("").await.len(), 1);
    pushed.stage.end().await;
}

#[tokio::test]
async fn a_flat_object_is_an_alert_and_what_differs_from_time_to_time_does_not_tell_it_apart() {
    let pushed = Pushed::open().await;
    // ElastAlert's http_post sends the match; its counts and times are never the same.
    for (hits, at) in [(7, "2026-11-22T07:00:00Z"), (9, "2026-11-22T07:01:00Z")] {
        let flat = json!({
            "rule_name": "Slow answers", "target": "local/web", "severity": "high", "host": "node-1", "value": 7.5,
            "expires": "5m", "num_hits": hits, "@timestamp": at, "_id": at, "nested": { "a": 1 }, "ok": true,
        });
        assert_eq!(pushed.alert(&flat).await["accepted"], 1);
    }
    let all = pushed.alerts("").await;
    let [alert] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(alert["labels"], json!({ "alertname": "Slow answers", "severity": "high", "host": "node-1" }));
    assert_eq!(alert["particulars"], json!({ "num_hits": "9", "nested.a": "1", "ok": "true" }), "as it came last");
    assert_eq!(alert["expires_ms"].as_u64().unwrap() - alert["last_ms"].as_u64().unwrap(), 300_000);
    assert_eq!((&alert["value"], &alert["times"]), (&json!(7.5), &json!(2)));
    pushed.stage.end().await;
}

#[tokio::test]
async fn what_is_no_alert_is_refused_alone_and_a_hostile_body_as_a_whole() {
    let pushed = Pushed::open().await;
    let good = webhook("firing", &["Good"])["alerts"][0].clone();
    let alerts = json!({ "alerts": [
        good,
        7,
        { "status": "firing", "labels": {} },
        { "status": "perhaps", "labels": { "alertname": "A" } },
        { "labels": { "alertname": "A\u{1b}[2J" } },
        { "labels": { "alertname": "A" }, "startsAt": "yesterday" },
        { "labels": { "alertname": "A", "x": "y".repeat(2_000) } },
        { "labels": { "alertname": "A", "x": { "deep": 1 } } },
    ] });
    let told = pushed.alert(&alerts).await;
    let codes: Vec<(u64, &str)> = told["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["index"].as_u64().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    let shape = "wrong-shape";
    assert_eq!(
        codes,
        [(1, shape), (2, "bad-name"), (3, shape), (4, "bad-name"), (5, shape), (6, "bad-labels"), (7, shape)]
    );
    assert_eq!(told["accepted"], 1);
    for (text, status, code) in [
        ("[".repeat(100_000), 400, "malformed-json"),
        ("7".to_owned(), 422, "wrong-shape"),
        ("{\"alerts\": 7}".to_owned(), 422, "wrong-shape"),
        (format!("{{\"alerts\": [{}0]}}", "0,".repeat(1_000)), 422, "refused"),
        (format!("{{\"name\": \"{}\"}}", "x".repeat(2_000_000)), 413, "body-too-large"),
    ] {
        let request = pushed.stage.admin(Method::POST, "/v1/alerts").header("content-type", "application/json");
        assert_eq!(problem(request.body(text).send().await.unwrap()).await, (status, code.to_owned()));
    }
    let of_others = pushed.stage.token(Role::Operator, &["nothing-*"], 0).await;
    let flat = json!({ "name": "A", "target": "local/web" });
    let request = pushed.stage.ask(Method::POST, "/v1/alerts").bearer_auth(of_others.reveal()).json(&flat);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    pushed.stage.end().await;
}
