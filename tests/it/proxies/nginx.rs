//! nginx: entered by reload, drained by its workers' end, and never left with a configuration that it cannot start with.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use trimtab::registrars::nginx::{NginxConfig, NginxRegistrar};
use trimtab::registrars::{DrainState, Registrar, RegistrarError};
use trimtab::sources::Source;
use trimtab::sources::nginx::{NginxSource, NginxSourceConfig};

use super::stage::{
    Proxy, Worker, drained, free_port, get, held, measure, names, program, taken_out, until, up_and_down, web, who,
};

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
            "daemon off; worker_processes 1; user root; pid {at}/nginx.pid; error_log {at}/error.log notice;\n\
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
    first.unwrap();
    second.unwrap();
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
    one.go.notify_one();
    two.go.notify_one();
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
    // The one that waits, and the one that asks, once nginx has closed those of before.
    let now_ms = AtomicU64::new(3_000);
    let active = async || measure(&source, "active", false, now_ms.fetch_add(1, Ordering::Relaxed)).await;
    until("two connections", async || active().await == Some(2.0)).await;
    one.go.notify_one();
    waits.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_loses_no_request_over_a_scale_up_and_down() {
    let Some(nginx) = Nginx::started().await else { return };
    let registrar = nginx.registrar();
    // The operator makes a mistake in the middle of it.
    let mistake = nginx.folder.path().join("conf.d/mistake.conf");
    up_and_down(&registrar, nginx.address, false, async || {
        let before = fs::read_to_string(nginx.file()).unwrap();
        fs::write(&mistake, "no_such_directive;\n").unwrap();
        let mistaken = |error: RegistrarError| {
            let text = error.to_string();
            assert!(matches!(error, RegistrarError::Refused { .. }) && text.contains("no_such_directive"), "{text}");
        };
        mistaken(registrar.register(&web(), "b9", "127.0.0.1:9").await.unwrap_err());
        mistaken(registrar.drain(&web(), "b0").await.unwrap_err());
        mistaken(registrar.deregister(&web(), "b0").await.unwrap_err());
        mistaken(registrar.check().await.unwrap_err());
        assert_eq!(fs::read_to_string(nginx.file()).unwrap(), before, "the old file is kept");
        assert_eq!(registrar.entered(&web()).await.unwrap().len(), 5, "and every instance stays");
        fs::remove_file(&mistake).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_between_file_and_reload_tells_again() {
    let Some(nginx) = Nginx::started().await else { return };
    let (one, two) = (Worker::start("one").await, Worker::start("two").await);
    nginx.registrar().register(&web(), "w1", &one.address).await.unwrap();
    let before = fs::read_to_string(nginx.file()).unwrap();

    // An nginx that hangs when it tests its configuration, and a host that ends while it waits.
    let (script, hangs) = (nginx.folder.path().join("slow"), nginx.folder.path().join("hangs"));
    let text = format!("#!/bin/sh\ntouch {}\nexec sleep 600\n", hangs.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = NginxConfig { program: script, timeout_ms: 600_000, ..nginx.config() };
    let kept = nginx.folder.path().join("data/registrars/front.json");
    let host = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = two.address.clone();
    host.spawn(async move {
        let registrar = NginxRegistrar::open("front", config, kept).unwrap();
        registrar.register(&web(), "w2", &address).await
    });
    until("the test", async || hangs.exists()).await;
    host.shutdown_background();
    assert!(fs::read_to_string(nginx.file()).unwrap().contains(&two.address), "the file says what nginx was not told");

    let registrar = nginx.registrar();
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w1"]);
    assert_eq!(fs::read_to_string(nginx.file()).unwrap(), before);
    assert!(!nginx.folder.path().join("conf.d/.web.conf.doubt").exists());
    registrar.register(&web(), "w2", &two.address).await.unwrap();
    assert_eq!(who(nginx.address).await, names(&["one", "two"]));

    // Killed after the file was as it was, and before nginx was told so: the note of doubt alone says it.
    fs::write(nginx.folder.path().join("conf.d/.web.conf.doubt"), "").unwrap();
    let reloads =
        || fs::read_to_string(nginx.folder.path().join("error.log")).unwrap().matches(", reconfiguring").count();
    let told = reloads();
    assert_eq!(nginx.registrar().entered(&web()).await.unwrap(), ["w1", "w2"]);
    until("a reload", async || reloads() == told + 1).await;
    assert_eq!(registrar.entered(&web()).await.unwrap(), ["w1", "w2"]);
    assert_eq!(reloads(), told + 1, "told once");
    taken_out(&registrar, "w1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_an_nginx_is_said_and_nobody_else_is_signalled() {
    let Some(mut nginx) = Nginx::started().await else { return };
    let one = Worker::start("one").await;
    nginx.registrar().register(&web(), "w1", &one.address).await.unwrap();
    drop(nginx.proxy.take());
    let pid_file = nginx.folder.path().join("nginx.pid");

    // A stranger has the number now, whom a signal would end.
    let mut stranger = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let dead = {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        ended.id()
    };
    let before = fs::read_to_string(nginx.file()).unwrap();
    for (content, what) in [
        (Some(format!("{}\n", stranger.id())), "is another program's; start it, or set `pid_file`"),
        (Some(dead.to_string()), "cannot be had"),
        (Some("-1".to_owned()), "holds no process's number"),
        (Some("0".to_owned()), "holds no process's number"),
        (Some(String::new()), "holds no process's number"),
        // nginx's own test of its configuration makes an empty one.
        (None, "holds no process's number"),
    ] {
        let _ = fs::remove_file(&pid_file);
        content.iter().for_each(|content| fs::write(&pid_file, content).unwrap());
        let registrar = nginx.registrar();
        for error in [
            registrar.register(&web(), "w2", "127.0.0.1:9").await.unwrap_err(),
            registrar.deregister(&web(), "w1").await.unwrap_err(),
            registrar.check().await.unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(matches!(error, RegistrarError::Unreachable { .. }) && text.contains(what), "{content:?}: {text}");
        }
        assert_eq!(fs::read_to_string(nginx.file()).unwrap(), before);
    }
    assert_eq!(stranger.try_wait().unwrap(), None, "the stranger lives");
    stranger.kill().unwrap();
    stranger.wait().unwrap();

    let open = |config: NginxConfig, name: &str| {
        NginxRegistrar::open("front", config, nginx.folder.path().join("data").join(name)).unwrap()
    };
    let missing = open(NginxConfig { program: "/no/such/nginx".into(), ..nginx.config() }, "a.json");
    let unread = open(NginxConfig { file: nginx.folder.path().join("web.conf"), ..nginx.config() }, "b.json");
    let no_folder = open(NginxConfig { file: "/no/such/folder/web.conf".into(), ..nginx.config() }, "c.json");
    for (registrar, what) in [
        (missing, "/no/such/nginx cannot be run: "),
        (unread, "inside `http` in nginx's own configuration"),
        (no_folder, "; make its folder"),
    ] {
        let error = registrar.register(&web(), "w1", "127.0.0.1:9").await.unwrap_err();
        assert!(matches!(&error, RegistrarError::Refused { what: said, .. } if said.contains(what)), "{error}");
    }
    nginx.start().await;
    assert_eq!(nginx.registrar().entered(&web()).await.unwrap(), ["w1"]);
    assert_eq!(who(nginx.address).await, names(&["one"]));
}
