//! Services as the manager's own JSON, read and written back.
//!
//! An update replaces the whole specification, so whatever a client does not know is lost by it. bollard's structs do not know
//! all: they read `HealthCheck` where the engine says `Healthcheck`. So what is written back is what was read, untyped.

use std::time::Duration;

use reqwest::{Client, Identity, RequestBuilder, Url};
use serde_json::Value;

use super::SwarmConfig;

/// A client for one call or two.
#[derive(Debug)]
pub(super) struct Raw {
    client: Client,
    base: Url,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RawError {
    #[error("{message}")]
    Answer { status: u16, message: String },
    #[error("the client could not be made: {0}")]
    Client(String),
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
}

impl Raw {
    pub(super) fn new(config: &SwarmConfig) -> Result<Self, RawError> {
        let client = |what: &dyn std::fmt::Display| RawError::Client(what.to_string());
        let builder = Client::builder().timeout(Duration::from_millis(config.timeout.0)).no_proxy();
        let (ca, identity) = match config.tls_files() {
            None => (None, None),
            Some((ca, cert, key)) => {
                let read = |path: &std::path::Path| {
                    std::fs::read(path).map_err(|error| client(&format!("{}: {error}", path.display())))
                };
                let pem = [read(cert)?, read(key)?].join(&b'\n');
                (Some(ca), Some(Identity::from_pem(&pem)?))
            }
        };
        let builder = crate::tls::believing(builder, ca).map_err(|error| client(&error))?;
        let builder = identity.into_iter().fold(builder, |builder, identity| builder.identity(identity));
        let (builder, base) = match config.host.split_once("://") {
            Some(("tcp", address)) if ca.is_some() => (builder, format!("https://{address}")),
            Some(("tcp", address)) => (builder, format!("http://{address}")),
            Some((_, path)) => (builder.unix_socket(path), "http://engine".to_owned()),
            None => return Err(client(&"host names no address")),
        };
        let base = base.parse().map_err(|error| client(&error))?;
        Ok(Self { client: builder.build()?, base })
    }

    /// One service; `None` if there is none.
    pub(super) async fn service(&self, name: &str) -> Result<Option<Value>, RawError> {
        match answer(self.client.get(self.url(&["services", name]))).await {
            Err(RawError::Answer { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Replaces a service's specification at this version; returns the manager's warnings.
    pub(super) async fn update(&self, id: &str, version: u64, spec: &Value) -> Result<Vec<String>, RawError> {
        let mut url = self.url(&["services", id, "update"]);
        url.query_pairs_mut().append_pair("version", &version.to_string()).append_pair("registryAuthFrom", "spec");
        let body = spec.to_string();
        let request = self.client.post(url).header("content-type", "application/json").body(body);
        let said = answer(request).await?;
        let warnings = said.get("Warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(warnings.iter().filter_map(|warning| warning.as_str().map(str::to_owned)).collect())
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        url
    }
}

async fn answer(request: RequestBuilder) -> Result<Value, RawError> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(value);
    }
    let message = value.get("message").and_then(Value::as_str).map_or(text.as_str(), |message| message);
    Err(RawError::Answer { status: status.as_u16(), message: message.trim().to_owned() })
}
