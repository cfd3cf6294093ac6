//! What `[driver.<name>.swarm]` may say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::quantity::DurationMs;

/// Longest time for one request that makes sense: the host gives up a call after half a minute.
const TIMEOUT_MS_MAX: u64 = 30_000;

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
        match self.host.split_once("://") {
            Some((_, "")) => complaints.push("host: names nobody; write what comes after ://".to_owned()),
            Some(("unix" | "tcp", _)) => {}
            _ => complaints.push("host: is not unix:// or tcp:// with an address".to_owned()),
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
        let unused = self.ca_file.is_some() && !self.host.starts_with("tcp://");
        unused.then_some("certificates are for tcp:// alone")
    }

    /// Files named in it, to be found from the configuration's own folder.
    pub fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten()
    }

    /// The three files of TLS: who vouches, our certificate, its key.
    pub(super) fn tls_files(&self) -> Option<(&Path, &Path, &Path)> {
        Some((self.ca_file.as_deref()?, self.cert_file.as_deref()?, self.key_file.as_deref()?))
    }
}
