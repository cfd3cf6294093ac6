//! The API by TLS: who is believed, what is shown after a change, and what those are told who do not speak it.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::sources::Source as _;
use crate::sources::http_json::{HttpJsonConfig, HttpJsonSource};
use crate::tls::{ClientCerts, TlsServer, TlsSettings, believing, showing};

/// Someone who vouches for servers and clients, and the files of a server.
struct Office {
    dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Office {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let office = Self { dir: tempfile::tempdir().unwrap(), issuer };
        std::fs::write(office.at("ca.pem"), office.issuer.pem()).unwrap();
        office.issue("server", ExtendedKeyUsagePurpose::ServerAuth);
        office.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
        office
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        std::fs::write(self.at(&format!("{name}.pem")), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(self.at(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn settings(&self, client_certs: ClientCerts) -> TlsSettings {
        let client_ca = (client_certs != ClientCerts::Off).then(|| self.at("ca.pem"));
        TlsSettings { cert: self.at("server.pem"), key: self.at("server.key"), client_ca, client_certs }
    }

    fn client(&self) -> reqwest::ClientBuilder {
        believing(reqwest::Client::builder(), Some(&self.at("ca.pem"))).unwrap()
    }
}

/// A second server of a stage's host, by TLS.
struct Encrypted {
    stage: Stage,
    tls: Arc<TlsServer>,
    port: u16,
}

impl Encrypted {
    async fn open(settings: TlsSettings) -> Self {
        let stage = Stage::open().await;
        let tls = Arc::new(TlsServer::open(settings).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve_tls(listener, stage.api.clone(), Arc::clone(&tls), stage.shutdown.clone()));
        Self { stage, tls, port }
    }

    async fn ask(&self, client: &reqwest::Client) -> Result<u16, String> {
        let asked = client.get(format!("https://localhost:{}/v1/whoami", self.port)).bearer_auth(&self.stage.admin);
        asked.send().await.map(|answer| answer.status().as_u16()).map_err(|error| crate::causes::root_cause(&error))
    }
}

#[tokio::test]
async fn who_believes_the_issuer_is_answered_and_who_speaks_in_the_clear_is_told() {
    let office = Office::new();
    let server = Encrypted::open(office.settings(ClientCerts::Off)).await;
    let client = office.client().build().unwrap();
    assert_eq!(server.ask(&client).await, Ok(200));
    for version in [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3] {
        let only = office.client().tls_version_min(version).tls_version_max(version).build().unwrap();
        assert_eq!(server.ask(&only).await, Ok(200), "{version:?}");
    }
    let stranger = reqwest::Client::builder().build().unwrap();
    assert!(server.ask(&stranger).await.unwrap_err().contains("UnknownIssuer"));

    let page = |ca_file| {
        let url = format!("https://localhost:{}/openapi.json", server.port);
        HttpJsonSource::new("page", &HttpJsonConfig { ca_file, ..HttpJsonConfig::new(&url) }).unwrap()
    };
    page(Some(office.at("ca.pem"))).check().await.expect("sources speak it, too");
    assert!(page(None).check().await.unwrap_err().to_string().contains("UnknownIssuer"));

    let plain = server.stage.client.get(format!("http://localhost:{}/v1/whoami", server.port)).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
    assert!(plain.text().await.unwrap().contains("tls-needed"));
    let wrong_way = client.get(format!("https://localhost:{}/", server.stage.address.port())).send().await.unwrap_err();
    assert!(crate::causes::root_cause(&wrong_way).contains("InvalidContentType"), "the command line explains this one");
    server.stage.end().await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_a_bad_one_to_nobody() {
    let office = Office::new();
    let server = Encrypted::open(office.settings(ClientCerts::Off)).await;
    let (early, late) = (office.client().build().unwrap(), office.client().build().unwrap());
    assert_eq!(server.ask(&early).await, Ok(200));

    std::fs::write(office.at("server.key"), "half a fi").unwrap();
    assert!(renew(&server.tls).is_err());
    assert_eq!(server.ask(&late).await, Ok(200), "the old one is shown still");

    // Another issuer: who believes the first alone does not believe what it vouches for.
    let other = Office::new();
    std::fs::copy(other.at("server.pem"), office.at("server.pem")).unwrap();
    std::fs::copy(other.at("server.key"), office.at("server.key")).unwrap();
    renew(&server.tls).unwrap();
    assert_eq!(server.ask(&other.client().build().unwrap()).await, Ok(200));
    assert!(server.ask(&office.client().build().unwrap()).await.is_err());
    assert_eq!(server.ask(&early).await, Ok(200), "the connection that is open goes on");
    server.stage.end().await;
}

#[tokio::test]
async fn clients_show_certificates_where_that_is_asked_and_a_token_all_the_same() {
    let office = Office::new();
    let known = || showing(office.client(), &office.at("client.pem"), &office.at("client.key")).unwrap();
    let nobody = office.client().build().unwrap();
    let strange = Office::new();
    let strange =
        showing(office.client(), &strange.at("client.pem"), &strange.at("client.key")).unwrap().build().unwrap();

    let server = Encrypted::open(office.settings(ClientCerts::Required)).await;
    let client = known().build().unwrap();
    assert_eq!(server.ask(&client).await, Ok(200));
    assert!(server.ask(&nobody).await.is_err());
    assert!(server.ask(&strange).await.is_err());
    let bare = client.get(format!("https://localhost:{}/v1/whoami", server.port)).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED, "a certificate is no token");
    server.stage.end().await;

    let server = Encrypted::open(office.settings(ClientCerts::Optional)).await;
    assert_eq!(server.ask(&known().build().unwrap()).await, Ok(200));
    assert_eq!(server.ask(&nobody).await, Ok(200));
    assert!(server.ask(&strange).await.is_err(), "one that is shown must hold");
    server.stage.end().await;
}

#[tokio::test]
async fn who_says_nothing_keeps_nobody_waiting_and_junk_ends_alone() {
    let office = Office::new();
    let server = Encrypted::open(office.settings(ClientCerts::Off)).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(("127.0.0.1", server.port)).await.unwrap());
    }
    let mut junk = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    junk.write_all(&[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]).await.unwrap();
    assert_eq!(server.ask(&office.client().build().unwrap()).await, Ok(200));
    let mut said = Vec::new();
    tokio::time::timeout(Duration::from_secs(15), junk.read_to_end(&mut said)).await.expect("it is hung up on").ok();
    drop(silent);
    server.stage.end().await;
}
