//! The source `traefik`: what one Traefik counts per service, entry point and router, from its Prometheus metrics.
//!
//! Traefik must have them on (`--metrics.prometheus=true`, `--metrics.prometheus.addServicesLabels=true`). Useful queries, with `rate`:
//! `traefik_service_requests_total{service="{target}@http"}`; without: `traefik_open_connections{entrypoint="web"}`. See `server_page` for
//! how a query is read. A counter that Traefik has not counted yet is not on its page: such a reading is absent, not zero.

pub use super::server_page::{PageConfig as TraefikSourceConfig, PageSource as TraefikSource};

/// A source that will ask at this address; nothing is sent yet.
///
/// # Errors
/// What is wrong with the configured address.
pub fn source(name: &str, config: &TraefikSourceConfig) -> Result<TraefikSource, String> {
    TraefikSource::new("traefik", name, config)
}
