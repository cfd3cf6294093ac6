//! Envoy: endpoints discovered over REST, or watched as a file.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use trimtab::registrars::Registrar;
use trimtab::registrars::envoy::{EnvoyConfig, EnvoyRegistrar};
use trimtab::secret::SecretAt;
use trimtab::sources::Source;
use trimtab::sources::envoy::{self, EnvoySourceConfig};

use super::stage::{
    Proxy, Worker, drained, free_port, get, held, measure, names, program, taken_out, until, up_and_down, web, who,
};

fn config() -> EnvoyConfig {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    EnvoyConfig { listen, drain_ms: 500, timeout_ms: 60_000, ..EnvoyConfig::new("web", vec![web()]) }
}

/// An Envoy with one listener and one cluster, whose endpoints it has from there.
fn start(program: &Path, folder: &Path, eds: &str, clusters: &str) -> (Proxy, SocketAddr, SocketAddr) {
    start_at(program, folder, eds, clusters, 50, free_port())
}

/// The same, with this panic threshold, and its admin interface at this port.
fn start_at(
    program: &Path,
    folder: &Path,
    eds: &str,
    clusters: &str,
    panic: u8,
    admin: u16,
) -> (Proxy, SocketAddr, SocketAddr) {
    let front = free_port();
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
         common_lb_config: {{healthy_panic_threshold: {{value: {panic}}}}}\n    \
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

const EDS: &str = "api_config_source: {api_type: REST, transport_api_version: V3, cluster_names: [trimtab], \
                   refresh_delay: 0.1s, request_timeout: 1s}";

/// The cluster that endpoints are discovered through, which shows our token.
fn discovery(port: u16) -> String {
    let extensions = "type.googleapis.com/envoy.extensions";
    let header = "{key: authorization, value: 'Bearer hush'}";
    let mutation = format!(
        "{{name: token, typed_config: {{'@type': {extensions}.filters.http.header_mutation.v3.HeaderMutation, \
         mutations: {{request_mutations: [{{append: {{header: {header}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}}}]}}}}}}"
    );
    let codec = format!(
        "{{name: codec, typed_config: {{'@type': {extensions}.filters.http.upstream_codec.v3.UpstreamCodec}}}}"
    );
    let options = format!(
        "{{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{'@type': {extensions}.upstreams.http.v3.HttpProtocolOptions, \
         explicit_http_config: {{http_protocol_options: {{}}}}, http_filters: [{mutation}, {codec}]}}}}"
    );
    format!(
        "  - name: trimtab\n    type: STATIC\n    typed_extension_protocol_options: {options}\n    \
         load_assignment: {{cluster_name: trimtab, endpoints: [{{lb_endpoints: \
         [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_discovers_its_endpoints_from_us() {
    trimtab::tls::ready();
    let Some(program) = program("TRIMTAB_TEST_ENVOY", "envoy", "Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "hush").unwrap();
    let config = EnvoyConfig { token: Some(SecretAt::File(folder.path().join("token"))), ..config() };
    let registrar = EnvoyRegistrar::open("front", config, folder.path().join("data/front.json")).await.unwrap();
    let (one, two) = (Worker::start("one").await, Worker::start("two").await);
    registrar.register(&web(), "w1", &one.address).await.unwrap();
    registrar.register(&web(), "w2", &two.address).await.unwrap();

    let port = registrar.address().unwrap().port();
    assert_eq!(get(registrar.address().unwrap(), "/v3/discovery:endpoints").await, None, "it is not how Envoy asks");
    let clusters = discovery(port);
    let (_proxy, front, admin) = start(&program, folder.path(), EDS, &clusters);
    until("both", async || who(front).await == names(&["one", "two"])).await;

    let (a, b) = (held(front), held(front));
    one.arrived.notified().await;
    two.arrived.notified().await;
    until("the end of a drain", async || drained(&registrar, "w1").await).await;
    assert_eq!(who(front).await, names(&["two"]), "no new request begins there");
    one.go.notify_one();
    two.go.notify_one();
    let ends: std::collections::BTreeSet<_> = [a.await.unwrap(), b.await.unwrap()].into();
    assert_eq!(ends, names(&["one", "two"]), "no request was cut off");
    registrar.deregister(&web(), "w1").await.unwrap();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w2"]);
    taken_out(&registrar, "w2").await;
    until("nobody", async || who(front).await == [None].into()).await;

    let source = envoy::source("proxy", &EnvoySourceConfig::new(&format!("http://{admin}/stats/prometheus"))).unwrap();
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

/// Up and down, at an Envoy with this panic threshold; all instances are drained for longest `drain_ms`.
async fn loses_no_request(panic: u8, drain_ms: u64) {
    trimtab::tls::ready();
    let Some(program) = program("TRIMTAB_TEST_ENVOY", "envoy", "Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let admin = free_port();
    let config = EnvoyConfig { admin: vec![format!("http://127.0.0.1:{admin}")], drain_ms, ..config() };
    let registrar = EnvoyRegistrar::open("front", config, folder.path().join("data/front.json")).await.unwrap();
    let clusters = discovery(registrar.address().unwrap().port());
    let (_proxy, front, _) = start_at(&program, folder.path(), EDS, &clusters, panic, admin);
    until("its admin interface", async || registrar.check().await.is_ok()).await;
    up_and_down(&registrar, front, true, async || {}).await;
}

/// No time of grace would do but the requests' own: it is an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_loses_no_request_over_a_scale_up_and_down_and_drains_to_the_last() {
    loses_no_request(0, 3_600_000).await;
}

/// Three of five drain at once: Envoy, of which half must be healthy, gives work to those that drain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_in_panic_loses_no_request_either() {
    loses_no_request(50, 2_000).await;
}
