//! Managers that are gone, slow, or none, and the way to them by TLS.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bollard::query_parameters::LeaveSwarmOptions;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use trimtab::drivers::swarm::{SwarmConfig, SwarmDriver};
use trimtab::drivers::{Driver as _, DriverError};
use trimtab::quantity::DurationMs;

use super::stage::{PATIENCE, Stage, driver_at, now_ms};
use crate::backends::engine::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_is_none_or_is_gone_is_told_with_what_to_do() {
    let Some(engine) = Engine::start("swarm faults").await else { return };
    let alone = driver_at(&engine.socket());
    let what = refusal(alone.check().await.unwrap_err());
    assert!(what.contains("is in no swarm") && what.contains("docker swarm init"), "{what}");
    let what = refusal(alone.observe(now_ms()).await.unwrap_err());
    assert!(what.contains("is no manager of a swarm; name one in host"), "{what}");

    let mut stage = Stage::of(engine, "127.0.0.1").await;
    stage.driver.check().await.unwrap();
    stage.create("web", 1).await;
    stage.until("web", |seen| seen.target.ready == 1).await;

    stage.engine.kill();
    let what = silence(stage.driver.observe(now_ms()).await.unwrap_err());
    assert!(what.contains("see that the engine runs there"), "{what}");
    stage.engine.start_again().await;
    stage.until_it_answers().await;
    stage.until("web", |seen| seen.target.ready == 1).await;

    let force = LeaveSwarmOptions { force: true };
    stage.engine.client().leave_swarm(Some(force)).await.unwrap();
    let what = refusal(stage.driver.observe(now_ms()).await.unwrap_err());
    assert!(what.contains("is no manager of a swarm"), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_says_nothing_or_too_much_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for (name, talks, word) in
        [("slow", false, "no answer within 1000 ms"), ("long", true, "longer than 8388608 bytes")]
    {
        let socket = folder.path().join(name);
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let _ = stream.read(&mut head).await;
                    if !talks {
                        return std::future::pending().await;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    while stream.write_all(&[b' '; 65536]).await.is_ok() {}
                });
            }
        });
        let host = format!("unix://{}", socket.display());
        // Long enough for so much on a busy machine, but where the time is what is tried.
        let timeout = DurationMs(if talks { 30_000 } else { 1_000 });
        let driver = SwarmDriver::new("swarm", SwarmConfig { host, timeout, ..SwarmConfig::default() }).unwrap();
        let what = tokio::time::timeout(Duration::from_secs(60), driver.check()).await.unwrap().unwrap_err();
        let what = silence(what);
        assert!(what.contains(word), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_behind_tls_believes_those_whom_it_knows() {
    let office = Office::new();
    let file = |name: &str| office.at(name).to_str().unwrap().to_owned();
    let (ca, cert, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
    let arguments =
        ["-H", "tcp://127.0.0.1:2376", "--tlsverify", "--tlscacert", &ca, "--tlscert", &cert, "--tlskey", &key];
    let Some(engine) = Engine::with("swarm tls", &arguments).await else { return };
    let stage = Stage::of(engine, "127.0.0.1").await;
    stage.create("web", 1).await;
    stage.until("web", |seen| seen.target.ready == 1).await;

    let driver = |ca: PathBuf, client: &str| {
        let at = |ending: &str| Some(office.at(&format!("{client}.{ending}")));
        let host = "tcp://127.0.0.1:2376".to_owned();
        let config = SwarmConfig {
            host,
            ca_file: Some(ca),
            cert_file: at("pem"),
            key_file: at("key"),
            ..SwarmConfig::default()
        };
        SwarmDriver::new("swarm", config).unwrap()
    };
    let known = driver(office.at("ca.pem"), "client");
    let up = stage.count("web", 2, "up").await;
    stage.engine.within(async || {
        known.check().await.unwrap();
        let seen = known.observe(now_ms()).await.unwrap();
        assert_eq!(seen.targets[0].target.ready, 1);
        known.take(&up, &trimtab::drivers::Step::SetCount).await.unwrap();
    });
    stage.done(&up, trimtab::drivers::Step::SetCount).await;
    stage.engine.within(async || {
        let end = Instant::now() + PATIENCE;
        // What is measured by TLS, too, on a machine that may be slow.
        while !known.observe(now_ms()).await.unwrap().targets[0]
            .instances
            .iter()
            .all(|one| one.memory_peak_bytes.is_some())
        {
            assert!(Instant::now() < end, "not measured");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });

    let stranger = Office::new();
    let doubts = driver(stranger.at("ca.pem"), "client");
    std::fs::copy(stranger.at("client.pem"), office.at("stranger.pem")).unwrap();
    std::fs::copy(stranger.at("client.key"), office.at("stranger.key")).unwrap();
    let unknown = driver(office.at("ca.pem"), "stranger");
    let lost = driver(office.at("nobody.pem"), "client");
    let host = "tcp://127.0.0.1:2376".to_owned();
    let open = SwarmDriver::new("swarm", SwarmConfig { host, ..SwarmConfig::default() }).unwrap();
    stage.engine.within(async || {
        for driver in [doubts, unknown] {
            let what = silence(driver.check().await.unwrap_err());
            assert!(what.contains("that ca_file vouches for it"), "{what}");
        }
        let what = silence(lost.check().await.unwrap_err());
        assert!(what.contains("nobody.pem") && what.contains("mend host, ca_file"), "{what}");
        let what = refusal(open.check().await.unwrap_err());
        assert!(what.contains("it speaks TLS: name ca_file"), "{what}");
    });
}

fn refusal(error: DriverError) -> String {
    match error {
        DriverError::Refused { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

fn silence(error: DriverError) -> String {
    match error {
        DriverError::Unreachable { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

/// Someone who vouches for an engine and its clients.
struct Office {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Office {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let office = Self { folder: tempfile::tempdir().unwrap(), issuer };
        std::fs::write(office.at("ca.pem"), office.issuer.pem()).unwrap();
        office.issue("server", ExtendedKeyUsagePurpose::ServerAuth);
        office.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
        office
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        std::fs::write(self.at(&format!("{name}.pem")), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(self.at(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}
