//! The demo's load: requests sent when they are due, whether or not earlier ones have been answered.
//!
//! Open loop: a slow service gets no fewer requests, as with real users, and a latency counts from the moment at which the
//! request was due, so that a stall is not hidden by the requests that it held up.

mod schedule;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

pub use self::schedule::Schedule;

/// How often it is looked what is due.
const TICK: Duration = Duration::from_millis(2);

/// Latencies above this are counted as this.
const LATENCY_US_MAX: u64 = 120_000_000;

/// What is sent, where, and how much at once.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Where each request goes: `http://127.0.0.1:8080/work`.
    pub url: String,
    /// When.
    pub schedule: Schedule,
    /// Requests unanswered at once; one that is due beyond is not sent, and counted.
    pub in_flight_max: usize,
    /// Time for one request as a whole; then it has failed.
    pub timeout: Duration,
}

impl LoadSettings {
    /// Defaults, for this schedule.
    #[must_use]
    pub fn new(url: &str, schedule: Schedule) -> Self {
        Self { url: url.to_owned(), schedule, in_flight_max: 1_024, timeout: Duration::from_secs(20) }
    }
}

/// What became of all requests so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// Seconds since the first.
    pub seconds: f64,
    /// Requests sent.
    pub sent: u64,
    /// Answered with a status below 400, the body read to its end.
    pub served: u64,
    /// Answered otherwise, or not.
    pub failed: u64,
    /// Due, and not sent: too many were unanswered.
    pub unsent: u64,
    /// The failures by what they were: `status 503`, `timeout` …
    pub failures: BTreeMap<String, u64>,
    /// Latencies of what was served.
    pub latency: Latency,
}

/// Latencies in milliseconds, from when a request was due; `None` where nothing was served.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Half were no slower.
    pub p50_ms: Option<f64>,
    /// 90 of 100 were no slower.
    pub p90_ms: Option<f64>,
    /// 99 of 100 were no slower.
    pub p99_ms: Option<f64>,
    /// The slowest.
    pub max_ms: Option<f64>,
}

/// What a live view shows: the present, and what happened since the last glimpse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Glimpse {
    /// Seconds since the first request.
    pub seconds: f64,
    /// Requests per second that are due now.
    pub due_per_second: f64,
    /// Requests per second served since the last glimpse.
    pub served_per_second: f64,
    /// Requests failed since the last glimpse.
    pub failed: u64,
    /// Requests unanswered now.
    pub in_flight: usize,
    /// Latencies since the last glimpse.
    pub latency: Latency,
}

/// Load that is being made. Dropping it stops it at once.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    settings: LoadSettings,
    began: Instant,
    room: Arc<Semaphore>,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    sent: u64,
    served: u64,
    failed: u64,
    unsent: u64,
    failures: BTreeMap<String, u64>,
    all: Histogram<u64>,
    recent: Histogram<u64>,
    glimpsed: Instant,
    glimpsed_failed: u64,
}

impl Load {
    /// Begins to send.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn start(settings: LoadSettings) -> Result<Self, String> {
        let url = Url::parse(&settings.url).map_err(|error| format!("url {:?}: {error}", settings.url))?;
        crate::tls::ready();
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(2))
            .timeout(settings.timeout)
            .build()
            .map_err(|error| error.to_string())?;
        let histogram = || Histogram::new_with_max(LATENCY_US_MAX, 3).map_err(|error| error.to_string());
        let began = Instant::now();
        let counts = Counts {
            sent: 0,
            served: 0,
            failed: 0,
            unsent: 0,
            failures: BTreeMap::new(),
            all: histogram()?,
            recent: histogram()?,
            glimpsed: began,
            glimpsed_failed: 0,
        };
        let room = Arc::new(Semaphore::new(settings.in_flight_max.min(Semaphore::MAX_PERMITS)));
        let shared = Arc::new(Shared { settings, began, room, counts: Mutex::new(counts) });
        let stop = CancellationToken::new();
        let task = tokio::spawn(send_when_due(Arc::clone(&shared), client, url, stop.clone()));
        Ok(Self { shared, stop, task })
    }

    /// The present, and what happened since this was last called.
    #[must_use]
    pub fn glimpse(&self) -> Glimpse {
        let shared = &self.shared;
        let elapsed = shared.began.elapsed();
        let mut counts = shared.lock();
        let since = counts.glimpsed.elapsed().as_secs_f64().max(1e-6);
        let glimpse = Glimpse {
            seconds: elapsed.as_secs_f64(),
            due_per_second: shared.settings.schedule.rate(elapsed),
            served_per_second: float(counts.recent.len()) / since,
            failed: counts.failed - counts.glimpsed_failed,
            in_flight: shared.in_flight(),
            latency: Latency::of(&counts.recent),
        };
        counts.recent.reset();
        counts.glimpsed = Instant::now();
        counts.glimpsed_failed = counts.failed;
        glimpse
    }

    /// What became of all requests so far.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let counts = self.shared.lock();
        LoadReport {
            seconds: self.shared.began.elapsed().as_secs_f64(),
            sent: counts.sent,
            served: counts.served,
            failed: counts.failed,
            unsent: counts.unsent,
            failures: counts.failures.clone(),
            latency: Latency::of(&counts.all),
        }
    }

    /// Whether all that was due has been sent.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the end of the schedule and for the last answers.
    pub async fn finish(mut self) -> LoadReport {
        // It cannot fail: nothing in it panics, and only dropping cancels it.
        let _ = (&mut self.task).await;
        self.answered().await;
        self.report()
    }

    /// Sends no more, and waits for the answers to what was sent.
    pub async fn stop(self) -> LoadReport {
        self.stop.cancel();
        self.finish().await
    }

    async fn answered(&self) {
        let all = u32::try_from(self.shared.settings.in_flight_max).unwrap_or(u32::MAX);
        // Each request has the timeout of its own; the second is for a machine that is busy.
        let patience = self.shared.settings.timeout + Duration::from_secs(1);
        let _ = timeout(patience, self.shared.room.acquire_many(all)).await;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn send_when_due(shared: Arc<Shared>, client: Client, url: Url, stop: CancellationToken) {
    let schedule = &shared.settings.schedule;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut sent) = (Duration::ZERO, 0);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let now = shared.began.elapsed();
        let due = schedule.due(now);
        let late = now.saturating_sub(before);
        let new = due.saturating_sub(sent);
        for nth in 0..new {
            // Spread over the time since the last look, so that a late look is not taken for a late answer.
            let share = float(nth + 1) / float(new);
            send(&shared, &client, &url, before + late.mul_f64(share));
        }
        (before, sent) = (now, due);
        if now >= schedule.length() {
            return;
        }
    }
}

fn send(shared: &Arc<Shared>, client: &Client, url: &Url, due: Duration) {
    let Ok(permit) = Arc::clone(&shared.room).try_acquire_owned() else {
        shared.lock().unsent += 1;
        return;
    };
    shared.lock().sent += 1;
    let request = client.get(url.clone());
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let answer = async {
            let answer = request.send().await?;
            let status = answer.status();
            answer.bytes().await?;
            Ok::<_, reqwest::Error>(status)
        };
        let failure = match answer.await {
            Ok(status) if status.as_u16() < 400 => None,
            Ok(status) => Some(format!("status {}", status.as_u16())),
            Err(error) if error.is_timeout() => Some("timeout".to_owned()),
            Err(error) if error.is_connect() => Some("no connection".to_owned()),
            Err(_) => Some("broken off".to_owned()),
        };
        shared.count(failure, due, permit);
    });
}

impl Shared {
    fn count(&self, failure: Option<String>, due: Duration, permit: OwnedSemaphorePermit) {
        let latency = self.began.elapsed().saturating_sub(due);
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let mut counts = self.lock();
        match failure {
            None => {
                counts.served += 1;
                counts.all.saturating_record(micros);
                counts.recent.saturating_record(micros);
            }
            Some(kind) => {
                counts.failed += 1;
                *counts.failures.entry(kind).or_default() += 1;
            }
        }
        drop(counts);
        drop(permit);
    }

    fn in_flight(&self) -> usize {
        self.settings.in_flight_max.saturating_sub(self.room.available_permits())
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |micros: u64| (!histogram.is_empty()).then(|| float(micros) / 1000.0);
        Self {
            p50_ms: at(histogram.value_at_quantile(0.50)),
            p90_ms: at(histogram.value_at_quantile(0.90)),
            p99_ms: at(histogram.value_at_quantile(0.99)),
            max_ms: at(histogram.max()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a demo stay far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
