//! `[registrar.NAME.haproxy]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::snapshot::TargetId;

/// Most weight that HAProxy knows.
const WEIGHT_MAX: u16 = 256;

/// Longest slow start, a day: beyond it is a mistake.
const SLOW_START_MS_MAX: u64 = 86_400_000;

/// `[registrar.NAME.haproxy]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaproxyConfig {
    /// The runtime socket, of level admin: an absolute path, or `host:port`. This or `data_plane`.
    #[serde(default)]
    pub socket: Option<String>,
    /// The Data Plane API. This or `socket`.
    #[serde(default)]
    pub data_plane: Option<DataPlaneConfig>,
    /// The targets whose instances it gives work to, each with the backend for it.
    pub serves: BTreeMap<TargetId, PoolConfig>,
    /// What the names of our servers begin with: the mark of their owner.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// Weight of a server, 1 to 256; `None`: HAProxy's default, or that of the slot.
    #[serde(default)]
    pub weight: Option<u16>,
    /// Time in which a new server comes to its full weight; 0: at once. Not for slots, where the template says it.
    #[serde(default)]
    pub slow_start_ms: u64,
    /// Further words of the server's line, as in HAProxy's configuration. Not for slots and the Data Plane API.
    #[serde(default = "default_options")]
    pub options: String,
    /// Time for one command or request as a whole.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// `serves."driver/name"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// The backend's name. Two targets cannot share one.
    pub backend: String,
    /// What the names of its slots begin with, of a `server-template`; all of them are ours. `None`: servers are added.
    #[serde(default)]
    pub slots: Option<String>,
}

/// `data_plane`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPlaneConfig {
    /// Where it is, without the `/v3`.
    pub url: String,
    /// Its user.
    pub user: String,
    /// The file that holds that user's password.
    pub password_file: PathBuf,
    /// Who vouches for it, in PEM; `None`: whom the system believes. For `https://` alone.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Further fields of each server, as the API names them.
    #[serde(default)]
    pub set: serde_json::Map<String, serde_json::Value>,
    /// Whether HAProxy is made to reload at each change, also where the API could do without.
    #[serde(default)]
    pub force_reload: bool,
}

fn default_prefix() -> String {
    "trimtab.".to_owned()
}

fn default_options() -> String {
    "check".to_owned()
}

fn default_timeout_ms() -> u64 {
    5_000
}

impl HaproxyConfig {
    /// The defaults, for one target by this socket.
    #[must_use]
    pub fn new(socket: &str, target: TargetId, backend: &str) -> Self {
        Self {
            socket: Some(socket.to_owned()),
            data_plane: None,
            serves: BTreeMap::from([(target, PoolConfig { backend: backend.to_owned(), slots: None })]),
            prefix: default_prefix(),
            weight: None,
            slow_start_ms: 0,
            options: default_options(),
            timeout_ms: default_timeout_ms(),
        }
    }

    /// What the shape does not say, as `key: what is wrong; remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut all = Vec::new();
        match (&self.socket, &self.data_plane) {
            (None, None) => all.push("socket: is missing; give it, or data_plane".to_owned()),
            (Some(_), Some(_)) => all.push("data_plane: stands beside socket; give one of them".to_owned()),
            (Some(socket), None) => {
                let read = crate::runtime_socket::RuntimeSocket::new(socket, self.timeout_ms, 0);
                all.extend(read.err().map(|what| format!("socket: {what}")));
            }
            (None, Some(_)) => {}
        }
        if self.serves.is_empty() {
            all.push("serves: is empty; name targets: serves = { \"driver/name\" = { backend = \"…\" } }".to_owned());
        }
        let mut backends = BTreeSet::new();
        for (target, pool) in &self.serves {
            if !is_name(&pool.backend) {
                all.push(format!("serves: {:?}, of {target}, is no name of a backend", pool.backend));
            }
            if !backends.insert(&pool.backend) {
                all.push(format!("serves: backend {} is given to two targets; each needs its own", pool.backend));
            }
            match &pool.slots {
                Some(_) if self.data_plane.is_some() => {
                    all.push(format!("serves: slots, of {target}, are for the socket; leave them out"));
                }
                Some(slots) if !is_name(slots) => {
                    all.push(format!("serves: {slots:?}, of {target}, is no beginning of a server's name"));
                }
                _ => {}
            }
        }
        if !is_name(&self.prefix) || self.prefix.len() > 64 {
            all.push("prefix: must be 1 to 64 of A-Z a-z 0-9 . : _ -".to_owned());
        }
        if self.weight.is_some_and(|weight| weight == 0 || weight > WEIGHT_MAX) {
            all.push(format!("weight: must be within 1 and {WEIGHT_MAX}"));
        }
        if self.slow_start_ms > SLOW_START_MS_MAX {
            all.push(format!("slow_start_ms: must be at most {SLOW_START_MS_MAX}"));
        }
        if self.options.len() > 1_024 || self.options.contains(|c: char| c.is_control() || ";\\<".contains(c)) {
            all.push("options: must be words of one line, without ; \\ and <".to_owned());
        }
        if self.timeout_ms == 0 {
            all.push("timeout_ms: must be at least 1".to_owned());
        }
        all
    }
}

/// What HAProxy takes as a name.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte))
}
