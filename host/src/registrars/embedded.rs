//! The registrar `embedded`: a load balancer inside the host.
//!
//! Forwarding is `axum-reverse-proxy`'s: hop-by-hop headers, streaming bodies, upgrades, its guard that lives until the last byte
//! of an answer. Ours is who gets a request, since that library's own balancer cannot drain: it learns of removals from a
//! background task, after we have answered, and counts a request as done when its headers are. Here the choice and the count are
//! made under one lock, so that after `drain` returns no request begins at that instance, and `Drained` means that the last byte
//! has left it.
//!
//! It is for one machine, and for the demo: one address, one pool, plain HTTP. Instances of all targets in `serves` share the
//! pool.

mod forward;
mod pool;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::forward::Front;
pub use self::pool::{BalancerStats, InstanceStats};
use self::pool::{Pool, UpstreamSettings};
use super::{DrainState, Registrar, RegistrarError};
use crate::snapshot::TargetId;

/// Time that `check` gives the balancer to accept a connection.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// `[registrar.NAME.embedded]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The targets whose instances it gives work to.
    pub serves: Vec<TargetId>,
    /// Time to connect to an instance.
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time until the headers of an instance's answer; then the client gets 504. Bodies may take longer.
    #[serde(default = "default_response_timeout_ms")]
    pub response_timeout_ms: u64,
    /// Most bytes of a request's body; beyond it the client gets 413.
    #[serde(default = "default_request_body_bytes_max")]
    pub request_body_bytes_max: u64,
    /// Most requests in flight at once; beyond it the client gets 503.
    #[serde(default = "default_in_flight_max")]
    pub in_flight_max: usize,
    /// Time that requests in flight have to finish when the host stops.
    #[serde(default = "default_grace_ms")]
    pub grace_ms: u64,
}

impl EmbeddedConfig {
    /// The defaults, for these targets at this address.
    #[must_use]
    pub fn new(listen: SocketAddr, serves: Vec<TargetId>) -> Self {
        Self {
            listen,
            serves,
            connect_timeout_ms: default_connect_timeout_ms(),
            response_timeout_ms: default_response_timeout_ms(),
            request_body_bytes_max: default_request_body_bytes_max(),
            in_flight_max: default_in_flight_max(),
            grace_ms: default_grace_ms(),
        }
    }
}

fn default_connect_timeout_ms() -> u64 {
    1_000
}

fn default_response_timeout_ms() -> u64 {
    30_000
}

fn default_request_body_bytes_max() -> u64 {
    64 << 20
}

fn default_in_flight_max() -> usize {
    4_096
}

fn default_grace_ms() -> u64 {
    10_000
}

/// The balancer, running.
#[derive(Debug)]
pub struct EmbeddedRegistrar {
    name: String,
    config: EmbeddedConfig,
    address: SocketAddr,
    pool: Arc<Pool>,
    stop: CancellationToken,
    server: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

impl EmbeddedRegistrar {
    /// Binds the address and begins to serve. Until instances are registered every request is answered 503.
    ///
    /// # Errors
    /// Where the address cannot be bound.
    pub async fn start(name: &str, config: EmbeddedConfig) -> Result<Self, RegistrarError> {
        let refused = |error: std::io::Error| RegistrarError::Refused {
            registrar: name.to_owned(),
            what: format!("cannot listen on {}: {error}; choose another address for `listen`", config.listen),
        };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let pool = Arc::new(Pool::new(UpstreamSettings {
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            response_timeout: Duration::from_millis(config.response_timeout_ms),
            request_body_bytes_max: config.request_body_bytes_max,
        }));
        let front = Front {
            registrar: name.into(),
            pool: Arc::clone(&pool),
            room: Arc::new(Semaphore::new(config.in_flight_max.min(Semaphore::MAX_PERMITS))),
        };
        let stop = CancellationToken::new();
        let router = Router::new().fallback(forward::forward).with_state(front);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(listener, service).with_graceful_shutdown(stopped);
        let server = tokio::spawn(async move { serving.await });
        Ok(Self { name: name.to_owned(), config, address, pool, stop, server: Mutex::new(Some(server)) })
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far, and what it is doing.
    #[must_use]
    pub fn stats(&self) -> BalancerStats {
        self.pool.stats()
    }

    /// Accepts no more connections and waits until the requests in flight are answered, at most `grace_ms`. Tells whether
    /// they all were.
    pub async fn shutdown(&self) -> bool {
        self.stop.cancel();
        let Some(server) = self.server.lock().await.take() else { return true };
        timeout(Duration::from_millis(self.config.grace_ms), server).await.is_ok()
    }

    fn refuse(&self, what: String) -> RegistrarError {
        RegistrarError::Refused { registrar: self.name.clone(), what }
    }
}

impl Drop for EmbeddedRegistrar {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl Registrar for EmbeddedRegistrar {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn serves(&self, target: &TargetId) -> bool {
        self.config.serves.contains(target)
    }

    async fn entered(&self, target: &TargetId) -> Result<Vec<String>, RegistrarError> {
        Ok(self.pool.entered(target))
    }

    async fn register(&self, target: &TargetId, instance: &str, address: &str) -> Result<(), RegistrarError> {
        if !self.serves(target) {
            return Err(self.refuse(format!("{target} is not in `serves`")));
        }
        self.pool.register(target, instance, address).map_err(|what| self.refuse(what))
    }

    async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        Ok(match self.pool.drain(target, instance) {
            0 => DrainState::Drained,
            1 => DrainState::Waiting { why: "1 request".to_owned() },
            left => DrainState::Waiting { why: format!("{left} requests") },
        })
    }

    async fn undrain(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        if self.pool.undrain(target, instance) {
            return Ok(());
        }
        Err(self.refuse(format!("instance {instance} of {target} is not entered; register it")))
    }

    async fn deregister(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.pool.deregister(target, instance);
        Ok(())
    }

    async fn check(&self) -> Result<(), RegistrarError> {
        let unreachable = |what: String| RegistrarError::Unreachable { registrar: self.name.clone(), what };
        if self.stop.is_cancelled() {
            return Err(unreachable("it has been stopped".to_owned()));
        }
        match timeout(CHECK_TIMEOUT, TcpStream::connect(self.address)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(unreachable(format!("{}: {error}", self.address))),
            Err(_) => Err(unreachable(format!("{} does not accept connections", self.address))),
        }
    }
}
