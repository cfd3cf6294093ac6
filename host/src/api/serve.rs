//! Connections: how many, how long, and their end.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Api;

/// A request line and its headers must be there after this long, also on a connection that is kept open between requests.
const HEADERS_PATIENCE: Duration = Duration::from_secs(15);
/// Most bytes of them.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// How long requests under way are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(10);
/// After a connection could not be taken, for want of file descriptors mostly.
const TROUBLE: Duration = Duration::from_millis(100);

/// Serves the API until `shutdown`; then takes no more connections and lets requests under way end.
///
/// axum's own server has no limit on the time of headers and none on connections: a caller that sends nothing would hold a
/// connection for ever.
pub async fn serve(listener: TcpListener, api: Api, shutdown: CancellationToken) {
    let connections = Arc::new(Semaphore::new(api.settings().connections_max));
    let ending = api.ending().clone();
    let router = super::router(api);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_PATIENCE).max_buf_size(HEADERS_BYTES_MAX);
    let graceful = GracefulShutdown::new();
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            taken = take(&listener, &connections) => taken,
        };
        let Some((stream, permit)) = taken else { continue };
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // What breaks a connection is its caller's trouble: it left, or sent what is no HTTP.
            let _ = connection.await;
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

/// The next connection, once there is room for it.
async fn take(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
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
