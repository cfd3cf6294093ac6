//! TLS: the one cryptography behind it, the files that certificates stand in, and the server's side, replaced while it runs.
//!
//! The HTTP client is built without a provider of its own, so that there are not two in one binary; it asks for the process's
//! when a client is made. Every room may import this.

mod client;
mod files;
mod server;
mod validity;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

pub use self::client::{Connector, Secured, Trouble};
pub use self::files::TlsError;
pub use self::server::{ClientCerts, Doubt, TlsServer, TlsSettings, check};

/// Makes ring the process's provider, where there is none yet. To be called before a client is made; calling it again is free.
pub fn ready() {
    if CryptoProvider::get_default().is_none() {
        // That somebody else was faster is as good.
        let _ = ring::default_provider().install_default();
    }
}

/// A client that believes nobody but whom `ca_file` vouches for; `None`: whom the system believes.
///
/// # Errors
/// What is wrong with the file.
pub fn believing(client: reqwest::ClientBuilder, ca_file: Option<&Path>) -> Result<reqwest::ClientBuilder, TlsError> {
    ready();
    let Some(path) = ca_file else { return Ok(client) };
    let trusted = files::certificates(path)?.into_iter().map(|certificate| {
        reqwest::Certificate::from_der(&certificate)
            .map_err(|error| TlsError::Unusable { path: path.to_owned(), what: crate::causes::root_cause(&error) })
    });
    Ok(client.tls_certs_only(trusted.collect::<Result<Vec<_>, _>>()?))
}

/// A client that shows who it is.
///
/// # Errors
/// What is wrong with the files.
pub fn showing(client: reqwest::ClientBuilder, cert: &Path, key: &Path) -> Result<reqwest::ClientBuilder, TlsError> {
    files::pair(cert, key)?;
    let mut pem = files::read(cert)?;
    pem.push(b'\n');
    pem.extend(files::read(key)?);
    let identity = reqwest::Identity::from_pem(&pem)
        .map_err(|error| TlsError::Unusable { path: cert.to_owned(), what: crate::causes::root_cause(&error) })?;
    Ok(client.identity(identity))
}

/// A file of certificates or a key as it is, for a client that reads PEM itself.
///
/// # Errors
/// Where it cannot be read, or is too large for such a file.
pub fn file(path: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(path)
}

/// ring, as rustls wants it handed.
fn provider() -> Arc<CryptoProvider> {
    ready();
    CryptoProvider::get_default().map_or_else(|| Arc::new(ring::default_provider()), Arc::clone)
}
