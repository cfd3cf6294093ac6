//! The source `envoy`: what one Envoy counts per cluster and listener, from its Prometheus metrics.
//!
//! Useful queries: `envoy_cluster_upstream_rq_active{envoy_cluster_name="{target}"}`, and with `rate`
//! `envoy_cluster_upstream_rq_total{envoy_cluster_name="{target}"}`. See `server_page` for how a query is read.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::fetch::{FetchLimits, server_connect_timeout_ms, server_timeout_ms};
use super::server_page::ServerPage;
use super::{Ask, Gives, Measurement, ReadingSpec, Source, SourceError};

/// `[source.NAME.envoy]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvoySourceConfig {
    /// Its metrics, at its admin address: `http://127.0.0.1:9901/stats/prometheus`.
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

impl EnvoySourceConfig {
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

/// One Envoy.
#[derive(Debug)]
pub struct EnvoySource {
    name: String,
    page: ServerPage,
}

impl EnvoySource {
    /// A source that will ask at this address; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configured address.
    pub fn new(name: &str, config: &EnvoySourceConfig) -> Result<Self, String> {
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
impl Source for EnvoySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "envoy"
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
