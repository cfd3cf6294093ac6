//! Pulls from a real OCI registry: pushed there by `oci-client`, pulled by the built host over its API.
//!
//! The registry is the binary that `TRIMTAB_TEST_REGISTRY` names, else `docker-registry` on the path (Debian: package
//! `docker-registry`).

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OciImageManifest, WASM_CONFIG_MEDIA_TYPE, WASM_LAYER_MEDIA_TYPE};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use trimtab::registry::builtin::builtin;
use trimtab::registry::oci::SIGNATURE_ANNOTATION;
use trimtab::registry::{PrivateKey, Signature};

use crate::host::Host;
use crate::skip::skip;

/// No story waits longer for anything; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_policy_is_pulled_from_a_real_registry_and_others_are_not() {
    let Some(binary) = binary() else {
        let why = "no binary; install Debian's package docker-registry, or name one in TRIMTAB_TEST_REGISTRY";
        return skip("registry", why);
    };
    let registry = Registry::start(&binary).await;
    let key = PrivateKey::generate().unwrap();
    let policy = policy(1);
    let signed = registry.push("signed", &policy, WASM_LAYER_MEDIA_TYPE, Some(&key.sign(&policy))).await;
    let unsigned = registry.push("unsigned", &self::policy(2), "application/wasm", None).await;
    let zipped = registry.push("zipped", &policy, "application/vnd.oci.image.layer.v1.tar+gzip", None).await;

    // A gigabyte of nothing, packed, under a policy's media type: nothing that arrives is unpacked.
    let bomb = zstd::stream::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 3).unwrap();
    let bomb = registry.push("bomb", &bomb, WASM_LAYER_MEDIA_TYPE, Some(&key.sign(&bomb))).await;

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("release.pem"), key.public_pem().unwrap()).unwrap();
    let config = folder.path().join("trimtab.toml");
    let text = format!(
        "[api]\nlisten = \"127.0.0.1:0\"\n[policies]\nallow_tags = true\n\
         trusted_keys = [{{ name = \"release\", key = {{ file = \"release.pem\" }} }}]\n\
         registries = [{{ host = \"{}\", insecure_http = true }}]\n[driver.local.process]\ncgroups = false\n",
        registry.address
    );
    std::fs::write(&config, text).unwrap();
    let host = Host::start(&config);
    let address = host.address();
    let pull = |reference: &str| trimtab(&config, &address, &["policy", "pull", reference, "--json"]);

    let pulled = pull(&signed);
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    let job: serde_json::Value = serde_json::from_slice(&pulled.stdout).unwrap();
    assert_eq!((&job["state"], &job["version"]["state"]), (&"done".into(), &"tried".into()), "{job}");
    assert_eq!((&job["version"]["signed_by"], &job["reference"]), (&"release".into(), &signed.as_str().into()));
    // By its tag as well, as this configuration allows; the job says what that meant.
    let by_tag = pull(&format!("{}/team/signed:latest", registry.address));
    let job: serde_json::Value = serde_json::from_slice(&by_tag.stdout).unwrap();
    assert_eq!(job["reference"], signed.as_str());

    let digest = "0".repeat(64);
    for (reference, code, exit) in [
        (unsigned, "unsigned", 4),
        (zipped, "no-policy", 1),
        (bomb, "archive", 4),
        (format!("{}/team/nothing@sha256:{digest}", registry.address), "registry-refused", 1),
        (format!("ghcr.io/team/policy@sha256:{digest}"), "registry-not-allowed", 2),
    ] {
        let refused = pull(&reference);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(code), "{reference}: {said}");
        assert_eq!(refused.status.code(), Some(exit), "{reference}: {said}");
    }
}

/// A real policy whose bytes no other version has.
fn policy(version: u8) -> Vec<u8> {
    let mut bytes = builtin("target-tracking").unwrap().bytes.to_vec();
    bytes.extend([0, 3, 1, b'v', version]);
    bytes
}

/// Runs the built command line against a host.
fn trimtab(config: &Path, address: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trimtab"));
    command.arg("--config").arg(config).args(["--host", &format!("http://{address}")]);
    command.args(args).output().unwrap()
}

/// The registry; it does not outlive the test.
struct Registry {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    async fn start(binary: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp: {{addr: '{address}'}}\n",
            data.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(binary);
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self { child: command.spawn().unwrap(), address, _folder: folder };
        let began = Instant::now();
        while tokio::net::TcpStream::connect(&registry.address).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "the registry does not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        registry
    }

    /// Pushes an artefact of one layer as `team/<name>:latest`; returns its reference by digest.
    async fn push(&self, name: &str, bytes: &[u8], media_type: &str, signature: Option<&Signature>) -> String {
        trimtab::tls::ready();
        let client = Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
        let reference: Reference = format!("{}/team/{name}:latest", self.address).parse().unwrap();
        let layers = [ImageLayer::new(bytes.to_vec(), media_type.to_owned(), None)];
        let config = Config::new(b"{}".to_vec(), WASM_CONFIG_MEDIA_TYPE.to_owned(), None);
        let signature = signature.map(|signature| (SIGNATURE_ANNOTATION.to_owned(), signature.text()));
        let annotations: BTreeMap<String, String> = signature.into_iter().collect();
        let manifest = OciImageManifest::build(&layers, &config, Some(annotations));
        let auth = RegistryAuth::Anonymous;
        client.push(&reference, &layers, config, &auth, Some(manifest)).await.unwrap();
        let digest = client.fetch_manifest_digest(&reference, &auth).await.unwrap();
        format!("{}/team/{name}@{digest}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("TRIMTAB_TEST_REGISTRY") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("docker-registry")).find(|file| file.is_file())
}
