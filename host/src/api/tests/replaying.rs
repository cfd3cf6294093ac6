//! Recorded turns, played again over HTTP. No reading can be had on this stage, so in every turn a policy refuses.

use super::*;

impl Stage {
    async fn play(&self, path: &str, body: &Value) -> Value {
        let answer = self.admin(Method::POST, path).json(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Orders turns, so that there is something to be played.
    async fn turns(&self, count: usize) {
        for _ in 0..count {
            let answer = self.admin(Method::POST, "/v1/targets/local/web/evaluate").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        }
    }
}

const REPLAY: &str = "/v1/targets/local/web/replay";
const COMPARE: &str = "/v1/targets/local/web/compare";

#[tokio::test]
async fn what_a_running_host_recorded_comes_to_the_same_bytes_again() {
    let stage = Stage::open().await;
    stage.turns(4).await;
    let replayed = stage.play(REPLAY, &serde_json::json!({ "since": "10m" })).await;
    let count = replayed["tally"]["evaluations"].as_u64().unwrap();
    assert!(count >= 4, "{replayed}");
    assert_eq!((replayed["tally"]["identical"].as_u64(), &replayed["rows"]), (Some(count), &serde_json::json!([])));

    let cut = stage.play(REPLAY, &serde_json::json!({ "limit": 2 })).await;
    assert_eq!((&cut["reach"]["turns"], &cut["reach"]["cut"]["why"]), (&2.into(), &"turns".into()));
    let body = serde_json::json!({ "limit": 1, "after": cut["reach"]["cut"]["next"] });
    let next = stage.play(REPLAY, &body).await;
    assert!(next["reach"]["first_ms"].as_u64() >= cut["reach"]["last_ms"].as_u64(), "{next}");

    let page = stage.get("/v1/decisions?target=local%2Fweb&limit=1").await;
    let id = page["items"][0]["id"].as_str().unwrap();
    let one = stage.get(&format!("/v1/decisions/{id}/replay")).await;
    assert_eq!((&one["reach"]["turns"], &one["rows"][0]["came_to"]["is"]), (&1.into(), &"identical".into()), "{one}");
    stage.end().await;
}

#[tokio::test]
async fn another_policy_is_put_in_its_place_and_two_are_compared() {
    let stage = Stage::open().await;
    stage.turns(3).await;
    let body = serde_json::json!({ "policy": "target-tracking", "params": { "reading": "queue" } });
    let replayed = stage.play(REPLAY, &body).await;
    assert_eq!(replayed["tally"]["not_recorded"], replayed["tally"]["evaluations"], "{replayed}");
    assert_eq!(replayed["rows"][0]["came_to"]["what"][0], "the reading \"queue\" of the target");
    assert_eq!(replayed["instead"]["name"], "target-tracking");
    let compared = stage.play(COMPARE, &serde_json::json!({ "a": "active", "b": "rightsizing" })).await;
    assert!(compared["a"]["refusals"].as_u64().unwrap() >= 3, "{compared}");
    assert_eq!((&compared["compared"], compared["b"]["silent"].as_u64() >= Some(3)), (&0.into(), true), "{compared}");
    let compared = stage.play(COMPARE, &serde_json::json!({ "a": "active", "b": "target-tracking" })).await;
    assert_eq!(compared["agreement_percent"], 100.0);
    stage.end().await;
}

#[tokio::test]
async fn what_cannot_be_played_is_said_with_its_code() {
    let stage = Stage::open().await;
    stage.turns(1).await;
    let ask = |path: &str, body: Value| stage.admin(Method::POST, path).json(&body).send();
    for (path, body, status, code) in [
        (REPLAY, serde_json::json!({ "policy": "no-such-policy" }), 404, "no-such-version"),
        (REPLAY, serde_json::json!({ "since": "yesterday" }), 422, "refused"),
        (REPLAY, serde_json::json!({ "until": "-1" }), 422, "refused"),
        (REPLAY, serde_json::json!({ "limit": 0 }), 422, "refused"),
        (REPLAY, serde_json::json!({ "limit": 10_001 }), 422, "refused"),
        (REPLAY, serde_json::json!({ "slot": "web" }), 422, "refused"),
        (REPLAY, serde_json::json!({ "surprise": 1 }), 422, "wrong-shape"),
        (COMPARE, serde_json::json!({ "a": "active" }), 422, "wrong-shape"),
        (COMPARE, serde_json::json!({ "a": "active", "b": "active" }), 422, "refused"),
        ("/v1/targets/local/nothing/replay", serde_json::json!({}), 404, "no-such-target"),
    ] {
        let answer = ask(path, body.clone()).await.unwrap();
        assert_eq!(problem(answer).await, (status, code.to_owned()), "{path} {body}");
    }
    let place = Arc::clone(stage.api.replays()).try_acquire_owned().unwrap();
    let answer = ask(REPLAY, serde_json::json!({})).await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await, (503, "busy".to_owned()));
    drop(place);
    assert_eq!(ask(REPLAY, serde_json::json!({})).await.unwrap().status(), StatusCode::OK);
    let viewer = stage.token(Role::Viewer, &["api"], 0).await;
    let request = stage.ask(Method::POST, REPLAY).bearer_auth(viewer.reveal()).json(&serde_json::json!({}));
    assert_eq!(problem(request.send().await.unwrap()).await, (403, "out-of-scope".to_owned()));
    stage.end().await;
}
