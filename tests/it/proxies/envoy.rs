//! Envoy: endpoints discovered over REST, or watched as a file.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use trimtab::registrars::Registrar;
use trimtab::registrars::envoy::{EnvoyConfig, EnvoyRegistrar};
use trimtab::sources::Source;
use trimtab::sources::envoy::{EnvoySource, EnvoySourceConfig};

use super::stage::{Proxy, Worker, drained, free_port, held, measure, names, program, until, web, who};

fn config() -> EnvoyConfig {
    EnvoyConfig {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        file: None,
        cluster: "web".to_owned(),
        serves: vec![web()],
        drain_ms: 500,
    }
}

/// An Envoy with one listener and one cluster, whose endpoints it has from there.
fn start(program: &Path, folder: &Path, eds: &str, clusters: &str) -> (Proxy, SocketAddr, SocketAddr) {
    let [front, admin] = [free_port(), free_port()];
    let route = "{match: {prefix: /}, route: {cluster: web, timeout: 60s}}";
    let filter = "{name: envoy.filters.http.router, typed_config: {'@type': \
                  type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";
    let text = format!(
        "node: {{id: test, cluster: test}}\n\
         admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}\n\
         static_resources:\n  listeners:\n  - address: {{socket_address: {{address: 127.0.0.1, port_value: {front}}}}}\n    \
         filter_chains:\n    - filters:\n      - name: envoy.filters.network.http_connection_manager\n        typed_config:\n          \
         '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n          \
         stat_prefix: front\n          route_config: {{virtual_hosts: [{{name: all, domains: ['*'], routes: [{route}]}}]}}\n          \
         http_filters: [{filter}]\n  clusters:\n  - name: web\n    type: EDS\n    connect_timeout: 1s\n    \
         eds_cluster_config: {{eds_config: {{resource_api_version: V3, {eds}}}}}\n{clusters}"
    );
    let file = folder.join("envoy.yaml");
    fs::write(&file, text).unwrap();
    let proxy = Proxy::start(
        program,
        &["-c", file.to_str().unwrap(), "--concurrency", "1", "--disable-hot-restart", "--log-level", "off"],
    );
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    (proxy, loopback(front), loopback(admin))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_discovers_its_endpoints_from_us() {
    trimtab::tls::ready();
    let Some(program) = program("TRIMTAB_TEST_ENVOY", "envoy", "Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let registrar = EnvoyRegistrar::open("front", config(), folder.path().join("data/front.json")).await.unwrap();
    let (one, two) = (Worker::start("one").await, Worker::start("two").await);
    registrar.register(&web(), "w1", &one.address).await.unwrap();
    registrar.register(&web(), "w2", &two.address).await.unwrap();

    let port = registrar.address().unwrap().port();
    let eds = "api_config_source: {api_type: REST, transport_api_version: V3, cluster_names: [trimtab], \
               refresh_delay: 0.1s, request_timeout: 1s}";
    let clusters = format!(
        "  - name: trimtab\n    type: STATIC\n    load_assignment: {{cluster_name: trimtab, endpoints: [{{lb_endpoints: \
         [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
    );
    let (_proxy, front, admin) = start(&program, folder.path(), eds, &clusters);
    until("both", async || who(front).await == names(&["one", "two"])).await;

    let (a, b) = (held(front), held(front));
    one.arrived.notified().await;
    two.arrived.notified().await;
    until("the end of a drain", async || drained(&registrar, "w1").await).await;
    assert_eq!(who(front).await, names(&["two"]), "no new request begins there");
    (one.go.notify_one(), two.go.notify_one());
    let ends: std::collections::BTreeSet<_> = [a.await.unwrap(), b.await.unwrap()].into();
    assert_eq!(ends, names(&["one", "two"]), "no request was cut off");
    registrar.deregister(&web(), "w1").await.unwrap();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w2"]);
    registrar.deregister(&web(), "w2").await.unwrap();
    until("nobody", async || who(front).await == [None].into()).await;

    let source =
        EnvoySource::new("proxy", &EnvoySourceConfig::new(&format!("http://{admin}/stats/prometheus"))).unwrap();
    source.check().await.unwrap();
    let total = "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"{target}\"}";
    assert!(measure(&source, total, false, 1_000).await.unwrap() >= 40.0);
    let active = "envoy_cluster_upstream_rq_active{envoy_cluster_name=\"{target}\"}";
    assert_eq!(measure(&source, active, false, 1_000).await, Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_watches_a_file_of_ours() {
    trimtab::tls::ready();
    let Some(program) = program("TRIMTAB_TEST_ENVOY", "envoy", "Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    let config = EnvoyConfig { listen: None, file: Some(file.clone()), ..config() };
    let registrar = EnvoyRegistrar::open("front", config, folder.path().join("data/front.json")).await.unwrap();
    let (one, two) = (Worker::start("one").await, Worker::start("two").await);
    registrar.register(&web(), "w1", &one.address).await.unwrap();
    let eds = format!("path_config_source: {{path: '{}'}}", file.display());
    let (_proxy, front, _) = start(&program, folder.path(), &eds, "");
    until("one", async || who(front).await == names(&["one"])).await;
    registrar.register(&web(), "w2", &two.address).await.unwrap();
    until("both", async || who(front).await == names(&["one", "two"])).await;
    until("the end of a drain", async || drained(&registrar, "w1").await).await;
    until("the other", async || who(front).await == names(&["two"])).await;
    registrar.deregister(&web(), "w1").await.unwrap();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w2"]);
}
