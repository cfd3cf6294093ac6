//! What is steered by API, and what can be asked about it afterwards.

use super::*;

impl Stage {
    async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        let answer = self.admin(method, path).json(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }
}

#[tokio::test]
async fn a_target_is_paused_scaled_and_let_go_and_the_trail_has_before_and_after() {
    let stage = Stage::open().await;
    let said = stage.send(Method::POST, "/v1/targets/local/web/pause", &serde_json::json!({ "for_seconds": 60 })).await;
    assert!(said["pause"]["by"].as_str().unwrap().starts_with("first ("), "{said}");
    let said = stage.send(Method::POST, "/v1/targets/local/web/resume", &Value::Null).await;
    assert_eq!(said["pause"], Value::Null);
    let scale = |replicas: u32| {
        let body = serde_json::json!({ "replicas": replicas });
        stage.admin(Method::POST, "/v1/targets/local/web/scale").json(&body).send()
    };
    // The binding allows none but none.
    assert_eq!(problem(scale(3).await.unwrap()).await, (422, "out-of-range".to_owned()));
    assert_eq!(scale(0).await.unwrap().status(), StatusCode::OK);
    stage.send(Method::DELETE, "/v1/targets/local/web/scale", &Value::Null).await;
    let turn = stage.send(Method::POST, "/v1/targets/local/web/evaluate", &Value::Null).await;
    assert_eq!(turn["targets"], 1);

    let rows = stage.get("/v1/audit?limit=5").await["items"].clone();
    assert_eq!(rows[0]["object"], "turn of local/web");
    assert_eq!(rows[1]["before"]["pin"]["replicas"], 0);
    assert_eq!(rows[1]["after"]["pin"], Value::Null);
    assert_eq!(rows[4]["after"]["pause"]["by"], rows[4]["who"]);
    assert!(rows[4]["request"].as_str().unwrap().contains('-'));
    stage.end().await;
}

#[tokio::test]
async fn everything_freezes_and_thaws() {
    let stage = Stage::open().await;
    assert_eq!(stage.get("/v1/freeze").await["frozen"], false);
    let frozen = stage.send(Method::POST, "/v1/freeze", &serde_json::json!({ "why": "migration" })).await;
    assert_eq!(frozen["frozen"], true);
    assert!(frozen["why"].as_str().unwrap().starts_with("migration (by first"));
    assert_eq!(stage.send(Method::DELETE, "/v1/freeze", &Value::Null).await["frozen"], false);
    for why in ["", "  "] {
        let answer =
            stage.admin(Method::POST, "/v1/freeze").json(&serde_json::json!({ "why": why })).send().await.unwrap();
        assert_eq!(problem(answer).await, (422, "refused".to_owned()));
    }
    stage.end().await;
}

#[tokio::test]
async fn decisions_are_listed_page_by_page_and_shown_whole() {
    let stage = Stage::open().await;
    // No reading can be had, so every turn is one in which a policy refuses.
    stage.send(Method::POST, "/v1/targets/local/web/evaluate", &Value::Null).await;
    let page = stage.get("/v1/decisions?target=local%2Fweb&limit=1").await;
    let row = &page["items"][0];
    assert_eq!((&row["target"], &row["kind"], &row["binding"]), (&"local/web".into(), &"held".into(), &"web".into()));
    let whole = stage.get(&format!("/v1/decisions/{}", row["id"].as_str().unwrap())).await;
    assert_eq!(whole["record"]["target"], "local/web");
    assert_eq!(whole["record"]["at_ms"], row["at_ms"]);
    assert!(whole["record"]["slots"][0]["evaluation"].is_object());
    let older =
        stage.get(&format!("/v1/decisions?target=local%2Fweb&limit=1&after={}", page["next"].as_str().unwrap())).await;
    assert!(
        older["items"][0]["id"].as_str().unwrap().parse::<u64>().unwrap()
            < row["id"].as_str().unwrap().parse().unwrap()
    );

    let targets = |page: &Value| -> std::collections::BTreeSet<String> {
        page["items"].as_array().unwrap().iter().map(|row| row["target"].as_str().unwrap().to_owned()).collect()
    };
    let both = ["local/api".to_owned(), "local/web".to_owned()].into();
    assert_eq!(targets(&stage.get("/v1/decisions").await), both);
    assert_eq!(targets(&stage.get("/v1/decisions?binding=api").await), ["local/api".to_owned()].into());
    assert_eq!(targets(&stage.get("/v1/decisions?kind=acted").await), [].into());
    assert_eq!(targets(&stage.get("/v1/decisions?restraint=cooling-down").await), [].into());
    assert_eq!(targets(&stage.get("/v1/decisions?to_ms=1").await), [].into());
    // A token of one binding sees its decisions alone.
    let viewer = stage.token(Role::Viewer, &["api"], 0).await;
    let ask = |path: String| stage.ask(Method::GET, &path).bearer_auth(viewer.reveal()).send();
    let page: Value = ask("/v1/decisions".to_owned()).await.unwrap().json().await.unwrap();
    assert_eq!(targets(&page), ["local/api".to_owned()].into());
    let answer = ask(format!("/v1/decisions/{}", row["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(problem(answer).await, (403, "out-of-scope".to_owned()));
    for (path, status, code) in [
        ("/v1/decisions/0", 404, "no-such-decision"),
        ("/v1/decisions/x", 404, "no-such-decision"),
        ("/v1/decisions/18446744073709551615", 404, "no-such-decision"),
        ("/v1/decisions?target=web", 400, "bad-query"),
        ("/v1/decisions?kind=done", 400, "bad-query"),
    ] {
        let answer = stage.admin(Method::GET, path).send().await.unwrap();
        assert_eq!(problem(answer).await, (status, code.to_owned()), "{path}");
    }
    stage.end().await;
}

#[tokio::test]
async fn the_measures_are_text_that_prometheus_reads() {
    let stage = Stage::open().await;
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let answer = stage.admin(Method::GET, "/metrics").header("accept", accept).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text().await.unwrap();
    for line in [
        "trimtab_turns_total{driver=\"local\"}",
        "trimtab_turn_stage_duration_seconds_count{driver=\"local\",stage=\"observe\"}",
        "trimtab_source_duration_seconds_count{source=\"page\"}",
        "trimtab_readings_total{freshness=\"absent\"}",
        "trimtab_api_requests_total{method=\"GET\",route=\"/readyz\",status=\"200\"}",
        "trimtab_frozen 0",
        "trimtab_evaluations_total{policy=\"target-tracking\",outcome=\"refused\"}",
        "trimtab_source_errors_total{source=\"page\"}",
        "trimtab_targets 2",
        "trimtab_store_bytes ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    let answer = stage.admin(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(!answer.text().await.unwrap().contains("# EOF"));
    stage.end().await;
}

#[tokio::test]
async fn a_bad_upload_is_a_job_whose_version_says_why_and_the_same_bytes_are_no_work() {
    let stage = Stage::open().await;
    let upload = |bytes: &'static [u8]| stage.admin(Method::POST, "/v1/policies").body(bytes).send();
    let answer = upload(b"PK\x03\x04 no policy").await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let mut job: Value = answer.json().await.unwrap();
    for _ in 0..400 {
        if job["state"] != "running" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        job = stage.get(&location).await;
    }
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["version"]["rejected"]["code"], "archive");
    let digest = job["digest"].as_str().unwrap().to_owned();
    let again = upload(b"PK\x03\x04 no policy").await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(again.json::<Value>().await.unwrap()["digest"], *digest);

    let activate = |name: &str| {
        let body = serde_json::json!({ "digest": digest });
        stage.admin(Method::POST, &format!("/v1/policies/{name}/activate")).json(&body).send()
    };
    let (status, code) = problem(activate("x").await.unwrap()).await;
    assert!(status == 404 && code == "no-such-version" || status == 409 && code == "not-tried", "{status} {code}");
    // More than the limit of this stage, without a length that says so.
    let chunks = futures_util::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 100_000])));
    let body = axum::body::Body::from_stream(chunks);
    let request = axum::http::Request::post("/v1/policies").header("authorization", format!("Bearer {}", stage.admin));
    let answer = tower::ServiceExt::oneshot(router(stage.api.clone()), request.body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(stage.get("/v1/policies?state=rejected").await["items"].as_array().unwrap().len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_binding_is_written_by_who_has_seen_its_version() {
    let stage = Stage::open().await;
    let document = serde_json::json!({
        "select": { "driver": "local", "labels": { "app": "api" } },
        "mode": "dry-run",
        "replicas": { "min": 0, "max": 2 },
        "reading": [{ "name": "load", "source": "page", "query": "/load" }],
        "policy": [{ "use": "target-tracking", "params": { "reading": "load", "target": 10.0 } }],
    });
    let put = |condition: (&'static str, String)| {
        stage.admin(Method::PUT, "/v1/bindings/extra").header(condition.0, condition.1).json(&document).send()
    };
    let answer = put(("if-none-match", "*".to_owned())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(stage.get("/v1/bindings/extra").await["mode"], "dry-run");
    assert_eq!(problem(put(("if-none-match", "*".to_owned())).await.unwrap()).await, (412, "stale".to_owned()));
    assert_eq!(put(("if-match", etag.clone())).await.unwrap().status(), StatusCode::OK);
    assert_eq!(problem(put(("if-match", etag)).await.unwrap()).await, (412, "stale".to_owned()));
    assert_eq!(problem(put(("if-match", "7".to_owned())).await.unwrap()).await, (400, "bad-condition".to_owned()));
    let bad = serde_json::json!({ "select": { "driver": "nowhere" } });
    let answer = stage.admin(Method::PUT, "/v1/bindings/extra").json(&bad).send().await.unwrap();
    assert_eq!(problem(answer).await, (422, "configuration".to_owned()));
    assert_eq!(stage.admin(Method::DELETE, "/v1/bindings/extra").send().await.unwrap().status(), StatusCode::OK);
    let answer = stage.admin(Method::DELETE, "/v1/bindings/extra").send().await.unwrap();
    assert_eq!(problem(answer).await, (404, "no-such-binding".to_owned()));
    stage.end().await;
}

#[tokio::test]
async fn a_token_for_a_binding_does_not_reach_for_other_targets_by_it() {
    let stage = Stage::open().await;
    let document = |select: Value| {
        serde_json::json!({
            "select": select,
            "mode": "dry-run",
            "reading": [{ "name": "load", "source": "page", "query": "/load" }],
            "policy": [{ "use": "target-tracking", "params": { "reading": "load", "target": 10.0 } }],
        })
    };
    let labels = |app: &str| serde_json::json!({ "driver": "local", "labels": { "app": app } });
    let by_name = stage.token(Role::Operator, &["web", "web-*"], 0).await;
    let scope =
        Scope { driver: Some("local".to_owned()), labels: [("app".into(), "web".into())].into(), ..Scope::default() };
    let wanted = Wanted { name: "by-labels".to_owned(), role: Role::Operator, scope, life_ms: Some(600_000) };
    let by_labels = stage.api.access().create(wanted, &Identity::host(), stage.api.now_ms()).await.unwrap().1;
    let narrower = serde_json::json!({ "driver": "local", "labels": { "app": "web", "tier": "front" } });
    let id = |id: &str| serde_json::json!({ "id": id });
    for (token, name, select, may) in [
        (&by_name, "web", labels("web"), true),
        (&by_name, "web", labels("api"), false),
        (&by_name, "web", serde_json::json!({ "driver": "local" }), false),
        (&by_name, "web", id("local/api"), false),
        (&by_name, "web", id("local/web"), true),
        (&by_name, "web", labels("web"), false),
        (&by_name, "web-new", labels("web"), false),
        (&by_labels, "web-new", labels("api"), false),
        (&by_labels, "web-new", id("local/web"), false),
        (&by_labels, "web-new", labels("web"), true),
        (&by_labels, "web-new", narrower, true),
    ] {
        let body = document(select.clone());
        let put = stage.ask(Method::PUT, &format!("/v1/bindings/{name}")).bearer_auth(token.reveal()).json(&body);
        let answer = put.send().await.unwrap();
        if may {
            assert_eq!(answer.status(), StatusCode::OK, "{name} {select}: {}", answer.text().await.unwrap());
        } else {
            assert_eq!(problem(answer).await, (403, "out-of-scope".to_owned()), "{name} {select}");
        }
    }
    // Nor out of a budget, or into another's.
    let mut body = document(labels("web"));
    body["group"] = "shop".into();
    let put = stage.ask(Method::PUT, "/v1/bindings/web-new").bearer_auth(by_labels.reveal()).json(&body);
    assert_eq!(problem(put.send().await.unwrap()).await, (403, "out-of-scope".to_owned()));
    let answer = stage.admin(Method::PUT, "/v1/bindings/web-new").json(&body).send().await.unwrap();
    assert_eq!(problem(answer).await, (422, "configuration".to_owned()), "there is no such group");
    assert_eq!(stage.get("/v1/bindings/web").await["caps_max"], 10);
    stage.end().await;
}

#[tokio::test]
async fn a_version_watches_by_an_authors_word_and_acts_by_an_operators_alone() {
    let stage = Stage::open().await;
    let built_in = crate::registry::builtin::builtin("target-tracking").unwrap();
    let version = |number: u8| [built_in.bytes, &[0, 3, 1, b'v', number]].concat();
    let mut digests = Vec::new();
    for number in [1, 2] {
        let meta = crate::registry::PushMeta { by: "ada".to_owned(), ..Default::default() };
        digests.push(stage.api.steering().push(&version(number), &meta).await.unwrap().digest);
    }
    let author = stage.token(Role::Author, &["web"], 0).await;
    let shadow = |body: Value| {
        let path = "/v1/policies/target-tracking/shadow";
        stage.ask(Method::POST, path).bearer_auth(author.reveal()).json(&body).send()
    };
    let of_web = serde_json::json!({ "version": digests[0], "binding": "web" });
    let answer = shadow(of_web.clone()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    // All bindings are beyond this token, and so is acting.
    let answer = shadow(serde_json::json!({ "version": digests[0] })).await.unwrap();
    assert_eq!(problem(answer).await, (403, "out-of-scope".to_owned()));
    let mut acting = of_web.clone();
    acting["promote_after"] = 3.into();
    assert_eq!(problem(shadow(acting.clone()).await.unwrap()).await, (403, "role-too-low".to_owned()));
    acting["promote_after"] = 0.into();
    let answer = stage.admin(Method::POST, "/v1/policies/target-tracking/shadow").json(&acting).send().await.unwrap();
    assert_eq!(problem(answer).await, (422, "refused".to_owned()));
    let answer = shadow(serde_json::json!({ "version": "0".repeat(64), "binding": "web" })).await.unwrap();
    assert_eq!(problem(answer).await, (404, "no-such-version".to_owned()));

    let all = serde_json::json!({ "version": digests[1], "promote_after": 1000, "rollback_on_fault": true });
    stage.send(Method::POST, "/v1/policies/target-tracking/shadow", &all).await;
    stage.send(Method::POST, "/v1/targets/local/web/evaluate", &Value::Null).await;
    let shown = stage.get("/v1/policies/target-tracking/active").await;
    let rows = shown["shadows"].as_array().unwrap();
    assert_eq!((&rows[0]["digest"], &rows[0]["binding"]), (&digests[0].clone().into(), &"web".into()));
    assert_eq!((&rows[0]["targets"], &rows[0]["agreed"], &rows[0]["failing"]), (&1.into(), &0.into(), &0.into()));
    assert_eq!((&rows[1]["promote_after"], &rows[1]["rollback_on_fault"]), (&1000.into(), &true.into()));
    assert_eq!(stage.get(&format!("/v1/versions/{}", digests[0])).await["state"], "shadow");
    let slots = stage.get("/v1/bindings/web").await["policies"].clone();
    let roles: Vec<&str> = slots.as_array().unwrap().iter().map(|slot| slot["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["active", "shadow", "shadow"]);
    let answer = stage.admin(Method::DELETE, &format!("/v1/versions/{}", digests[0])).send().await.unwrap();
    assert_eq!(problem(answer).await, (409, "in-use".to_owned()));

    let path = format!("/v1/policies/target-tracking/shadow/{}", digests[0]);
    let remove = |path: String| stage.ask(Method::DELETE, &path).bearer_auth(author.reveal()).send();
    assert_eq!(problem(remove(path.clone()).await.unwrap()).await, (403, "out-of-scope".to_owned()));
    assert_eq!(remove(format!("{path}?binding=web")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(problem(remove(format!("{path}?binding=web")).await.unwrap()).await, (404, "no-such-shadow".to_owned()));
    let rows = stage.get("/v1/audit?limit=1").await["items"].clone();
    assert_eq!(rows[0]["what"], "policy-shadow");
    assert_eq!(rows[0]["before"]["shadows"].as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["after"]["shadows"].as_array().unwrap().len(), 1);

    let body = serde_json::json!({ "digest": digests[1], "rollback_on_fault": true });
    let shown = stage.send(Method::POST, "/v1/policies/target-tracking/activate", &body).await;
    assert_eq!(shown["shadows"].as_array().unwrap().len(), 0, "who acts does not watch");
    assert_eq!(shown["probations"][0]["digest"], digests[1]);
    assert_eq!(stage.send(Method::POST, "/v1/targets/local/web/clear", &Value::Null).await["target"], "local/web");
    stage.end().await;
}
