//! The registrar `traefik`: one service of Traefik's dynamic configuration, fetched from us or watched as a file.
//!
//! <https://doc.traefik.io/traefik/providers/http/>, <https://doc.traefik.io/traefik/providers/file/>. Routers are the operator's and
//! name the service `SERVICE@http` or `SERVICE@file`. Traefik looks every `pollInterval` (5 s) and takes changes at most every
//! `providersThrottleDuration` (2 s); `drain_ms` must be longer than the latter, or `api` given, where Traefik shows what it uses.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use axum::http::Method;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::documents::{self, Dialect, Documents, Opening, Place, PlaceKeys};
use super::listener::{Answers, Asked, Document};
use super::roster::Roster;
use super::sight::{self, Server, Shows, Sight};
use super::{DrainState, Registrar, RegistrarError};
use crate::causes::on_one_line;
use crate::secret::SecretAt;
use crate::snapshot::TargetId;

/// `[registrar.NAME.traefik]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraefikConfig {
    /// Where Traefik's HTTP provider asks; port 0 takes a free one. This or `file`.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// What a proxy must show to be answered: `Authorization: Bearer …`. Needed where others can reach `listen`.
    #[serde(default)]
    pub token: Option<SecretAt>,
    /// Answer whoever reaches `listen`, also without a token.
    #[serde(default)]
    pub allow_insecure: bool,
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
    /// Where the APIs of all Traefiks are that use the service: `http://127.0.0.1:8080`. Changes count when all show them.
    #[serde(default)]
    pub api: Vec<String>,
    /// How long the requests under way have once Traefik has the change.
    #[serde(default = "documents::default_drain_ms")]
    pub drain_ms: u64,
    /// Time for a change to be shown by `api`.
    #[serde(default = "documents::default_timeout_ms")]
    pub timeout_ms: u64,
}

impl TraefikConfig {
    /// The defaults, for these targets; `listen` or `file` is still to be set.
    #[must_use]
    pub fn new(service: &str, serves: Vec<TargetId>) -> Self {
        Self {
            listen: None,
            token: None,
            allow_insecure: false,
            file: None,
            service: service.to_owned(),
            serves,
            https: false,
            api: Vec::new(),
            drain_ms: documents::default_drain_ms(),
            timeout_ms: documents::default_timeout_ms(),
        }
    }

    /// What is wrong that the shape does not say: `key: what`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self.place().err().into_iter().collect();
        complaints.extend(sight::complaint(&self.api).map(|what| format!("api: {what}")));
        if self.service.is_empty() || self.service.contains(['@', '"']) || self.service.contains(char::is_whitespace) {
            complaints.push("service: is not a name; it stands without `@http` or `@file`".to_owned());
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
        let place = config.place().map_err(refused)?;
        let provider = if config.listen.is_some() { "http" } else { "file" };
        let scheme = if config.https { "https" } else { "http" };
        let documents = Documents::open(Opening {
            name,
            dialect: Service { name: config.service, provider, scheme },
            place,
            shown_at: &config.api,
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
struct Service {
    name: String,
    /// Through which Traefik has it: a part of its full name.
    provider: &'static str,
    scheme: &'static str,
}

/// What we read of a service as the API shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    load_balancer: Balancer,
}

#[derive(Debug, Default, Deserialize)]
struct Balancer {
    #[serde(default)]
    servers: Vec<ShownServer>,
}

#[derive(Debug, Deserialize)]
struct ShownServer {
    url: String,
}

impl Shows for Service {
    fn pages(&self, base: &Url) -> Vec<Url> {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let service = format!("{}@{}", self.name, self.provider);
            path.pop_if_empty().extend(["api", "http", "services", service.as_str()]);
        }
        vec![url]
    }

    /// A service that Traefik does not know yet has no servers.
    fn sight(&self, pages: &[Option<Vec<u8>>]) -> Result<Sight, String> {
        let Some(Some(page)) = pages.first() else { return Ok(Sight::default()) };
        let shown: Shown = serde_json::from_slice(page)
            .map_err(|error| format!("its answer is not a service: {}", on_one_line(&error)))?;
        let mut sight = Sight::default();
        for server in shown.load_balancer.servers {
            let url =
                Url::parse(&server.url).map_err(|error| format!("server {}: {error}", on_one_line(&server.url)))?;
            if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) {
                sight.servers.insert(sight::address_of(host, port), Server::default());
            }
        }
        Ok(sight)
    }
}

impl Dialect for Service {
    fn is_exact(&self) -> bool {
        false
    }

    fn document(&self, roster: &Roster) -> String {
        let servers: Vec<_> =
            roster.serving().map(|(_, _, address)| json!({"url": format!("{}://{address}", self.scheme)})).collect();
        // `passHostHeader` is Traefik's default; without it a service of no servers would be an empty element, which it refuses.
        let balancer = json!({"passHostHeader": true, "servers": servers});
        json!({"http": {"services": {&self.name: {"loadBalancer": balancer}}}}).to_string()
    }

    fn file(&self, document: &str) -> String {
        // JSON is YAML.
        format!("{document}\n")
    }
}

impl Answers for Service {
    fn is_question(&self, method: &Method, _: &str) -> bool {
        *method == Method::GET
    }

    fn read(&self, _: &[u8]) -> Asked {
        Asked::default()
    }

    fn answer(&self, document: &Document) -> String {
        document.text.clone()
    }
}
