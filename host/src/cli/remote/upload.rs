//! A file on its way to the host, piece by piece: it is never in memory as a whole.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::stream::unfold;
use reqwest::{Body, Method};
use tokio::io::AsyncReadExt as _;

use super::{Answer, Remote};
use crate::registry::Signature;

/// How long an upload may take in all: as long as the host waits for one.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

impl Remote {
    /// Sends a file as the body, and its signature, if it has one.
    pub(in crate::cli) fn upload(&self, path: &str, file: &Path, signature: Option<&Signature>) -> Result<Answer> {
        let request = self.request(Method::POST, path).timeout(UPLOAD_PATIENCE);
        let request = request.header("content-type", "application/wasm");
        let request = signature.iter().fold(request, |request, one| request.header("trimtab-signature", one.text()));
        self.runtime.block_on(async {
            let reading = || format!("reading {}", file.display());
            let open = tokio::fs::File::open(file).await.with_context(reading)?;
            // So that a host refuses at once what is too large for it.
            let length = open.metadata().await.with_context(reading)?.len();
            let request = request.header("content-length", length);
            let pieces = unfold(open, |mut open| async move {
                let mut piece = vec![0; PIECE];
                match open.read(&mut piece).await {
                    Ok(0) => None,
                    Ok(read) => {
                        piece.truncate(read);
                        Some((Ok(piece), open))
                    }
                    Err(error) => Some((Err(error), open)),
                }
            });
            let answer =
                request.body(Body::wrap_stream(pieces)).send().await.map_err(|error| self.unanswered(error))?;
            self.read(answer).await?.good()
        })
    }
}
