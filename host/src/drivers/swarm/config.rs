//! What `[driver.<name>.swarm]` may say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::quantity::DurationMs;

/// Longest time for one request that makes sense: the host gives up a call after half a minute.
const TIMEOUT_MS_MAX: u64 = 30_000;

/// Most engines that are asked at each turn.
const ENGINES_MAX: usize = 100;

/// The driver's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SwarmConfig {
    /// A manager: `unix:///var/run/docker.sock` or `tcp://manager:2376`.
    pub host: String,
    /// Who vouches for the manager, in PEM. The three files go together; with them `tcp://` is spoken over TLS.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, in PEM.
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub key_file: Option<PathBuf>,
    /// The engines, `host` among them, that are asked what memory their tasks use, with the same three files. Left out: `host`
    /// alone. Empty: none.
    pub engines: Option<Vec<String>>,
    /// Only services that carry all these labels are targets.
    pub labels: BTreeMap<String, String>,
    /// The label of a node that names its zone.
    pub zone_label: String,
    /// How long one request may take.
    pub timeout: DurationMs,
}

impl Default for SwarmConfig {
    fn default() -> Self {
        Self {
            host: "unix:///var/run/docker.sock".to_owned(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            engines: None,
            labels: BTreeMap::new(),
            zone_label: "zone".to_owned(),
            timeout: DurationMs(10_000),
        }
    }
}

impl SwarmConfig {
    /// What is wrong with it, each as `key: what; remedy`.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let files = [&self.ca_file, &self.cert_file, &self.key_file];
        let named = files.iter().filter(|file| file.is_some()).count();
        let engines = self.engines.as_deref().unwrap_or_default();
        let addresses = engines.iter().map(|address| ("engines", address));
        for (key, address) in std::iter::once(("host", &self.host)).chain(addresses) {
            match address.split_once("://") {
                Some((_, "")) => complaints.push(format!("{key}: names nobody; write what comes after ://")),
                Some(("unix" | "tcp", _)) => {}
                _ => complaints.push(format!("{key}: is not unix:// or tcp:// with an address")),
            }
        }
        if engines.len() > ENGINES_MAX {
            complaints.push(format!("engines: names more than {ENGINES_MAX}; let a source measure so many"));
        }
        if named != 0 && named != files.len() {
            complaints.push("ca_file: ca_file, cert_file and key_file go together; name all three or none".to_owned());
        }
        if !(1_000..=TIMEOUT_MS_MAX).contains(&self.timeout.0) {
            complaints.push("timeout: is not between 1s and 30s".to_owned());
        }
        complaints
    }

    /// What it names and the address has no use for.
    pub(super) fn unused(&self) -> Option<&'static str> {
        let addresses = std::iter::once(&self.host).chain(self.engines.iter().flatten());
        let unused = self.ca_file.is_some() && !addresses.into_iter().any(|address| address.starts_with("tcp://"));
        unused.then_some("certificates are for tcp:// alone")
    }

    /// Files named in it, to be found from the configuration's own folder.
    pub fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten()
    }

    /// Whom to ask what memory tasks use.
    pub(super) fn measured(&self) -> Vec<&str> {
        self.engines
            .as_ref()
            .map_or_else(|| vec![self.host.as_str()], |engines| engines.iter().map(String::as_str).collect())
    }

    /// The three files of TLS: who vouches, our certificate, its key.
    pub(super) fn tls_files(&self) -> Option<(&Path, &Path, &Path)> {
        Some((self.ca_file.as_deref()?, self.cert_file.as_deref()?, self.key_file.as_deref()?))
    }
}
