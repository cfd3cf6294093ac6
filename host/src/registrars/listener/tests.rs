//! What proxies are told, and what is known of them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::secret::SecretAt;

/// A protocol in which a proxy says its name, its version, and what it has against the next.
struct Plain;

impl Answers for Plain {
    fn is_question(&self, method: &Method, path: &str) -> bool {
        *method == Method::POST && path == "/ask"
    }

    fn read(&self, question: &[u8]) -> Asked {
        let question = String::from_utf8_lossy(question);
        let mut words = question.splitn(3, ' ').map(str::to_owned);
        Asked {
            who: words.next().filter(|who| !who.is_empty()),
            taken: words.next().and_then(|version| version.parse().ok()),
            refuses: words.next(),
        }
    }

    fn answer(&self, document: &Document) -> String {
        document.text.clone()
    }
}

async fn start(token: Option<Secret>) -> Listener {
    crate::tls::ready();
    Listener::start(SocketAddr::from(([127, 0, 0, 1], 0)), token, Arc::new(Plain)).await.unwrap()
}

fn request(listener: &Listener, question: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    client.post(format!("http://{}/ask", listener.address())).body(question.to_owned())
}

async fn ask(listener: &Listener, question: &str) -> (u16, String) {
    let answer = request(listener, question).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

fn behind(words: &str) -> Standing {
    Standing::Behind(words.to_owned())
}

#[tokio::test]
async fn before_anything_is_told_a_proxy_keeps_what_it_has() {
    let listener = start(None).await;
    assert_eq!(ask(&listener, "a 0").await, (503, "nothing is known yet; ask again".to_owned()));
    assert_eq!(listener.standing(0), Standing::Nobody, "who was told nothing is not waited for");
    listener.tell(1, "one".to_owned());
    assert_eq!(ask(&listener, "a 0").await, (200, "one".to_owned()));
    assert_eq!(listener.standing(1), behind("1 proxy has not taken the change"));
}

#[tokio::test]
async fn a_change_counts_once_the_last_proxy_has_it() {
    let listener = start(None).await;
    listener.tell(1, "one".to_owned());
    for who in ["a 1", "b 1", "c 1"] {
        ask(&listener, who).await;
    }
    assert_eq!(listener.standing(1), Standing::Taken);
    listener.tell(2, "two".to_owned());
    assert_eq!(listener.standing(2), behind("3 proxies have not taken the change"));
    // All three come from one address, and are told apart.
    ask(&listener, "a 2").await;
    ask(&listener, "b 2").await;
    assert_eq!(listener.standing(2), behind("1 proxy has not taken the change"));
    ask(&listener, "c 1 cannot parse it\n").await;
    assert_eq!(listener.standing(2), behind("proxy c at 127.0.0.1 refuses the change: cannot parse it "));
    assert_eq!(listener.standing(1), Standing::Taken);
    ask(&listener, "c 2").await;
    assert_eq!(listener.standing(2), Standing::Taken);
}

#[tokio::test]
async fn a_proxy_that_is_gone_for_a_minute_is_not_waited_for() {
    let listener = start(None).await;
    listener.tell(1, "one".to_owned());
    ask(&listener, "gone 1").await;
    listener.tell(2, "two".to_owned());
    later(Duration::from_secs(59)).await;
    ask(&listener, "here 2").await;
    assert_eq!(listener.standing(2), behind("1 proxy has not taken the change"));
    later(Duration::from_secs(2)).await;
    assert_eq!(listener.standing(2), Standing::Taken);
    later(Duration::from_secs(60)).await;
    assert_eq!(listener.standing(2), Standing::Nobody);
}

#[tokio::test]
async fn where_the_protocol_tells_nothing_an_answer_must_do() {
    let listener = start(None).await;
    listener.tell(1, "one".to_owned());
    request(&listener, "").header("user-agent", "traefik").send().await.unwrap();
    assert_eq!(listener.standing(1), Standing::Taken);
    listener.tell(2, "two".to_owned());
    // Somebody who looks from the same machine is not the proxy.
    request(&listener, "").header("user-agent", "curl").send().await.unwrap();
    assert_eq!(listener.standing(2), behind("1 proxy has not taken the change"));
}

#[tokio::test]
async fn proxies_beyond_the_most_are_never_taken_for_up_to_date() {
    let listener = start(None).await;
    listener.tell(1, "one".to_owned());
    let proxy = || Proxy { version: 1, asked: Instant::now(), refuses: None };
    for number in 0..=PROXIES_MAX {
        listener.board.lock().remember((IpAddr::from([127, 0, 0, 1]), number.to_string()), proxy());
    }
    assert_eq!(listener.board.lock().proxies.len(), PROXIES_MAX);
    assert_eq!(listener.standing(1), behind("1 proxy has not taken the change"));
    later(GONE_AFTER).await;
    assert_eq!(listener.standing(1), Standing::Nobody);
}

#[tokio::test]
async fn without_its_token_nobody_is_told_anything() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hush\n").unwrap();
    let listener = start(Some(SecretAt::File(folder.path().join("token")).fetch().unwrap())).await;
    listener.tell(1, "one".to_owned());
    for shown in [None, Some("Bearer "), Some("Bearer hus"), Some("Bearer hushh"), Some("Basic hush"), Some("hush")] {
        let request = request(&listener, "a 1");
        let request = shown.into_iter().fold(request, |request, shown| request.header("authorization", shown));
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401, "{shown:?}");
    }
    assert_eq!(listener.standing(1), Standing::Nobody, "who is not let in does not count");
    let told = request(&listener, "a 1").bearer_auth("hush").send().await.unwrap();
    assert_eq!(told.text().await.unwrap(), "one");
}

#[tokio::test]
async fn it_can_only_be_asked_and_only_so_much() {
    let listener = start(None).await;
    listener.tell(1, "one".to_owned());
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let url = |path: &str| format!("http://{}{path}", listener.address());
    for request in [client.get(url("/ask")), client.delete(url("/ask")), client.put(url("/ask")), client.post(url("/"))]
    {
        assert_eq!(request.send().await.unwrap().status().as_u16(), 404);
    }
    let long = request(&listener, &"x".repeat(QUESTION_BYTES_MAX + 1)).send().await.unwrap();
    assert_eq!(long.status().as_u16(), 413);
    assert_eq!(listener.standing(1), Standing::Nobody);
    assert_eq!(ask(&listener, "a 1").await.1, "one", "and goes on");
}

#[tokio::test]
async fn who_keeps_silent_keeps_no_connection() {
    let listener = start(None).await;
    let mut silent = TcpStream::connect(listener.address()).await.unwrap();
    silent.write_all(b"POST /ask HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::pause();
    // The clock runs on while all wait: the limit is reached at once.
    tokio::time::timeout(HEADERS_PATIENCE * 2, silent.read_to_end(&mut answer)).await.unwrap().unwrap();
    tokio::time::resume();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_address_that_is_taken_is_said() {
    let listener = start(None).await;
    let address = listener.address();
    let Err(Failure::Refused(what)) = Listener::start(address, None, Arc::new(Plain)).await else { panic!() };
    assert!(what.starts_with(&format!("cannot listen on {address}: ")) && what.ends_with("for `listen`"), "{what}");
    // The next run of the host takes it over.
    drop(listener);
    let again = async || Listener::start(address, None, Arc::new(Plain)).await.is_ok();
    while !again().await {
        tokio::task::yield_now().await;
    }
}
