//! Events as they happen, and the story of a target.

use super::*;

/// One event as it arrived.
#[derive(Debug, PartialEq)]
struct Told {
    id: Option<String>,
    name: String,
    data: Value,
}

/// A stream that is read event by event.
struct Ear {
    answer: Response,
    read: String,
}

impl Ear {
    async fn open(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, read: String::new() }
    }

    /// The next event; `None`: the stream has ended.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                if block.starts_with(':') {
                    continue;
                }
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name))?;
                    Some(line.trim_start_matches(": ").to_owned())
                };
                let data = serde_json::from_str(&field("data")?).unwrap();
                return Some(Told { id: field("id"), name: field("event")?, data });
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.answer.chunk()).await.expect("an event");
            self.read.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    /// The next of this kind.
    async fn next_of(&mut self, name: &str) -> Told {
        loop {
            let told = self.next().await.expect("more events");
            if told.name == name {
                return told;
            }
        }
    }
}

impl Stage {
    async fn pause(&self, name: &str) {
        let path = format!("/v1/targets/local/{name}/pause");
        let answer = self.admin(Method::POST, &path).json(&serde_json::json!({})).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn who_was_away_is_told_what_he_missed_and_where_that_is_not_known_of_the_gap() {
    let stage = Stage::open().await;
    let mut ear = Ear::open(stage.admin(Method::GET, "/v1/events?kind=steered,freeze")).await;
    stage.pause("web").await;
    let first = ear.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["target"]), ("steered", &"local/web".into()));
    assert!(first.data["text"].as_str().unwrap().starts_with("paused by first ("), "{first:?}");
    drop(ear);

    // While nobody listens.
    stage.pause("api").await;
    let freeze = serde_json::json!({ "why": "a\u{1b}[2J migration" });
    stage.admin(Method::POST, "/v1/freeze").json(&freeze).send().await.unwrap();
    let id = first.id.unwrap();
    let request = stage.admin(Method::GET, "/v1/events?kind=steered,freeze").header("last-event-id", &id);
    let mut ear = Ear::open(request).await;
    assert_eq!(ear.next().await.unwrap().data["target"], "local/api");
    let frozen = ear.next().await.unwrap();
    assert_eq!((frozen.name.as_str(), &frozen.data["frozen"]), ("freeze", &true.into()));
    assert!(frozen.id.unwrap().parse::<u64>().unwrap() > id.parse().unwrap());

    for unknown in ["7", "9000000000000000000"] {
        let mut ear = Ear::open(stage.admin(Method::GET, &format!("/v1/events?after={unknown}"))).await;
        let gap = ear.next().await.unwrap();
        assert_eq!((gap.name.as_str(), gap.id), ("gap", None));
        // And it goes on with what is known, or comes.
        stage.pause("web").await;
        assert_eq!(ear.next_of("steered").await.data["event"], "steered");
    }
    for (query, code) in [("kind=began", "bad-query"), ("target=web", "bad-query"), ("after=x", "bad-query")] {
        let answer = stage.admin(Method::GET, &format!("/v1/events?{query}")).send().await.unwrap();
        assert_eq!(problem(answer).await, (400, code.to_owned()));
    }
    stage.end().await;
}

#[tokio::test]
async fn a_token_hears_of_its_own_targets_and_of_a_freeze_and_until_it_is_revoked() {
    let stage = Stage::open().await;
    let token = stage.token(Role::Viewer, &["api"], 0).await;
    let mut ear = Ear::open(stage.ask(Method::GET, "/v1/events").bearer_auth(token.reveal())).await;
    stage.pause("web").await;
    stage.pause("api").await;
    assert_eq!(ear.next_of("steered").await.data["target"], "local/api", "and not of local/web");
    stage.admin(Method::POST, "/v1/freeze").json(&serde_json::json!({ "why": "x" })).send().await.unwrap();
    assert_eq!(ear.next().await.unwrap().name, "freeze");
    stage.admin(Method::DELETE, &format!("/v1/tokens/{}", token.id())).send().await.unwrap();
    stage.pause("api").await;
    while let Some(told) = ear.next().await {
        assert_ne!(told.name, "steered", "{told:?}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_policy_that_begins_to_refuse_is_told_once() {
    let stage = Stage::open().await;
    // No reading can be had from the start; both targets have had turns.
    let mut ear = Ear::open(stage.admin(Method::GET, "/v1/events?kind=refused&target=local%2Fweb&after=0")).await;
    let refused = ear.next().await.unwrap();
    assert_eq!(refused.data["kind"], "reading-missing", "{refused:?}");
    for _ in 0..2 {
        stage.admin(Method::POST, "/v1/targets/local/web/evaluate").send().await.unwrap();
    }
    stage.shutdown.cancel();
    // Streams do not hold up the end.
    let began = std::time::Instant::now();
    assert_eq!(ear.next().await, None, "it refused on, and that is no news");
    stage.end().await;
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn streams_are_bounded_and_make_room_when_they_end() {
    let stage = Stage::open().await;
    let room = std::sync::Arc::clone(&stage.api.streams().0);
    let all = room.available_permits();
    let taken = std::sync::Arc::clone(&room).acquire_many_owned(u32::try_from(all - 1).unwrap()).await.unwrap();
    let ear = Ear::open(stage.admin(Method::GET, "/v1/events")).await;
    let answer = stage.admin(Method::GET, "/v1/events").send().await.unwrap();
    assert_eq!(problem(answer).await, (503, "busy".to_owned()));
    drop((ear, taken));
    for _ in 0..400 {
        if room.available_permits() == all {
            break;
        }
        // The server sees that a caller has left when it writes to it next: at an event.
        stage.pause("web").await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(room.available_permits(), all);
    stage.end().await;
}

#[tokio::test]
async fn a_target_is_explained() {
    let stage = Stage::open().await;
    stage.pause("web").await;
    let told = stage.get("/v1/targets/local/web/explain?last=1000").await;
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("note: paused by first ("), "{text}");
    assert!(text.contains("declines (reading-missing)"), "{text}");
    assert_eq!(told["parts"], Value::Null);
    let whole = stage.get("/v1/targets/local/web/explain?last=1000&whole=true").await;
    assert!(whole["parts"].as_array().unwrap().iter().any(|part| part["part"] == "turn"));
    let none = stage.get("/v1/targets/local/web/explain?at_ms=1000").await;
    assert_eq!(none["text"], "nothing is recorded of this time\n");
    for (path, status, code) in [
        ("/v1/targets/local/none/explain", 404, "no-such-target"),
        ("/v1/targets/local/web/explain?last=0", 400, "bad-query"),
        ("/v1/targets/local/web/explain?since=1h", 400, "bad-query"),
    ] {
        let answer = stage.admin(Method::GET, path).send().await.unwrap();
        assert_eq!(problem(answer).await, (status, code.to_owned()), "{path}");
    }
    let viewer = stage.token(Role::Viewer, &["api"], 0).await;
    let answer = stage.ask(Method::GET, "/v1/targets/local/web/explain").bearer_auth(viewer.reveal());
    assert_eq!(problem(answer.send().await.unwrap()).await, (403, "out-of-scope".to_owned()));
    stage.end().await;
}
