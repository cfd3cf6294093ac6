//! Against small servers on loopback: whole, half, slow, huge, odd and restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;

use super::*;
use crate::snapshot::Target;
use crate::sources::stage::{NOW, at, failed, instance, measure, newest, nobody, serve, spec, target};

/// An instance whose page can be changed, and that counts how often it was read.
#[derive(Clone, Default)]
struct Exporter {
    page: Arc<Mutex<String>>,
    read: Arc<AtomicUsize>,
}

impl Exporter {
    async fn start(id: &str, page: &str) -> (Self, Instance) {
        let exporter = Self::default();
        exporter.show(page);
        let served = exporter.clone();
        let page = move || async move {
            served.read.fetch_add(1, Ordering::Relaxed);
            served.page.lock().unwrap().clone()
        };
        let address = serve(Router::new().route("/metrics", get(page))).await;
        (exporter, at(id, address))
    }

    fn show(&self, page: &str) {
        page.clone_into(&mut self.page.lock().unwrap());
    }
}

fn source() -> ScrapeSource {
    let config =
        ScrapeConfig { timeout_ms: 300, all_timeout_ms: 1_000, body_bytes_max: 10_000, ..ScrapeConfig::default() };
    ScrapeSource::new("scrape", config).unwrap()
}

fn reading(query: &str, subject: Subject, rate: bool) -> ReadingSpec {
    ReadingSpec { query: query.to_owned(), rate, ..spec("x", "scrape", subject) }
}

fn web(instances: &[&Instance]) -> Vec<(Target, Vec<Instance>)> {
    vec![(target("web"), instances.iter().map(|instance| (*instance).clone()).collect())]
}

fn near(value: f64, expected: f64) {
    // The time of reading is the real one; a loaded machine takes its milliseconds.
    assert!((value - expected).abs() <= expected.abs() * 0.05, "{value} is not about {expected}");
}

const PAGE: &str = "\
# HELP http_requests_total Requests, by code.
# TYPE http_requests_total counter
http_requests_total{code=\"200\",path=\"/a?x=1,y={2}\"} 100
http_requests_total{path=\"quote \\\" and \\\\\",code=\"200\",} 20 1700000000000
http_requests_total{code=\"500\"} 3
http_requests_total_other 9
  job:busy:ratio 0.5
\tbusy 1e-1\x20
";

#[tokio::test]
async fn matching_series_are_summed_per_instance() {
    let (_, one) = Exporter::start("w1", PAGE).await;
    for (query, expected) in [
        ("http_requests_total", 123.0),
        ("http_requests_total{code=\"200\"}", 120.0),
        ("http_requests_total{code!=\"200\"}", 3.0),
        ("http_requests_total{path=\"\"}", 3.0),
        (r#" http_requests_total { path = "quote \" and \\" , code="200" } "#, 20.0),
        ("http_requests_total{path=\"/a?x=1,y={2}\"}", 100.0),
        ("job:busy:ratio", 0.5),
        ("busy", 0.1),
    ] {
        let told = measure(&source(), &reading(query, Subject::Instance, false), &web(&[&one]), NOW).await.unwrap();
        assert_eq!(newest(&told), [("web", Some("w1"), expected)], "{query}");
    }
}

#[tokio::test]
async fn a_sum_is_of_all_instances_or_there_is_none() {
    let (_, one) = Exporter::start("w1", "busy 1").await;
    let (_, two) = Exporter::start("w2", "busy 2").await;
    let (other, gone) = (Instance { phase: Phase::Starting, ..at("w3", nobody().await) }, at("w4", nobody().await));
    let busy = reading("busy", Subject::Target, false);
    let whole = measure(&source(), &busy, &web(&[&one, &two, &other]), NOW).await.unwrap();
    assert_eq!(newest(&whole), [("web", None, 3.0)], "one that is starting does not serve yet");
    let part = measure(&source(), &busy, &web(&[&one, &two, &gone]), NOW).await.unwrap();
    assert!(part.rows.is_empty());
    assert!(
        failed(&part)[0].starts_with("local/web: no sum, 1 of 3 instances are missing: w4: "),
        "{:?}",
        failed(&part)
    );
    let each = reading("busy", Subject::Instance, false);
    let each = measure(&source(), &each, &web(&[&one, &two, &gone]), NOW).await.unwrap();
    assert_eq!(newest(&each), [("web", Some("w1"), 1.0), ("web", Some("w2"), 2.0)]);
    assert!(failed(&each)[0].starts_with("w4 of local/web: "));
    let none = measure(&source(), &busy, &web(&[]), NOW).await.unwrap();
    assert!(none.rows.is_empty(), "nobody's load is not a load of zero");
}

#[tokio::test]
async fn half_the_instances_failing_in_their_ways_disturb_no_other() {
    let (_, fine) = Exporter::start("w0", "busy 1").await;
    let (_, huge) = Exporter::start("w1", &"# filler\n".repeat(2_000)).await;
    let (_, html) = Exporter::start("w2", "<html>busy</html>").await;
    let (_, torn) = Exporter::start("w3", "busy{a=\"b 1\n").await;
    let (_, nan) = Exporter::start("w4", "busy NaN").await;
    let (_, word) = Exporter::start("w5", "busy{} lots").await;
    let slow = at("w6", serve(Router::new().route("/metrics", get(std::future::pending::<()>))).await);
    let gone = at("w7", nobody().await);
    let homeless = instance("w8");
    let all = web(&[&fine, &huge, &html, &torn, &nan, &word, &slow, &gone, &homeless]);
    let told = measure(&source(), &reading("busy", Subject::Instance, false), &all, NOW).await.unwrap();
    assert_eq!(newest(&told), [("web", Some("w0"), 1.0)]);
    let said = failed(&told);
    for (line, expected) in said.iter().zip([
        "w1 of local/web: the answer is larger than 10000 bytes",
        "w2 of local/web: no series matches",
        "w3 of local/web: a line that cannot be read: busy{a=\"b 1",
        "w4 of local/web: a value that is not a finite number: busy NaN",
        "w5 of local/web: a line that cannot be read: busy{} lots",
        "w6 of local/web: no answer within 300ms",
        "w7 of local/web: ",
        "w8 of local/web: it has no address",
    ]) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert_eq!(said.len(), 8);
}

#[tokio::test]
async fn counters_become_rates_that_survive_a_restart() {
    let (one, first) = Exporter::start("w1", "n 1000").await;
    let (two, second) = Exporter::start("w2", "n 500").await;
    let (source, total) = (source(), reading("n", Subject::Target, true));
    let targets = web(&[&first, &second]);
    let mut rates = Vec::new();
    for (turn, a, b) in [(0, "n 1000", "n 500"), (1, "n 1100", "n 600"), (2, "n 1200", "n 30"), (3, "n 1200", "n 30")] {
        one.show(a);
        two.show(b);
        let told = measure(&source, &total, &targets, NOW + turn * 10_000).await.unwrap();
        rates.push(newest(&told).first().map(|row| row.2));
    }
    assert_eq!(rates[0], None, "nothing to compare with is no rate");
    near(rates[1].unwrap(), 20.0);
    near(rates[2].unwrap(), 13.0);
    assert_eq!(rates[3], Some(0.0));
}

#[tokio::test]
async fn an_instance_that_started_between_two_turns_counts_from_its_start() {
    let (one, first) = Exporter::start("w1", "n 1000").await;
    let (_, second) = Exporter::start("w2", "n 40").await;
    let (source, total) = (source(), reading("n", Subject::Target, true));
    measure(&source, &total, &web(&[&first]), NOW).await.unwrap();
    one.show("n 1100");
    let born = Instance { started_ms: Some(NOW + 6_000), ..second.clone() };
    let told = measure(&source, &total, &web(&[&first, &born]), NOW + 10_000).await.unwrap();
    near(newest(&told)[0].2, 20.0);
    let adopted = Instance { id: "w3".to_owned(), started_ms: Some(NOW - 60_000), ..second };
    let told = measure(&source, &total, &web(&[&first, &adopted]), NOW + 20_000).await.unwrap();
    assert!(told.rows.is_empty(), "how much of an older one's count is recent is not known");
}

#[tokio::test]
async fn a_new_series_of_a_known_instance_has_grown_from_zero() {
    let (one, first) = Exporter::start("w1", "n{code=\"200\"} 1000").await;
    let (source, each) = (source(), reading("n", Subject::Instance, true));
    measure(&source, &each, &web(&[&first]), NOW).await.unwrap();
    one.show("n{code=\"200\"} 1100\nn{code=\"500\"} 10");
    let told = measure(&source, &each, &web(&[&first]), NOW + 10_000).await.unwrap();
    near(newest(&told)[0].2, 11.0);
}

#[tokio::test]
async fn an_instance_is_asked_once_a_turn_whatever_the_readings() {
    let (one, first) = Exporter::start("w1", PAGE).await;
    let source = source();
    let readings =
        ["busy", "job:busy:ratio", "http_requests_total"].map(|query| reading(query, Subject::Target, false));
    for reading in &readings {
        source.check_reading(reading).unwrap();
    }
    let targets = web(&[&first]);
    for turn in 0..2 {
        let asked = readings.iter().map(|reading| measure(&source, reading, &targets, NOW + turn));
        for told in futures_util::future::join_all(asked).await {
            assert_eq!(told.unwrap().rows.len(), 1);
        }
    }
    assert_eq!(one.read.load(Ordering::Relaxed), 2);
    let unannounced = reading("http_requests_total_other", Subject::Target, false);
    assert_eq!(newest(&measure(&source, &unannounced, &targets, NOW + 1).await.unwrap())[0].2, 9.0);
}

#[test]
fn blanks_before_a_line_are_ignored_and_a_line_with_them_counts_like_any_other() {
    let query = exposition::Query::parse("requests{code=\"200\"}").unwrap();
    let sum = |page: &str| query.sum(page).map(|sum| sum.value());
    assert_eq!(sum("requests{code=\"200\"} 2\n \trequests{code=\"200\",path=\"/\"} 3\n"), Ok(5.0));
    // A comment that a line end broke in two: it is not known what the line means, so no sum is.
    let torn = sum("# TYPE\n requests counter\nrequests{code=\"200\"} 2\n");
    assert_eq!(torn, Err("a line that cannot be read: requests counter".to_owned()));
}

#[test]
fn queries_that_cannot_serve_are_refused() {
    let source = source();
    for query in [
        "",
        "{code=\"1\"}",
        "rate(x[1m])",
        "x{code=~\"2..\"}",
        "x{code=1}",
        "x{code=\"1\"",
        "x{,}",
        "x{a=\"1\" b=\"2\"}",
        "9x",
    ] {
        assert!(source.check_reading(&reading(query, Subject::Target, false)).is_err(), "{query}");
    }
    assert!(source.check_reading(&reading("x", Subject::Node, false)).is_err());
}
