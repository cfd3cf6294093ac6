//! Kinds of source.

use std::path::Path;

use super::{Furnish, checked, deserialize, root, unknown_kind};
use crate::config::reader::Item;
use crate::sources::docker::DockerStatsConfig;
use crate::sources::envoy::EnvoySourceConfig;
use crate::sources::haproxy::HaproxySourceConfig;
use crate::sources::http_json::HttpJsonConfig;
use crate::sources::nginx::NginxSourceConfig;
use crate::sources::process::ProcessSourceConfig;
use crate::sources::prometheus::PrometheusConfig;
use crate::sources::push::PushConfig;
use crate::sources::rabbitmq::RabbitmqConfig;
use crate::sources::redis::RedisConfig;
use crate::sources::scrape::ScrapeConfig;
use crate::sources::sql::SqlConfig;
use crate::sources::traefik::TraefikSourceConfig;

/// Kinds of source.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceKind {
    /// What the operating system says of processes.
    Process(ProcessSourceConfig),
    /// A Prometheus server.
    Prometheus(PrometheusConfig),
    /// Text exposition, straight from instances.
    Scrape(ScrapeConfig),
    /// Numbers of a JSON document.
    HttpJson(HttpJsonConfig),
    /// What a container engine measures.
    Docker(DockerStatsConfig),
    /// Statistics of a HAProxy.
    Haproxy(HaproxySourceConfig),
    /// An nginx's counts of connections and requests.
    Nginx(NginxSourceConfig),
    /// A Traefik's metrics.
    Traefik(TraefikSourceConfig),
    /// An Envoy's metrics.
    Envoy(EnvoySourceConfig),
    /// Lengths of a Redis's lists and streams.
    Redis(RedisConfig),
    /// Queues of a RabbitMQ broker.
    Rabbitmq(RabbitmqConfig),
    /// Numbers of a database.
    Sql(SqlConfig),
    /// Readings that others send.
    Push(PushConfig),
}

impl Furnish for SourceKind {
    const WORD: &'static str = "source";
    const KINDS: &'static [&'static str] = &[
        "process",
        "prometheus",
        "scrape",
        "http-json",
        "docker",
        "haproxy",
        "nginx",
        "traefik",
        "envoy",
        "redis",
        "rabbitmq",
        "sql",
        "push",
    ];

    fn read(kind: &str, item: &Item<'_>) -> Option<Self> {
        match kind {
            "process" => deserialize(item).map(Self::Process),
            "prometheus" => checked(item, PrometheusConfig::complaints).map(Self::Prometheus),
            "scrape" => deserialize(item).map(Self::Scrape),
            "http-json" => deserialize(item).map(Self::HttpJson),
            "docker" => checked(item, DockerStatsConfig::complaints).map(Self::Docker),
            "haproxy" => deserialize(item).map(Self::Haproxy),
            "nginx" => deserialize(item).map(Self::Nginx),
            "traefik" => deserialize(item).map(Self::Traefik),
            "envoy" => deserialize(item).map(Self::Envoy),
            "redis" => checked(item, RedisConfig::complaints).map(Self::Redis),
            "rabbitmq" => deserialize(item).map(Self::Rabbitmq),
            "sql" => checked(item, SqlConfig::complaints).map(Self::Sql),
            "push" => checked(item, PushConfig::complaints).map(Self::Push),
            _ => unknown_kind::<Self>(kind, item),
        }
    }

    fn root_at(&mut self, base: &Path) {
        match self {
            Self::Process(_) | Self::Push(_) => {}
            Self::Prometheus(settings) => settings.root_at(base),
            Self::Scrape(settings) => root(base, settings.ca_file.as_mut()),
            Self::HttpJson(settings) => root(base, settings.ca_file.as_mut()),
            Self::Docker(settings) => settings.root_at(base),
            Self::Haproxy(settings) => {
                root(base, [&mut settings.ca_file, &mut settings.password_file].into_iter().flatten());
            }
            Self::Nginx(settings) => root(base, settings.ca_file.as_mut()),
            Self::Traefik(settings) => root(base, settings.ca_file.as_mut()),
            Self::Envoy(settings) => root(base, settings.ca_file.as_mut()),
            Self::Redis(settings) => settings.root_at(base),
            Self::Rabbitmq(settings) => settings.root_at(base),
            Self::Sql(settings) => settings.root_at(base),
        }
    }
}
