//! An engine behind TLS that wants a certificate: who shows the right one is served, and whoever does not is told what to mend.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use trimtab::drivers::{Driver as _, DriverError, Step};
use trimtab::snapshot::{Phase, Resources};

use super::stage::{Stage, inspect, run};
use crate::backends::engine::Engine;

/// Someone who vouches for engines and clients.
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
        office.issue("engine", ExtendedKeyUsagePurpose::ServerAuth);
        office.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
        office
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        std::fs::write(self.at(&format!("{name}.pem")), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(self.at(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    async fn engine(&self, test: &str) -> Option<Engine> {
        let files = ["ca.pem", "engine.pem", "engine.key"].map(|name| self.at(name).to_string_lossy().into_owned());
        let arguments = ["-H", "tcp://127.0.0.1:2376", "--tlsverify", "--tlscacert", &files[0]];
        Engine::with(test, &[&arguments[..], &["--tlscert", &files[1], "--tlskey", &files[2]]].concat()).await
    }
}

fn settings(url: &str, [ca, cert, key]: [PathBuf; 3]) -> String {
    let (ca, cert, key) = (ca.display(), cert.display(), key.display());
    format!("[host.far]\nurl = \"{url}\"\nca_file = \"{ca}\"\ncert_file = \"{cert}\"\nkey_file = \"{key}\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_behind_tls_serves_whom_its_authority_vouches_for() {
    let office = Office::new();
    let Some(engine) = office.engine("docker tls").await else { return };
    engine.import("worker:1").await;
    let limit = Some(64 << 20);
    run(&engine.client(), "worker:1", "web-1", |body| body.host_config.as_mut().unwrap().memory = limit).await;
    let files = ["ca.pem", "client.pem", "client.key"].map(|name| office.at(name));
    let stage = Stage::open(&settings("tcp://localhost:2376", files));
    engine.within(async || {
        stage.driver.check().await.unwrap();
        let up = stage.count("web", 2, "k1").await;
        assert_eq!(stage.make(&up, "web-k1-1").await, "far");
        let limits = Resources { cpu_millis: Some(250), memory_bytes: Some(96 << 20) };
        let size = stage.size("web", Resources::default(), limits, "k2").await;
        stage.done(&size, Step::Resize).await;
        assert_eq!(inspect(&engine.client(), "web-k1-1").await.host_config.unwrap().memory, Some(96 << 20));
        // What changes is heard by a stream over the same protection.
        engine.client().kill_container("web-k1-1", None).await.unwrap();
        stage.until("web", |seen| seen.instances.iter().any(|one| one.phase == Phase::Failed)).await;
        stage.done(&up, Step::Remove { instance: "web-k1-1".to_owned() }).await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_believed_is_told_which_file_to_mend_on_which_host() {
    let (office, other) = (Office::new(), Office::new());
    let Some(engine) = office.engine("docker tls refused").await else { return };
    engine.import("worker:1").await;
    run(&engine.client(), "worker:1", "web-1", |_| {}).await;
    let url = "tcp://localhost:2376";
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|name| office.at(name));
    let refused = |settings: &str| {
        let stage = Stage::open(settings);
        engine.within(async || match stage.driver.check().await.unwrap_err() {
            DriverError::Unreachable { driver, what } if driver == "box" => what,
            other => panic!("{other:?}"),
        })
    };
    let says = |settings: &str, parts: &[&str]| {
        let what = refused(settings);
        for part in ["on host far", parts[0], parts[1]] {
            assert!(what.contains(part), "{part:?} is not in {what:?}");
        }
    };

    let wrong = other.at("ca.pem");
    says(
        &settings(url, [wrong.clone(), cert.clone(), key.clone()]),
        &[&format!("ca_file {} does not vouch", wrong.display()), "--tlscert"],
    );
    let (foreign, its_key) = (other.at("client.pem"), other.at("client.key"));
    says(
        &settings(url, [ca.clone(), foreign.clone(), its_key]),
        &[&format!("does not accept our certificate, cert_file {}", foreign.display()), "--tlscacert"],
    );
    let other_url = "tcp://127.0.0.1:2376";
    says(
        &settings(other_url, [ca.clone(), cert.clone(), key.clone()]),
        &["its certificate is for another name than that in tcp://127.0.0.1:2376", "write the name in url"],
    );
    says(&format!("[host.far]\nurl = \"{other_url}\""), &["it speaks TLS at", "set ca_file, cert_file and key_file"]);
    let none = office.at("none.pem");
    says(
        &settings(url, [ca.clone(), none.clone(), key.clone()]),
        &[&format!("{} cannot be read", none.display()), "No such file"],
    );
    says(&settings(url, [ca.clone(), cert.clone(), office.at("engine.key")]), &["engine.key", "is not the key of"]);

    // Plain, where TLS is expected; and a certificate that is renewed after a refusal is taken up without a restart.
    let plain = Engine::with("docker plain", &["-H", "tcp://127.0.0.1:2375"]).await.unwrap();
    let stage = Stage::open(&settings("tcp://localhost:2375", [ca.clone(), cert.clone(), key.clone()]));
    let error = plain.within(async || stage.driver.check().await.unwrap_err().to_string());
    assert!(error.contains("it does not speak TLS at tcp://localhost:2375"), "{error}");
    std::fs::copy(&foreign, office.at("late.pem")).unwrap();
    std::fs::copy(other.at("client.key"), office.at("late.key")).unwrap();
    let stage = Stage::open(&settings(url, [ca, office.at("late.pem"), office.at("late.key")]));
    engine.within(async || {
        stage.driver.check().await.unwrap_err();
        std::fs::copy(&cert, office.at("late.pem")).unwrap();
        std::fs::copy(&key, office.at("late.key")).unwrap();
        stage.driver.check().await.unwrap();
    });
}
