//! What stands between the driver and its engine: counts requests, and lets them wait.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// The end of a request's first line.
const END: &str = " HTTP/1.1";

/// A socket of its own before the engine's.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) socket: PathBuf,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Mutex<Vec<String>>,
    delay_ms: AtomicU64,
    /// Answers to what makes containers are lost, and the connection with them.
    loses_answers: AtomicBool,
}

impl Proxy {
    pub(super) fn start(folder: &Path, engine: PathBuf) -> Self {
        let socket = folder.join("proxy.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (state, engine) = (Arc::clone(&shared), engine.clone());
                tokio::spawn(async move {
                    // An engine that is gone: the connection is closed, as its own would be refused.
                    if let Ok(engine) = UnixStream::connect(&engine).await {
                        join(&state, client, engine).await;
                    }
                });
            }
        });
        Self { socket, state }
    }

    /// Every request from now on waits for so long.
    pub(super) fn delay(&self, delay: Duration) {
        self.state.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Whether the engine's answer to what makes a container comes through.
    pub(super) fn lose_answers(&self, loses: bool) {
        self.state.loses_answers.store(loses, Ordering::SeqCst);
    }

    /// What was asked since this was called last, such as `GET /v1.41/containers/json?all=true`.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.requests.lock().unwrap())
    }
}

/// Carries both ways until either ends.
async fn join(state: &State, client: UnixStream, engine: UnixStream) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let cut = AtomicBool::new(false);
    let asks = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            let asked = note(state, &bytes[..count]);
            if asked && state.loses_answers.load(Ordering::SeqCst) {
                cut.store(true, Ordering::SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(state.delay_ms.load(Ordering::SeqCst))).await;
            if to_engine.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_engine.read(&mut bytes).await {
            if cut.load(Ordering::SeqCst) || to_client.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = asks => {}, () = answers => {} }
}

/// Writes down the requests that begin here; tells whether one of them makes a container. A client sends each head whole.
fn note(state: &State, bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let heads: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(END)).collect();
    let makes = heads.iter().any(|head| head.starts_with("POST") && head.contains("/containers/create"));
    state.requests.lock().unwrap().extend(heads.into_iter().map(str::to_owned));
    makes
}
