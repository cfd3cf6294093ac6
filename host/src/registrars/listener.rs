//! A small HTTP server that proxies fetch a document from: Traefik's HTTP provider, Envoy's discovery over REST.
//!
//! It remembers per proxy which version it has, so that a change counts once all that still ask have it. A proxy is known by its
//! address and by what it calls itself: its node id (Envoy) or its user agent. Until there is something to tell it answers 503:
//! a proxy then goes on with what it has, where an empty list would take all away.
//!
//! It can only be read. Connections, their silence, questions and their time have limits; an address that others reach asks for a
//! token.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use subtle::ConstantTimeEq as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::post::Failure;
use crate::secret::Secret;

/// Most proxies that are remembered.
const PROXIES_MAX: usize = 1_000;

/// Most connections at once: each proxy keeps one.
const CONNECTIONS_MAX: usize = 1_024;

/// A question's headers must be there after this long, also on a connection that is kept open between questions.
const HEADERS_PATIENCE: Duration = Duration::from_secs(60);

/// Most bytes of them.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// Most bytes of a proxy's question, and the time for it.
const QUESTION_BYTES_MAX: usize = 1 << 20;
const QUESTION_PATIENCE: Duration = Duration::from_secs(10);

/// Most characters of what a proxy calls itself, or of what it says against a version.
const WORDS_MAX: usize = 200;

/// A proxy that has not asked for so long is gone, and is not waited for.
const GONE_AFTER: Duration = Duration::from_secs(60);

/// How long answers under way are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// After a connection could not be taken, for want of file descriptors mostly.
const TROUBLE: Duration = Duration::from_millis(100);

/// What is served, and what a proxy's question tells of it.
pub(super) trait Answers: Send + Sync + 'static {
    /// Whether this is how the protocol asks.
    fn is_question(&self, method: &Method, path: &str) -> bool;

    /// What a question tells.
    fn read(&self, question: &[u8]) -> Asked;

    /// The answer.
    fn answer(&self, document: &Document) -> String;
}

/// What a question tells of the proxy that asks.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What it calls itself; `None` where the protocol does not tell.
    pub(super) who: Option<String>,
    /// The version that it has taken; `None` where the protocol does not tell.
    pub(super) taken: Option<u64>,
    /// What it has against the version that it was given last.
    pub(super) refuses: Option<String>,
}

/// One version of what is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    pub(super) version: u64,
    pub(super) text: String,
}

/// How the proxies stand to a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// None has asked within the last minute.
    Nobody,
    /// Some that ask do not have it.
    Behind(String),
    /// All that ask have it.
    Taken,
}

#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    board: Arc<Board>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Board {
    token: Option<Secret>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    document: Option<Document>,
    proxies: BTreeMap<(IpAddr, String), Proxy>,
    /// When one asked that was too many to be remembered: what it has is not known.
    crowded: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Proxy {
    /// The version that it has fetched (Traefik) or taken (Envoy).
    version: u64,
    asked: Instant,
    refuses: Option<String>,
}

impl Listener {
    /// Binds the address and begins to serve, with a token to those alone who show it.
    pub(super) async fn start(
        listen: SocketAddr,
        token: Option<Secret>,
        answers: Arc<dyn Answers>,
    ) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::Refused(format!("cannot listen on {listen}: {error}; choose another address for `listen`"))
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (board, stop) = (Arc::new(Board { token, told: Mutex::default() }), CancellationToken::new());
        tokio::spawn(serve(listener, Desk { board: Arc::clone(&board), answers }, stop.clone()));
        Ok(Self { address, board, stop })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves this from now on.
    pub(super) fn tell(&self, version: u64, text: String) {
        self.board.lock().document = Some(Document { version, text });
    }

    /// What is served, if anything is.
    pub(super) fn document(&self) -> Option<Document> {
        self.board.lock().document.clone()
    }

    /// How the proxies that ask stand to this version.
    pub(super) fn standing(&self, version: u64) -> Standing {
        let mut told = self.board.lock();
        told.forget_gone();
        let behind: Vec<_> = told.proxies.iter().filter(|(_, proxy)| proxy.version < version).collect();
        let refusal = behind.iter().find_map(|((ip, who), proxy)| {
            proxy.refuses.as_ref().map(|refuses| format!("proxy {who} at {ip} refuses the change: {refuses}"))
        });
        match (behind.len() + usize::from(told.crowded.is_some()), refusal) {
            (_, Some(refusal)) => Standing::Behind(refusal),
            (0, None) if told.proxies.is_empty() => Standing::Nobody,
            (0, None) => Standing::Taken,
            (1, None) => Standing::Behind("1 proxy has not taken the change".to_owned()),
            (behind, None) => Standing::Behind(format!("{behind} proxies have not taken the change")),
        }
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

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|shown| shown.ct_eq(token.reveal().as_bytes()).into())
    }
}

impl Told {
    fn forget_gone(&mut self) {
        self.proxies.retain(|_, proxy| proxy.asked.elapsed() < GONE_AFTER);
        self.crowded = self.crowded.filter(|asked| asked.elapsed() < GONE_AFTER);
    }

    fn remember(&mut self, who: (IpAddr, String), proxy: Proxy) {
        if self.proxies.len() >= PROXIES_MAX && !self.proxies.contains_key(&who) {
            self.forget_gone();
        }
        if self.proxies.len() < PROXIES_MAX || self.proxies.contains_key(&who) {
            self.proxies.insert(who, proxy);
        } else {
            self.crowded = Some(proxy.asked);
        }
    }
}

/// What every question passes.
#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    answers: Arc<dyn Answers>,
}

impl Desk {
    async fn reply(&self, peer: SocketAddr, request: Request<Body>) -> Response {
        let (head, body) = request.into_parts();
        if !self.board.lets_in(&head.headers) {
            return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "a token is needed").into_response();
        }
        if !self.answers.is_question(&head.method, head.uri.path()) {
            return (StatusCode::NOT_FOUND, "nothing is served here").into_response();
        }
        let question = match tokio::time::timeout(QUESTION_PATIENCE, to_bytes(body, QUESTION_BYTES_MAX)).await {
            Ok(Ok(question)) => question,
            Ok(Err(_)) => return (StatusCode::PAYLOAD_TOO_LARGE, "the question is too long").into_response(),
            Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the question takes too long").into_response(),
        };
        let asked = self.answers.read(&question);
        let agent = || head.headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        let who = asked.who.or_else(agent).unwrap_or_default();
        let mut told = self.board.lock();
        let Some(document) = told.document.clone() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "nothing is known yet; ask again").into_response();
        };
        // Where the protocol tells nothing of what was taken, to be answered must do.
        let version = asked.taken.unwrap_or(document.version);
        let proxy = Proxy { version, asked: Instant::now(), refuses: asked.refuses.map(|words| shorten(&words)) };
        told.remember((peer.ip().to_canonical(), shorten(&who)), proxy);
        drop(told);
        ([(CONTENT_TYPE, "application/json")], self.answers.answer(&document)).into_response()
    }
}

/// axum's own server has no limit on the time of headers and none on connections: a caller that sends nothing would hold one for
/// ever.
async fn serve(listener: TcpListener, desk: Desk, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (desk, watcher) = (desk.clone(), graceful.watcher());
                tokio::spawn(async move {
                    serve_one(stream, peer, desk, watcher).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a proxy's connection could not be taken");
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::debug!("a proxy was left without an answer at the end");
    }
}

async fn serve_one(stream: TcpStream, peer: SocketAddr, desk: Desk, watcher: Watcher) {
    // Answers are small: they are not to wait for more to send.
    let _ = stream.set_nodelay(true);
    let router = Router::new().fallback(async move |request: Request<Body>| desk.reply(peer, request).await);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_PATIENCE).max_buf_size(HEADERS_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a proxy's connection broke");
    }
}

fn shorten(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect()
}
