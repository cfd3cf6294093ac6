//! Spans on their way to a tracing server, by OTLP over HTTP. They wait in a queue that is never waited for, and are sent by a
//! thread of their own: a server that is slow, gone or hostile costs spans, and no turn a millisecond.

mod spool;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanExporter as _};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{mpsc, oneshot};
use tracing::Level;

use self::spool::{Pace, Spool};
use crate::tls::TlsError;

/// Where spans go by OTLP over HTTP.
const PATH: &str = "/v1/traces";

/// A tracing server, and what it is sent.
#[derive(Clone)]
pub struct OtlpSettings {
    /// Its address: `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// Headers of every request, among them tokens: they are never shown.
    pub headers: BTreeMap<String, String>,
    /// Who vouches for it; `None`: whom the system believes.
    pub ca_file: Option<PathBuf>,
    /// Share of traces that are sent, from 0 to 1.
    pub sample: f64,
    /// Up to which level spans are sent: at `DEBUG` every target has one.
    pub level: Level,
    /// How long spans wait for others at most.
    pub every_ms: u64,
    /// How long it may take over a request.
    pub timeout_ms: u64,
    /// Most spans that wait.
    pub queue_max: usize,
}

impl fmt::Debug for OtlpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.keys().collect();
        f.debug_struct("OtlpSettings")
            .field("endpoint", &self.endpoint)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A header that HTTP does not know.
    #[error("the header {name:?} for the tracing server is no header of HTTP, or its value is none")]
    Header {
        /// Its name.
        name: String,
    },
    /// The file of those who vouch for the server.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The client could not be made.
    #[error("the client for the tracing server could not be made: {what}")]
    Client {
        /// Why.
        what: String,
    },
    /// Its thread could not be started.
    #[error("the thread that sends spans could not be started")]
    Thread(#[source] std::io::Error),
}

/// Spans being sent.
#[derive(Debug)]
pub(super) struct Exporting {
    provider: SdkTracerProvider,
    flush: mpsc::Sender<oneshot::Sender<()>>,
}

impl Exporting {
    pub(super) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("trimtab")
    }

    /// Sends what waits; whether all of it was sent (or given up) within `limit`.
    pub(super) async fn finish(self, limit: Duration) -> bool {
        let (done, told) = oneshot::channel();
        let finished = async { self.flush.send(done).await.is_ok() && told.await.is_ok() };
        tokio::time::timeout(limit, finished).await.unwrap_or(false)
    }
}

/// Begins to send.
pub(super) fn start(settings: &OtlpSettings) -> Result<Exporting, OtlpError> {
    let resource = Resource::builder()
        .with_service_name("trimtab")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("host.name", rustix::system::uname().nodename().to_string_lossy().into_owned()),
        ])
        .build();
    let mut exporter = exporter(settings)?;
    exporter.set_resource(&resource);
    let (spool, waiting) = Spool::new(settings.queue_max);
    let (flush, flushes) = mpsc::channel(1);
    let pace = Pace {
        every: Duration::from_millis(settings.every_ms.max(1)),
        timeout: Duration::from_millis(settings.timeout_ms),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(OtlpError::Thread)?;
    std::thread::Builder::new()
        .name("trimtab-otlp".to_owned())
        .spawn(move || runtime.block_on(spool::send_all(waiting, flushes, exporter, pace)))
        .map_err(OtlpError::Thread)?;
    let provider = SdkTracerProvider::builder()
        .with_span_processor(spool)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample))))
        .with_resource(resource)
        .build();
    Ok(Exporting { provider, flush })
}

fn exporter(settings: &OtlpSettings) -> Result<SpanExporter, OtlpError> {
    let failed = |what: String| OtlpError::Client { what };
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let strange = |_| OtlpError::Header { name: name.clone() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| OtlpError::Header { name: name.clone() })?;
        let mut value = HeaderValue::from_str(value).map_err(strange)?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    // No redirects and no proxy: the headers are for this server alone.
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.timeout(Duration::from_millis(settings.timeout_ms)).default_headers(headers);
    let client = crate::tls::believing(client, settings.ca_file.as_deref())?;
    let client = client.build().map_err(|error| failed(crate::causes::root_cause(&error)))?;
    let endpoint = settings.endpoint.trim_end_matches('/');
    let endpoint = if endpoint.ends_with(PATH) { endpoint.to_owned() } else { format!("{endpoint}{PATH}") };
    SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(Duration::from_millis(settings.timeout_ms))
        .build()
        .map_err(|error| failed(error.to_string()))
}
