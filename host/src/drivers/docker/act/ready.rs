//! Waits until a container serves.

use std::time::{Duration, Instant};

use super::super::Inner;
use super::super::observe::end_of;
use super::super::scan::{Standing, phase_of};
use super::{Job, impossible, waiting};
use crate::drivers::{DriverError, StepState};
use crate::snapshot::Phase;

/// How long a step waits for news of its container before it says that it waits: a change can be cancelled only in between.
const NEWS_WAIT: Duration = Duration::from_secs(1);
/// Between two questions meanwhile.
const NEWS_POLL: Duration = Duration::from_millis(100);

impl Inner {
    async fn await_ready(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let Some(found) = self.glance(job).await? else {
            return Ok(impossible(format!("{} does not exist", job.instance)));
        };
        let stopped = self.is_stopped(job, &found);
        let standing = Standing { ours: self.is_ours(job, &found), stopped, overdue: false, unasked: false };
        let state = found.details.state.as_ref();
        let health = state.and_then(|state| state.health.as_ref());
        let last = health.and_then(|health| health.log.as_ref()?.last()?.output.clone()).unwrap_or_default();
        let last: String = last.trim().chars().take(200).collect();
        // By our own watch: the engine's clock may be another.
        let since = *self.desk().awaited.entry(job.instance.to_owned()).or_insert_with(Instant::now);
        let overdue = since.elapsed() > Duration::from_millis(job.settings.ready_timeout.0);
        let ended = match phase_of(&found.details, standing) {
            Phase::Ready => StepState::Done,
            Phase::Failed => impossible(format!("it ended by itself: {}", end_of(&found.details))),
            Phase::Unready | Phase::Starting if overdue => {
                impossible(format!("it was not ready within {}: {last}", job.settings.ready_timeout))
            }
            Phase::Starting | Phase::Unready => waiting(format!("it is not ready; last check: {last}")),
            Phase::Pending | Phase::Unknown => waiting("it has not started"),
            other => impossible(format!("it is {other:?}").to_lowercase()),
        };
        if !matches!(ended, StepState::Waiting { .. }) {
            self.desk().awaited.remove(job.instance);
        }
        Ok(ended)
    }

    /// Asks whether it is ready, and for a moment again and again, at once when the engine says something of it: until it is
    /// entered it serves nobody.
    pub(super) async fn await_news(&self, job: &Job<'_>) -> Result<StepState, DriverError> {
        let until = Instant::now() + NEWS_WAIT;
        loop {
            let place = self.desk().places.get(&(job.workload.to_owned(), job.instance.to_owned())).cloned();
            // Listened to before it is asked: what happens in between is not missed.
            let news = place.map(|place| self.desk().looks.next_news(&place.container));
            let state = self.await_ready(job).await?;
            let (StepState::Waiting { .. }, Some(news)) = (&state, news) else { return Ok(state) };
            if Instant::now() >= until {
                return Ok(state);
            }
            // Also where nothing is said: the engine's events may not be heard.
            let _ = tokio::time::timeout(NEWS_POLL, news.notified()).await;
        }
    }
}
