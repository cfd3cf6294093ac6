//! Another certificate in a running host.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::causes::with_causes;
use crate::telemetry::measures;
use crate::tls::{TlsError, TlsServer};

/// How often it is looked whether the files have changed: whoever renews certificates mostly tells nobody.
const EVERY: Duration = Duration::from_secs(60);

/// Reads the files of TLS again, and tells what came of it. Where they are no good, what was shown before is shown still.
///
/// # Errors
/// What is wrong with them.
pub fn renew(tls: &TlsServer) -> Result<(), TlsError> {
    tell(tls, tls.reload())
}

/// Reads the files again whenever they change, until `shutdown`.
pub(super) async fn keep(tls: Arc<TlsServer>, shutdown: CancellationToken) {
    measures::certificate(Ok(tls.expires_s()));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let looked = Arc::clone(&tls);
        let looked = tokio::task::spawn_blocking(move || looked.reload_if_changed()).await;
        if let Ok(Some(read)) = looked {
            // It is told, and the old one goes on: nothing more is to be done here.
            let _ = tell(&tls, read);
        }
    }
}

fn tell(tls: &TlsServer, read: Result<(), TlsError>) -> Result<(), TlsError> {
    match &read {
        Ok(()) => {
            measures::certificate(Ok(tls.expires_s()));
            tracing::info!("the API's certificate was read again; connections from now on are shown it");
            for doubt in tls.doubts(jiff::Timestamp::now().as_second()) {
                tracing::warn!(key = doubt.key, remedy = doubt.remedy, "{}", doubt.what);
            }
        }
        Err(error) => {
            measures::certificate(Err(()));
            tracing::error!("the API's certificate is refused, the old one stays in force: {}", with_causes(error));
        }
    }
    read
}
