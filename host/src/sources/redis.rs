//! The source `redis`: how long lists, streams and sets of a Redis (or Valkey) are, and how far behind a stream's readers are.
//!
//! A query is a measure and a key, `list jobs:{target}`; those of consumer groups name the group too, `lag orders shop`.
//! `{target}` stands for the target's name. A list that is empty does not exist in Redis, so a list, set or sorted set without
//! a key has length 0, unless the operator says that it is absent. A stream outlives its last entry: one that does not exist is
//! absent, and so is a group.

mod measure;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::measure::Query;
use super::fetch::{server_connect_timeout_ms, server_timeout_ms, shorten};
use super::{Ask, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::causes::with_causes;
use crate::quantity::DurationMs;
use crate::secret::SecretAt;
use crate::snapshot::{Samples, Subject};

/// Keys asked about at once; they share one connection.
const AT_ONCE_MAX: usize = 64;

/// `[source.NAME.redis]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// Where it is: `redis://host:port/database`, `rediss://` for TLS, or `unix:///path`.
    pub url: String,
    /// As whom; `None`: as the user `default`.
    #[serde(default)]
    pub user: Option<String>,
    /// That user's password.
    #[serde(default)]
    pub password: Option<SecretAt>,
    /// Who vouches for the server, in PEM; `None`: whom the system believes. For `rediss://` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The certificate, in PEM, that shows the server who we are; with `key_file`.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// What a list, set or sorted set without a key is.
    #[serde(default)]
    pub missing_key: MissingKey,
    /// Time to connect and log in.
    #[serde(default = "server_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for one reading of all targets.
    #[serde(default = "server_timeout_ms")]
    pub timeout_ms: u64,
}

/// What a list, set or sorted set without a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingKey {
    /// 0 long, as Redis itself says: it removes the key with the last element.
    #[default]
    Zero,
    /// Absent: for keys that always hold something, so that a wrong name is noticed.
    Absent,
}

impl RedisConfig {
    /// The defaults, for a server at this address.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            user: None,
            password: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            missing_key: MissingKey::default(),
            connect_timeout_ms: server_connect_timeout_ms(),
            timeout_ms: server_timeout_ms(),
        }
    }

    /// What its shape does not say: `key: what is wrong; the remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self.address().err().map(|what| format!("url: {what}")).into_iter().collect();
        if self.user.is_some() && self.password.is_none() {
            complaints.push("user: stands without password; write both".to_owned());
        }
        let files = [("ca_file", &self.ca_file), ("cert_file", &self.cert_file), ("key_file", &self.key_file)];
        if let Some((key, _)) = files.iter().find(|(_, file)| file.is_some() && !self.is_encrypted()) {
            complaints.push(format!("{key}: is for TLS alone; write rediss:// in url, or remove it"));
        }
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => complaints.push("cert_file: stands without key_file; write both or none".to_owned()),
            (None, Some(_)) => complaints.push("key_file: stands without cert_file; write both or none".to_owned()),
            _ => {}
        }
        complaints
    }

    /// Has relative files start from this folder.
    pub fn root_at(&mut self, base: &Path) {
        for file in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *file = base.join(&*file);
        }
        self.password.iter_mut().for_each(|password| password.root_at(base));
    }

    /// Where it is, without who we are.
    fn address(&self) -> Result<ConnectionInfo, String> {
        if !["redis://", "rediss://", "unix://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            return Err("it does not begin with redis://, rediss:// or unix://".to_owned());
        }
        // redis takes `#insecure` for leave to believe anybody.
        if self.url.contains('#') {
            return Err("a url must hold no #; who vouches for the server stands in ca_file".to_owned());
        }
        // What redis says of a URL that it cannot read could repeat a password in it.
        let info = self.url.as_str().into_connection_info().map_err(|_| "it is no address of a Redis".to_owned())?;
        let known = info.redis_settings();
        if known.username().is_some() || known.password().is_some() {
            return Err("a url must hold no user and no password; write them in user and password".to_owned());
        }
        Ok(info)
    }

    fn is_encrypted(&self) -> bool {
        self.url.starts_with("rediss://")
    }

    /// The client; where TLS is spoken, with its files as they are now.
    fn client(&self, address: ConnectionInfo) -> Result<Client, String> {
        if !self.is_encrypted() {
            return Client::open(address).map_err(|error| told(&error));
        }
        crate::tls::ready();
        let read = |file: &Path| crate::tls::file(file).map_err(|error| with_causes(&error));
        let root_cert = self.ca_file.as_deref().map(read).transpose()?;
        let client_tls = match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
            _ => None,
        };
        Client::build_with_tls(address, TlsCertificates { client_tls, root_cert }).map_err(|error| told(&error))
    }
}

/// A Redis server.
pub struct RedisSource {
    name: String,
    config: RedisConfig,
    address: ConnectionInfo,
    /// The one connection; it is made when it is needed, and thrown away when it fails.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl fmt::Debug for RedisSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSource").field("name", &self.name).field("config", &self.config).finish_non_exhaustive()
    }
}

impl RedisSource {
    /// A source that will ask this server; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(name: &str, config: RedisConfig) -> Result<Self, String> {
        if let Some(complaint) = config.complaints().into_iter().next() {
            return Err(complaint);
        }
        let address = config.address()?;
        Ok(Self { name: name.to_owned(), config, address, connection: Mutex::default() })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, SourceError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref() {
            return Ok(connection.clone());
        }
        let connection = self.connect().await.map_err(|what| self.unreachable(what))?;
        *kept = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let mut settings = self.address.redis_settings().clone();
        if let Some(user) = &self.config.user {
            settings = settings.set_username(user);
        }
        if let Some(at) = &self.config.password {
            settings = settings.set_password(at.fetch().map_err(|error| with_causes(&error))?.reveal());
        }
        let client = self.config.client(self.address.clone().set_redis_settings(settings))?;
        let within = Duration::from_millis(self.config.connect_timeout_ms);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(within))
            .set_response_timeout(Some(Duration::from_millis(self.config.timeout_ms)));
        let connecting = timeout(within, client.get_multiplexed_async_connection_with_config(&config)).await;
        let late = |_| format!("no connection within {}", DurationMs(self.config.connect_timeout_ms));
        connecting.map_err(late)?.map_err(|error| told(&error))
    }

    async fn forget(&self) {
        *self.connection.lock().await = None;
    }

    fn unreachable(&self, what: String) -> SourceError {
        SourceError::Unreachable { name: self.name.clone(), what }
    }

    fn query<'a>(&self, spec: &'a ReadingSpec) -> Result<Query<'a>, SourceError> {
        let unsuited = |what: String| SourceError::Reading {
            reading: spec.name.as_ref().to_owned(),
            name: self.name.clone(),
            what,
        };
        match spec.subject {
            Subject::Target | Subject::Other(_) => Query::parse(&spec.query).map_err(unsuited),
            _ => Err(unsuited(format!("it tells of targets and their queues, not of a {}", spec.subject))),
        }
    }

    /// The number behind each key, or why there is none.
    async fn ask(&self, query: &Query<'_>, keys: Vec<String>) -> Result<Vec<Told>, SourceError> {
        let connection = self.connection().await?;
        let asking = stream::iter(keys)
            .map(|key| {
                let mut connection = connection.clone();
                async move {
                    let told = query.ask(&mut connection, &key, self.config.missing_key).await;
                    (key, told)
                }
            })
            .buffer_unordered(AT_ONCE_MAX)
            .collect::<Vec<_>>();
        let Ok(told) = timeout(Duration::from_millis(self.config.timeout_ms), asking).await else {
            self.forget().await;
            return Err(self.unreachable(format!("no answer within {}", DurationMs(self.config.timeout_ms))));
        };
        if let Some(error) = told.iter().filter_map(|(_, told)| told.as_ref().err()).find(|error| broken(error)) {
            self.forget().await;
            return Err(self.unreachable(self::told(error)));
        }
        Ok(told)
    }
}

/// A key, and what was told of it.
type Told = (String, Result<Result<f64, String>, redis::RedisError>);

#[async_trait]
impl Source for RedisSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "redis"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        self.query(spec).map(|_| ())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let query = self.query(ask.spec)?;
        // Targets may share a key: it is asked about once.
        let mut targets: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for asked in ask.targets {
            targets.entry(query.key(asked.target.id.name())).or_default().push(&asked.target.id);
        }
        let mut measurement = Measurement::default();
        for (key, told) in self.ask(&query, targets.keys().cloned().collect()).await? {
            match told {
                Ok(Err(why)) => measurement.failed.push((shorten(&key), why)),
                Ok(Ok(value)) => {
                    for target in targets.remove(&key).unwrap_or_default() {
                        let owner = (ask.spec.subject != Subject::Target).then(|| key.clone());
                        let samples = Samples::one(ask.now_ms, value);
                        measurement.rows.push(Row { target: target.clone(), owner, samples });
                    }
                }
                Err(error) => measurement.failed.push((shorten(&key), self::told(&error))),
            }
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        let mut connection = self.connection().await?;
        // PING would also be answered by a server that we may read nothing of; a length of nothing is what is asked later.
        let answer: Result<redis::Value, _> =
            redis::cmd("LLEN").arg("trimtab:check").query_async(&mut connection).await;
        match answer {
            Ok(_) => Ok(()),
            // A user that may read some keys only is as good.
            Err(error) if error.code() == Some("NOPERM") => Ok(()),
            Err(error) => {
                self.forget().await;
                Err(self.unreachable(told(&error)))
            }
        }
    }
}

/// Whether the connection is of no use any more.
fn broken(error: &redis::RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_timeout() || error.is_unrecoverable_error()
}

fn told(error: &redis::RedisError) -> String {
    shorten(&error.to_string())
}
