//! The source `envoy`: what one Envoy counts per cluster and listener, from its Prometheus metrics.
//!
//! Useful queries: `envoy_cluster_upstream_rq_active{envoy_cluster_name="{target}"}`, and with `rate`
//! `envoy_cluster_upstream_rq_total{envoy_cluster_name="{target}"}`. See `server_page` for how a query is read.

pub use super::server_page::{PageConfig as EnvoySourceConfig, PageSource as EnvoySource};

/// A source that will ask at this address; nothing is sent yet.
///
/// # Errors
/// What is wrong with the configured address.
pub fn source(name: &str, config: &EnvoySourceConfig) -> Result<EnvoySource, String> {
    EnvoySource::new("envoy", name, config)
}
