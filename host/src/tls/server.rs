//! The server's side: what it shows to those who connect, and whom it lets shake hands. Replaced while it runs; connections
//! that are open go on as they began.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoClientAuth, ServerConfig, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::files::{self, TlsError};
use super::validity::{Validity, validity};

/// A certificate whose end is nearer is doubtful: most are renewed a month before.
const SOON_S: i64 = 7 * 24 * 60 * 60;

/// What is spoken inside. Nothing else is offered: a client that insists on HTTP/2 learns so in the handshake.
const ALPN: &[u8] = b"http/1.1";

/// The files, and who must show a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The server's certificate in PEM, and after it those that vouch for it.
    pub cert: PathBuf,
    /// Its key in PEM.
    pub key: PathBuf,
    /// Who vouches for clients, in PEM.
    pub client_ca: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client_certs: ClientCerts,
}

/// Whether clients show certificates. One that is shown comes in addition to the token, never in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCerts {
    /// Nobody is asked for one.
    #[default]
    Off,
    /// Who shows one must show one that holds.
    Optional,
    /// Who shows none is not let in.
    Required,
}

/// What is doubtful and does not stand in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// The key of the settings that it is about: `cert`, `key`.
    pub key: &'static str,
    /// What it is.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

/// The server's side of TLS.
#[derive(Debug)]
pub struct TlsServer {
    settings: TlsSettings,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    current: Arc<ServerConfig>,
    validity: Option<Validity>,
    /// The files as they were when they were last read, whatever came of it.
    seen: Vec<Option<Stamp>>,
}

/// Tells one state of a file from another: when it was written, its length, and which file it is.
type Stamp = (i64, i64, u64, u64);

impl TlsServer {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn open(settings: TlsSettings) -> Result<Self, TlsError> {
        let seen = settings.stamps();
        let (current, validity) = settings.read()?;
        Ok(Self { settings, held: Mutex::new(Held { current, validity, seen }) })
    }

    /// What the next connection is to be shown.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.held().current)
    }

    /// When the certificate that is shown ends, in seconds since the Unix epoch.
    #[must_use]
    pub fn expires_s(&self) -> Option<i64> {
        self.held().validity.map(|validity| validity.until_s)
    }

    /// Reads the files again: the next connection is shown what they hold.
    ///
    /// # Errors
    /// What is wrong with them; then what was shown before is shown still.
    pub fn reload(&self) -> Result<(), TlsError> {
        // Before they are read: what is written meanwhile is looked at next time.
        let seen = self.settings.stamps();
        let read = self.settings.read();
        let mut held = self.held();
        held.seen = seen;
        (held.current, held.validity) = read?;
        Ok(())
    }

    /// Reads the files again if they are not those that were last read; `None`: they are.
    pub fn reload_if_changed(&self) -> Option<Result<(), TlsError>> {
        let same = self.held().seen == self.settings.stamps();
        (!same).then(|| self.reload())
    }

    /// What is doubtful at this time.
    #[must_use]
    pub fn doubts(&self, now_s: i64) -> Vec<Doubt> {
        doubts(&self.settings.key, self.held().validity, now_s)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks whether a server could be made of these settings, and what would be doubtful about it.
///
/// # Errors
/// What is wrong with the files.
pub fn check(settings: &TlsSettings, now_s: i64) -> Result<Vec<Doubt>, TlsError> {
    let (_, validity) = settings.read()?;
    Ok(doubts(&settings.key, validity, now_s))
}

impl TlsSettings {
    fn read(&self) -> Result<(Arc<ServerConfig>, Option<Validity>), TlsError> {
        let pair = files::pair(&self.cert, &self.key)?;
        let validity = pair.end_entity_cert().ok().and_then(|certificate| validity(certificate));
        Ok((Arc::new(self.config(pair)?), validity))
    }

    fn config(&self, pair: CertifiedKey) -> Result<ServerConfig, TlsError> {
        let unusable = |path: &Path, what: String| TlsError::Unusable { path: path.to_owned(), what };
        let config = ServerConfig::builder_with_provider(super::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&self.cert, error.to_string()))?
            .with_client_cert_verifier(self.verifier()?);
        let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }

    /// Who judges clients' certificates.
    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let path = match (&self.client_ca, self.client_certs) {
            (_, ClientCerts::Off) | (None, _) => return Ok(Arc::new(NoClientAuth)),
            (Some(path), _) => path,
        };
        let unusable = |what: String| TlsError::Unusable { path: path.clone(), what };
        let mut roots = RootCertStore::empty();
        for certificate in files::certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), super::provider());
        let verifier = match self.client_certs {
            ClientCerts::Optional => verifier.allow_unauthenticated(),
            ClientCerts::Off | ClientCerts::Required => verifier,
        };
        verifier
            .build()
            .map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
            .map_err(|error| unusable(error.to_string()))
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let stamp = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.mtime(), found.mtime_nsec(), found.len(), found.ino()))
        };
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().map(stamp).collect()
    }
}

fn doubts(key: &Path, validity: Option<Validity>, now_s: i64) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let mut doubt = |key, what: String, remedy| doubts.push(Doubt { key, what, remedy });
    let at = |s: i64| jiff::Timestamp::from_second(s).map_or_else(|_| s.to_string(), |time| time.to_string());
    match validity {
        None => doubt("cert", "when the certificate ends cannot be read".to_owned(), "look at it with openssl x509"),
        Some(Validity { until_s, .. }) if until_s <= now_s => {
            doubt("cert", format!("the certificate has expired at {}", at(until_s)), "renew it: clients refuse it");
        }
        Some(Validity { until_s, .. }) if until_s - now_s < SOON_S => {
            doubt("cert", format!("the certificate expires at {}", at(until_s)), "renew it before");
        }
        Some(Validity { from_s, .. }) if from_s > now_s => {
            doubt("cert", format!("the certificate holds only from {}", at(from_s)), "look at this machine's clock");
        }
        Some(_) => {}
    }
    if std::fs::metadata(key).is_ok_and(|found| found.mode() & 0o004 != 0) {
        doubt("key", format!("everybody on this machine can read {}", key.display()), "chmod o-r it");
    }
    doubts
}
