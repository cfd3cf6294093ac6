//! The registrar `haproxy`: servers of a running HAProxy.
//!
//! Three ways in, chosen per target. By the runtime socket, servers are added to a backend and deleted from it without a reload
//! (HAProxy 2.5 and later: `dynamic`), or the slots of a `server-template` are filled and emptied (`slots`). By the Data
//! Plane API, the configuration file itself is changed in a transaction, and HAProxy reloads where it must (`data_plane`).
//!
//! Ours are the servers whose names begin with `prefix`, and the slots that the operator names; no other is touched. An
//! instance that drains gets no new sessions, and is drained when its last session has ended. Sessions that outlast the drain are shut
//! down when it is taken out. What a restart of HAProxy forgets is missing from `entered`, and so is entered again.
//!
//! What a person does to one of our servers by hand (`set server … state maint`) stands as long as this host runs and has seen
//! that server ready before; what a host that was killed left half-done is finished by the next.

mod config;
mod data_plane;
mod dynamic;
mod runtime;
mod slots;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::config::{DataPlaneConfig, HaproxyConfig, PoolConfig};
use self::data_plane::{DataPlane, DataPlanePool};
use self::dynamic::Dynamic;
use self::runtime::Runtime;
#[cfg(any(test, fuzzing))]
pub(crate) use self::runtime::fuzz;
use self::slots::Slots;
use super::{DrainState, Registrar, RegistrarError};
use crate::runtime_socket::RuntimeSocket;
use crate::snapshot::TargetId;

/// Most bytes of one answer of the socket: a thousand servers take some 200 KB.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Time to find the address of an instance that is known by a name.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A running HAProxy.
#[derive(Debug)]
pub struct HaproxyRegistrar {
    name: String,
    kind: &'static str,
    pools: BTreeMap<TargetId, Box<dyn Pool>>,
}

/// One backend as one target's instances are entered in it.
#[async_trait]
trait Pool: Send + Sync + Debug {
    /// Instance ids, ordered. Finishes what a host before left half-done.
    async fn entered(&self) -> Result<Vec<String>, Trouble>;

    /// Once it returns, the instance is given work.
    async fn register(&self, instance: &str, at: SocketAddr) -> Result<(), Trouble>;

    /// Sessions that are left, waiting ones included.
    async fn drain(&self, instance: &str) -> Result<u64, Trouble>;

    async fn undrain(&self, instance: &str) -> Result<(), Trouble>;

    async fn deregister(&self, instance: &str) -> Result<(), Trouble>;

    async fn check(&self) -> Result<(), Trouble>;
}

/// What went wrong, without the registrar's name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    Unreachable(String),
    Refused(String),
}

impl HaproxyRegistrar {
    /// A registrar that will speak to this socket; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(name: &str, config: &HaproxyConfig) -> Result<Self, RegistrarError> {
        let refused = |what: String| RegistrarError::Refused { registrar: name.to_owned(), what };
        if let Some(complaint) = config.complaints().into_iter().next() {
            return Err(refused(complaint));
        }
        let socket = RuntimeSocket::new(&config.socket, config.timeout_ms, ANSWER_BYTES_MAX).map_err(refused)?;
        let pools = config.serves.iter().map(|(target, pool)| {
            let runtime = Runtime::new(socket.clone(), &pool.backend);
            let made: Box<dyn Pool> = match &pool.slots {
                Some(slots) => Box::new(Slots::new(runtime, slots, config.weight)),
                None => Box::new(Dynamic::new(runtime, config)),
            };
            (target.clone(), made)
        });
        Ok(Self { name: name.to_owned(), kind: "haproxy", pools: pools.collect() })
    }

    /// A registrar that will speak to this Data Plane API; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the configuration, or with the password's file.
    pub fn through_data_plane(name: &str, config: &DataPlaneConfig) -> Result<Self, RegistrarError> {
        let refused = |what: String| RegistrarError::Refused { registrar: name.to_owned(), what };
        if let Some(complaint) = config.complaints().into_iter().next() {
            return Err(refused(complaint));
        }
        let plane = Arc::new(DataPlane::new(config).map_err(refused)?);
        let pools = config.serves.iter().map(|(target, backend)| {
            let made: Box<dyn Pool> = Box::new(DataPlanePool::new(Arc::clone(&plane), config, backend));
            (target.clone(), made)
        });
        Ok(Self { name: name.to_owned(), kind: "haproxy-data-plane", pools: pools.collect() })
    }

    fn pool(&self, target: &TargetId) -> Result<&dyn Pool, RegistrarError> {
        let pool = self.pools.get(target).map(AsRef::as_ref);
        pool.ok_or_else(|| self.trouble(Trouble::Refused(format!("{target} is not in `serves`"))))
    }

    fn trouble(&self, trouble: Trouble) -> RegistrarError {
        let registrar = self.name.clone();
        match trouble {
            Trouble::Unreachable(what) => RegistrarError::Unreachable { registrar, what },
            Trouble::Refused(what) => RegistrarError::Refused { registrar, what },
        }
    }
}

#[async_trait]
impl Registrar for HaproxyRegistrar {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn serves(&self, target: &TargetId) -> bool {
        self.pools.contains_key(target)
    }

    async fn entered(&self, target: &TargetId) -> Result<Vec<String>, RegistrarError> {
        self.pool(target)?.entered().await.map_err(|trouble| self.trouble(trouble))
    }

    async fn register(&self, target: &TargetId, instance: &str, address: &str) -> Result<(), RegistrarError> {
        let pool = self.pool(target)?;
        let at = resolve(address).await.map_err(|trouble| self.trouble(trouble))?;
        pool.register(instance, at).await.map_err(|trouble| self.trouble(trouble))
    }

    async fn drain(&self, target: &TargetId, instance: &str) -> Result<DrainState, RegistrarError> {
        let left = self.pool(target)?.drain(instance).await.map_err(|trouble| self.trouble(trouble))?;
        Ok(match left {
            0 => DrainState::Drained,
            1 => DrainState::Waiting { why: "1 session".to_owned() },
            left => DrainState::Waiting { why: format!("{left} sessions") },
        })
    }

    async fn undrain(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.pool(target)?.undrain(instance).await.map_err(|trouble| self.trouble(trouble))
    }

    async fn deregister(&self, target: &TargetId, instance: &str) -> Result<(), RegistrarError> {
        self.pool(target)?.deregister(instance).await.map_err(|trouble| self.trouble(trouble))
    }

    async fn check(&self) -> Result<(), RegistrarError> {
        for pool in self.pools.values() {
            pool.check().await.map_err(|trouble| self.trouble(trouble))?;
        }
        Ok(())
    }
}

/// A server that is added while HAProxy runs must have a number for its address.
async fn resolve(address: &str) -> Result<SocketAddr, Trouble> {
    if let Ok(at) = address.parse() {
        return Ok(at);
    }
    let unknown = |why: String| Trouble::Refused(format!("address {address:?} is of no use: {why}"));
    match tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(address)).await {
        Ok(Ok(mut found)) => found.next().ok_or_else(|| unknown("the name has no address".to_owned())),
        Ok(Err(error)) => Err(unknown(error.to_string())),
        Err(_) => Err(unknown("the name was not resolved in time".to_owned())),
    }
}
