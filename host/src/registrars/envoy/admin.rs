//! What Envoy's admin interface shows of a cluster: <https://www.envoyproxy.io/docs/envoy/latest/operations/admin>.

use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::Cluster;
use crate::causes::on_one_line;
use crate::registrars::sight::{self, Server, Shows, Sight};

/// What we read of `/clusters`.
#[derive(Debug, Deserialize)]
struct Clusters {
    #[serde(default)]
    cluster_statuses: Vec<ClusterStatus>,
}

#[derive(Debug, Deserialize)]
struct ClusterStatus {
    name: String,
    /// The name in its statistics.
    observability_name: Option<String>,
    eds_service_name: Option<String>,
    #[serde(default)]
    host_statuses: Vec<HostStatus>,
}

#[derive(Debug, Deserialize)]
struct HostStatus {
    address: Address,
    #[serde(default)]
    stats: Vec<Stat>,
    #[serde(default)]
    health_status: HealthStatus,
}

#[derive(Debug, Deserialize)]
struct Address {
    socket_address: Option<SocketAddress>,
}

#[derive(Debug, Deserialize)]
struct SocketAddress {
    address: String,
    port_value: u16,
}

#[derive(Debug, Default, Deserialize)]
struct HealthStatus {
    eds_health_status: Option<String>,
}

/// What we read of `/stats`, and of a host's.
#[derive(Debug, Deserialize)]
struct Stats {
    #[serde(default)]
    stats: Vec<Stat>,
}

#[derive(Debug, Deserialize)]
struct Stat {
    #[serde(default)]
    name: String,
    /// A number, or a text of one; not there where it is 0, and of another shape for histograms.
    #[serde(default)]
    value: Value,
}

impl Stat {
    fn count(&self) -> u64 {
        self.value.as_u64().or_else(|| self.value.as_str()?.parse().ok()).unwrap_or(0)
    }
}

impl HostStatus {
    fn server(&self) -> Server {
        // Absent is healthy. Any other word, too, keeps new requests away.
        let drains = self.health_status.eds_health_status.as_deref().is_some_and(|health| health != "HEALTHY");
        let active = self.stats.iter().find(|stat| stat.name == "rq_active").map_or(0, Stat::count);
        Server { drains, active }
    }
}

impl Cluster {
    /// Whether this is the cluster whose endpoints are ours.
    fn is_ours(&self, status: &ClusterStatus) -> bool {
        let named = status.eds_service_name.as_deref().filter(|name| !name.is_empty());
        named.unwrap_or(&status.name) == self.name
    }
}

impl Shows for Cluster {
    /// The counts of panic come last: they then tell of all that was given before the endpoints were looked at.
    fn pages(&self, base: &Url) -> Vec<Url> {
        [("clusters", ""), ("stats", "&filter=lb_healthy_panic$")]
            .into_iter()
            .map(|(page, more)| {
                let mut url = base.clone();
                url.set_path(&format!("{}{page}", base.path()));
                url.set_query(Some(&format!("format=json{more}")));
                url
            })
            .collect()
    }

    fn sight(&self, pages: &[Option<Vec<u8>>]) -> Result<Sight, String> {
        let [Some(clusters), Some(stats)] = pages else { return Err("it is not Envoy's admin interface".to_owned()) };
        let wrong = |error: serde_json::Error| format!("its answer is not Envoy's: {}", on_one_line(&error));
        let clusters: Clusters = serde_json::from_slice(clusters).map_err(wrong)?;
        let stats: Stats = serde_json::from_slice(stats).map_err(wrong)?;
        let mut sight = Sight { panics: Some(0), ..Sight::default() };
        for status in clusters.cluster_statuses.iter().filter(|status| self.is_ours(status)) {
            for host in &status.host_statuses {
                let Some(at) = &host.address.socket_address else { continue };
                let seen = host.server();
                // Two clusters of one service: it drains when it drains in both.
                let server = sight.servers.entry(sight::address_of(&at.address, at.port_value));
                let server = server.or_insert(Server { drains: true, active: 0 });
                server.drains &= seen.drains;
                // What a proxy says may be any number.
                server.active = server.active.saturating_add(seen.active);
            }
            let name = status.observability_name.as_deref().unwrap_or(&status.name);
            let name = format!("cluster.{name}.lb_healthy_panic");
            let count = stats.stats.iter().find(|stat| stat.name == name).map(Stat::count);
            sight.panics = sight.panics.zip(count).map(|(sum, count): (u64, u64)| sum.saturating_add(count));
        }
        Ok(sight)
    }
}
