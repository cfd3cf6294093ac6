//! The engine, spoken to through its own client.

use std::fmt;
use std::time::Duration;

use bollard::query_parameters::StatsOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::StatsHost;
use super::stats::Stats;
use crate::causes::root_cause;
use crate::sources::fetch::shorten;

/// How to reach it, and the client once it was reached.
pub(super) struct Engine {
    host: StatsHost,
    timeout_ms: u64,
    client: Mutex<Option<Docker>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("url", &self.host.url).finish_non_exhaustive()
    }
}

impl Engine {
    pub(super) fn new(host: StatsHost, timeout_ms: u64) -> Self {
        Self { host, timeout_ms, client: Mutex::default() }
    }

    /// The client, which speaks the newest version that both know. It keeps no connection that could go stale.
    pub(super) async fn connect(&self) -> Result<Docker, String> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref() {
            return Ok(client.clone());
        }
        let client = self.open().map_err(|error| told(&error))?;
        let client = client.negotiate_version().await.map_err(|error| told(&error))?;
        *kept = Some(client.clone());
        Ok(client)
    }

    pub(super) async fn check(&self) -> Result<(), String> {
        let client = self.connect().await?;
        client.ping().await.map(drop).map_err(|error| told(&error))
    }

    fn open(&self) -> Result<Docker, bollard::errors::Error> {
        let host = &self.host;
        let seconds = self.timeout_ms.div_ceil(1_000).max(1);
        if let (Some(ca), Some(cert), Some(key)) = (&host.ca_file, &host.cert_file, &host.key_file) {
            crate::tls::ready();
            return Docker::connect_with_ssl(&host.url, key, cert, ca, seconds, API_DEFAULT_VERSION);
        }
        match host.url.starts_with("unix://") {
            true => Docker::connect_with_unix(&host.url, seconds, API_DEFAULT_VERSION),
            false => Docker::connect_with_http(&host.url, seconds, API_DEFAULT_VERSION),
        }
    }
}

/// What the engine measures of a container now.
pub(super) async fn stats(engine: &Docker, id: &str, within: Duration) -> Result<Stats, String> {
    // An id is a path's segment: what is none could ask something else of the engine.
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) {
        return Err(format!("{:?} is no container's id or name", shorten(id)));
    }
    let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
    let mut answers = std::pin::pin!(engine.stats(id, Some(options)));
    match timeout(within, answers.next()).await {
        Ok(Some(Ok(answer))) => Stats::read(&answer),
        Ok(Some(Err(error))) => Err(told(&error)),
        Ok(None) => Err("the engine said nothing of it".to_owned()),
        Err(_) => Err("the engine said nothing of it in time".to_owned()),
    }
}

fn told(error: &bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, message } => {
            format!("status {status_code}: {}", shorten(message))
        }
        other => shorten(&root_cause(other)),
    }
}
