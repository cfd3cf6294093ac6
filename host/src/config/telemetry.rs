//! `[telemetry]`: what the host says of itself, and to whom.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Url;
use tracing::Level;

use super::reader::{Item, Table};
use super::rooms::deserialize;
use crate::secret::{SecretAt, SecretError};
use crate::telemetry::{LogFormat, OtlpSettings, Settings};

/// Headers of a request to the tracing server.
const HEADERS_MAX: usize = 32;

/// What the host says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetrySettings {
    /// Shape of the log lines.
    pub format: LogFormat,
    /// From which level on lines are written.
    pub level: Level,
    /// The tracing server.
    pub otlp: Option<OtlpAt>,
}

/// A tracing server.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpAt {
    /// Its address.
    pub endpoint: String,
    /// Headers of every request, and where their values are kept.
    pub headers: BTreeMap<String, SecretAt>,
    /// Who vouches for it; `None`: whom the system believes.
    pub ca_file: Option<PathBuf>,
    /// Share of traces that are sent, from 0 to 1.
    pub sample: f64,
    /// Up to which level spans are sent.
    pub level: Level,
    /// How long spans wait for others at most.
    pub every_ms: u64,
    /// How long it may take over a request.
    pub timeout_ms: u64,
    /// Most spans that wait.
    pub queue_max: usize,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: Level::INFO, otlp: None }
    }
}

impl TelemetrySettings {
    /// With the secrets fetched.
    ///
    /// # Errors
    /// Where one cannot be had.
    pub fn fetch(&self) -> Result<Settings, SecretError> {
        let otlp = self.otlp.as_ref().map(OtlpAt::fetch).transpose()?;
        Ok(Settings { format: self.format, level: self.level, otlp })
    }
}

impl OtlpAt {
    fn fetch(&self) -> Result<OtlpSettings, SecretError> {
        let header = |(name, at): (&String, &SecretAt)| Ok((name.clone(), at.fetch()?.reveal().to_owned()));
        Ok(OtlpSettings {
            endpoint: self.endpoint.clone(),
            headers: self.headers.iter().map(header).collect::<Result<_, SecretError>>()?,
            ca_file: self.ca_file.clone(),
            sample: self.sample,
            level: self.level,
            every_ms: self.every_ms,
            timeout_ms: self.timeout_ms,
            queue_max: self.queue_max,
        })
    }
}

/// Reads `[telemetry]`; relative paths start from `base`.
pub(super) fn read_telemetry(item: &Item<'_>, base: &Path) -> Option<TelemetrySettings> {
    const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    const LEVELS: [(&str, Level); 5] = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    let table = item.table()?;
    let format = table.get("log").and_then(|item| item.word(&FORMATS)).unwrap_or_default();
    let level = table.get("level").and_then(|item| item.word(&LEVELS)).unwrap_or(Level::INFO);
    let otlp = table.get("otlp").and_then(|item| read_otlp(item.table()?, base));
    table.finish();
    Some(TelemetrySettings { format, level, otlp })
}

/// `[telemetry.otlp]`.
fn read_otlp(table: Table<'_>, base: &Path) -> Option<OtlpAt> {
    const SPANS: [(&str, Level); 2] = [("turns", Level::INFO), ("targets", Level::DEBUG)];
    let endpoint =
        table.need("endpoint", "write endpoint = \"http://127.0.0.1:4318\"").and_then(|item| read_url(&item));
    let headers = table.get("headers").map(|item| read_headers(&item, base)).unwrap_or_default();
    let ca_file = table.get("ca_file").and_then(|item| item.line()).map(|file| base.join(file));
    let sample = table.get("sample").and_then(|item| item.share()).unwrap_or(1.0);
    let level = table.get("spans").and_then(|item| item.word(&SPANS)).unwrap_or(Level::INFO);
    let time = |key, range, default| table.get(key).and_then(|item| item.duration_ms(range)).unwrap_or(default);
    let every_ms = time("every", 100..=60_000, 5_000);
    let timeout_ms = time("timeout", 100..=60_000, 10_000);
    let queue_max = table.get("queue_max").and_then(|item| item.count(1..=1_000_000)).unwrap_or(8_192);
    table.finish();
    let queue_max = usize::try_from(queue_max).unwrap_or(usize::MAX);
    Some(OtlpAt { endpoint: endpoint?, headers, ca_file, sample, level, every_ms, timeout_ms, queue_max })
}

fn read_url(item: &Item<'_>) -> Option<String> {
    let text = item.line()?;
    let remedy = "write \"http://127.0.0.1:4318\"; tokens go into headers";
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            if !url.username().is_empty() || url.password().is_some() {
                item.complain("must hold no user and no password", remedy);
                return None;
            }
            Some(text)
        }
        _ => {
            item.complain(format!("{text:?} does not begin with http:// or https:// and a host"), remedy);
            None
        }
    }
}

fn read_headers(item: &Item<'_>, base: &Path) -> BTreeMap<String, SecretAt> {
    let Some(table) = item.table() else { return BTreeMap::new() };
    let entries = table.entries();
    if entries.len() > HEADERS_MAX {
        item.complain(format!("{} headers are more than {HEADERS_MAX}", entries.len()), "");
        return BTreeMap::new();
    }
    let read = |(name, item): &(String, Item<'_>)| {
        let at = match deserialize::<SecretAt>(item)? {
            SecretAt::File(file) => SecretAt::File(base.join(file)),
            at @ SecretAt::Env(_) => at,
        };
        Some((name.clone(), at))
    };
    entries.iter().filter_map(read).collect()
}
