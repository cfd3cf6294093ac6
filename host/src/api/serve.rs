//! Connections: how many, how long, by TLS or in the clear, and their end.

mod handshake;
mod renew;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::handshake::Shaken;
pub use self::renew::renew;
use super::Api;
use super::problem::{Code, Problem};
use crate::telemetry::measures;
use crate::tls::TlsServer;

/// A request line and its headers must be there after this long, also on a connection that is kept open between requests.
const HEADERS_PATIENCE: Duration = Duration::from_secs(15);
/// Most bytes of them.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// How long requests under way are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(10);
/// After a connection could not be taken, for want of file descriptors mostly.
const TROUBLE: Duration = Duration::from_millis(100);

/// Serves the API in the clear until `shutdown`; then takes no more connections and lets requests under way end.
///
/// axum's own server has no limit on the time of headers and none on connections: a caller that sends nothing would hold a
/// connection for ever.
pub async fn serve(listener: TcpListener, api: Api, shutdown: CancellationToken) {
    serve_by(listener, api, None, shutdown).await;
}

/// As [`serve`], by TLS. Each connection is shown what the server holds when it comes.
pub async fn serve_tls(listener: TcpListener, api: Api, tls: Arc<TlsServer>, shutdown: CancellationToken) {
    let renewing = tokio::spawn(renew::keep(Arc::clone(&tls), shutdown.clone()));
    serve_by(listener, api, Some(tls), shutdown).await;
    renewing.abort();
}

async fn serve_by(listener: TcpListener, api: Api, tls: Option<Arc<TlsServer>>, shutdown: CancellationToken) {
    let connections = Arc::new(Semaphore::new(api.settings().connections_max));
    let ending = api.ending().clone();
    let door = Door { router: super::router(api), tls, shutdown: shutdown.clone() };
    let graceful = GracefulShutdown::new();
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            taken = take(&listener, &connections) => taken,
        };
        let Some((stream, permit)) = taken else { continue };
        let (door, watcher) = (door.clone(), graceful.watcher());
        // The handshake is made off to the side, too: who is slow at it keeps nobody else waiting.
        tokio::spawn(async move {
            let _counted = measures::connection();
            door.let_in(stream, watcher).await;
            drop(permit);
        });
    }
    drop(listener);
    // Streams of events have no end of their own.
    ending.cancel();
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were left without an answer at the end");
    }
}

/// What every connection passes.
#[derive(Clone)]
struct Door {
    router: Router,
    tls: Option<Arc<TlsServer>>,
    shutdown: CancellationToken,
}

impl Door {
    async fn let_in(&self, stream: TcpStream, watcher: Watcher) {
        let Some(tls) = &self.tls else { return serve_one(stream, self.router.clone(), watcher).await };
        let shaken = tokio::select! {
            () = self.shutdown.cancelled() => return,
            shaken = handshake::shake(stream, tls.current()) => shaken,
        };
        match shaken {
            Ok(Shaken::Encrypted(stream)) => {
                measures::handshake("done");
                serve_one(*stream, self.router.clone(), watcher).await;
            }
            Ok(Shaken::Clear(stream)) => {
                measures::handshake("plaintext");
                serve_one(stream, Router::new().fallback(async || tls_needed().answer("-")), watcher).await;
            }
            Err(trouble) => {
                measures::handshake(trouble.word());
                tracing::debug!(%trouble, "a TLS handshake came to nothing");
            }
        }
    }
}

fn tls_needed() -> Problem {
    let remedy = "write https://; if a token was sent, it crossed the network in the clear: think of revoking it";
    Problem::new(Code::TLS_NEEDED, "this port speaks TLS, and the request came in the clear", remedy)
}

async fn serve_one<S>(stream: S, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_PATIENCE).max_buf_size(HEADERS_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).into_owned();
    // What breaks a connection is its caller's trouble: it left, or sent what is no HTTP.
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke");
    }
}

/// The next connection, once there is room for it.
async fn take(listener: &TcpListener, connections: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small: they are not to wait for more to send.
            let _ = stream.set_nodelay(true);
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken");
            tokio::time::sleep(TROUBLE).await;
            None
        }
    }
}
