//! The registrar `traefik`: one service of Traefik's dynamic configuration, fetched from us or watched as a file.
//!
//! <https://doc.traefik.io/traefik/providers/http/>, <https://doc.traefik.io/traefik/providers/file/>. Routers are the operator's and
//! name the service `SERVICE@http` or `SERVICE@file`. Traefik looks every `pollInterval` (5 s) and takes changes at most every
//! `providersThrottleDuration` (2 s); `drain_ms` must be longer than the latter.

use std::net::SocketAddr;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::documents::{self, Dialect, Documents};
use super::listener::{Answers, Document};
use super::roster::{Change, Roster};
use super::{DrainState, Registrar, RegistrarError};
use crate::snapshot::TargetId;

/// `[registrar.NAME.traefik]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraefikConfig {
    /// Where Traefik's HTTP provider asks; port 0 takes a free one. This or `file`.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// The file that Traefik's file provider watches: ours alone, ending in `.yml` or `.yaml`.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The name of the service.
    pub service: String,
    /// The targets whose instances are in it.
    pub serves: Vec<TargetId>,
    /// Whether instances speak TLS.
    #[serde(default)]
    pub https: bool,
    /// How long the requests under way have once Traefik has the change.
    #[serde(default = "documents::default_drain_ms")]
    pub drain_ms: u64,
}

impl TraefikConfig {
    /// What is wrong that the shape does not say: `key: what`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> =
            documents::place(self.listen, self.file.as_deref()).err().into_iter().collect();
        if self.service.is_empty() || self.service.contains(['@', '"']) || self.service.contains(char::is_whitespace) {
            complaints.push("service: is not a name; it stands without `@http` or `@file`".to_owned());
        }
        complaints
    }
}

/// A service of Traefik.
#[derive(Debug)]
pub struct TraefikRegistrar {
    serves: Vec<TargetId>,
    documents: Documents<Service>,
}

impl TraefikRegistrar {
    /// Takes up what was entered by the last run, which `kept` remembers, and begins to serve.
    ///
    /// # Errors
    /// Where the address cannot be bound or the file cannot be read.
    pub async fn open(name: &str, config: TraefikConfig, kept: PathBuf) -> Result<Self, RegistrarError> {
        let refused = |what| RegistrarError::Refused { registrar: name.to_owned(), what };
        let place = documents::place(config.listen, config.file.as_deref()).map_err(refused)?;
        let service = Service { name: config.service, scheme: if config.https { "https" } else { "http" } };
        let documents = Documents::open(name, service, place, config.drain_ms, kept).await?;
        Ok(Self { serves: config.serves, documents })
    }

    /// Where it listens, with the port that it got; `None` where it writes a file.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.documents.address()
    }
}

#[async_trait]
impl Registrar for TraefikRegistrar {
    fn name(&self) -> &str {
        self.documents.name()
    }

    fn kind(&self) -> &'static str {
        "traefik"
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
struct Service {
    name: String,
    scheme: &'static str,
}

impl Dialect for Service {
    fn document(&self, roster: &Roster) -> String {
        let servers: Vec<_> =
            roster.serving().map(|(_, _, address)| json!({"url": format!("{}://{address}", self.scheme)})).collect();
        // `passHostHeader` is Traefik's default; without it a service of no servers would be an empty element, which it refuses.
        let balancer = json!({"passHostHeader": true, "servers": servers});
        json!({"http": {"services": {&self.name: {"loadBalancer": balancer}}}}).to_string()
    }

    fn file(&self, document: &str, _: u64) -> String {
        // JSON is YAML.
        format!("{document}\n")
    }
}

impl Answers for Service {
    fn answer(&self, document: &Document, _: &[u8]) -> String {
        document.text.clone()
    }

    fn taken(&self, _: &[u8]) -> Option<u64> {
        None
    }
}
