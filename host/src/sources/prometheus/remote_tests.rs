//! Remote read against a small server. `tests/it/sources/metrics.rs` asks the real one.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use prost::Message as _;

use super::remote_read::{Label, QueryResult, ReadResponse, Sample, TimeSeries};
use super::*;
use crate::sources::stage::{NOW, failed, measure, serve, spec, target};

/// A server that answers every remote read with these bytes, and what it was asked.
async fn answering(body: Vec<u8>) -> (PrometheusSource, Arc<Mutex<Vec<u8>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let answer = move |headers: HeaderMap, request: Bytes| async move {
        assert_eq!(headers["x-prometheus-remote-read-version"], "0.1.0");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!(headers["content-encoding"], "snappy");
        *heard.lock().unwrap() = snap::raw::Decoder::new().decompress_vec(&request).unwrap();
        body
    };
    let url = format!("http://{}/prefix", serve(Router::new().route("/prefix/api/v1/read", post(answer))).await);
    let mut config = PrometheusConfig::new(&url);
    (config.look_back, config.timeout_ms, config.body_bytes_max) = (LookBack::RemoteRead, 3_000, 10_000);
    (PrometheusSource::new("prom", config).unwrap(), asked)
}

fn packed(series: Vec<TimeSeries>) -> Vec<u8> {
    let plain = ReadResponse { results: vec![QueryResult { series }] }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&plain).unwrap()
}

fn series(target: &str, samples: &[(i64, f64)]) -> TimeSeries {
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    let samples = samples.iter().map(|(at_ms, value)| Sample { value: *value, at_ms: *at_ms }).collect();
    let labels = vec![label("__name__", "jobs"), label("target", target)];
    TimeSeries { labels, samples, histograms: Vec::new() }
}

fn jobs() -> ReadingSpec {
    let mut jobs = spec("jobs", "prom", Subject::Target);
    jobs.query = r#"jobs{queue!~"test.*", zone='a'}"#.to_owned();
    jobs.look_back_ms = 60_000;
    jobs
}

fn samples(measurement: &Measurement) -> Vec<(&str, Vec<u64>, Vec<f64>)> {
    let row = |row: &'_ Row| match &row.samples {
        Samples::Numbers { times_ms, values } => (times_ms.clone(), values.clone()),
        Samples::Texts { .. } => panic!("texts"),
    };
    measurement.rows.iter().map(|one| (one.target.name(), row(one).0, row(one).1)).collect()
}

#[tokio::test]
async fn a_look_back_is_the_samples_as_they_were_scraped() {
    let ended = f64::from_bits(0x7ff0_0000_0000_0002);
    let web = series("web", &[(1_000, 5.0), (2_250, 7.0), (3_000, ended)]);
    let (source, asked) = answering(packed(vec![web, series("elsewhere", &[(1_000, 1.0)])])).await;
    let targets = [(target("web"), Vec::new()), (target("api"), Vec::new())];
    source.check_reading(&jobs()).unwrap();
    let told = measure(&source, &jobs(), &targets, NOW).await.unwrap();
    assert_eq!(samples(&told), [("web", vec![1_000, 2_250], vec![5.0, 7.0])], "without the mark of the end");
    // Field 1 of the request, and in it start, end and matchers: as protobuf has them on the wire.
    let asked = asked.lock().unwrap().clone();
    let holds = |part: &[u8]| asked.windows(part.len()).any(|window| window == part);
    assert!(holds(b"\x12\x08__name__\x1a\x04jobs"), "equal is 0, and left out: {asked:?}");
    assert!(holds(b"\x08\x03\x12\x05queue\x1a\x06test.*"), "unlike is 3: {asked:?}");
    let mut moment = vec![0x10];
    prost::encoding::encode_varint(NOW, &mut moment);
    assert!(holds(&moment), "to this very moment: {asked:?}");
}

#[tokio::test]
async fn a_counter_gives_its_rates_between_the_samples() {
    let web = series("web", &[(1_000, 10.0), (3_000, 30.0), (4_000, 5.0)]);
    let (source, _) = answering(packed(vec![web])).await;
    let mut rate = jobs();
    rate.rate = true;
    source.check_reading(&rate).unwrap();
    let told = measure(&source, &rate, &[(target("web"), Vec::new())], NOW).await.unwrap();
    assert_eq!(samples(&told), [("web", vec![3_000, 4_000], vec![10.0, 5.0])], "it was reset before the last");
}

#[tokio::test]
async fn bad_answers_are_refused_before_they_take_room() {
    let targets = [(target("web"), Vec::new())];
    // A length of 1 GiB, which is not believed; no snappy at all; snappy of what is no answer.
    let junk = snap::raw::Encoder::new().compress_vec(&[0xff; 40]).unwrap();
    let large = packed(vec![series("web", &[(1, 1.5); 2_000])]);
    for (body, expected) in [
        (vec![0x80, 0x80, 0x80, 0x80, 0x04], "bytes unpacked, which are more than 10000"),
        (large, "bytes unpacked, which are more than 10000"),
        (b"<html>".to_vec(), "it is no answer to a remote read"),
        (junk, "it is no answer to a remote read"),
    ] {
        let told = measure(&answering(body).await.0, &jobs(), &targets, NOW).await;
        let error = told.map(|told| told.rows.len()).unwrap_err();
        assert!(matches!(&error, SourceError::BadAnswer { what, .. } if what.contains(expected)), "{error}");
    }
    let mut histogram = series("web", &[]);
    histogram.histograms.push(vec![1]);
    let told = measure(&answering(packed(vec![histogram])).await.0, &jobs(), &targets, NOW).await.unwrap();
    assert!(told.rows.is_empty() && failed(&told)[0].contains("a native histogram"), "{told:?}");
}

#[tokio::test]
async fn what_is_no_series_is_refused_with_the_remedy() {
    let (source, _) = answering(Vec::new()).await;
    let mut reading = jobs();
    for query in
        ["sum(jobs)", "jobs[5m]", "jobs offset 1m", "{}", r#"{queue!="x"}"#, r#"jobs{queue="x"#, r#"jobs{queue="\d"}"#]
    {
        reading.query = query.to_owned();
        let error = source.check_reading(&reading).unwrap_err().to_string();
        assert!(
            error.contains("remote read takes a series alone") && error.contains("look_back = \"range\""),
            "{error}"
        );
    }
    for query in ["jobs", "jobs{}", "  a:b { x = \"1\" , } ", r#"{__name__=`jobs`}"#, r#"jobs{q=~"a\\d\"b"}"#] {
        reading.query = query.to_owned();
        source.check_reading(&reading).unwrap();
    }
    reading.look_back_ms = 0;
    reading.query = "sum(jobs)".to_owned();
    source.check_reading(&reading).unwrap();
}
