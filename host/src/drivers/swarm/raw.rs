//! The engine's API as the engine's own JSON, over HTTP.
//!
//! An update replaces a service's whole specification, so whatever a client does not know is lost by it. bollard's structs do not
//! know all: they read `HealthCheck` where the engine says `Healthcheck`. So what is written back is what was read, untyped. Lists
//! come as JSON, too, so that one service that nobody can read does not take the others with it.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

use super::SwarmConfig;
use crate::causes::{on_one_line, root_cause};

/// Most bytes of a list: 100,000 tasks take some 2 KiB each, and a swarm of half of that is the largest that anybody has shown.
const LIST_BYTES_MAX: usize = 256 << 20;
/// Most bytes of one thing. Configurations and secrets, half a MiB each, are named in a service and not part of it.
const ONE_BYTES_MAX: usize = 8 << 20;
/// Most characters of a refusal that are passed on.
const MESSAGE_CHARS_MAX: usize = 500;

/// A client of one engine, for one call or a few: certificates are read anew for each, and no connection grows old.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    client: Client,
    base: Url,
    timeout_ms: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RawError {
    /// The engine says no.
    #[error("{message}")]
    Answer { status: u16, message: String },
    /// There is no client, for what the settings name cannot be used.
    #[error("{0}")]
    Settings(String),
    /// Nobody is there, or the connection broke.
    #[error("{0}")]
    Broken(String),
    #[error("no answer within {0} ms")]
    TimedOut(u64),
    #[error("the answer is longer than {0} bytes")]
    Large(usize),
    #[error("the answer is not what an engine says: {0}")]
    Strange(String),
}

impl Raw {
    /// A client of the engine at this address. Nothing is sent yet.
    pub(super) fn new(address: &str, config: &SwarmConfig) -> Result<Self, RawError> {
        let settings = |what: &dyn std::fmt::Display| RawError::Settings(what.to_string());
        let timeout_ms = config.timeout.0;
        let builder = Client::builder().timeout(Duration::from_millis(timeout_ms)).no_proxy();
        let (builder, base) = match (address.split_once("://"), config.tls_files()) {
            (Some(("tcp", place)), Some((ca, cert, key))) => {
                let builder = crate::tls::believing(builder, Some(ca)).map_err(|error| settings(&error))?;
                let builder = crate::tls::showing(builder, cert, key).map_err(|error| settings(&error))?;
                (builder, format!("https://{place}"))
            }
            (Some(("tcp", place)), None) => (plain(builder), format!("http://{place}")),
            (Some((_, path)), _) => (plain(builder).unix_socket(Path::new(path)), "http://engine".to_owned()),
            (None, _) => return Err(settings(&format!("{address} is no address"))),
        };
        let base = base.parse().map_err(|error| settings(&format!("{address} is no address: {error}")))?;
        Ok(Self { client: builder.build().map_err(|error| settings(&root_cause(&error)))?, base, timeout_ms })
    }

    /// What the engine says of itself.
    pub(super) async fn info(&self) -> Result<Value, RawError> {
        self.one(self.client.get(self.url(&["info"]))).await
    }

    /// `services`, `tasks` or `nodes`; those that match the filters, in the API's own form.
    pub(super) async fn list(&self, what: &str, filters: &Value) -> Result<Vec<Value>, RawError> {
        let mut url = self.url(&[what]);
        url.query_pairs_mut().append_pair("filters", &filters.to_string());
        match self.answer(self.client.get(url), LIST_BYTES_MAX).await? {
            Value::Array(list) => Ok(list),
            // So an engine says that there are none.
            Value::Null => Ok(Vec::new()),
            _ => Err(RawError::Strange(format!("its {what} are no list"))),
        }
    }

    /// One service; `None` if there is none.
    pub(super) async fn service(&self, name: &str) -> Result<Option<Value>, RawError> {
        match self.one(self.client.get(self.url(&["services", name]))).await {
            Err(RawError::Answer { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Replaces a service's specification at this version; returns the manager's warnings. Credentials for the image stay the
    /// service's own.
    pub(super) async fn update(&self, id: &str, version: u64, spec: &Value) -> Result<Vec<String>, RawError> {
        let mut url = self.url(&["services", id, "update"]);
        url.query_pairs_mut().append_pair("version", &version.to_string()).append_pair("registryAuthFrom", "spec");
        let body = spec.to_string();
        let said = self.one(self.client.post(url).header("content-type", "application/json").body(body)).await?;
        let warnings = said.get("Warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(warnings.iter().filter_map(|warning| warning.as_str().map(str::to_owned)).collect())
    }

    /// What the engine measures of one of its containers, without its second of waiting.
    pub(super) async fn stats(&self, container: &str) -> Result<Value, RawError> {
        let mut url = self.url(&["containers", container, "stats"]);
        url.query_pairs_mut().append_pair("stream", "false").append_pair("one-shot", "true");
        self.one(self.client.get(url)).await
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        url
    }

    async fn one(&self, request: RequestBuilder) -> Result<Value, RawError> {
        self.answer(request, ONE_BYTES_MAX).await
    }

    async fn answer(&self, request: RequestBuilder, bytes_max: usize) -> Result<Value, RawError> {
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => RawError::TimedOut(self.timeout_ms),
            false => RawError::Broken(root_cause(&error)),
        };
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > bytes_max {
                return Err(RawError::Large(bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            if body.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_slice(&body).map_err(|error| RawError::Strange(error.to_string()));
        }
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        let message = said.get("message").and_then(Value::as_str).unwrap_or(&text);
        let message = on_one_line(&message.trim()).chars().take(MESSAGE_CHARS_MAX).collect();
        Err(RawError::Answer { status: status.as_u16(), message })
    }
}

/// Without TLS. The client is not made without a provider all the same.
fn plain(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    crate::tls::ready();
    builder
}
