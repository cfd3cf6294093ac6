//! The metrics page of one server that tells of many targets: a proxy, fetched once per turn.
//!
//! A query is as for the source `scrape`, and `{target}` in it stands for the target's name, `{driver}` for its driver's:
//! `traefik_service_requests_total{service="{target}@http"}`. Matching series are summed, counters become rates series by series.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as AsyncMutex;

use super::fetch::{FetchError, FetchLimits, Fetcher, parse_url, server_connect_timeout_ms, server_timeout_ms};
use super::scrape::exposition::Query;
use super::scrape::rates::Rates;
use super::{Ask, Gives, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::{Samples, Subject, TargetId};

/// What asks for text exposition.
const ACCEPT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

/// The name under which the server's own counters are kept beside those of instances. No instance has an empty one.
const SERVER: &str = "";

/// `[source.NAME.traefik]` and `[source.NAME.envoy]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageConfig {
    /// Where its metrics are: `http://127.0.0.1:8080/metrics`.
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
    /// Most bytes of the page.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: usize,
}

impl PageConfig {
    /// The defaults, for the page at this address.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ca_file: None,
            connect_timeout_ms: server_connect_timeout_ms(),
            timeout_ms: server_timeout_ms(),
            body_bytes_max: default_body_bytes_max(),
        }
    }
}

fn default_body_bytes_max() -> usize {
    32 << 20
}

/// A source of one proxy.
#[derive(Debug)]
pub struct PageSource {
    kind: &'static str,
    name: String,
    page: ServerPage,
}

impl PageSource {
    /// A source that will ask at this address; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configured address.
    pub(super) fn new(kind: &'static str, name: &str, config: &PageConfig) -> Result<Self, String> {
        let limits = FetchLimits {
            connect_timeout_ms: config.connect_timeout_ms,
            timeout_ms: config.timeout_ms,
            body_bytes_max: config.body_bytes_max,
        };
        let page = ServerPage::new(name, &config.url, limits, config.ca_file.as_deref())?;
        Ok(Self { kind, name: name.to_owned(), page })
    }
}

#[async_trait]
impl Source for PageSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn gives(&self) -> Gives {
        Gives { ranges: false, rates: true }
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        self.page.check_reading(spec)
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        self.page.measure(ask).await
    }

    async fn check(&self) -> Result<(), SourceError> {
        self.page.check().await
    }
}

/// The page.
#[derive(Debug)]
pub(super) struct ServerPage {
    name: String,
    url: Url,
    fetcher: Fetcher,
    /// The page of the last turn, or why there was none. Locked while it is fetched, so that one request serves all.
    last: AsyncMutex<Option<(u64, Fetched)>>,
    rates: Mutex<Rates>,
}

type Fetched = Result<Arc<Page>, Trouble>;

/// What was read, and when: the turn's time, and what had passed since it was asked for.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) text: String,
    read_ms: u64,
}

#[derive(Debug, Clone)]
enum Trouble {
    Unreachable(String),
    Bad(String),
}

impl ServerPage {
    pub(super) fn new(name: &str, url: &str, limits: FetchLimits, ca_file: Option<&Path>) -> Result<Self, String> {
        Ok(Self {
            name: name.to_owned(),
            url: parse_url(url)?,
            fetcher: Fetcher::new(limits, ca_file)?,
            last: AsyncMutex::default(),
            rates: Mutex::default(),
        })
    }

    pub(super) fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        if spec.subject != Subject::Target {
            return Err(self.unsuited(spec, format!("it tells of targets, not of a {}", spec.subject)));
        }
        let example = spec.query.replace("{target}", "x").replace("{driver}", "x");
        Query::parse(&example).map(drop).map_err(|what| self.unsuited(spec, what))
    }

    pub(super) async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        self.check_reading(ask.spec)?;
        let page = self.page(ask.now_ms).await?;
        let mut measurement = Measurement::default();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        for asked in ask.targets {
            let target = &asked.target.id;
            let query = about(&ask.spec.query, target);
            let value = Query::parse(&query).and_then(|query| query.sum(&page.text)).map(|mut sum| {
                if !ask.spec.rate {
                    return Some((sum.at_ms.unwrap_or(ask.now_ms), sum.value()));
                }
                sum.read_ms = page.read_ms;
                let rate = rates.rate_of(target, SERVER, None, ask.spec, &sum);
                rate.map(|rate| (ask.now_ms, rate))
            });
            match value {
                Ok(Some((at_ms, value))) => {
                    let samples = Samples::one(at_ms, value);
                    measurement.rows.push(Row { target: target.clone(), owner: None, samples });
                }
                // A counter seen for the first time says nothing yet.
                Ok(None) => {}
                Err(why) => measurement.failed.push((target.to_string(), why)),
            }
        }
        if ask.spec.rate {
            rates.turned_with(ask, Some(SERVER));
        }
        Ok(measurement)
    }

    /// The page of this turn.
    pub(super) async fn page(&self, now_ms: u64) -> Result<Arc<Page>, SourceError> {
        let mut last = self.last.lock().await;
        let fetched = match last.as_ref() {
            Some((at_ms, fetched)) if *at_ms == now_ms => fetched.clone(),
            _ => {
                let fetched = self.fetch(now_ms).await;
                *last = Some((now_ms, fetched.clone()));
                fetched
            }
        };
        fetched.map_err(|trouble| self.error(trouble))
    }

    pub(super) async fn check(&self) -> Result<(), SourceError> {
        self.fetch(0).await.map(drop).map_err(|trouble| self.error(trouble))
    }

    pub(super) fn unsuited(&self, spec: &ReadingSpec, what: String) -> SourceError {
        SourceError::Reading { reading: spec.name.as_ref().to_owned(), name: self.name.clone(), what }
    }

    pub(super) fn bad(&self, what: String) -> SourceError {
        self.error(Trouble::Bad(what))
    }

    async fn fetch(&self, now_ms: u64) -> Fetched {
        let began = Instant::now();
        let body = self.fetcher.get(self.url.clone(), ACCEPT).await.map_err(|error| match error {
            FetchError::Status { .. } | FetchError::Large(_) => Trouble::Bad(error.to_string()),
            FetchError::TimedOut(_) | FetchError::Unreachable(_) => Trouble::Unreachable(error.to_string()),
        })?;
        let text = String::from_utf8(body).map_err(|error| Trouble::Bad(format!("its answer is not text: {error}")))?;
        let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Arc::new(Page { text, read_ms: now_ms.saturating_add(waited_ms) }))
    }

    fn error(&self, trouble: Trouble) -> SourceError {
        let name = self.name.clone();
        match trouble {
            Trouble::Unreachable(what) => SourceError::Unreachable { name, what },
            Trouble::Bad(what) => SourceError::BadAnswer { name, what },
        }
    }
}

/// The query as it is meant for this target. Names hold no quotes and no backslashes.
fn about<'a>(query: &'a str, target: &TargetId) -> Cow<'a, str> {
    if query.contains("{target}") || query.contains("{driver}") {
        return Cow::Owned(query.replace("{target}", target.name()).replace("{driver}", target.driver()));
    }
    Cow::Borrowed(query)
}
