//! What the host says of itself while it runs: log lines, the same keys everywhere; spans for a tracing server, if the
//! configuration names one; measures.
//!
//! Spans are no part of log lines: without a tracing server nobody asks for them, and they cost nothing.

pub mod measures;
mod otlp;

use std::io::IsTerminal as _;
use std::time::Duration;

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use self::otlp::Exporting;
pub use self::otlp::{OtlpError, OtlpSettings};

/// Shape of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object per line.
    Json,
}

/// What is said, and to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shape of the log lines.
    pub format: LogFormat,
    /// From which level on lines are written.
    pub level: Level,
    /// The tracing server.
    pub otlp: Option<OtlpSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: Level::INFO, otlp: None }
    }
}

/// What was begun, and must be told of the end.
#[derive(Debug, Default)]
#[must_use]
pub struct Telemetry {
    exporting: Option<Exporting>,
}

impl Telemetry {
    /// Sends the spans that wait, for at most `limit`.
    pub async fn finish(self, limit: Duration) {
        if let Some(exporting) = self.exporting
            && !exporting.finish(limit).await
        {
            tracing::warn!("the last spans did not reach the tracing server");
        }
    }
}

/// Begins to log on stderr and to send spans. The environment's `TRIMTAB_LOG` says in place of the settings what is logged
/// (`trimtab=debug,info` and the like). Where logging had begun already, that goes on and nothing else begins.
///
/// # Errors
/// Why nothing can be sent to the tracing server.
pub fn start(settings: &Settings) -> Result<Telemetry, OtlpError> {
    let (subscriber, telemetry) = subscriber(settings)?;
    if subscriber.try_init().is_err() {
        tracing::debug!("logging had begun already");
        return Ok(Telemetry::default());
    }
    Ok(telemetry)
}

/// Who hears of lines and spans.
pub(crate) fn subscriber(
    settings: &Settings,
) -> Result<(impl Subscriber + Send + Sync + 'static, Telemetry), OtlpError> {
    let wanted = EnvFilter::try_from_env("TRIMTAB_LOG")
        .unwrap_or_else(|_| EnvFilter::new(settings.level.as_str().to_ascii_lowercase()));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let lines = match settings.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(wanted.and(filter_fn(|what| what.is_event())));
    let exporting = settings.otlp.as_ref().map(otlp::start).transpose()?;
    let spans = exporting.as_ref().zip(settings.otlp.as_ref()).map(|(exporting, otlp)| {
        // Of this crate alone: the client that sends spans has some, too, and they would never end.
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), otlp.level);
        tracing_opentelemetry::layer()
            .with_tracer(exporting.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(ours)
    });
    Ok((tracing_subscriber::registry().with(spans).with(lines), Telemetry { exporting }))
}
