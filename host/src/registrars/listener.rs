//! A small HTTP server that proxies fetch a document from: Traefik's HTTP provider, Envoy's discovery over REST.
//!
//! It remembers per proxy (by address) which version it fetched last, so that a change counts once all that still ask have it.
//! Until there is something to tell it answers 503: a proxy then goes on with what it has, where an empty list would take all away.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::post::Failure;

/// Most proxies that are remembered.
const PROXIES_MAX: usize = 1_000;

/// Most bytes of a proxy's question.
const QUESTION_BYTES_MAX: usize = 1 << 20;

/// A proxy that has not asked for so long is gone, and is not waited for.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// What is served, and which version of it a question shows to be in force.
pub(super) trait Answers: Send + Sync + 'static {
    /// The answer, given the version.
    fn answer(&self, document: &Document, question: &[u8]) -> String;

    /// The version that the proxy has taken, as its question tells; `None` where the protocol does not tell.
    fn taken(&self, question: &[u8]) -> Option<u64>;
}

/// One version of what is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    pub(super) version: u64,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    board: Arc<Board>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Board {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    document: Option<Document>,
    proxies: BTreeMap<IpAddr, Proxy>,
}

#[derive(Debug, Clone, Copy)]
struct Proxy {
    /// The version that it has fetched (Traefik) or taken (Envoy).
    version: u64,
    asked: Instant,
}

impl Listener {
    /// Binds the address and begins to serve.
    pub(super) async fn start(listen: SocketAddr, answers: Arc<dyn Answers>) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::Refused(format!("cannot listen on {listen}: {error}; choose another address for `listen`"))
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (board, stop) = (Arc::new(Board::default()), CancellationToken::new());
        let router = Router::new()
            .fallback(serve)
            .layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX))
            .with_state((Arc::clone(&board), answers));
        let stopped = stop.clone().cancelled_owned();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, service).with_graceful_shutdown(stopped);
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%address, %error, "a registrar's listener ended");
            }
        });
        Ok(Self { address, board, stop })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves this from now on, and gives its version.
    pub(super) fn tell(&self, version: u64, text: String) {
        self.board.lock().document = Some(Document { version, text });
    }

    /// What is served, if anything is.
    pub(super) fn document(&self) -> Option<Document> {
        self.board.lock().document.clone()
    }

    /// How many proxies ask, and how many of them have not come as far as this version.
    pub(super) fn behind(&self, version: u64) -> (usize, usize) {
        let mut told = self.board.lock();
        told.proxies.retain(|_, proxy| proxy.asked.elapsed() < GONE_AFTER);
        (told.proxies.len(), told.proxies.values().filter(|proxy| proxy.version < version).count())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(
    State((board, answers)): State<(Arc<Board>, Arc<dyn Answers>)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    question: Bytes,
) -> Response {
    let mut told = board.lock();
    let Some(document) = told.document.clone() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "nothing is known yet; ask again").into_response();
    };
    let version = answers.taken(&question).unwrap_or(0);
    if told.proxies.len() < PROXIES_MAX || told.proxies.contains_key(&peer.ip()) {
        told.proxies.insert(peer.ip(), Proxy { version, asked: Instant::now() });
    }
    drop(told);
    let answer = answers.answer(&document, &question);
    // Where the protocol tells nothing of what was taken, to have been answered must do.
    if answers.taken(&question).is_none()
        && let Some(proxy) = board.lock().proxies.get_mut(&peer.ip())
    {
        proxy.version = document.version;
    }
    ([(CONTENT_TYPE, "application/json")], answer).into_response()
}
