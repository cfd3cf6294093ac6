//! The source `http-json`: numbers and states from one JSON document.
//!
//! A reading's query is a JSON pointer (RFC 6901). With `{target}` or `{instance}` as one of its steps it tells many: in an object
//! the step is the key of that name, in an array it is the element whose field `name` (or what `label` says) has it. The document
//! is asked for once per turn, however many readings point into it.

mod pointer;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use self::pointer::Pointer;
use super::fetch::{FetchError, FetchLimits, Fetcher, parse_url, server_connect_timeout_ms, server_timeout_ms};
use super::{Ask, AskTarget, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::snapshot::{Samples, Subject};

/// Most bytes of a state; beyond it a text is no state.
const TEXT_BYTES_MAX: usize = 1_024;

/// `[source.NAME.http-json]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpJsonConfig {
    /// Where the document is.
    pub url: String,
    /// Who vouches for the server, in PEM; `None`: whom the system believes. For `https://` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Time to connect.
    #[serde(default = "server_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for the document as a whole.
    #[serde(default = "server_timeout_ms")]
    pub timeout_ms: u64,
    /// Most bytes of the document.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: usize,
}

impl HttpJsonConfig {
    /// The defaults, for the document at this address.
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
    16 << 20
}

/// A JSON document behind a URL.
#[derive(Debug)]
pub struct HttpJsonSource {
    name: String,
    fetcher: Fetcher,
    url: Url,
    /// The document of the last turn, or why there was none. Locked while it is fetched, so that one request serves all.
    last: Mutex<Option<(u64, Document)>>,
}

type Document = Result<Arc<Value>, Trouble>;

/// Why there is no document; kept for every reading of the turn.
#[derive(Debug, Clone)]
enum Trouble {
    Unreachable(String),
    Bad(String),
}

impl HttpJsonSource {
    /// A source that will ask for this document; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configured address.
    pub fn new(name: &str, config: &HttpJsonConfig) -> Result<Self, String> {
        let limits = FetchLimits {
            connect_timeout_ms: config.connect_timeout_ms,
            timeout_ms: config.timeout_ms,
            body_bytes_max: config.body_bytes_max,
        };
        let fetcher = Fetcher::new(limits, config.ca_file.as_deref())?;
        Ok(Self { name: name.to_owned(), fetcher, url: parse_url(&config.url)?, last: Mutex::default() })
    }

    async fn document(&self, now_ms: u64) -> Result<Arc<Value>, SourceError> {
        let mut last = self.last.lock().await;
        let document = match last.as_ref() {
            Some((at_ms, document)) if *at_ms == now_ms => document.clone(),
            _ => {
                let document = self.fetch().await;
                *last = Some((now_ms, document.clone()));
                document
            }
        };
        let name = self.name.clone();
        document.map_err(|trouble| match trouble {
            Trouble::Unreachable(what) => SourceError::Unreachable { name, what },
            Trouble::Bad(what) => SourceError::BadAnswer { name, what },
        })
    }

    async fn fetch(&self) -> Document {
        let body = self.fetcher.get(self.url.clone(), "application/json").await.map_err(|error| match error {
            FetchError::Status { .. } | FetchError::Large(_) => Trouble::Bad(error.to_string()),
            FetchError::TimedOut(_) | FetchError::Unreachable(_) => Trouble::Unreachable(error.to_string()),
        })?;
        let value = serde_json::from_slice(&body).map_err(|error| Trouble::Bad(format!("it is not JSON: {error}")))?;
        Ok(Arc::new(value))
    }

    fn pointer<'a>(&self, spec: &'a ReadingSpec) -> Result<Pointer<'a>, SourceError> {
        let unsuited = |what: String| SourceError::Reading {
            reading: spec.name.as_ref().to_owned(),
            name: self.name.clone(),
            what,
        };
        let pointer = Pointer::parse(&spec.query, spec.label.as_deref().unwrap_or("name")).map_err(unsuited)?;
        match spec.subject {
            Subject::Target if pointer.names_instance() => {
                Err(unsuited("`{instance}` stands in the pointer, and the reading is the target's".to_owned()))
            }
            Subject::Instance if !pointer.names_instance() => {
                Err(unsuited("the reading is of instances; write `{instance}` in the pointer".to_owned()))
            }
            Subject::Target | Subject::Instance => Ok(pointer),
            _ => Err(unsuited(format!("it tells of targets and instances, not of a {}", spec.subject))),
        }
    }
}

#[async_trait]
impl Source for HttpJsonSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "http-json"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        self.pointer(spec).map(|_| ())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let pointer = self.pointer(ask.spec)?;
        let document = self.document(ask.now_ms).await?;
        let mut measurement = Measurement::default();
        for asked in ask.targets {
            for owner in owners(ask.spec, asked) {
                let found = pointer.find(&document, &asked.target.id, owner);
                match found.map(|value| samples(value, ask.now_ms)) {
                    None | Some(Ok(None)) => {}
                    Some(Ok(Some(samples))) => measurement.rows.push(Row {
                        target: asked.target.id.clone(),
                        owner: owner.map(str::to_owned),
                        samples,
                    }),
                    Some(Err(what)) => {
                        let of = owner.map_or_else(|| asked.target.id.to_string(), str::to_owned);
                        measurement.failed.push((of, what));
                    }
                }
            }
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        let name = self.name.clone();
        match self.fetch().await {
            Ok(_) => Ok(()),
            Err(Trouble::Unreachable(what)) => Err(SourceError::Unreachable { name, what }),
            Err(Trouble::Bad(what)) => Err(SourceError::BadAnswer { name, what }),
        }
    }
}

/// Who is to be looked for in one target: itself, or each of its instances.
fn owners<'a>(spec: &ReadingSpec, asked: &AskTarget<'a>) -> Vec<Option<&'a str>> {
    match spec.subject {
        Subject::Instance => asked.instances.iter().map(|instance| Some(instance.id.as_str())).collect(),
        _ => vec![None],
    }
}

/// A number is a measurement, a text or a truth value a state, null nothing.
fn samples(value: &Value, now_ms: u64) -> Result<Option<Samples>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => return Ok(number.as_f64().map(|number| Samples::one(now_ms, number))),
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            return Err(format!("a text of {} bytes is no state", text.len()));
        }
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(_) => return Err("there is a list, not a number".to_owned()),
        Value::Object(_) => return Err("there is an object, not a number".to_owned()),
    };
    Ok(Some(Samples::Texts { times_ms: vec![now_ms], texts: vec![text] }))
}
