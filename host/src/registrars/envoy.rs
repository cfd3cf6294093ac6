//! The registrar `envoy`: the endpoints of one cluster, discovered over REST from us or watched as a file.
//!
//! EDS, <https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol>. Over REST Envoy asks every `refresh_delay` and names
//! the version that it runs with, so that a change counts only when Envoy has taken it. Each endpoint carries its owner as metadata
//! (`trimtab`). A cluster with active health checks must set `ignore_health_on_host_removal`: else Envoy keeps sending to an
//! endpoint that was left out until its checks fail.

use std::net::SocketAddr;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents::{self, Dialect, Documents};
use super::listener::{Answers, Document};
use super::roster::{Change, Roster};
use super::{DrainState, Registrar, RegistrarError};
use crate::snapshot::TargetId;

/// What is discovered.
const TYPE_URL: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// `[registrar.NAME.envoy]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvoyConfig {
    /// Where Envoy asks (`POST /v3/discovery:endpoints`); port 0 takes a free one. This or `file`.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// The file of the cluster's `path_config_source`: ours alone, ending in `.yaml`.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The cluster, by its `service_name` or else its name.
    pub cluster: String,
    /// The targets whose instances are in it.
    pub serves: Vec<TargetId>,
    /// How long the requests under way have once Envoy has the change.
    #[serde(default = "documents::default_drain_ms")]
    pub drain_ms: u64,
}

impl EnvoyConfig {
    /// What is wrong that the shape does not say: `key: what`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> =
            documents::place(self.listen, self.file.as_deref()).err().into_iter().collect();
        if self.cluster.is_empty() {
            complaints.push("cluster: is empty".to_owned());
        }
        complaints
    }
}

/// A cluster of Envoy.
#[derive(Debug)]
pub struct EnvoyRegistrar {
    serves: Vec<TargetId>,
    documents: Documents<Cluster>,
}

impl EnvoyRegistrar {
    /// Takes up what was entered by the last run, which `kept` remembers, and begins to serve.
    ///
    /// # Errors
    /// Where the address cannot be bound or the file cannot be read.
    pub async fn open(name: &str, config: EnvoyConfig, kept: PathBuf) -> Result<Self, RegistrarError> {
        let refused = |what| RegistrarError::Refused { registrar: name.to_owned(), what };
        let place = documents::place(config.listen, config.file.as_deref()).map_err(refused)?;
        let cluster = Cluster { name: config.cluster };
        let documents = Documents::open(name, cluster, place, config.drain_ms, kept).await?;
        Ok(Self { serves: config.serves, documents })
    }

    /// Where it listens, with the port that it got; `None` where it writes a file.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.documents.address()
    }
}

#[async_trait]
impl Registrar for EnvoyRegistrar {
    fn name(&self) -> &str {
        self.documents.name()
    }

    fn kind(&self) -> &'static str {
        "envoy"
    }

    fn serves(&self, target: &TargetId) -> bool {
        self.serves.contains(target)
    }

    async fn entered(&self, target: &TargetId) -> Result<Vec<String>, RegistrarError> {
        self.documents.entered(target).await
    }

    async fn register(&self, target: &TargetId, instance: &str, address: &str) -> Result<(), RegistrarError> {
        self.documents.change(target, instance, Change::Enter(address.to_owned())).await
    }

    async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        self.documents.drain(target, instance).await
    }

    async fn undrain(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.documents.change(target, instance, Change::Undrain).await
    }

    async fn deregister(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.documents.change(target, instance, Change::TakeOut).await
    }

    async fn check(&self) -> Result<(), RegistrarError> {
        self.documents.check().await
    }
}

#[derive(Debug)]
struct Cluster {
    name: String,
}

impl Cluster {
    fn endpoint(target: &TargetId, instance: &str, address: &str) -> Option<Value> {
        let (host, port) = address.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let owner = json!({"target": target.to_string(), "instance": instance});
        Some(json!({
            "endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}},
            "metadata": {"filter_metadata": {"trimtab": owner}},
        }))
    }
}

impl Dialect for Cluster {
    fn document(&self, roster: &Roster) -> String {
        let endpoints: Vec<Value> = roster
            .serving()
            .filter_map(|(target, instance, address)| Self::endpoint(target, instance, address))
            .collect();
        let assignment =
            json!({"@type": TYPE_URL, "cluster_name": self.name, "endpoints": [{"lb_endpoints": endpoints}]});
        json!([assignment]).to_string()
    }

    fn file(&self, document: &str, _: u64) -> String {
        // JSON is YAML. No version: Envoy takes a file whenever it is replaced.
        format!("{{\"resources\":{document}}}\n")
    }
}

impl Answers for Cluster {
    fn answer(&self, document: &Document, _: &[u8]) -> String {
        let Document { version, text } = document;
        format!("{{\"version_info\":\"{version}\",\"type_url\":\"{TYPE_URL}\",\"resources\":{text}}}")
    }

    fn taken(&self, question: &[u8]) -> Option<u64> {
        let question: Value = serde_json::from_slice(question).unwrap_or_default();
        Some(question.get("version_info").and_then(Value::as_str).and_then(|version| version.parse().ok()).unwrap_or(0))
    }
}
