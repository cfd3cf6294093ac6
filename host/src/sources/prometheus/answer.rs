//! What the server answers, as its HTTP API documents it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::sources::fetch::shorten;

/// An answer that could be read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) series: Vec<Series>,
    pub(super) warnings: Vec<String>,
}

/// One series of it, oldest sample first. Values may be NaN or infinite here.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) times_ms: Vec<u64>,
    pub(super) values: Vec<f64>,
    /// Why its samples cannot be used.
    pub(super) unreadable: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    status: String,
    data: Option<WireData>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum WireData {
    Vector(Vec<WireSeries>),
    Matrix(Vec<WireSeries>),
    Scalar(WireSample),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct WireSeries {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<WireSample>,
    values: Option<Vec<WireSample>>,
}

/// Seconds, and the value as a text: JSON knows no NaN.
#[derive(Deserialize)]
struct WireSample(f64, String);

impl Answer {
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(body)
            .map_err(|error| format!("it is not Prometheus's JSON: {}", shorten(&error.to_string())))?;
        if wire.status != "success" {
            return Err(shorten(&wire.error.unwrap_or(wire.status)));
        }
        let series = match wire.data {
            Some(WireData::Vector(series) | WireData::Matrix(series)) => series.into_iter().map(Series::from).collect(),
            Some(WireData::Scalar(sample)) => {
                vec![Series::from(WireSeries { metric: BTreeMap::new(), value: Some(sample), values: None })]
            }
            Some(WireData::String(_)) => return Err("the query gives a text, not numbers".to_owned()),
            None => return Err("it holds no data".to_owned()),
        };
        Ok(Self { series, warnings: wire.warnings.iter().map(|warning| shorten(warning)).collect() })
    }

    /// A warning by which the server says that data are missing. Those of the language (`PromQL info: …`) are not such.
    pub(super) fn incomplete(&self) -> Option<&str> {
        self.warnings.iter().map(String::as_str).find(|warning| !warning.starts_with("PromQL"))
    }
}

/// The reason of a server that refused a query.
pub(super) fn refusal(status: u16, body: &[u8]) -> String {
    let said = serde_json::from_slice::<Wire>(body).ok().and_then(|wire| wire.error);
    match said {
        Some(error) => format!("status {status}: {}", shorten(&error)),
        None => format!("status {status}: {}", shorten(&String::from_utf8_lossy(body))),
    }
}

impl From<WireSeries> for Series {
    fn from(wire: WireSeries) -> Self {
        let samples = wire.values.or_else(|| wire.value.map(|sample| vec![sample]));
        let mut series = Self { labels: wire.metric, times_ms: Vec::new(), values: Vec::new(), unreadable: None };
        let Some(samples) = samples else {
            series.unreadable =
                Some("a native histogram, not a number; use histogram_quantile() or the like".to_owned());
            return series;
        };
        for WireSample(seconds, text) in samples {
            match (millis(seconds), text.parse()) {
                (Some(at_ms), Ok(value)) => {
                    series.times_ms.push(at_ms);
                    series.values.push(value);
                }
                _ => series.unreadable = Some(format!("{:?} at {seconds} is not a sample", shorten(&text))),
            }
        }
        series
    }
}

impl Series {
    /// As PromQL writes it.
    pub(super) fn name(&self) -> String {
        let name = self.labels.get("__name__").map_or("", String::as_str);
        let labels: Vec<_> = self
            .labels
            .iter()
            .filter(|(label, _)| *label != "__name__")
            .map(|(label, value)| format!("{label}={value:?}"))
            .collect();
        shorten(&format!("{name}{{{}}}", labels.join(",")))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked just before")]
fn millis(seconds: f64) -> Option<u64> {
    let ms = (seconds * 1000.0).round();
    // 2^53: beyond it a float does not hold every millisecond.
    (0.0..9_007_199_254_740_992.0).contains(&ms).then_some(ms as u64)
}
