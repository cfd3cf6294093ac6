//! The first words of a connection: a TLS handshake, or a request from somebody who did not know.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::ServerConfig;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take. It needs two round trips at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first byte of a TLS handshake. No method of HTTP begins so.
const HANDSHAKE: u8 = 0x16;

/// How a connection began.
pub(super) enum Shaken {
    /// By TLS.
    Encrypted(Box<TlsStream<TcpStream>>),
    /// In the clear: whoever it is gets told, and nothing else.
    Clear(TcpStream),
}

/// Why it did not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoHandshake {
    #[error("it was not made within {} s", PATIENCE.as_secs())]
    TooSlow,
    #[error("the caller left, or they could not agree: {0}")]
    Broken(io::Error),
}

impl NoHandshake {
    /// For the measures.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::TooSlow => "too-slow",
            Self::Broken(_) => "broken",
        }
    }
}

/// Shakes hands.
pub(super) async fn shake(stream: TcpStream, config: Arc<ServerConfig>) -> Result<Shaken, NoHandshake> {
    let shaken = async {
        let mut first = [0; 1];
        let peeked = stream.peek(&mut first).await?;
        if peeked == 1 && first.first().is_some_and(|byte| *byte != HANDSHAKE) {
            return Ok(Shaken::Clear(stream));
        }
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        Ok(Shaken::Encrypted(Box::new(stream)))
    };
    match tokio::time::timeout(PATIENCE, shaken).await {
        Ok(shaken) => shaken.map_err(NoHandshake::Broken),
        Err(_) => Err(NoHandshake::TooSlow),
    }
}
