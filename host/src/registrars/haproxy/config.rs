//! `[registrar.NAME.haproxy]` and `[registrar.NAME.haproxy-data-plane]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::runtime_socket::RuntimeSocket;
use crate::snapshot::TargetId;

/// Longest prefix: names of servers stay readable.
const PREFIX_BYTES_MAX: usize = 64;

/// Most weight that HAProxy knows.
const WEIGHT_MAX: u16 = 256;

/// Longest slow start, a day: beyond it is a mistake.
const SLOW_START_MS_MAX: u64 = 86_400_000;

/// `[registrar.NAME.haproxy]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaproxyConfig {
    /// The runtime socket, of level admin: an absolute path, or `host:port`.
    pub socket: String,
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
    /// Further words of the server's line, as in HAProxy's configuration. Not for slots.
    #[serde(default = "default_options")]
    pub options: String,
    /// Time for one command and its whole answer.
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

/// `[registrar.NAME.haproxy-data-plane]`.
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
    /// The targets whose instances it gives work to, each with the backend for it. Two targets cannot share one.
    pub serves: BTreeMap<TargetId, String>,
    /// What the names of our servers begin with: the mark of their owner.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// Further fields of each server, as the API names them: `weight`, `slowstart`, `maxconn`, …
    #[serde(default)]
    pub set: serde_json::Map<String, serde_json::Value>,
    /// Whether HAProxy is made to reload at each change, also where the API could do without.
    #[serde(default)]
    pub force_reload: bool,
    /// Time for one request as a whole.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
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
            socket: socket.to_owned(),
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
        if let Err(what) = RuntimeSocket::new(&self.socket, self.timeout_ms, 0) {
            all.push(format!("socket: {what}"));
        }
        complain_of_backends(self.serves.iter().map(|(target, pool)| (target, &pool.backend)), &mut all);
        for (target, pool) in &self.serves {
            if let Some(slots) = pool.slots.as_ref().filter(|slots| !is_name(slots)) {
                all.push(format!("serves: {slots:?}, of {target}, is no beginning of a server's name"));
            }
        }
        complain_of_prefix(&self.prefix, &mut all);
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

impl DataPlaneConfig {
    /// What the shape does not say, as `key: what is wrong; remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut all = Vec::new();
        complain_of_backends(self.serves.iter(), &mut all);
        complain_of_prefix(&self.prefix, &mut all);
        for own in ["name", "address", "port"] {
            if self.set.contains_key(own) {
                all.push(format!("set: {own} is the instance's; leave it out"));
            }
        }
        if self.timeout_ms == 0 {
            all.push("timeout_ms: must be at least 1".to_owned());
        }
        all
    }
}

fn complain_of_backends<'a>(serves: impl Iterator<Item = (&'a TargetId, &'a String)>, all: &mut Vec<String>) {
    let mut backends = BTreeSet::new();
    for (target, backend) in serves {
        if !is_name(backend) {
            all.push(format!("serves: {backend:?}, of {target}, is no name of a backend"));
        }
        if !backends.insert(backend) {
            all.push(format!("serves: backend {backend} is given to two targets; each needs its own"));
        }
    }
    if backends.is_empty() {
        all.push("serves: is empty; name targets, each with its backend".to_owned());
    }
}

fn complain_of_prefix(prefix: &str, all: &mut Vec<String>) {
    if !is_name(prefix) || prefix.len() > PREFIX_BYTES_MAX {
        all.push(format!("prefix: must be 1 to {PREFIX_BYTES_MAX} of A-Z a-z 0-9 . : _ -"));
    }
}

/// What HAProxy takes as a name.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte))
}
