//! Builds the backends, sources and registrars that the configuration names, each by its kind.

use std::sync::Arc;

use super::HostError;
use crate::config::{Complaint, Config, DriverKind, Named, RegistrarKind, SourceKind};
use crate::drivers::docker::DockerDriver;
use crate::drivers::process::ProcessDriver;
use crate::drivers::swarm::SwarmDriver;
use crate::drivers::{Driver, DriverError};
use crate::registrars::Registrar;
use crate::registrars::embedded::EmbeddedRegistrar;
use crate::registrars::envoy::EnvoyRegistrar;
use crate::registrars::haproxy::HaproxyRegistrar;
use crate::registrars::nginx::NginxRegistrar;
use crate::registrars::traefik::TraefikRegistrar;
use crate::sources::docker::DockerStatsSource;
use crate::sources::haproxy::HaproxySource;
use crate::sources::http_json::HttpJsonSource;
use crate::sources::nginx::NginxSource;
use crate::sources::process::ProcessSource;
use crate::sources::prometheus::PrometheusSource;
use crate::sources::push::PushSource;
use crate::sources::rabbitmq::RabbitmqSource;
use crate::sources::redis::RedisSource;
use crate::sources::scrape::ScrapeSource;
use crate::sources::sql::SqlSource;
use crate::sources::{Source, envoy, traefik};

/// What the drivers' own settings get wrong.
pub(super) fn driver_complaints(config: &Config) -> Vec<Complaint> {
    let of = |named: &Named<DriverKind>| match &named.kind {
        DriverKind::Process(settings) => settings.complaints(),
        DriverKind::Docker(settings) => settings.complaints(),
        DriverKind::Swarm(settings) => settings.complaints(),
    };
    let complaint = |named: &Named<DriverKind>, what: String| Complaint {
        place: named.place,
        path: format!("driver.{}", named.name),
        what,
        remedy: String::new(),
    };
    config.drivers.iter().flat_map(|named| of(named).into_iter().map(|what| complaint(named, what))).collect()
}

/// One backend.
pub(super) fn driver(named: &Named<DriverKind>, config: &Config) -> Result<Arc<dyn Driver>, DriverError> {
    match &named.kind {
        DriverKind::Process(settings) => {
            Ok(Arc::new(ProcessDriver::open(&named.name, settings.clone(), &config.data_dir)?))
        }
        DriverKind::Docker(settings) => {
            Ok(Arc::new(DockerDriver::open(&named.name, settings.clone(), &config.data_dir)?))
        }
        DriverKind::Swarm(settings) => Ok(Arc::new(SwarmDriver::new(&named.name, settings.clone())?)),
    }
}

/// One source, with its name.
pub(super) fn source(named: &Named<SourceKind>) -> Result<(String, Arc<dyn Source>), HostError> {
    let name = &named.name;
    let failed = |what: String| HostError::Source { name: name.clone(), what };
    let source: Arc<dyn Source> = match &named.kind {
        SourceKind::Process(settings) => Arc::new(ProcessSource::new(name, *settings)),
        SourceKind::Prometheus(settings) => Arc::new(PrometheusSource::new(name, settings.clone()).map_err(failed)?),
        SourceKind::Scrape(settings) => Arc::new(ScrapeSource::new(name, settings.clone()).map_err(failed)?),
        SourceKind::HttpJson(settings) => Arc::new(HttpJsonSource::new(name, settings).map_err(failed)?),
        SourceKind::Haproxy(settings) => Arc::new(HaproxySource::new(name, settings).map_err(failed)?),
        SourceKind::Docker(settings) => Arc::new(DockerStatsSource::new(name, settings.clone()).map_err(failed)?),
        SourceKind::Redis(settings) => Arc::new(RedisSource::new(name, settings.clone()).map_err(failed)?),
        SourceKind::Rabbitmq(settings) => Arc::new(RabbitmqSource::new(name, settings).map_err(failed)?),
        SourceKind::Sql(settings) => Arc::new(SqlSource::new(name, settings.clone()).map_err(failed)?),
        SourceKind::Push(settings) => Arc::new(PushSource::new(name, settings.clone())),
        SourceKind::Nginx(settings) => Arc::new(NginxSource::new(name, settings).map_err(failed)?),
        SourceKind::Traefik(settings) => Arc::new(traefik::source(name, settings).map_err(failed)?),
        SourceKind::Envoy(settings) => Arc::new(envoy::source(name, settings).map_err(failed)?),
    };
    Ok((name.clone(), source))
}

/// All registrars; those inside the host also by themselves, as they have a server to end.
pub(super) async fn registrars(config: &Config) -> Result<Registrars, HostError> {
    let mut embedded = Vec::new();
    let mut registrars: Vec<Arc<dyn Registrar>> = Vec::with_capacity(config.registrars.len());
    for Named { name, kind, .. } in &config.registrars {
        let kept = config.data_dir.join("registrars").join(format!("{name}.json"));
        registrars.push(match kind {
            RegistrarKind::Embedded(settings) => {
                let balancer = Arc::new(EmbeddedRegistrar::start(name, settings.clone()).await?);
                embedded.push(Arc::clone(&balancer));
                balancer
            }
            RegistrarKind::Haproxy(settings) => Arc::new(HaproxyRegistrar::new(name, settings)?),
            RegistrarKind::HaproxyDataPlane(settings) => {
                Arc::new(HaproxyRegistrar::through_data_plane(name, settings)?)
            }
            RegistrarKind::Nginx(settings) => Arc::new(NginxRegistrar::open(name, settings.clone(), kept)?),
            RegistrarKind::Traefik(settings) => Arc::new(TraefikRegistrar::open(name, settings.clone(), kept).await?),
            RegistrarKind::Envoy(settings) => Arc::new(EnvoyRegistrar::open(name, settings.clone(), kept).await?),
        });
    }
    Ok((registrars, embedded))
}

/// All registrars, and those of them that are balancers inside the host.
pub(super) type Registrars = (Vec<Arc<dyn Registrar>>, Vec<Arc<EmbeddedRegistrar>>);
