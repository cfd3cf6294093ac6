//! One page, many targets: names in queries, counters that fall, pages that are none.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::*;
use crate::snapshot::{Instance, Target};
use crate::sources::stage::{NOW, failed, newest, nobody, serve, spec, target};

/// A proxy whose page can be changed, and that counts how often it was read.
#[derive(Clone, Default)]
struct Proxy {
    page: Arc<Mutex<Vec<u8>>>,
    fails: Arc<Mutex<Option<StatusCode>>>,
    read: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(page: &str) -> (Self, ServerPage) {
        crate::tls::ready();
        let proxy = Self::default();
        proxy.shows(page);
        let served = proxy.clone();
        let page = async move || {
            served.read.fetch_add(1, Ordering::SeqCst);
            let fails = *served.fails.lock().unwrap();
            (fails.unwrap_or(StatusCode::OK), served.page.lock().unwrap().clone())
        };
        let address = serve(Router::new().route("/metrics", get(page))).await;
        (proxy, server_page(&format!("http://{address}/metrics")))
    }

    fn shows(&self, page: &str) {
        *self.page.lock().unwrap() = page.as_bytes().to_vec();
    }
}

fn server_page(url: &str) -> ServerPage {
    let limits = FetchLimits { connect_timeout_ms: 5_000, timeout_ms: 5_000, body_bytes_max: 4_096 };
    ServerPage::new("front", url, limits, None).unwrap()
}

fn reading(query: &str, rate: bool) -> ReadingSpec {
    ReadingSpec { query: query.to_owned(), rate, ..spec("x", "front", Subject::Target) }
}

fn targets(names: &[&str]) -> Vec<(Target, Vec<Instance>)> {
    names.iter().map(|name| (target(name), Vec::new())).collect()
}

async fn ask(page: &ServerPage, spec: &ReadingSpec, names: &[&str], now_ms: u64) -> Result<Measurement, SourceError> {
    let targets = targets(names);
    let targets: Vec<_> =
        targets.iter().map(|(target, instances)| crate::sources::AskTarget { target, instances }).collect();
    page.measure(&Ask { spec, targets: &targets, now_ms }).await
}

/// The rate of `web`, ten seconds after the last.
async fn rate(page: &ServerPage, turn: u64) -> Option<f64> {
    let spec = reading("requests_total{service=\"{target}@http\"}", true);
    let told = ask(page, &spec, &["web"], NOW + turn * 10_000).await.unwrap();
    assert_eq!(failed(&told), [""; 0]);
    newest(&told).first().map(|(_, _, value)| *value)
}

fn near(value: Option<f64>, expected: f64) {
    // The time of reading is the real one; a loaded machine takes its milliseconds.
    assert!(value.is_some_and(|value| (value - expected).abs() <= expected * 0.1), "{value:?} is not about {expected}");
}

fn counted(web: u64, api: u64) -> String {
    format!(
        "requests_total{{service=\"web@http\",code=\"200\"}} {web}\nrequests_total{{service=\"web@http\",code=\"500\"}} 5\n\
         requests_total{{service=\"api@http\",code=\"200\"}} {api}\nopen{{driver=\"local\"}} 3\n"
    )
}

#[tokio::test]
async fn each_target_is_told_its_own_from_one_page() {
    let (proxy, page) = Proxy::start(&counted(100, 7)).await;
    let own = reading("requests_total{service=\"{target}@http\"}", false);
    let told = ask(&page, &own, &["api", "web"], NOW).await.unwrap();
    assert_eq!(newest(&told), [("api", None, 7.0), ("web", None, 105.0)], "matching series are summed");
    let told = ask(&page, &reading("open{driver=\"{driver}\"}", false), &["api", "web"], NOW).await.unwrap();
    assert_eq!(newest(&told), [("api", None, 3.0), ("web", None, 3.0)]);
    assert_eq!(proxy.read.load(Ordering::SeqCst), 1, "all readings of a turn come from one request");
    let told = ask(&page, &own, &["web", "none"], NOW + 1).await.unwrap();
    assert_eq!(newest(&told), [("web", None, 105.0)], "what is not on the page is absent, not zero");
    assert_eq!(proxy.read.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn counters_become_rates_also_over_a_restart_of_the_proxy() {
    let (proxy, page) = Proxy::start(&counted(100, 0)).await;
    assert_eq!(rate(&page, 0).await, None, "a counter seen for the first time says nothing yet");
    proxy.shows(&counted(300, 0));
    near(rate(&page, 1).await, 20.0);
    // It was started again and has counted 50 since; what it lost before is not known, and is not below zero.
    proxy.shows("requests_total{service=\"web@http\",code=\"200\"} 50\n");
    near(rate(&page, 2).await, 5.0);
    proxy.shows("requests_total{service=\"web@http\",code=\"200\"} 150\nrequests_total{service=\"web@http\",code=\"404\"} 100\n");
    near(rate(&page, 3).await, 20.0);
    proxy.shows("requests_total{service=\"web@http\",code=\"200\"} 150\nrequests_total{service=\"web@http\",code=\"404\"} 100\n");
    assert_eq!(rate(&page, 4).await, Some(0.0));
}

#[tokio::test]
async fn one_turns_failure_is_the_same_for_all_and_the_next_asks_again() {
    let (proxy, page) = Proxy::start(&counted(100, 7)).await;
    *proxy.fails.lock().unwrap() = Some(StatusCode::INTERNAL_SERVER_ERROR);
    for _ in 0..2 {
        let error = ask(&page, &reading("open", false), &["web"], NOW).await.unwrap_err();
        assert!(matches!(error, SourceError::BadAnswer { .. }), "{error}");
    }
    assert_eq!(proxy.read.load(Ordering::SeqCst), 1);
    *proxy.fails.lock().unwrap() = None;
    assert!(ask(&page, &reading("open", false), &["web"], NOW + 1).await.is_ok());
    for (bytes, what) in [(vec![0xFF], "not text"), (vec![b'#'; 5_000], "larger than 4096 bytes")] {
        *proxy.page.lock().unwrap() = bytes;
        let error = page.check().await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let gone = server_page(&format!("http://{}/", nobody().await));
    assert!(matches!(gone.check().await.unwrap_err(), SourceError::Unreachable { .. }));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_before_the_first_turn() {
    let (_, page) = Proxy::start("").await;
    for bad in ["", "requests_total{", "requests_total{service=\"{target}}", "{target"] {
        assert!(matches!(page.check_reading(&reading(bad, false)), Err(SourceError::Reading { .. })), "{bad}");
    }
    let instance = ReadingSpec { subject: Subject::Instance, ..reading("open", false) };
    let error = page.check_reading(&instance).unwrap_err().to_string();
    assert!(error.contains("it tells of targets"), "{error}");
}
