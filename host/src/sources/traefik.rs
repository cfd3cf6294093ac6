//! The source `traefik`: what one Traefik counts per service, entry point and router, from its Prometheus metrics.
//!
//! Traefik must have them on (`--metrics.prometheus=true`, `--metrics.prometheus.addServicesLabels=true`). Useful queries, with `rate`:
//! `traefik_service_requests_total{service="{target}@http"}`; without: `traefik_open_connections{entrypoint="web"}`. See `server_page` for
//! how a query is read. A counter that Traefik has not counted yet is not on its page: such a reading is absent, not zero.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::fetch::{FetchLimits, server_connect_timeout_ms, server_timeout_ms};
use super::server_page::ServerPage;
use super::{Ask, Gives, Measurement, ReadingSpec, Source, SourceError};

/// `[source.NAME.traefik]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraefikSourceConfig {
    /// Its metrics: `http://127.0.0.1:8080/metrics`.
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

impl TraefikSourceConfig {
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

/// One Traefik.
#[derive(Debug)]
pub struct TraefikSource {
    name: String,
    page: ServerPage,
}

impl TraefikSource {
    /// A source that will ask at this address; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configured address.
    pub fn new(name: &str, config: &TraefikSourceConfig) -> Result<Self, String> {
        let limits = FetchLimits {
            connect_timeout_ms: config.connect_timeout_ms,
            timeout_ms: config.timeout_ms,
            body_bytes_max: config.body_bytes_max,
        };
        let page = ServerPage::new(name, &config.url, limits, config.ca_file.as_deref())?;
        Ok(Self { name: name.to_owned(), page })
    }
}

#[async_trait]
impl Source for TraefikSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "traefik"
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
