//! The registrar `envoy`: the endpoints of one cluster, discovered over REST from us or watched as a file.
//!
//! EDS, <https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol>. Over REST Envoy asks every `refresh_delay` and names
//! the version that it runs with, so that a change counts only when Envoy has taken it. Each endpoint carries its owner as metadata
//! (`trimtab`). A cluster with active health checks must set `ignore_health_on_host_removal`: else Envoy keeps sending to an
//! endpoint that was left out until its checks fail.
//!
//! With `admin`, a drained endpoint is first marked `DRAINING`, which Envoy honours but in its panic mode, and left out when
//! `rq_active` says that it has nothing more to do.

mod admin;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents::{self, Dialect, Documents, Opening, Place, PlaceKeys};
use super::listener::{Answers, Asked, Document};
use super::roster::Roster;
use super::sight;
use super::{DrainState, Registrar, RegistrarError};
use crate::secret::SecretAt;
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
    /// What a proxy must show to be answered: `Authorization: Bearer …`. Needed where others can reach `listen`.
    #[serde(default)]
    pub token: Option<SecretAt>,
    /// Answer whoever reaches `listen`, also without a token.
    #[serde(default)]
    pub allow_insecure: bool,
    /// The file of the cluster's `path_config_source`: ours alone, ending in `.yaml`.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The cluster, by its `service_name` or else its name.
    pub cluster: String,
    /// The targets whose instances are in it.
    pub serves: Vec<TargetId>,
    /// Where all Envoys that use the cluster have their admin interface: `http://127.0.0.1:9901`. Changes count when all show
    /// them, and drains end with the last request.
    #[serde(default)]
    pub admin: Vec<String>,
    /// How long the requests under way have once Envoy has the change, where `admin` does not tell that there are none.
    #[serde(default = "documents::default_drain_ms")]
    pub drain_ms: u64,
    /// Time for a change to be shown by `admin`.
    #[serde(default = "documents::default_timeout_ms")]
    pub timeout_ms: u64,
}

impl EnvoyConfig {
    /// The defaults, for these targets; `listen` or `file` is still to be set.
    #[must_use]
    pub fn new(cluster: &str, serves: Vec<TargetId>) -> Self {
        Self {
            listen: None,
            token: None,
            allow_insecure: false,
            file: None,
            cluster: cluster.to_owned(),
            serves,
            admin: Vec::new(),
            drain_ms: documents::default_drain_ms(),
            timeout_ms: documents::default_timeout_ms(),
        }
    }

    /// What is wrong that the shape does not say: `key: what`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self.place().err().into_iter().collect();
        complaints.extend(sight::complaint(&self.admin).map(|what| format!("admin: {what}")));
        if self.cluster.is_empty() {
            complaints.push("cluster: is empty".to_owned());
        }
        complaints
    }

    fn place(&self) -> Result<Place, String> {
        documents::place(PlaceKeys {
            listen: self.listen,
            token: self.token.as_ref(),
            allow_insecure: self.allow_insecure,
            file: self.file.as_deref(),
        })
    }

    /// Has relative files start from this folder.
    pub(crate) fn root_at(&mut self, base: &Path) {
        self.file.iter_mut().for_each(|file| *file = base.join(&*file));
        self.token.iter_mut().for_each(|token| token.root_at(base));
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
        let place = config.place().map_err(refused)?;
        let documents = Documents::open(Opening {
            name,
            dialect: Cluster { name: config.cluster, marks: !config.admin.is_empty() },
            place,
            shown_at: &config.admin,
            drain_ms: config.drain_ms,
            timeout_ms: config.timeout_ms,
            kept,
        })
        .await?;
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
        self.documents.register(target, instance, address).await
    }

    async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        self.documents.drain(target, instance).await
    }

    async fn undrain(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.documents.undrain(target, instance).await
    }

    async fn deregister(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.documents.deregister(target, instance).await
    }

    async fn check(&self) -> Result<(), RegistrarError> {
        self.documents.check().await
    }
}

#[derive(Debug)]
struct Cluster {
    name: String,
    /// Whether drained endpoints are marked before they are left out.
    marks: bool,
}

impl Cluster {
    fn endpoint(target: &TargetId, instance: &str, address: &str, drained: bool) -> Option<Value> {
        let (host, port) = address.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let owner = json!({"target": target.to_string(), "instance": instance});
        Some(json!({
            "endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}},
            "health_status": if drained { "DRAINING" } else { "HEALTHY" },
            "metadata": {"filter_metadata": {"trimtab": owner}},
        }))
    }
}

impl Dialect for Cluster {
    fn is_exact(&self) -> bool {
        self.marks
    }

    fn document(&self, roster: &Roster) -> String {
        let endpoints: Vec<Value> = roster
            .standing()
            .filter(|(_, _, _, drained)| self.marks || !drained)
            .filter_map(|(target, instance, address, drained)| Self::endpoint(target, instance, address, drained))
            .collect();
        let assignment =
            json!({"@type": TYPE_URL, "cluster_name": self.name, "endpoints": [{"lb_endpoints": endpoints}]});
        json!([assignment]).to_string()
    }

    fn file(&self, document: &str) -> String {
        // JSON is YAML. No version: Envoy takes a file whenever it is replaced.
        format!("{{\"resources\":{document}}}\n")
    }
}

/// What we read of a question: <https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto>.
#[derive(Debug, Default, Deserialize)]
struct Question {
    #[serde(default)]
    version_info: String,
    #[serde(default)]
    node: Node,
    error_detail: Option<ErrorDetail>,
}

#[derive(Debug, Default, Deserialize)]
struct Node {
    #[serde(default)]
    id: String,
}

#[derive(Debug, Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    message: String,
}

impl Answers for Cluster {
    fn is_question(&self, method: &Method, path: &str) -> bool {
        *method == Method::POST && path == "/v3/discovery:endpoints"
    }

    /// One that cannot be read has taken nothing.
    fn read(&self, question: &[u8]) -> Asked {
        let question: Question = serde_json::from_slice(question).unwrap_or_default();
        Asked {
            who: Some(question.node.id),
            taken: Some(question.version_info.parse().unwrap_or(0)),
            refuses: question.error_detail.map(|detail| detail.message),
        }
    }

    fn answer(&self, document: &Document) -> String {
        let Document { version, text } = document;
        format!("{{\"version_info\":\"{version}\",\"type_url\":\"{TYPE_URL}\",\"resources\":{text}}}")
    }
}
