//! Instances that come, drain and go at proxies of which some are behind, gone, in panic or not to be seen.

use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::routing::get;
use reqwest::Url;
use serde_json::{Value, json};

use super::super::listener::{Asked, Document};
use super::super::sight::Server;
use super::*;

/// Documents that are lists of addresses, questions that are names, versions and refusals.
#[derive(Debug)]
struct Plain {
    exact: bool,
}

impl Answers for Plain {
    fn is_question(&self, _: &axum::http::Method, _: &str) -> bool {
        true
    }

    fn read(&self, question: &[u8]) -> Asked {
        let question = String::from_utf8_lossy(question).into_owned();
        let (who, taken) = question.split_once(' ').unwrap_or((&question, ""));
        Asked { who: Some(who.to_owned()), taken: taken.parse().ok(), refuses: None }
    }

    fn answer(&self, document: &Document) -> String {
        format!("{} {}", document.version, document.text)
    }
}

impl Shows for Plain {
    fn pages(&self, base: &Url) -> Vec<Url> {
        vec![base.clone()]
    }

    fn sight(&self, pages: &[Option<Vec<u8>>]) -> Result<Sight, String> {
        let page: Value = serde_json::from_slice(pages[0].as_ref().unwrap()).map_err(|error| error.to_string())?;
        let server = |value: &Value| Server { drains: value[0] == true, active: value[1].as_u64().unwrap() };
        let servers = page["servers"].as_object().unwrap();
        let servers = servers.iter().map(|(address, value)| (address.clone(), server(value))).collect();
        Ok(Sight { servers, panics: page["panics"].as_u64() })
    }
}

impl Dialect for Plain {
    fn is_exact(&self) -> bool {
        self.exact
    }

    fn document(&self, roster: &Roster) -> String {
        let shown = roster.standing().filter(|(_, _, _, drained)| self.exact || !drained);
        let words: Vec<String> =
            shown.map(|(_, _, address, drained)| format!("{address}{}", if drained { "!" } else { "" })).collect();
        words.join(" ")
    }

    fn file(&self, document: &str) -> String {
        document.to_owned()
    }
}

/// A proxy whose own page shows what it was told.
#[derive(Debug, Clone, Default)]
struct Proxy {
    page: Arc<Mutex<Value>>,
    gone: Arc<AtomicBool>,
}

impl Proxy {
    async fn start() -> (Self, String) {
        crate::tls::ready();
        let proxy = Self::default();
        proxy.shows(&json!({}), 0);
        let shown = proxy.clone();
        let page = get(async move || {
            assert!(!shown.gone.load(Ordering::SeqCst), "it is gone");
            shown.page.lock().unwrap().to_string()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", page)).await.unwrap() });
        (proxy, format!("http://{address}"))
    }

    fn shows(&self, servers: &Value, panics: u64) {
        *self.page.lock().unwrap() = json!({"servers": servers, "panics": panics});
    }
}

struct Stage {
    documents: Arc<Documents<Plain>>,
    folder: tempfile::TempDir,
}

async fn open(folder: tempfile::TempDir, exact: bool, shown_at: &[String], drain_ms: u64) -> Stage {
    crate::tls::ready();
    let opening = Opening {
        name: "front",
        dialect: Plain { exact },
        place: Place::Listen(SocketAddr::from(([127, 0, 0, 1], 0)), None),
        shown_at,
        drain_ms,
        timeout_ms: 300,
        kept: folder.path().join("front.json"),
    };
    Stage { documents: Arc::new(Documents::open(opening).await.unwrap()), folder }
}

impl Stage {
    async fn new(exact: bool, shown_at: &[String], drain_ms: u64) -> Self {
        open(tempfile::tempdir().unwrap(), exact, shown_at, drain_ms).await
    }

    /// A proxy asks, and takes what it is given.
    async fn asks(&self, who: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let url = format!("http://{}/", self.documents.address().unwrap());
        let ask = async |question: String| client.post(&url).body(question).send().await.unwrap();
        let answer = ask(format!("{who} 0")).await;
        if !answer.status().is_success() {
            return None;
        }
        let text = answer.text().await.unwrap();
        let (version, text) = text.split_once(' ').unwrap();
        ask(format!("{who} {version}")).await;
        Some(text.to_owned())
    }

    async fn enter(&self, instance: &str, port: u16) {
        self.documents.register(&web(), instance, &format!("10.0.0.1:{port}")).await.unwrap();
    }

    async fn drain(&self, instance: &str) -> String {
        match self.documents.drain(&web(), instance).await {
            Ok(DrainState::Drained) => "drained".to_owned(),
            Ok(DrainState::Waiting { why }) => why,
            Err(error) => format!("error: {error}"),
        }
    }

    async fn entered(&self) -> Vec<String> {
        self.documents.entered(&web()).await.unwrap()
    }
}

fn web() -> TargetId {
    "local/web".parse().unwrap()
}

async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

/// After so long a look is no longer fresh.
const LOOKED: Duration = Duration::from_millis(100);

const FINISHING: &str = "its requests have up to 5s more to finish";
const NOBODY: &str =
    "error: registrar front did not answer: no proxy asks for it; while none does, the instance may be given work";

#[tokio::test]
async fn before_anything_is_entered_nothing_is_told() {
    let stage = Stage::new(false, &[], 0).await;
    assert_eq!(stage.entered().await, [""; 0]);
    assert_eq!(stage.asks("a").await, None, "an empty list would take all away");
    stage.enter("w1", 1).await;
    assert_eq!(stage.asks("a").await.unwrap(), "10.0.0.1:1");
}

#[tokio::test]
async fn an_instance_leaves_when_the_last_proxy_that_still_asks_has_left_it_out() {
    let stage = Stage::new(false, &[], 5_000).await;
    stage.enter("w1", 1).await;
    stage.enter("w2", 2).await;
    assert_eq!(stage.drain("w1").await, NOBODY);
    for who in ["a", "b", "gone"] {
        stage.documents.undrain(&web(), "w1").await.unwrap();
        assert_eq!(stage.asks(who).await.unwrap(), "10.0.0.1:1 10.0.0.1:2");
    }
    assert_eq!(stage.drain("w1").await, "3 proxies have not taken the change");
    assert_eq!(stage.asks("a").await.unwrap(), "10.0.0.1:2");
    let refused = stage.documents.deregister(&web(), "w1").await.unwrap_err();
    assert!(refused.to_string().ends_with("2 proxies have not taken the change"), "{refused}");
    assert_eq!(stage.entered().await, ["w1", "w2"], "if it cannot be taken out for certain, it stays");
    later(Duration::from_secs(59)).await;
    stage.asks("a").await;
    stage.asks("b").await;
    assert_eq!(stage.drain("w1").await, "1 proxy has not taken the change");
    later(Duration::from_secs(2)).await;
    assert_eq!(stage.drain("w1").await, FINISHING);
    later(Duration::from_secs(5)).await;
    assert_eq!(stage.drain("w1").await, "drained");
    stage.documents.deregister(&web(), "w1").await.unwrap();
    assert_eq!(stage.entered().await, ["w2"]);
    assert_eq!(stage.drain("w1").await, "drained", "what is not entered has nothing to finish");
}

#[tokio::test]
async fn a_host_that_starts_again_tells_the_same_and_waits_anew() {
    let stage = Stage::new(false, &[], 0).await;
    stage.enter("w1", 1).await;
    stage.enter("w2", 2).await;
    stage.asks("a").await;
    assert_eq!(stage.drain("w1").await, "1 proxy has not taken the change");
    let again = open(stage.folder, false, &[], 0).await;
    assert_eq!(again.drain("w1").await, NOBODY);
    assert_eq!(again.asks("a").await.unwrap(), "10.0.0.1:2", "before anything is registered");
    assert_eq!(again.drain("w1").await, "drained");
}

#[tokio::test]
async fn an_instance_is_registered_when_every_proxy_shows_it() {
    let ((one, at_one), (other, at_other)) = (Proxy::start().await, Proxy::start().await);
    let stage = Stage::new(false, &[at_one, at_other], 0).await;
    one.shows(&json!({"10.0.0.1:1": [false, 0]}), 0);
    let error = stage.documents.register(&web(), "w1", "10.0.0.1:1").await.unwrap_err();
    let said =
        "registrar front did not answer: 1 of the proxies do not show 10.0.0.1:1 after 300ms; their logs say why";
    assert_eq!(error.to_string(), said);
    other.shows(&json!({"10.0.0.1:1": [false, 0]}), 0);
    stage.enter("w1", 1).await;
    // Left out, it is asked of both until neither shows it.
    assert_eq!(stage.drain("w1").await, "2 of the proxies still show it");
    other.shows(&json!({}), 0);
    assert_eq!(stage.drain("w1").await, "1 of the proxies still show it");
    one.gone.store(true, Ordering::SeqCst);
    assert!(stage.drain("w1").await.starts_with("error: registrar front did not answer: http://"));
    assert!(stage.documents.deregister(&web(), "w1").await.is_err());
    assert!(stage.documents.check().await.is_err());
    one.gone.store(false, Ordering::SeqCst);
    one.shows(&json!({}), 0);
    assert_eq!(stage.drain("w1").await, "drained", "though nobody asks: they show it");
}

#[tokio::test]
async fn a_drain_that_is_counted_ends_with_the_last_request() {
    let (proxy, at) = Proxy::start().await;
    let stage = Stage::new(true, &[at], 3_600_000).await;
    proxy.shows(&json!({"10.0.0.1:1": [false, 2]}), 7);
    stage.enter("w1", 1).await;
    assert_eq!(stage.drain("w1").await, "1 of the proxies have not taken the change");
    assert_eq!(stage.asks("a").await.unwrap(), "10.0.0.1:1!", "marked, and not left out");
    proxy.shows(&json!({"10.0.0.1:1": [true, 2]}), 7);
    later(LOOKED).await;
    assert_eq!(stage.drain("w1").await, "2 requests");
    proxy.shows(&json!({"10.0.0.1:1": [true, 0]}), 7);
    later(LOOKED).await;
    assert_eq!(stage.drain("w1").await, "it has had no request for a moment only");
    proxy.shows(&json!({"10.0.0.1:1": [true, 1]}), 7);
    later(IDLE_FOR).await;
    assert_eq!(stage.drain("w1").await, "1 request", "one that was only being made");
    proxy.shows(&json!({"10.0.0.1:1": [true, 0]}), 7);
    later(LOOKED).await;
    stage.drain("w1").await;
    later(IDLE_FOR).await;
    assert_eq!(stage.drain("w1").await, "1 of the proxies still show it");
    proxy.shows(&json!({}), 7);
    assert_eq!(stage.drain("w1").await, "1 proxy has not taken the change");
    assert_eq!(stage.asks("a").await.unwrap(), "");
    assert_eq!(stage.drain("w1").await, "drained");
}

#[tokio::test]
async fn a_proxy_in_panic_proves_nothing() {
    let (proxy, at) = Proxy::start().await;
    let stage = Stage::new(true, &[at], 5_000).await;
    proxy.shows(&json!({"10.0.0.1:1": [false, 0]}), 7);
    stage.enter("w1", 1).await;
    stage.asks("a").await;
    assert_eq!(stage.drain("w1").await, "1 of the proxies have not taken the change");
    proxy.shows(&json!({"10.0.0.1:1": [true, 1]}), 8);
    later(LOOKED).await;
    assert_eq!(stage.drain("w1").await, "1 of the proxies still show it", "it is left out at once");
    stage.asks("a").await;
    proxy.shows(&json!({}), 8);
    assert_eq!(stage.drain("w1").await, FINISHING);
    later(Duration::from_secs(5)).await;
    assert_eq!(stage.drain("w1").await, "drained");
}

#[tokio::test]
async fn a_drain_of_the_last_run_is_not_believed_to_be_counted() {
    let (proxy, at) = Proxy::start().await;
    let stage = Stage::new(true, std::slice::from_ref(&at), 5_000).await;
    proxy.shows(&json!({"10.0.0.1:1": [false, 0]}), 7);
    stage.enter("w1", 1).await;
    stage.drain("w1").await;
    proxy.shows(&json!({}), 7);
    let again = open(stage.folder, true, &[at], 5_000).await;
    assert_eq!(again.drain("w1").await, FINISHING);
}
