//! One place that is told: follows the events, and posts.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::facts::{Begun, sentence};
use super::rate::Rate;
use super::template::Template;
use super::{NoticeError, NoticeSettings};
use crate::causes::root_cause;
use crate::cycle::LiveEvent;
use crate::telemetry::measures;

/// A post is tried so often.
const TRIES_MAX: u32 = 4;
/// The wait before the second try; doubled before each one after.
const BACK_OFF: Duration = Duration::from_secs(1);
/// The longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Channel {
    settings: NoticeSettings,
    host: String,
    url: Url,
    client: Client,
    begun: Begun,
    rate: Rate,
    /// What was not told since the last post.
    untold: u64,
}

/// What a server answers that wants fewer posts (RFC 6585).
const TOO_MANY_REQUESTS: u16 = 429;

/// What came of a post that failed.
enum Failure {
    /// It may be tried again, after so long where the server says so.
    ForNow(String, Option<Duration>),
    /// It is no use.
    ForGood(String),
}

impl Channel {
    pub(super) fn open(settings: NoticeSettings, host: &str) -> Result<Self, NoticeError> {
        let name = || settings.name.clone();
        let url = Url::parse(settings.url.trim()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| NoticeError::Address { name: name() })?;
        // No redirects and no proxy: the address is for this server alone.
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(Duration::from_millis(settings.timeout_ms));
        let client = crate::tls::believing(client, settings.ca_file.as_deref())?;
        let failed = |error: reqwest::Error| NoticeError::Client { name: name(), what: root_cause(&error) };
        let client = client.build().map_err(failed)?;
        let rate = Rate::new(settings.per_minute);
        Ok(Self { settings, host: host.to_owned(), url, client, begun: Begun::default(), rate, untold: 0 })
    }

    pub(super) async fn tell(mut self, mut coming: Receiver<Arc<LiveEvent>>, shutdown: CancellationToken) {
        let told = shutdown.clone().run_until_cancelled_owned(async {
            let mut remind: Option<Instant> = None;
            loop {
                let event = match remind {
                    None => coming.recv().await,
                    Some(at) => match tokio::time::timeout_at(at, coming.recv()).await {
                        Ok(event) => event,
                        Err(_elapsed) => {
                            remind = self.count_untold().await;
                            continue;
                        }
                    },
                };
                match event {
                    Ok(event) => remind = self.hear(&event).await,
                    Err(RecvError::Lagged(missed)) => self.not_told(missed),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        // That the host ends is told by whoever ends it.
        let _ = told.await;
    }

    /// Tells an event that is wanted. Gives the time at which what could not be told is to be counted.
    async fn hear(&mut self, event: &LiveEvent) -> Option<Instant> {
        // Also of what is not told: the end of a change is told with its beginning.
        let facts = self.begun.facts(event, &self.host);
        if !self.wants(event) {
            return self.next_count();
        }
        if let Err(at) = self.rate.take() {
            self.not_told(1);
            return Some(at);
        }
        let own = || Template::read(sentence(&event.what, &facts)).ok();
        let text =
            self.settings.template.clone().or_else(own).map(|template| template.fill(&facts)).unwrap_or_default();
        let text = match self.untold {
            0 => text,
            untold => format!("{text}\n({untold} more were not told)"),
        };
        self.post(&text, &json!(facts)).await;
        self.next_count()
    }

    /// Says how many were not told, when nothing else comes that would say it.
    async fn count_untold(&mut self) -> Option<Instant> {
        if self.untold == 0 {
            return None;
        }
        if let Err(at) = self.rate.take() {
            return Some(at);
        }
        let (text, facts) = (
            format!("{}: {} notices were not told", self.host, self.untold),
            json!({ "host": self.host, "event": "untold" }),
        );
        self.post(&text, &facts).await;
        self.next_count()
    }

    fn next_count(&self) -> Option<Instant> {
        (self.untold > 0).then(|| Instant::now() + BACK_OFF)
    }

    /// Posts, and tries again where that may help. What is not told in the end is counted.
    async fn post(&mut self, text: &str, facts: &Value) {
        let body = self.settings.shape.body(text, facts);
        let mut wait = BACK_OFF;
        for tries_left in (0..TRIES_MAX).rev() {
            let why = match self.send(&body).await {
                Ok(()) => {
                    self.untold = 0;
                    measures::notices(&self.settings.name, "sent", 1);
                    return;
                }
                Err(Failure::ForNow(_, after)) if tries_left > 0 => {
                    tokio::time::sleep(after.unwrap_or(wait)).await;
                    wait = wait.saturating_mul(2);
                    continue;
                }
                Err(Failure::ForNow(why, _) | Failure::ForGood(why)) => why,
            };
            tracing::warn!(notice = %self.settings.name, %why, "people could not be told");
            break;
        }
        self.not_told(1);
    }

    fn wants(&self, event: &LiveEvent) -> bool {
        let Self { settings, .. } = self;
        let about = &settings.about;
        let concerns = |target| about.is_empty() || about.iter().any(|about| about.holds(target));
        settings.events.iter().any(|wanted| wanted == event.what.word()) && event.what.target().is_none_or(concerns)
    }

    fn not_told(&mut self, count: u64) {
        self.untold = self.untold.saturating_add(count);
        measures::notices(&self.settings.name, "untold", count);
    }

    async fn send(&self, body: &Value) -> Result<(), Failure> {
        let sent = self.client.post(self.url.clone()).json(body).send().await;
        // The error's own words hold the address.
        let answer = sent.map_err(|error| Failure::ForNow(root_cause(&error.without_url()), None))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let why = format!("the server answers {status}");
        if status.as_u16() != TOO_MANY_REQUESTS && !status.is_server_error() {
            return Err(Failure::ForGood(why));
        }
        let after = answer.headers().get(reqwest::header::RETRY_AFTER);
        let seconds = after.and_then(|after| after.to_str().ok()?.trim().parse::<u64>().ok());
        Err(Failure::ForNow(why, seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX))))
    }
}
