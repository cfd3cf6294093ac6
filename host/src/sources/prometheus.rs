//! The source `prometheus`: queries to a Prometheus server, or to one that speaks like it (Thanos, Mimir, VictoriaMetrics).
//!
//! One query per reading, for all targets: a label of the answer says whose each series is. Without a look-back it asks for the
//! moment, with one for a range, so that a policy sees history from its first turn. A sample's time is the time at which the
//! server evaluated the query; the server itself drops a series that is no longer scraped.
//!
//! With `look_back = "remote-read"` a look-back is the samples as they were scraped, of series that the query selects.

mod answer;
mod remote_read;
mod selector;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod remote_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use self::answer::{Answer, Series};
use self::selector::{Matcher, Op};
use super::fetch::{
    Credentials, FetchError, FetchLimits, Fetcher, parse_url, server_connect_timeout_ms, server_timeout_ms,
};
use super::history::counter_rate;
use super::owners::Owners;
use super::{Ask, Gives, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::secret::SecretAt;
use crate::snapshot::{Samples, Subject};

/// Most points of a range; a server refuses more than 11,000.
const POINTS_MAX: u64 = 10_000;

/// Points of a look-back whose step nobody chose.
const POINTS_UNASKED: u64 = 60;

/// Least step.
const STEP_MS_MIN: u64 = 1_000;

/// `[source.NAME.prometheus]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Where its API is: `http://prometheus:9090`, with the prefix if it has one.
    pub url: String,
    /// The label that names the target, by its id or by its name without the driver's.
    #[serde(default = "default_target_label")]
    pub target_label: String,
    /// The label that names the instance, where a reading belongs to instances.
    #[serde(default = "default_instance_label")]
    pub instance_label: String,
    /// How the samples of a look-back are had.
    #[serde(default)]
    pub look_back: LookBack,
    /// Whether an answer is taken that the server itself calls incomplete. A sum over a part would read as a fall in load.
    #[serde(default)]
    pub partial_answers: bool,
    /// Who vouches for the server, in PEM; `None`: whom the system believes. For `https://` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The certificate, in PEM, that shows the server who we are; with `key_file`.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// A token for `Authorization: Bearer`.
    #[serde(default)]
    pub bearer_token: Option<SecretAt>,
    /// The user of basic authentication; with `password`.
    #[serde(default)]
    pub user: Option<String>,
    /// That user's password.
    #[serde(default)]
    pub password: Option<SecretAt>,
    /// Further headers of each request, as `X-Scope-OrgID` of Mimir; their values are secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretAt>,
    /// Time to connect.
    #[serde(default = "server_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for one query as a whole.
    #[serde(default = "server_timeout_ms")]
    pub timeout_ms: u64,
    /// Most bytes of an answer.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: usize,
}

/// How the samples of a look-back are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookBack {
    /// By a range query: what PromQL gives at each step.
    #[default]
    Range,
    /// By remote read: the samples as they were scraped. A query is a series selector then.
    RemoteRead,
}

impl PrometheusConfig {
    /// The defaults, for a server at this address.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            target_label: default_target_label(),
            instance_label: default_instance_label(),
            look_back: LookBack::default(),
            partial_answers: false,
            ca_file: None,
            cert_file: None,
            key_file: None,
            bearer_token: None,
            user: None,
            password: None,
            headers: BTreeMap::new(),
            connect_timeout_ms: server_connect_timeout_ms(),
            timeout_ms: server_timeout_ms(),
            body_bytes_max: default_body_bytes_max(),
        }
    }
}

impl PrometheusConfig {
    /// What its shape does not say: `key: what is wrong; the remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self.credentials().err().into_iter().collect();
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => complaints.push("cert_file: stands without key_file; write both or none".to_owned()),
            (None, Some(_)) => complaints.push("key_file: stands without cert_file; write both or none".to_owned()),
            _ => {}
        }
        complaints
    }

    /// Has relative files start from this folder.
    pub fn root_at(&mut self, base: &Path) {
        for file in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *file = base.join(&*file);
        }
        let secrets = [&mut self.bearer_token, &mut self.password].into_iter().flatten();
        secrets.chain(self.headers.values_mut()).for_each(|secret| secret.root_at(base));
    }

    fn credentials(&self) -> Result<Credentials, String> {
        let (token, password) = (self.bearer_token.as_ref(), self.password.as_ref());
        Credentials::new(token, self.user.as_deref(), password, &self.headers)
    }
}

fn default_target_label() -> String {
    "target".to_owned()
}

fn default_instance_label() -> String {
    "instance_id".to_owned()
}

fn default_body_bytes_max() -> usize {
    64 << 20
}

/// A Prometheus server.
#[derive(Debug)]
pub struct PrometheusSource {
    name: String,
    config: PrometheusConfig,
    fetcher: Fetcher,
    instant: Url,
    range: Url,
    read: Url,
}

impl PrometheusSource {
    /// A source that will ask this server; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configured address.
    pub fn new(name: &str, config: PrometheusConfig) -> Result<Self, String> {
        let base = parse_url(&config.url)?;
        let at = |path: &str| {
            let mut url = base.clone();
            url.set_path(&format!("{}/api/v1/{path}", base.path().trim_end_matches('/')));
            url.set_query(None);
            url
        };
        let limits = FetchLimits {
            connect_timeout_ms: config.connect_timeout_ms,
            timeout_ms: config.timeout_ms,
            body_bytes_max: config.body_bytes_max,
        };
        let shown = match (&config.cert_file, &config.key_file) {
            (Some(cert), Some(key)) => Some((cert.as_path(), key.as_path())),
            (None, None) => None,
            _ => return Err("one of cert_file and key_file is missing; write both or none".to_owned()),
        };
        let credentials = config.credentials()?;
        let fetcher = Fetcher::known(limits, config.ca_file.as_deref(), shown, credentials)?;
        let (instant, range, read) = (at("query"), at("query_range"), at("read"));
        Ok(Self { name: name.to_owned(), config, fetcher, instant, range, read })
    }

    async fn query(&self, query: &str, look_back_ms: u64, step_ms: u64, now_ms: u64) -> Result<Answer, SourceError> {
        let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let mut url = if look_back_ms == 0 { self.instant.clone() } else { self.range.clone() };
        {
            let mut form = url.query_pairs_mut();
            form.append_pair("query", query).append_pair("timeout", &format!("{}ms", self.config.timeout_ms));
            if look_back_ms == 0 {
                form.append_pair("time", &seconds(now_ms));
            } else {
                // Whole steps back from now, so that the newest point is of now.
                let begin_ms = now_ms.saturating_sub(look_back_ms / step_ms.max(1) * step_ms);
                form.append_pair("start", &seconds(begin_ms));
                form.append_pair("end", &seconds(now_ms));
                form.append_pair("step", &seconds(step_ms));
            }
        }
        let body = self.fetcher.post_form(url).await.map_err(|error| self.failed(error))?;
        Answer::read(&body).map_err(|what| self.bad(what))
    }

    /// The samples of a look-back as they were scraped, or of a counter its rates between them.
    async fn remote_read(&self, spec: &ReadingSpec, now_ms: u64) -> Result<Answer, SourceError> {
        let matchers = selector::parse(&spec.query).map_err(|what| self.bad(what))?;
        let mut series = self.read(matchers, now_ms.saturating_sub(spec.look_back_ms), now_ms).await?;
        if spec.rate {
            series.iter_mut().for_each(to_rates);
        }
        Ok(Answer { series, warnings: Vec::new() })
    }

    async fn read(&self, matchers: Vec<Matcher>, start_ms: u64, end_ms: u64) -> Result<Vec<Series>, SourceError> {
        let body = remote_read::request(matchers, start_ms, end_ms).map_err(|what| self.bad(what))?;
        let answer = self.fetcher.post(self.read.clone(), &remote_read::HEADERS, body).await;
        let answer = answer.map_err(|error| self.failed(error))?;
        remote_read::read(&answer, self.config.body_bytes_max).map_err(|what| self.bad(what))
    }

    fn reads_remotely(&self, spec: &ReadingSpec) -> bool {
        self.config.look_back == LookBack::RemoteRead && spec.look_back_ms > 0
    }

    fn failed(&self, error: FetchError) -> SourceError {
        match error {
            FetchError::Status { status, body } => self.bad(answer::refusal(status, &body)),
            large @ FetchError::Large(_) => self.bad(large.to_string()),
            error => SourceError::Unreachable { name: self.name.clone(), what: error.to_string() },
        }
    }

    fn bad(&self, what: String) -> SourceError {
        SourceError::BadAnswer { name: self.name.clone(), what }
    }

    fn step_ms(spec: &ReadingSpec) -> u64 {
        match spec.step_ms {
            0 => (spec.look_back_ms / POINTS_UNASKED).max(STEP_MS_MIN).min(spec.look_back_ms.max(1)),
            step_ms => step_ms,
        }
    }
}

#[async_trait]
impl Source for PrometheusSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "prometheus"
    }

    fn gives(&self) -> Gives {
        Gives { ranges: true, rates: true }
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        let points = spec.look_back_ms / Self::step_ms(spec).max(1);
        let remotely = self.reads_remotely(spec);
        let what = if spec.query.trim().is_empty() {
            "there is no query; write one in PromQL".to_owned()
        } else if let Some(why) = selector::parse(&spec.query).err().filter(|_| remotely) {
            format!(
                "remote read takes a series alone, as `name{{label=\"value\"}}`: {why}; or set look_back = \"range\""
            )
        } else if spec.rate && !remotely {
            "`rate` is for sources that give counters; write rate(…[1m]) in the query".to_owned()
        } else if points > POINTS_MAX && !remotely {
            format!("{points} points are more than {POINTS_MAX}; lengthen `step` or shorten the look-back")
        } else if !matches!(spec.subject, Subject::Target | Subject::Instance) && spec.label.is_none() {
            format!("say in `label` which label of the answer names the {}", spec.subject)
        } else {
            return Ok(());
        };
        Err(SourceError::Reading { reading: spec.name.as_ref().to_owned(), name: self.name.clone(), what })
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let spec = ask.spec;
        let answer = match self.reads_remotely(spec) {
            true => self.remote_read(spec, ask.now_ms).await?,
            false => self.query(&spec.query, spec.look_back_ms, Self::step_ms(spec), ask.now_ms).await?,
        };
        if let Some(warning) = answer.incomplete().filter(|_| !self.config.partial_answers) {
            return Err(self.bad(format!("it is incomplete: {warning}")));
        }
        let mut measurement = Measurement::default();
        for warning in &answer.warnings {
            measurement.failed.push(("warning".to_owned(), warning.clone()));
        }
        let owners = Owners::new(ask, &self.config.target_label, &self.config.instance_label);
        for mut series in answer.series {
            let Some(found) = owners.of(&series.labels) else { continue };
            let readable = series.unreadable.take().map_or(Ok(()), Err);
            match readable.and(found) {
                Ok((target, owner)) => {
                    let Series { times_ms, values, .. } = series;
                    measurement.rows.push(Row { target, owner, samples: Samples::Numbers { times_ms, values } });
                }
                Err(why) => measurement.failed.push((series.name(), why)),
            }
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        let now_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let answer = self.query("vector(1)", 0, 0, now_ms).await?;
        match answer.series.as_slice() {
            [one] if one.values == [1.0] => {}
            _ => return Err(self.bad("vector(1) is not 1".to_owned())),
        }
        if self.config.look_back == LookBack::RemoteRead {
            let nothing = Matcher { name: "__name__".to_owned(), op: Op::Equal, value: "trimtab_check".to_owned() };
            self.read(vec![nothing], now_ms, now_ms).await?;
        }
        Ok(())
    }
}

/// Growth per second between two samples, at the later's time.
fn to_rates(series: &mut Series) {
    let mut base = None;
    let samples = std::mem::take(&mut series.times_ms).into_iter().zip(std::mem::take(&mut series.values));
    for (at_ms, value) in samples.filter(|(_, value)| value.is_finite()) {
        let next = counter_rate(base, at_ms, value);
        base = Some(next);
        if let Some(rate) = next.rate {
            series.times_ms.push(at_ms);
            series.values.push(rate);
        }
    }
}
