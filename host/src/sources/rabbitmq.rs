//! The source `rabbitmq`: depth, consumers and rates of queues, from the management plug-in's HTTP API.
//!
//! A query is a measure and a queue, `messages_ready jobs-{target}`; `{target}` stands for the target's name. All queues of the
//! virtual host are asked for once per turn, with the columns that are known here. A queue that the broker does not list, or of
//! which it cannot tell the number now (its node is down, or it is too new), is absent, not empty. The broker itself refreshes
//! its numbers every 5 s.

mod queues;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use self::queues::{COLUMNS, Query, Queues};
use super::fetch::{
    Credentials, FetchError, FetchLimits, Fetcher, parse_url, server_connect_timeout_ms, server_timeout_ms,
};
use super::{Ask, Measurement, ReadingSpec, Row, Source, SourceError};
use crate::secret::SecretAt;
use crate::snapshot::{Samples, Subject};

/// `[source.NAME.rabbitmq]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitmqConfig {
    /// Where the management API is: `http://rabbitmq:15672`, with the prefix if it has one.
    pub url: String,
    /// As whom; a user with the tag `monitoring` suffices.
    pub user: String,
    /// That user's password.
    pub password: SecretAt,
    /// The virtual host.
    #[serde(default = "default_vhost")]
    pub vhost: String,
    /// Who vouches for the server, in PEM; `None`: whom the system believes. For `https://` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Time to connect.
    #[serde(default = "server_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time for all queues.
    #[serde(default = "server_timeout_ms")]
    pub timeout_ms: u64,
    /// Most bytes of the answer; about 300 per queue.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: usize,
}

impl RabbitmqConfig {
    /// The defaults, for the broker at this address.
    #[must_use]
    pub fn new(url: &str, user: &str, password: SecretAt) -> Self {
        Self {
            url: url.to_owned(),
            user: user.to_owned(),
            password,
            vhost: default_vhost(),
            ca_file: None,
            connect_timeout_ms: server_connect_timeout_ms(),
            timeout_ms: server_timeout_ms(),
            body_bytes_max: default_body_bytes_max(),
        }
    }

    /// Has relative files start from this folder.
    pub fn root_at(&mut self, base: &Path) {
        self.password.root_at(base);
        self.ca_file.iter_mut().for_each(|file| *file = base.join(&*file));
    }
}

fn default_vhost() -> String {
    "/".to_owned()
}

fn default_body_bytes_max() -> usize {
    16 << 20
}

/// A RabbitMQ broker.
#[derive(Debug)]
pub struct RabbitmqSource {
    name: String,
    fetcher: Fetcher,
    url: Url,
    /// The queues of the last turn, or why there were none. Locked while they are fetched, so that one request serves all.
    last: Mutex<Option<(u64, Listed)>>,
}

type Listed = Result<Arc<Queues>, Trouble>;

/// Why there are no queues; kept for every reading of the turn.
#[derive(Debug, Clone)]
enum Trouble {
    Unreachable(String),
    Bad(String),
}

impl RabbitmqSource {
    /// A source that will ask this broker; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(name: &str, config: &RabbitmqConfig) -> Result<Self, String> {
        let mut url = parse_url(&config.url)?;
        url.set_query(None);
        if let Ok(mut path) = url.path_segments_mut() {
            // The virtual host `/` becomes %2F.
            path.pop_if_empty().extend(["api", "queues", &config.vhost]);
        }
        url.query_pairs_mut().append_pair("columns", COLUMNS);
        let limits = FetchLimits {
            connect_timeout_ms: config.connect_timeout_ms,
            timeout_ms: config.timeout_ms,
            body_bytes_max: config.body_bytes_max,
        };
        let nothing = std::collections::BTreeMap::new();
        let credentials = Credentials::new(None, Some(&config.user), Some(&config.password), &nothing)?;
        let fetcher = Fetcher::known(limits, config.ca_file.as_deref(), None, credentials)?;
        Ok(Self { name: name.to_owned(), fetcher, url, last: Mutex::default() })
    }

    async fn queues(&self, now_ms: u64) -> Result<Arc<Queues>, SourceError> {
        let mut last = self.last.lock().await;
        let listed = match last.as_ref() {
            Some((at_ms, listed)) if *at_ms == now_ms => listed.clone(),
            _ => {
                let listed = self.fetch().await;
                *last = Some((now_ms, listed.clone()));
                listed
            }
        };
        listed.map_err(|trouble| self.error(trouble))
    }

    async fn fetch(&self) -> Listed {
        let body = self.fetcher.get(self.url.clone(), "application/json").await.map_err(|error| match error {
            FetchError::Status { status: 401, .. } => {
                Trouble::Bad("status 401: the broker does not know this user with this password".to_owned())
            }
            FetchError::Status { status: 404, .. } => {
                Trouble::Bad("status 404: there is no such virtual host, or no management API at this url".to_owned())
            }
            FetchError::Status { .. } | FetchError::Large(_) => Trouble::Bad(error.to_string()),
            FetchError::TimedOut(_) | FetchError::Unreachable(_) => Trouble::Unreachable(error.to_string()),
        })?;
        Queues::read(&body).map(Arc::new).map_err(Trouble::Bad)
    }

    fn error(&self, trouble: Trouble) -> SourceError {
        let name = self.name.clone();
        match trouble {
            Trouble::Unreachable(what) => SourceError::Unreachable { name, what },
            Trouble::Bad(what) => SourceError::BadAnswer { name, what },
        }
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
}

#[async_trait]
impl Source for RabbitmqSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "rabbitmq"
    }

    fn check_reading(&self, spec: &ReadingSpec) -> Result<(), SourceError> {
        self.query(spec).map(|_| ())
    }

    async fn measure(&self, ask: &Ask<'_>) -> Result<Measurement, SourceError> {
        let query = self.query(ask.spec)?;
        let queues = self.queues(ask.now_ms).await?;
        let mut measurement = Measurement::default();
        for asked in ask.targets {
            let queue = query.queue(asked.target.id.name());
            match queues.value(&query, &queue) {
                Ok(value) => measurement.rows.push(Row {
                    target: asked.target.id.clone(),
                    owner: (ask.spec.subject != Subject::Target).then_some(queue),
                    samples: Samples::one(ask.now_ms, value),
                }),
                Err(why) => measurement.failed.push((queue, why)),
            }
        }
        Ok(measurement)
    }

    async fn check(&self) -> Result<(), SourceError> {
        self.fetch().await.map(drop).map_err(|trouble| self.error(trouble))
    }
}
