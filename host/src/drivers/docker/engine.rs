//! The connection to one engine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::sync::Mutex;

use super::config::DockerHost;
use crate::causes::with_causes;
use crate::drivers::DriverError;

/// One engine, connected when it is first needed.
#[derive(Debug)]
pub(super) struct Engine {
    /// The driver's name, for errors.
    driver: String,
    /// The operator's name for it.
    pub name: String,
    pub config: DockerHost,
    call_timeout: Duration,
    client: Mutex<Option<Docker>>,
    /// Whether the last call was answered.
    reached: AtomicBool,
}

/// What an engine answered other than yes.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// It knows no such thing.
    #[error("{0}")]
    Missing(String),
    /// The thing is in the way of itself: a name taken, a removal under way.
    #[error("{0}")]
    Conflict(String),
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// It did not answer, or not so that one could read it.
    #[error("{0}")]
    Unreachable(String),
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code: 404, message } => Self::Missing(message),
            Error::DockerResponseServerError { status_code: 409, message } => Self::Conflict(message),
            Error::DockerResponseServerError { status_code: 503, message } => Self::Unreachable(message),
            Error::DockerResponseServerError { message, .. } => Self::Refused(message),
            Error::DockerStreamError { error } => Self::Refused(error),
            Error::RequestTimeoutError => Self::Unreachable("it took too long".to_owned()),
            other => Self::Unreachable(with_causes(&other)),
        }
    }
}

impl Engine {
    pub(super) fn new(driver: &str, name: &str, config: DockerHost, call_timeout: Duration) -> Self {
        Self {
            driver: driver.to_owned(),
            name: name.to_owned(),
            config,
            call_timeout,
            client: Mutex::new(None),
            reached: AtomicBool::new(true),
        }
    }

    /// Whether the last call was answered.
    pub(super) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// A client that speaks the newest version which both sides know.
    pub(super) async fn client(&self) -> Result<Docker, EngineError> {
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref() {
            return Ok(client.clone());
        }
        let fresh = self.connect(self.call_timeout).await?;
        *client = Some(fresh.clone());
        Ok(fresh)
    }

    /// A client of its own for a call that may take longer.
    pub(super) async fn patient(&self, timeout: Duration) -> Result<Docker, EngineError> {
        self.connect(timeout).await
    }

    /// Asks the engine; whatever it does not answer in time is unreachable.
    pub(super) async fn call<T, F>(&self, ask: impl FnOnce(Docker) -> F + Send) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let answer = async { ask(self.client().await?).await.map_err(EngineError::from) };
        let answer = tokio::time::timeout(self.call_timeout, answer).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(EngineError::Unreachable(format!("no answer within {} s", self.call_timeout.as_secs_f64())))
        });
        let unreachable = matches!(answer, Err(EngineError::Unreachable(_)));
        self.reached.store(!unreachable, Ordering::Relaxed);
        if unreachable {
            // It may come back as another version.
            *self.client.lock().await = None;
        }
        answer
    }

    async fn connect(&self, timeout: Duration) -> Result<Docker, EngineError> {
        crate::tls::ready();
        let seconds = timeout.as_secs().max(1);
        let url = self.config.url.as_str();
        let client = match (url.split_once("://"), &self.config) {
            (Some(("unix", _)), _) => Docker::connect_with_unix(url, seconds, API_DEFAULT_VERSION),
            (Some(("ssh", _)), DockerHost { key_file, .. }) => {
                let key = key_file.as_ref().map(|path| path.display().to_string());
                Docker::connect_with_ssh(url, seconds, API_DEFAULT_VERSION, key)
            }
            (_, DockerHost { ca_file: Some(ca), cert_file: Some(cert), key_file: Some(key), .. }) => {
                Docker::connect_with_ssl(url, key, cert, ca, seconds, API_DEFAULT_VERSION)
            }
            _ => Docker::connect_with_http(url, seconds, API_DEFAULT_VERSION),
        };
        Ok(client?.negotiate_version().await?)
    }

    /// What went wrong, as the driver says it.
    pub(super) fn error(&self, what: &str, error: &EngineError) -> DriverError {
        let driver = self.driver.clone();
        let what = format!("{what} on host {}: {error}", self.name);
        match error {
            EngineError::Unreachable(_) => DriverError::Unreachable { driver, what },
            _ => DriverError::Refused { driver, what },
        }
    }
}
