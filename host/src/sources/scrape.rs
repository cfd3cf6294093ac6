//! The source `scrape`: text exposition straight from the instances, without a metrics server.
//!
//! A query is a metric's name with label filters: `http_requests_total{code="200"}`. Matching series of an instance are summed;
//! with `rate`, each series becomes a rate first, so that a restarted instance cannot turn the sum around. A reading of the
//! target is the sum over its instances, and only if every one that may be serving has answered: a partial sum would read as a
//! fall in load. Each instance is asked once per turn, however many readings look at it.

pub(super) mod exposition;
mod pages;
pub(super) mod rates;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use self::exposition::{Query, Sum};
use self::pages::Pages;
use self::rates::Rates;
use super::fetch::{FetchLimits, Fetcher};
use super::{Ask, AskTarget, Gives, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::{Instance, Phase, Samples, Subject};

/// Instances named in one complaint about a target.
const NAMED_MAX: usize = 3;

/// `[source.NAME.scrape]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapeConfig {
    /// Path of the exposition at each instance's address.
    #[serde(default = "default_path")]
    pub path: String,
    /// Whether instances speak TLS. Their certificates must then name the addresses at which they are asked.
    #[serde(default)]
    pub https: bool,
    /// Who vouches for the instances, in PEM; `None`: whom the system believes. For `https` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Instances asked at once.
    #[serde(default = "default_at_once_max")]
    pub at_once_max: usize,
    /// Time to connect to an instance.
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for one instance's answer as a whole.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// Time for all instances of one reading; those not heard of then are left out. Less than a turn's time for a source.
    #[serde(default = "default_all_timeout_ms")]
    pub all_timeout_ms: u64,
    /// Most bytes of one instance's answer.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: usize,
}

impl Default for ScrapeConfig {
    fn default() -> Self {
        Self {
            path: default_path(),
            https: false,
            ca_file: None,
            at_once_max: default_at_once_max(),
            connect_timeout_ms: default_connect_timeout_ms(),
            timeout_ms: default_timeout_ms(),
            all_timeout_ms: default_all_timeout_ms(),
            body_bytes_max: default_body_bytes_max(),
        }
    }
}

fn default_path() -> String {
    "/metrics".to_owned()
}

fn default_at_once_max() -> usize {
    32
}

fn default_connect_timeout_ms() -> u64 {
    500
}

fn default_timeout_ms() -> u64 {
    2_000
}

fn default_all_timeout_ms() -> u64 {
    4_000
}

fn default_body_bytes_max() -> usize {
    8 << 20
}

/// The instances themselves.
#[derive(Debug)]
pub struct ScrapeSource {
    name: String,
    config: ScrapeConfig,
    pages: Pages,
    rates: Mutex<Rates>,
}

/// What one instance told.
type Told<'a> = (&'a Instance, Result<(u64, f64), String>);

impl ScrapeSource {
    /// A source that will ask instances at their addresses.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(name: &str, config: ScrapeConfig) -> Result<Self, String> {
        if !config.path.starts_with('/') {
            return Err(format!("path {:?} does not begin with a slash", config.path));
        }
        let limits = FetchLimits {
            connect_timeout_ms: config.connect_timeout_ms,
            timeout_ms: config.timeout_ms,
            body_bytes_max: config.body_bytes_max,
        };
        let fetcher = Fetcher::new(limits, config.ca_file.as_deref())?;
        let scheme = if config.https { "https" } else { "http" };
        let pages = Pages::new(fetcher, scheme, config.path.clone());
        Ok(Self { name: name.to_owned(), config, pages, rates: Mutex::default() })
    }

    fn query<'a>(&self, spec: &'a ReadingSpec) -> Result<Query<'a>, SourceError> {
        let unsuited = |what: String| SourceError::Reading {
            reading: spec.name.as_ref().to_owned(),
            name: self.name.clone(),
            what,
        };
        if !matches!(spec.subject, Subject::Target | Subject::Instance) {
            return Err(unsuited(format!("it tells of targets and instances, not of a {}", spec.subject)));
        }
        Query::parse(&spec.query).map_err(unsuited)
    }

    /// What each instance of each target told, in their order. Those not heard of in time say so.
    async fn ask_all<'a>(&self, ask: &Ask<'a>, query: &Query<'_>) -> Vec<Vec<Told<'a>>> {
        let deadline = Instant::now() + Duration::from_millis(self.config.all_timeout_ms);
        let mut told: Vec<Vec<Told<'a>>> = ask.targets.iter().map(|asked| late(asked.instances)).collect();
        let mut all = Vec::new();
        for (at, asked) in ask.targets.iter().enumerate() {
            for (place, instance) in asked.instances.iter().enumerate() {
                all.push(async move { (at, place, self.ask(ask, query, instance).await) }.boxed());
            }
        }
        let mut answers = stream::iter(all).buffer_unordered(self.config.at_once_max.max(1));
        while let Ok(Some((at, place, sum))) = timeout_at(deadline, answers.next()).await {
            let (Some(asked), Some(told)) = (ask.targets.get(at), told.get_mut(at)) else { continue };
            if let Some((instance, slot)) = told.get_mut(place) {
                *slot = sum.and_then(|sum| self.value(ask, asked, instance, &sum));
            }
        }
        told
    }

    async fn ask(&self, ask: &Ask<'_>, query: &Query<'_>, instance: &Instance) -> Result<Sum, String> {
        let address = instance.address.as_deref().ok_or("it has no address")?;
        let page = self.pages.page(address, query.name(), ask.now_ms).await?;
        let mut sum = query.sum(&page.text)?;
        sum.read_ms = page.read_ms;
        Ok(sum)
    }

    fn value(
        &self,
        ask: &Ask<'_>,
        asked: &AskTarget<'_>,
        instance: &Instance,
        sum: &Sum,
    ) -> Result<(u64, f64), String> {
        if !ask.spec.rate {
            return Ok((sum.at_ms.unwrap_or(ask.now_ms), sum.value()));
        }
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = rates.rate(&asked.target.id, instance, ask.spec, sum);
        rate.map(|rate| (ask.now_ms, rate)).ok_or_else(|| "its counter was seen for the first time".to_owned())
    }
}

#[async_trait]
impl Source for ScrapeSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "scrape"
    }

    fn gives(&self) -> Gives {
        Gives { ranges: false, rates: true }
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        let query = self.query(spec)?;
        self.pages.remember(query.name());
        Ok(())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let query = self.query(ask.spec)?;
        self.pages.remember(query.name());
        let told = self.ask_all(ask, &query).await;
        if ask.spec.rate {
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            rates.turned(ask);
        }
        let mut measurement = Measurement::default();
        for (asked, told) in ask.targets.iter().zip(told) {
            match ask.spec.subject {
                Subject::Instance => each(asked, told, &mut measurement),
                _ => sum(asked, &told, &mut measurement),
            }
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        // There is no server of its own; whether instances answer shows in each turn.
        Ok(())
    }
}

fn late(instances: &[Instance]) -> Vec<Told<'_>> {
    instances.iter().map(|instance| (instance, Err("it was not heard of in time".to_owned()))).collect()
}

fn each(asked: &AskTarget<'_>, told: Vec<Told<'_>>, measurement: &mut Measurement) {
    for (instance, value) in told {
        match value {
            Ok((at_ms, value)) => measurement.rows.push(Row {
                target: asked.target.id.clone(),
                owner: Some(instance.id.clone()),
                samples: Samples::one(at_ms, value),
            }),
            Err(why) if may_serve(instance) => {
                measurement.failed.push((format!("{} of {}", instance.id, asked.target.id), why));
            }
            Err(_) => {}
        }
    }
}

/// The sum over all instances that may be serving; nothing if one of them is missing.
fn sum(asked: &AskTarget<'_>, told: &[Told<'_>], measurement: &mut Measurement) {
    let missing: Vec<_> = told
        .iter()
        .filter(|(instance, value)| value.is_err() && may_serve(instance))
        .filter_map(|(instance, value)| value.as_ref().err().map(|why| (&instance.id, why)))
        .collect();
    if !missing.is_empty() {
        let named: Vec<_> = missing.iter().take(NAMED_MAX).map(|(id, why)| format!("{id}: {why}")).collect();
        let more = missing.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let what =
            format!("no sum, {} of {} instances are missing: {}{more}", missing.len(), told.len(), named.join("; "));
        measurement.failed.push((asked.target.id.to_string(), what));
        return;
    }
    let values: Vec<_> = told.iter().filter_map(|(_, value)| value.as_ref().ok()).collect();
    if let Some(oldest_ms) = values.iter().map(|(at_ms, _)| *at_ms).min() {
        let total = values.iter().map(|(_, value)| value).sum();
        let samples = Samples::one(oldest_ms, total);
        measurement.rows.push(Row { target: asked.target.id.clone(), owner: None, samples });
    }
}

/// Whether an instance that does not answer may be doing work that the sum would miss. A lost one may: we only do not hear of it.
fn may_serve(instance: &Instance) -> bool {
    match instance.phase {
        Phase::Unknown | Phase::Ready | Phase::Unready | Phase::Draining | Phase::Lost => true,
        Phase::Pending | Phase::Starting | Phase::Stopping | Phase::Stopped | Phase::Failed => false,
    }
}
