//! nginx: entered by reload, drained by its workers' end, and never left with a configuration that it cannot start with.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;
use trimtab::registrars::nginx::{NginxConfig, NginxRegistrar};
use trimtab::registrars::{DrainState, Registrar, RegistrarError};
use trimtab::sources::Source;
use trimtab::sources::nginx::{NginxSource, NginxSourceConfig};

use super::stage::{Proxy, Worker, drained, free_port, get, held, measure, names, program, until, web, who};

/// An nginx with one upstream, in a folder of its own.
struct Nginx {
    program: PathBuf,
    folder: TempDir,
    address: SocketAddr,
    proxy: Option<Proxy>,
}

impl Nginx {
    fn new() -> Option<Self> {
        trimtab::tls::ready();
        let program = program("TRIMTAB_TEST_NGINX", "nginx", "Debian's nginx-light")?;
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let at = folder.path().display();
        let text = format!(
            "daemon off; worker_processes 1; user root; pid {at}/nginx.pid; error_log {at}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
             include {at}/conf.d/*.conf;\n\
             server {{ listen {address}; location = /status {{ stub_status; }}\n\
             location / {{ proxy_pass http://web; proxy_next_upstream off; }} }} }}\n"
        );
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        fs::create_dir(folder.path().join("conf.d")).unwrap();
        Some(Self { program, folder, address, proxy: None })
    }

    async fn start(&mut self) {
        let config = self.folder.path().join("nginx.conf");
        self.proxy = Some(Proxy::start(&self.program, &["-c", config.to_str().unwrap()]));
        until("nginx", async || get(self.address, "/status").await.is_some()).await;
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("conf.d/web.conf")
    }

    fn config(&self) -> NginxConfig {
        NginxConfig {
            program: self.program.clone(),
            config: Some(self.folder.path().join("nginx.conf")),
            pid_file: self.folder.path().join("nginx.pid"),
            timeout_ms: 20_000,
            ..NginxConfig::new(&self.file(), "web", vec![web()])
        }
    }

    fn registrar(&self) -> NginxRegistrar {
        let kept = self.folder.path().join("data/registrars/front.json");
        NginxRegistrar::open("front", self.config(), kept).unwrap()
    }

    /// With an upstream of nobody, so that nginx can start.
    async fn started() -> Option<Self> {
        let mut nginx = Self::new()?;
        fs::write(nginx.file(), "").unwrap();
        let kept = nginx.folder.path().join("conf.d/first.conf");
        fs::write(&kept, "upstream web { server 127.0.0.1:9 down; }").unwrap();
        nginx.start().await;
        fs::remove_file(kept).unwrap();
        Some(nginx)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_come_to_nginx_and_leave_it_when_their_requests_are_done() {
    let Some(nginx) = Nginx::started().await else { return };
    let (one, two) = (Worker::start("one").await, Worker::start("two").await);
    let registrar = nginx.registrar();
    let target = web();
    let (first, second) =
        tokio::join!(registrar.register(&target, "w1", &one.address), registrar.register(&target, "w2", &two.address));
    (first.unwrap(), second.unwrap());
    registrar.check().await.unwrap();
    assert_eq!(who(nginx.address).await, names(&["one", "two"]));
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w1", "w2"]);

    // Both are held, so that the one to go is, whichever got which.
    let (a, b) = (held(nginx.address), held(nginx.address));
    one.arrived.notified().await;
    two.arrived.notified().await;
    assert!(matches!(registrar.drain(&web(), "w1").await.unwrap(), DrainState::Waiting { .. }));
    assert_eq!(who(nginx.address).await, names(&["two"]), "no new request begins there");
    assert!(!drained(&registrar, "w1").await, "a request is under way");
    registrar.undrain(&web(), "w1").await.unwrap();
    assert_eq!(who(nginx.address).await, names(&["one", "two"]));
    assert!(!drained(&registrar, "w1").await);
    (one.go.notify_one(), two.go.notify_one());
    let ends: std::collections::BTreeSet<_> = [a.await.unwrap(), b.await.unwrap()].into();
    assert_eq!(ends, names(&["one", "two"]), "no request was cut off");
    until("the old workers' end", async || drained(&registrar, "w1").await).await;
    registrar.deregister(&web(), "w1").await.unwrap();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w2"]);
    registrar.deregister(&web(), "w2").await.unwrap();
    assert_eq!(who(nginx.address).await, [None].into(), "nobody serves, and nginx stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nginx_refuses_leaves_its_file_as_it_was() {
    let Some(mut nginx) = Nginx::started().await else { return };
    let one = Worker::start("one").await;
    let registrar = nginx.registrar();
    registrar.register(&web(), "w1", &one.address).await.unwrap();
    let before = fs::read_to_string(nginx.file()).unwrap();

    let error = registrar.register(&web(), "w2", "no-such-host.invalid:80").await.unwrap_err();
    assert!(error.to_string().contains("host not found"), "{error}");
    for address in ["", "127.0.0.1", "127.0.0.1:0", "a:1; } server { x:1", "[::1:80", "a b:1"] {
        let error = registrar.register(&web(), "w3", address).await.unwrap_err();
        assert!(error.to_string().ends_with("is not host:port"), "{error}");
    }
    assert_eq!(fs::read_to_string(nginx.file()).unwrap(), before);
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w1"]);
    assert_eq!(who(nginx.address).await, names(&["one"]));

    // Somebody deletes the file, or writes another: the first is mended, the second is not ours.
    fs::remove_file(nginx.file()).unwrap();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w1"]);
    assert_eq!(fs::read_to_string(nginx.file()).unwrap(), before);
    fs::write(nginx.file(), "# mine\n").unwrap();
    let error = registrar.deregister(&web(), "w1").await.unwrap_err();
    assert!(error.to_string().contains("is not this registrar's"), "{error}");
    assert_eq!(fs::read_to_string(nginx.file()).unwrap(), "# mine\n");
    fs::write(nginx.file(), &before).unwrap();

    // Without nginx nothing counts; with it again, and another host's run, all is as it was.
    drop(nginx.proxy.take());
    let error = registrar.deregister(&web(), "w1").await.unwrap_err();
    assert!(matches!(&error, RegistrarError::Unreachable { what, .. } if what.contains("does not run")), "{error}");
    drop(registrar);
    nginx.start().await;
    assert_eq!(nginx.registrar().entered(&web()).await.unwrap(), ["w1"]);
    assert_eq!(who(nginx.address).await, names(&["one"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginxs_counts_are_read() {
    let Some(nginx) = Nginx::started().await else { return };
    let one = Worker::start("one").await;
    nginx.registrar().register(&web(), "w1", &one.address).await.unwrap();
    let source =
        NginxSource::new("proxy", &NginxSourceConfig::new(&format!("http://{}/status", nginx.address))).unwrap();
    source.check().await.unwrap();
    let before = measure(&source, "requests", false, 1_000).await.unwrap();
    who(nginx.address).await;
    assert_eq!(measure(&source, "requests", false, 1_000).await, Some(before), "one request a turn");
    assert_eq!(measure(&source, "requests", false, 2_000).await, Some(before + 21.0));
    assert_eq!(measure(&source, "dropped", false, 2_000).await, Some(0.0));
    let waits = held(nginx.address);
    one.arrived.notified().await;
    assert_eq!(measure(&source, "active", false, 3_000).await, Some(2.0), "the one that waits, and the one that asks");
    one.go.notify_one();
    waits.await.unwrap();
}
