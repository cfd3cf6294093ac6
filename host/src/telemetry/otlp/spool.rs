//! Where ended spans wait, and who takes them away.
//!
//! The SDK's own batching would do, but tells nobody how many it drops, and sends from a thread on which our client cannot run.

use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::telemetry::measures;

/// Spans of one request.
const BATCH_MAX: usize = 512;

/// That spans are lost is told at most so often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How spans are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long they wait for others at most.
    pub(super) every: Duration,
    /// How long a request may take, with all its repetitions.
    pub(super) timeout: Duration,
}

/// Takes in spans as they end.
#[derive(Debug)]
pub(super) struct Spool(Sender<SpanData>);

impl Spool {
    /// With room for so many.
    pub(super) fn new(queue_max: usize) -> (Self, Receiver<SpanData>) {
        let (sender, receiver) = mpsc::channel(queue_max.max(1));
        (Self(sender), receiver)
    }
}

impl SpanProcessor for Spool {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(span).is_err() {
            measures::spans("dropped", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// Nothing is waited for here: who ends the host asks for a flush first.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends spans until nobody can make any.
pub(super) async fn send_all(
    mut waiting: Receiver<SpanData>,
    mut flushes: Receiver<oneshot::Sender<()>>,
    exporter: SpanExporter,
    pace: Pace,
) {
    let mut line = Line { exporter, timeout: pace.timeout, told: None, lost: 0 };
    let mut tick = interval(pace.every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        let room = BATCH_MAX.saturating_sub(batch.len());
        tokio::select! {
            Some(done) = flushes.recv() => {
                while let Ok(span) = waiting.try_recv() {
                    batch.push(span);
                    if batch.len() >= BATCH_MAX {
                        line.send(&mut batch).await;
                    }
                }
                line.send(&mut batch).await;
                // Who asked may have gone: there was a limit.
                let _ = done.send(());
            }
            taken = waiting.recv_many(&mut batch, room) => {
                if taken == 0 || batch.len() >= BATCH_MAX {
                    line.send(&mut batch).await;
                }
                if taken == 0 {
                    return;
                }
            }
            _ = tick.tick() => line.send(&mut batch).await,
        }
    }
}

/// The line to the server.
struct Line {
    exporter: SpanExporter,
    timeout: Duration,
    /// When it was last told that spans are lost.
    told: Option<Instant>,
    /// How many since.
    lost: usize,
}

impl Line {
    async fn send(&mut self, batch: &mut Vec<SpanData>) {
        if batch.is_empty() {
            return;
        }
        let spans = std::mem::take(batch);
        let count = spans.len();
        let why = match timeout(self.timeout, self.exporter.export(spans)).await {
            Ok(Ok(())) => {
                measures::spans("sent", count);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", self.timeout.as_millis()),
        };
        measures::spans("failed", count);
        self.lost = self.lost.saturating_add(count);
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            tracing::warn!(lost = self.lost, why, "the tracing server takes no spans");
            (self.told, self.lost) = (Some(Instant::now()), 0);
        }
    }
}
