//! TLS as a client whose connections are not the HTTP client's: a connector, and what went wrong, told so that one can mend it.

use std::error::Error;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error as RustlsError, RootCertStore};
use tower::Service;

use super::{TlsError, files, provider};

/// Makes connections by TLS that show a certificate and believe nobody but whom a file vouches for: for a
/// [`hyper_util::client::legacy::Client`] that is asked for `https://` addresses.
#[derive(Debug, Clone)]
pub struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
}

impl Connector {
    /// Reads the files; what stands in them later is for another connector to read.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn new(ca: &Path, cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in files::certificates(ca)? {
            let unusable = |error: RustlsError| TlsError::Unusable { path: ca.to_owned(), what: error.to_string() };
            roots.add(certificate).map_err(unusable)?;
        }
        let (chain, private) = files::parts(cert, key)?;
        let unusable = |error: RustlsError| TlsError::Unusable { path: cert.to_owned(), what: error.to_string() };
        let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = versions.map_err(unusable)?.with_root_certificates(roots);
        let tls = builder.with_client_auth_cert(chain, private).map_err(unusable)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        Ok(Self { tcp, tls: Arc::new(tls) })
    }
}

impl Service<axum::http::Uri> for Connector {
    type Response = TokioIo<Secured>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_ready(context).map_err(io::Error::other)
    }

    fn call(&mut self, address: axum::http::Uri) -> Self::Future {
        let host = address.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let (tcp, tls) = (self.tcp.call(address), TlsConnector::from(Arc::clone(&self.tls)));
        Box::pin(async move {
            let name =
                ServerName::try_from(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            let stream = tcp.await.map_err(io::Error::other)?.into_inner();
            Ok(TokioIo::new(Secured(tls.connect(name, stream).await?)))
        })
    }
}

/// A connection by TLS.
#[derive(Debug)]
pub struct Secured(TlsStream<TcpStream>);

impl Connection for Secured {
    fn connected(&self) -> Connected {
        self.0.get_ref().0.connected()
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Why two sides did not agree on a protected connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody whom we believe vouches for the other side.
    Untrusted,
    /// Its certificate is for other names.
    OtherName,
    /// Its certificate is not valid now, or not at all: why.
    Invalid(String),
    /// It does not accept our certificate: what it said.
    NotAccepted(String),
    /// It does not speak TLS there.
    NoTls,
}

impl Trouble {
    /// What of an error was TLS's part; `None`: none of it.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<RustlsError>() {
                return Self::from_rustls(found);
            }
            // An error of the system hides the one that it was made of: its source is already that one's source.
            next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    fn from_rustls(error: &RustlsError) -> Option<Self> {
        use AlertDescription as Alert;
        Some(match error {
            RustlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                Self::Untrusted
            }
            RustlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Self::OtherName,
            RustlsError::InvalidCertificate(other) => Self::Invalid(other.to_string()),
            RustlsError::AlertReceived(
                alert @ (Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::CertificateRequired
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::DecryptError),
            ) => Self::NotAccepted(format!("{alert:?}")),
            RustlsError::InvalidMessage(_) => Self::NoTls,
            _ => return None,
        })
    }
}
