//! Remote read: the samples of series as they were scraped, instead of what PromQL makes of them at steps.
//!
//! Version 0.1.0 of <https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/>: protobuf in snappy's block format, of
//! which the fields that are needed stand here. The streamed form is not asked for, so servers answer with samples.

use std::collections::BTreeMap;

use prost::Message as _;

use super::answer::Series;
use super::selector::Matcher;

/// The value by which a server marks that a series has ended: a NaN of its own.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// What the requests' headers say, besides who asks.
pub(super) const HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("accept-encoding", "snappy"),
    ("x-prometheus-remote-read-version", "0.1.0"),
];

#[derive(Clone, PartialEq, prost::Message)]
struct ReadRequest {
    #[prost(message, repeated, tag = "1")]
    queries: Vec<Query>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Query {
    #[prost(int64, tag = "1")]
    start_ms: i64,
    /// Its own moment is part of it.
    #[prost(int64, tag = "2")]
    end_ms: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<LabelMatcher>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LabelMatcher {
    #[prost(int32, tag = "1")]
    op: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    pub(super) series: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Sample>,
    /// Native histograms, which are counted and not read.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub(super) histograms: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Sample {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    #[prost(int64, tag = "2")]
    pub(super) at_ms: i64,
}

/// The body that asks for these series from one moment to another.
pub(super) fn request(matchers: Vec<Matcher>, start_ms: u64, end_ms: u64) -> Result<Vec<u8>, String> {
    let matchers = matchers.into_iter();
    let matchers = matchers.map(|Matcher { name, op, value }| LabelMatcher { op: op as i32, name, value }).collect();
    let time = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let query = Query { start_ms: time(start_ms), end_ms: time(end_ms), matchers };
    let plain = ReadRequest { queries: vec![query] }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&plain).map_err(|error| error.to_string())
}

/// The series of an answer, which unpacked may have so many bytes.
pub(super) fn read(body: &[u8], bytes_max: usize) -> Result<Vec<Series>, String> {
    let malformed = |error: &dyn std::fmt::Display| format!("it is no answer to a remote read: {error}");
    // What it says of its own length is believed no further than that.
    let bytes = snap::raw::decompress_len(body).map_err(|error| malformed(&error))?;
    if bytes > bytes_max {
        return Err(format!("the answer has {bytes} bytes unpacked, which are more than {bytes_max}"));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|error| malformed(&error))?;
    let answer = ReadResponse::decode(plain.as_slice()).map_err(|error| malformed(&error))?;
    Ok(answer.results.into_iter().flat_map(|result| result.series).map(Series::from).collect())
}

impl From<TimeSeries> for Series {
    fn from(wire: TimeSeries) -> Self {
        let labels: BTreeMap<String, String> = wire.labels.into_iter().map(|label| (label.name, label.value)).collect();
        let mut series = Self { labels, times_ms: Vec::new(), values: Vec::new(), unreadable: None };
        if !wire.histograms.is_empty() {
            series.unreadable =
                Some("a native histogram, not a number; use histogram_quantile() and look_back = \"range\"".to_owned());
        }
        for Sample { value, at_ms } in wire.samples {
            if value.to_bits() == STALE_BITS {
                continue;
            }
            match u64::try_from(at_ms) {
                Ok(at_ms) => {
                    series.times_ms.push(at_ms);
                    series.values.push(value);
                }
                Err(_) => series.unreadable = Some(format!("a sample of {at_ms} ms is before 1970")),
            }
        }
        series
    }
}
