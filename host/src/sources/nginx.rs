//! The source `nginx`: the counts of one nginx, from its `stub_status`.
//!
//! <https://nginx.org/en/docs/http/ngx_http_stub_status_module.html>. They are of the whole nginx, so each target that asks is told the
//! same. The page itself is one of the requests and one of the active connections.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::fetch::{FetchLimits, server_connect_timeout_ms, server_timeout_ms};
use super::server_page::ServerPage;
use super::{Ask, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::{Samples, Subject};

/// Most bytes of the page, which has about a hundred.
const PAGE_BYTES_MAX: usize = 4 << 10;

/// What can be asked of it. `accepts`, `handled` and `requests` are counters since nginx started: ask with `rate`.
const QUERIES: [&str; 8] = ["active", "accepts", "handled", "requests", "reading", "writing", "waiting", "dropped"];

/// `[source.NAME.nginx]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NginxSourceConfig {
    /// Where `stub_status` is: `http://127.0.0.1:8080/status`.
    pub url: String,
    /// Who vouches for the server, in PEM; `None`: whom the system believes. For `https://` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Time to connect.
    #[serde(default = "server_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for the page as a whole.
    #[serde(default = "server_timeout_ms")]
    pub timeout_ms: u64,
}

impl NginxSourceConfig {
    /// The defaults, for the page at this address.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ca_file: None,
            connect_timeout_ms: server_connect_timeout_ms(),
            timeout_ms: server_timeout_ms(),
        }
    }
}

/// One nginx.
#[derive(Debug)]
pub struct NginxSource {
    name: String,
    page: ServerPage,
}

impl NginxSource {
    /// A source that will ask at this address; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configured address.
    pub fn new(name: &str, config: &NginxSourceConfig) -> Result<Self, String> {
        let limits = FetchLimits {
            connect_timeout_ms: config.connect_timeout_ms,
            timeout_ms: config.timeout_ms,
            body_bytes_max: PAGE_BYTES_MAX,
        };
        let page = ServerPage::new(name, &config.url, limits, config.ca_file.as_deref())?;
        Ok(Self { name: name.to_owned(), page })
    }
}

#[async_trait]
impl Source for NginxSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "nginx"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        if spec.subject != Subject::Target {
            return Err(self.page.unsuited(spec, format!("it tells of targets, not of a {}", spec.subject)));
        }
        if QUERIES.contains(&spec.query.as_str()) {
            return Ok(());
        }
        let what = format!("there is no query {:?}; there are {}", spec.query, QUERIES.join(", "));
        Err(self.page.unsuited(spec, what))
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        self.check_reading(ask.spec)?;
        let page = self.page.page(ask.now_ms).await?;
        let counts = counts(&page.text).ok_or_else(|| self.page.bad("it is not stub_status's page".to_owned()))?;
        let value = QUERIES.iter().zip(counts).find(|(query, _)| **query == ask.spec.query).map(|(_, value)| value);
        let mut measurement = Measurement::default();
        for (asked, value) in ask.targets.iter().zip(value.into_iter().cycle()) {
            let samples = Samples::one(ask.now_ms, value);
            measurement.rows.push(Row { target: asked.target.id.clone(), owner: None, samples });
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        let page = self.page.page(0).await?;
        counts(&page.text).map(drop).ok_or_else(|| self.page.bad("it is not stub_status's page".to_owned()))
    }
}

/// The numbers of a page, in the order of [`QUERIES`].
fn counts(page: &str) -> Option<[f64; 8]> {
    let mut lines = page.lines().map(str::trim);
    let active = lines.next()?.strip_prefix("Active connections:")?.trim().parse().ok()?;
    if lines.next()? != "server accepts handled requests" {
        return None;
    }
    let [accepts, handled, requests] = numbers(lines.next()?)?;
    let mut words = lines.next()?.split_whitespace();
    let mut state = |name: &str| {
        let number = (words.next()? == name).then(|| words.next())??;
        number.parse::<u64>().ok().map(float)
    };
    let (reading, writing, waiting) = (state("Reading:")?, state("Writing:")?, state("Waiting:")?);
    Some([float(active), accepts, handled, requests, reading, writing, waiting, accepts - handled])
}

fn numbers(line: &str) -> Option<[f64; 3]> {
    let numbers: Option<Vec<f64>> = line.split_whitespace().map(|word| word.parse::<u64>().ok().map(float)).collect();
    numbers?.try_into().ok()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
