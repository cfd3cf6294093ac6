//! Traefik: a service fetched over HTTP, or watched as a file.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use trimtab::registrars::traefik::{TraefikConfig, TraefikRegistrar};
use trimtab::registrars::{DrainState, Registrar, RegistrarError};
use trimtab::secret::SecretAt;
use trimtab::sources::Source;
use trimtab::sources::traefik::{self, TraefikSourceConfig};

use super::stage::{
    Proxy, Worker, drained, free_port, get, held, measure, names, program, taken_out, until, up_and_down, web, who,
};

fn config() -> TraefikConfig {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    TraefikConfig { listen, drain_ms: 500, timeout_ms: 60_000, ..TraefikConfig::new("web", vec![web()]) }
}

/// A Traefik whose only router leads to this service; its own file is in the folder.
fn start(
    program: &Path,
    folder: &Path,
    service: &str,
    provider: &str,
    throttle: &str,
) -> (Proxy, SocketAddr, SocketAddr) {
    start_at(program, folder, service, provider, throttle, free_port())
}

/// The same, with its API at this port.
fn start_at(
    program: &Path,
    folder: &Path,
    service: &str,
    provider: &str,
    throttle: &str,
    admin: u16,
) -> (Proxy, SocketAddr, SocketAddr) {
    let [front, admin] = [free_port(), admin].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let dynamic = folder.join("dynamic");
    fs::create_dir_all(&dynamic).unwrap();
    let router =
        format!("http: {{routers: {{all: {{rule: 'PathPrefix(`/`)', service: '{service}', entryPoints: [web]}}}}}}\n");
    fs::write(dynamic.join("router.yml"), router).unwrap();
    let text = format!(
        "global: {{checkNewVersion: false, sendAnonymousUsage: false}}\n\
         entryPoints: {{web: {{address: '{front}'}}, traefik: {{address: '{admin}'}}}}\n\
         metrics: {{prometheus: {{addServicesLabels: true}}}}\n\
         api: {{insecure: true, dashboard: false}}\n\
         providers:\n  providersThrottleDuration: {throttle}\n  file: {{directory: '{}', watch: true}}\n{provider}",
        dynamic.display()
    );
    let file = folder.join("traefik.yml");
    fs::write(&file, text).unwrap();
    let proxy = Proxy::start(program, &[&format!("--configFile={}", file.display())]);
    (proxy, front, admin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_fetches_its_servers_from_us() {
    trimtab::tls::ready();
    let Some(program) = program("TRIMTAB_TEST_TRAEFIK", "traefik", "Traefik") else { return };
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("data/front.json");
    fs::write(folder.path().join("token"), "hush").unwrap();
    let config = || TraefikConfig { token: Some(SecretAt::File(folder.path().join("token"))), ..config() };
    let registrar = TraefikRegistrar::open("front", config(), kept.clone()).await.unwrap();
    let (one, two) = (Worker::start("one").await, Worker::start("two").await);
    registrar.register(&web(), "w1", &one.address).await.unwrap();
    registrar.register(&web(), "w2", &two.address).await.unwrap();
    let error = registrar.drain(&web(), "w1").await.unwrap_err();
    assert!(matches!(&error, RegistrarError::Unreachable { what, .. } if what.contains("no proxy asks")), "{error}");
    registrar.undrain(&web(), "w1").await.unwrap();

    let address = registrar.address().unwrap();
    let provider = format!(
        "  http: {{endpoint: 'http://{address}/', pollInterval: 100ms, headers: {{Authorization: Bearer hush}}}}\n"
    );
    assert_eq!(get(address, "/").await, None, "nobody is told without the token");
    let (_proxy, front, admin) = start(&program, folder.path(), "web@http", &provider, "50ms");
    until("both", async || who(front).await == names(&["one", "two"])).await;

    let (a, b) = (held(front), held(front));
    one.arrived.notified().await;
    two.arrived.notified().await;
    assert!(matches!(registrar.drain(&web(), "w1").await.unwrap(), DrainState::Waiting { .. }));
    until("the end of a drain", async || drained(&registrar, "w1").await).await;
    assert_eq!(who(front).await, names(&["two"]), "no new request begins there");
    one.go.notify_one();
    two.go.notify_one();
    let ends: std::collections::BTreeSet<_> = [a.await.unwrap(), b.await.unwrap()].into();
    assert_eq!(ends, names(&["one", "two"]), "no request was cut off");
    taken_out(&registrar, "w1").await;

    // Another run of the host serves what the last one had, before anything is registered.
    drop(registrar);
    let again = TraefikConfig { listen: Some(address), ..config() };
    let mut registrar = TraefikRegistrar::open("front", again.clone(), kept.clone()).await;
    while registrar.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        registrar = TraefikRegistrar::open("front", again.clone(), kept.clone()).await;
    }
    let registrar = registrar.unwrap();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w2"]);
    registrar.register(&web(), "w3", &one.address).await.unwrap();
    until("a third", async || who(front).await == names(&["one", "two"])).await;
    for instance in ["w2", "w3"] {
        taken_out(&registrar, instance).await;
    }
    until("nobody", async || who(front).await == [None].into()).await;

    let source = traefik::source("proxy", &TraefikSourceConfig::new(&format!("http://{admin}/metrics"))).unwrap();
    source.check().await.unwrap();
    let requests = "traefik_service_requests_total{service=\"{target}@http\",code=\"200\"}";
    assert!(measure(&source, requests, false, 1_000).await.unwrap() >= 60.0);
    assert_eq!(measure(&source, requests, true, 2_000).await, None, "nothing to compare with is no rate");
    assert_eq!(measure(&source, requests, true, 12_000).await, Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_watches_a_file_of_ours() {
    trimtab::tls::ready();
    let Some(program) = program("TRIMTAB_TEST_TRAEFIK", "traefik", "Traefik") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_proxy, front, _) = start(&program, folder.path(), "web@file", "", "50ms");
    let file = folder.path().join("dynamic/web.yml");
    let config = TraefikConfig { listen: None, file: Some(file.clone()), ..config() };
    let registrar = TraefikRegistrar::open("front", config, folder.path().join("data/front.json")).await.unwrap();
    registrar.check().await.unwrap();
    let (one, two) = (Worker::start("one").await, Worker::start("two").await);
    registrar.register(&web(), "w1", &one.address).await.unwrap();
    registrar.register(&web(), "w2", &two.address).await.unwrap();
    until("both", async || who(front).await == names(&["one", "two"])).await;
    fs::remove_file(&file).unwrap();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w1", "w2"]);
    assert!(file.exists(), "a lost file is written again");
    until("the end of a drain", async || drained(&registrar, "w1").await).await;
    registrar.deregister(&web(), "w1").await.unwrap();
    until("one", async || who(front).await == names(&["two"])).await;
}

/// It polls and takes changes slowly, and shows what it uses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traefik_loses_no_request_over_a_scale_up_and_down() {
    trimtab::tls::ready();
    let Some(program) = program("TRIMTAB_TEST_TRAEFIK", "traefik", "Traefik") else { return };
    let folder = tempfile::tempdir().unwrap();
    let [port, admin] = [free_port(), free_port()];
    let config = TraefikConfig {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], port))),
        api: vec![format!("http://127.0.0.1:{admin}")],
        drain_ms: 1_000,
        ..config()
    };
    let registrar = TraefikRegistrar::open("front", config, folder.path().join("data/front.json")).await.unwrap();
    assert!(registrar.check().await.is_err(), "no Traefik shows anything");
    let provider = format!("  http: {{endpoint: 'http://127.0.0.1:{port}/', pollInterval: 700ms}}\n");
    let (_proxy, front, _) = start_at(&program, folder.path(), "web@http", &provider, "500ms", admin);
    until("its API", async || registrar.check().await.is_ok()).await;
    up_and_down(&registrar, front, true, async || {}).await;
    registrar.check().await.unwrap();
}
