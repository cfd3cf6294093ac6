//! Certificates and keys in PEM files.

use std::io;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

/// A larger file holds no certificates that anybody wants: the roots of a whole system are a quarter of it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What is wrong with the files of TLS, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is larger than any such file.
    #[error("{path} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// There is no certificate in it.
    #[error("{path} holds no certificate: it must be PEM, with a line -----BEGIN CERTIFICATE-----")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no key in it.
    #[error("{path} holds no key: it must be PEM, with a line -----BEGIN PRIVATE KEY-----, and not encrypted")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The two do not belong together.
    #[error("the key in {key} is not the key of the certificate in {cert}: the server's own certificate stands first")]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// What is in it cannot be used.
    #[error("{path} cannot be used: {what}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// A file as it is.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge { path: path.to_owned() });
    }
    std::fs::read(path).map_err(failed)
}

/// All certificates of a file, of which there is at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::NoCertificate { path: path.to_owned() }),
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::Unusable { path: path.to_owned(), what: error.to_string() }),
    }
}

/// A certificate with those that vouch for it, and its key; they belong together.
pub(super) fn parts(
    cert: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    pair(cert, key)?;
    Ok((certificates(cert)?, private(key)?))
}

fn private(key: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    match PrivateKeyDer::from_pem_slice(&read(key)?) {
        Ok(private) => Ok(private),
        Err(PemError::NoItemsFound) => Err(TlsError::NoKey { path: key.to_owned() }),
        Err(error) => Err(TlsError::Unusable { path: key.to_owned(), what: error.to_string() }),
    }
}

/// The same, as a server shows them.
pub(super) fn pair(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let (chain, private) = (certificates(cert)?, private(key)?);
    CertifiedKey::from_der(chain, private, &super::provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() },
        rustls::Error::InvalidCertificate(what) => {
            TlsError::Unusable { path: cert.to_owned(), what: format!("the certificate is not valid: {what:?}") }
        }
        other => TlsError::Unusable { path: key.to_owned(), what: other.to_string() },
    })
}
