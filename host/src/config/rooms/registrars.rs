//! Kinds of registrar.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use super::{Furnish, checked, deserialize, root, unknown_kind};
use crate::config::reader::Item;
use crate::registrars::embedded::EmbeddedConfig;
use crate::registrars::envoy::EnvoyConfig;
use crate::registrars::haproxy::{DataPlaneConfig, HaproxyConfig, PoolConfig};
use crate::registrars::nginx::NginxConfig;
use crate::registrars::traefik::TraefikConfig;
use crate::snapshot::TargetId;

/// Kinds of registrar.
#[derive(Debug, Clone, PartialEq)]
pub enum RegistrarKind {
    /// A balancer inside the host.
    Embedded(EmbeddedConfig),
    /// Servers of a running HAProxy.
    Haproxy(HaproxyConfig),
    /// The same, through its Data Plane API.
    HaproxyDataPlane(DataPlaneConfig),
    /// An upstream of nginx.
    Nginx(NginxConfig),
    /// A service of Traefik.
    Traefik(TraefikConfig),
    /// A cluster of Envoy.
    Envoy(EnvoyConfig),
}

impl RegistrarKind {
    /// The targets whose instances it enters.
    pub(in crate::config) fn serves(&self) -> Vec<&TargetId> {
        match self {
            Self::Embedded(settings) => settings.serves.iter().collect(),
            Self::Haproxy(settings) => settings.serves.keys().collect(),
            Self::HaproxyDataPlane(settings) => settings.serves.keys().collect(),
            Self::Nginx(settings) => settings.serves.iter().collect(),
            Self::Traefik(settings) => settings.serves.iter().collect(),
            Self::Envoy(settings) => settings.serves.iter().collect(),
        }
    }

    /// The table key.
    pub(in crate::config) fn word(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Haproxy(_) => "haproxy",
            Self::HaproxyDataPlane(_) => "haproxy-data-plane",
            Self::Nginx(_) => "nginx",
            Self::Traefik(_) => "traefik",
            Self::Envoy(_) => "envoy",
        }
    }

    /// Where it listens, if it does.
    pub(in crate::config) fn listen(&self) -> Option<SocketAddr> {
        match self {
            Self::Embedded(settings) => Some(settings.listen),
            Self::Haproxy(_) | Self::HaproxyDataPlane(_) | Self::Nginx(_) => None,
            Self::Traefik(settings) => settings.listen,
            Self::Envoy(settings) => settings.listen,
        }
    }

    /// What of a proxy is its alone, in words that are the same for the same thing.
    pub(in crate::config) fn pools(&self) -> Vec<String> {
        let file = |file: &PathBuf| format!("the file {}", plain(file).display());
        let shown = |urls: &[String], what: String| -> Vec<String> {
            urls.iter().map(|url| format!("{what} of {}", url.trim_end_matches('/'))).collect()
        };
        match self {
            Self::Embedded(_) | Self::Haproxy(_) | Self::HaproxyDataPlane(_) => Vec::new(),
            Self::Nginx(settings) => {
                let nginx = plain(&settings.pid_file);
                vec![
                    file(&settings.file),
                    format!("upstream {} of the nginx of {}", settings.upstream, nginx.display()),
                ]
            }
            Self::Traefik(settings) => {
                // Traefik reads all files of a folder as one configuration.
                let folder = settings.file.as_ref().and_then(|file| file.parent());
                let beside =
                    folder.map(|folder| format!("service {} in {}", settings.service, plain(folder).display()));
                let provider = if settings.file.is_some() { "file" } else { "http" };
                let pools = shown(&settings.api, format!("service {}@{provider}", settings.service));
                settings.file.iter().map(file).chain(beside).chain(pools).collect()
            }
            Self::Envoy(settings) => {
                let pools = shown(&settings.admin, format!("cluster {}", settings.cluster));
                settings.file.iter().map(file).chain(pools).collect()
            }
        }
    }
}

/// The path without what means nothing in it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// By what a registrar knows its own servers in a place that others enter theirs in, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Mark<'a> {
    /// Socket or address.
    pub(in crate::config) at: &'a str,
    /// The backend there.
    pub(in crate::config) backend: &'a str,
    /// What names begin with.
    pub(in crate::config) prefix: &'a str,
    /// Whether only a number follows.
    numbered: bool,
}

impl<'a> Mark<'a> {
    fn of(pool: &'a PoolConfig, prefix: &'a str) -> Self {
        let numbered = pool.slots.is_some();
        Self { at: "", backend: &pool.backend, prefix: pool.slots.as_deref().unwrap_or(prefix), numbered }
    }

    /// Whether some name could be of both.
    pub(in crate::config) fn meets(&self, other: &Self) -> bool {
        let prefixes = match (self.numbered, other.numbered) {
            (true, true) => self.prefix == other.prefix,
            (true, false) => self.prefix.starts_with(other.prefix),
            (false, true) => other.prefix.starts_with(self.prefix),
            (false, false) => self.prefix.starts_with(other.prefix) || other.prefix.starts_with(self.prefix),
        };
        self.at == other.at && self.backend == other.backend && prefixes
    }
}

impl RegistrarKind {
    /// Its marks, where others may enter servers beside its own.
    pub(in crate::config) fn marks(&self) -> Vec<Mark<'_>> {
        match self {
            Self::Haproxy(settings) => {
                let mark = |pool| Mark { at: &settings.socket, ..Mark::of(pool, &settings.prefix) };
                settings.serves.values().map(mark).collect()
            }
            Self::HaproxyDataPlane(settings) => {
                let (at, prefix) = (settings.url.trim_end_matches('/'), &settings.prefix);
                settings.serves.values().map(|backend| Mark { at, backend, prefix, numbered: false }).collect()
            }
            Self::Embedded(_) | Self::Nginx(_) | Self::Traefik(_) | Self::Envoy(_) => Vec::new(),
        }
    }
}

impl Furnish for RegistrarKind {
    const WORD: &'static str = "registrar";
    const KINDS: &'static [&'static str] = &["embedded", "haproxy", "haproxy-data-plane", "nginx", "traefik", "envoy"];

    fn read(kind: &str, item: &Item<'_>) -> Option<Self> {
        match kind {
            "embedded" => deserialize(item).map(Self::Embedded),
            "haproxy" => checked(item, HaproxyConfig::complaints).map(Self::Haproxy),
            "haproxy-data-plane" => checked(item, DataPlaneConfig::complaints).map(Self::HaproxyDataPlane),
            "nginx" => checked(item, NginxConfig::complaints).map(Self::Nginx),
            "traefik" => checked(item, TraefikConfig::complaints).map(Self::Traefik),
            "envoy" => checked(item, EnvoyConfig::complaints).map(Self::Envoy),
            _ => unknown_kind::<Self>(kind, item),
        }
    }

    fn root_at(&mut self, base: &Path) {
        match self {
            Self::Embedded(_) | Self::Haproxy(_) => {}
            Self::HaproxyDataPlane(settings) => {
                root(base, settings.ca_file.iter_mut().chain([&mut settings.password_file]));
            }
            Self::Nginx(settings) => settings.root_at(base),
            Self::Traefik(settings) => settings.root_at(base),
            Self::Envoy(settings) => settings.root_at(base),
        }
    }
}
