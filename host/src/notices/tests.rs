//! What people are told, over a real connection to a small chat.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::cycle::Happening;
use crate::drivers::Outcome;
use crate::snapshot::TargetId;

const PATIENCE: Duration = Duration::from_secs(30);

/// A chat that says what it was told.
struct Chat {
    url: String,
    told: UnboundedReceiver<Value>,
    /// What it answers next, the last first; then all is well.
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

type Desk = (UnboundedSender<Value>, Arc<Mutex<Vec<StatusCode>>>);

impl Chat {
    async fn open() -> Self {
        let (sender, told) = unbounded_channel();
        let answers: Arc<Mutex<Vec<StatusCode>>> = Arc::default();
        let take = async |State((sender, answers)): State<Desk>, body: axum::Json<Value>| {
            sender.send(body.0).unwrap();
            answers.lock().unwrap().pop().unwrap_or(StatusCode::OK)
        };
        let router = Router::new().route("/hook/s3cret", post(take)).with_state((sender, Arc::clone(&answers)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, told, answers }
    }

    fn settings(&self) -> NoticeSettings {
        NoticeSettings {
            name: "ops".to_owned(),
            url: self.url.clone(),
            shape: Shape::Slack,
            events: EVENTS_DEFAULT.map(str::to_owned).into(),
            about: Vec::new(),
            template: None,
            per_minute: 600,
            timeout_ms: 5_000,
            ca_file: None,
        }
    }

    async fn hears(&mut self) -> Value {
        tokio::time::timeout(PATIENCE, self.told.recv()).await.expect("nothing is told").unwrap()
    }

    async fn reads(&mut self) -> String {
        self.hears().await["text"].as_str().unwrap().to_owned()
    }
}

/// A host to whose events a notice listens.
struct Told {
    sender: broadcast::Sender<Arc<LiveEvent>>,
    shutdown: CancellationToken,
}

impl Told {
    fn by(settings: NoticeSettings) -> Self {
        let (sender, shutdown) = (broadcast::Sender::new(64), CancellationToken::new());
        let notice = Notice::open(settings, "host-1").unwrap();
        tokio::spawn(notice.tell(sender.subscribe(), shutdown.clone()));
        Self { sender, shutdown }
    }

    fn that(&self, what: Happening) {
        self.sender.send(Arc::new(LiveEvent { number: 1, at_ms: 1_795_309_200_000, what })).unwrap();
    }
}

fn web() -> TargetId {
    "docker/web".parse().unwrap()
}

fn begun(record: &str, reason: &str) -> Happening {
    Happening::Begun { target: web(), record: record.to_owned(), from: Some(2), to: Some(4), reason: reason.to_owned() }
}

fn ended(record: &str) -> Happening {
    Happening::Ended { target: web(), record: record.to_owned(), outcome: Outcome::Applied }
}

fn frozen() -> Happening {
    Happening::Freeze { frozen: true, text: "by ada".to_owned() }
}

#[tokio::test]
async fn the_end_of_a_change_is_told_with_its_beginning_and_rings_nobody() {
    let mut chat = Chat::open().await;
    let told = Told::by(chat.settings());
    told.that(begun("r1", "load is <!channel> & \u{1b}[2Jhigh"));
    told.that(ended("r1"));
    told.that(ended("unheard"));
    told.that(frozen());
    assert_eq!(chat.reads().await, "docker/web: 2 to 4 applied: load is &lt;!channel&gt; &amp; [2Jhigh");
    assert_eq!(chat.reads().await, "docker/web: a change is applied: –");
    assert_eq!(chat.reads().await, "host-1: everything is frozen: by ada");
    told.shutdown.cancel();
}

#[tokio::test]
async fn each_shape_is_what_its_server_takes_and_a_template_says_what_is_said() {
    let mut chat = Chat::open().await;
    let template = Template::read("{service}@{driver} {{{to}}} {time} {outcome}").unwrap();
    let events = vec!["begun".to_owned()];
    let all = NoticeSettings { template: Some(template), events, shape: Shape::Json, ..chat.settings() };
    let told = Told::by(all.clone());
    told.that(ended("r0"));
    told.that(begun("r1", "why"));
    let body = chat.hears().await;
    assert_eq!(body["text"], "web@docker {4} 2026-11-22T01:00:00Z –");
    assert_eq!((&body["event"], &body["reason"], &body["host"]), (&json!("begun"), &json!("why"), &json!("host-1")));
    let told = Told::by(NoticeSettings { shape: Shape::Teams, ..all });
    told.that(begun("r1", "why"));
    let card = chat.hears().await["attachments"][0].clone();
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["body"][0]["inlines"][0]["text"], "web@docker {4} 2026-11-22T01:00:00Z –");
}

#[tokio::test]
async fn only_what_it_is_about_is_told_and_what_concerns_everybody() {
    let mut chat = Chat::open().await;
    let about = |about| NoticeSettings { about, ..chat.settings() };
    let of = |target: &str| Happening::Ended {
        target: target.parse().unwrap(),
        record: "r".to_owned(),
        outcome: Outcome::Applied,
    };
    let told = Told::by(about(vec![About::Driver("docker".to_owned()), About::Target("local/web".parse().unwrap())]));
    for target in ["local/db", "docker/web", "dockers/web", "local/web", "local/web2"] {
        told.that(of(target));
    }
    told.that(frozen());
    assert_eq!(chat.reads().await, "docker/web: a change is applied: –");
    assert_eq!(chat.reads().await, "local/web: a change is applied: –");
    assert_eq!(chat.reads().await, "host-1: everything is frozen: by ada");
}

#[tokio::test]
async fn what_is_beyond_the_rate_is_counted_and_the_count_is_told() {
    let mut chat = Chat::open().await;
    let told = Told::by(NoticeSettings { per_minute: 60, ..chat.settings() });
    for _ in 0..64 {
        told.that(frozen());
    }
    for _ in 0..60 {
        assert_eq!(chat.reads().await, "host-1: everything is frozen: by ada");
    }
    // One a second comes free.
    assert_eq!(chat.reads().await, "host-1: 4 notices were not told");
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let mut chat = Chat::open().await;
    *chat.answers.lock().unwrap() = vec![StatusCode::FORBIDDEN, StatusCode::SERVICE_UNAVAILABLE];
    let told = Told::by(chat.settings());
    told.that(frozen());
    let first = chat.reads().await;
    assert_eq!(chat.reads().await, first, "busy: asked again, and refused for good");
    told.that(ended("r"));
    assert_eq!(chat.reads().await, "docker/web: a change is applied: –\n(1 more were not told)");
}

#[test]
fn the_address_is_never_shown() {
    let settings = |url: &str| NoticeSettings {
        name: "ops".to_owned(),
        url: url.to_owned(),
        shape: Shape::Slack,
        events: Vec::new(),
        about: Vec::new(),
        template: None,
        per_minute: 1,
        timeout_ms: 1,
        ca_file: None,
    };
    assert!(!format!("{:?}", settings("http://chat/s3cret")).contains("s3cret"));
    for wrong in ["s3cret", "ftp://chat/s3cret", "http://", ""] {
        let error = Notice::open(settings(wrong), "host").unwrap_err();
        assert!(matches!(error, NoticeError::Address { .. }) && !format!("{error:?} {error}").contains("s3cret"));
    }
}

#[test]
fn a_template_that_names_what_there_is_not_is_refused() {
    let wrong = |text: &str| Template::read(text).unwrap_err();
    assert_eq!(wrong("{targe}"), TemplateError::Field { field: "targe".to_owned() });
    for text in ["{", "}", "a {target", "{target}}", "{{target}"] {
        assert_eq!(wrong(text), TemplateError::Brace, "{text}");
    }
    let long = [("reason", "x".repeat(10_000))].into();
    let text = Template::read("{reason}{{}}").unwrap().fill(&long);
    assert_eq!((text.chars().count(), text.ends_with("…{}")), (503, true));
}
