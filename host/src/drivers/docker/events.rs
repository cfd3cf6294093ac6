//! What the engines say as it happens. A hint: the list stays the truth, and whatever was missed is seen by it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::engine::{Engine, EngineError};
use super::scan::workload_of;
use crate::drivers::Hint;
use crate::snapshot::TargetId;

/// The first wait between two attempts to listen; each is twice the last.
const AGAIN_MIN: Duration = Duration::from_millis(500);
/// The longest.
const AGAIN_MAX: Duration = Duration::from_secs(30);
/// The stream stays open for as long as nothing happens; it is opened anew about once a day.
const STREAM_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A first listening takes in what happened so shortly before.
const BEFORE_S: u64 = 2;
/// So much is told of what happened.
const WHAT_CHARS: usize = 200;
/// What is worth a turn of its own, in Docker's words and in Podman's. What only leads up to one of these is not.
const NEWS: [&str; 9] = ["die", "died", "oom", "destroy", "remove", "start", "pause", "unpause", "health_status"];

impl Inner {
    /// Listens to every engine until it is over; does nothing where somebody listens already.
    pub(super) fn listen(self: &Arc<Self>, over: &CancellationToken) {
        if std::mem::replace(&mut self.desk().listens, true) {
            return;
        }
        for engine in self.engines.values() {
            let (inner, engine) = (Arc::downgrade(self), Arc::clone(engine));
            drop(tokio::spawn(over.clone().run_until_cancelled_owned(follow(inner, engine))));
        }
    }

    /// What was said since this was asked last; waits until there is something.
    pub(super) async fn hint(&self) -> Hint {
        loop {
            let said = std::mem::take(&mut self.desk().hint);
            if !said.targets.is_empty() {
                return said;
            }
            self.hinted.notified().await;
        }
    }

    fn say(&self, workloads: impl IntoIterator<Item = String>, what: &str) {
        let targets: BTreeSet<TargetId> =
            workloads.into_iter().filter_map(|workload| TargetId::new(&self.name, &workload).ok()).collect();
        if targets.is_empty() {
            return;
        }
        self.desk().hint.join(Hint { targets, what: what.chars().take(WHAT_CHARS).collect() });
        self.hinted.notify_one();
    }

    /// The stream is open: from here on what is not said has not happened. What happened before was not heard.
    fn listens_to(&self, host: &str, again: bool) {
        let there: BTreeSet<String> = {
            let mut desk = self.desk();
            desk.looks.hear(host);
            let here = desk.places.iter().filter(|(_, place)| place.host == host);
            here.map(|((workload, _), _)| workload.clone()).collect()
        };
        if again {
            self.say(there, &format!("host {host} answers again"));
        }
    }

    fn take_in(&self, event: EventMessage) {
        let action = event.action.unwrap_or_default();
        let Some(actor) = event.actor else { return };
        let about: BTreeMap<String, String> = actor.attributes.unwrap_or_default().into_iter().collect();
        if event.typ == Some(bollard::models::EventMessageTypeEnum::NETWORK) {
            // Connected to one or taken off: it has another address. Making and removing networks concerns no container.
            about.get("container").into_iter().for_each(|id| self.desk().looks.forget(id));
            return;
        }
        // Health checks are commands that run inside: each would be three events.
        if action.starts_with("exec_") {
            return;
        }
        actor.id.iter().for_each(|id| self.desk().looks.forget(id));
        let word = action.split(':').next().unwrap_or_default();
        if NEWS.contains(&word)
            && let Some(workload) = workload_of(&self.config, &about)
        {
            let name = about.get("name").map_or("a container", String::as_str);
            self.say([workload], &format!("container {name}: {action}"));
        }
    }
}

async fn follow(inner: Weak<Inner>, engine: Arc<Engine>) {
    let mut wait = AGAIN_MIN;
    // In the engine's time, so that its clock and ours need not agree.
    let mut last_nanos = None;
    let mut again = false;
    loop {
        let began = Instant::now();
        let ended = read(&inner, &engine, &mut last_nanos, again).await;
        match inner.upgrade() {
            Some(inner) => inner.desk().looks.hear_no_more(&engine.name),
            None => return,
        }
        if let Err(error) = ended {
            tracing::debug!(host = engine.name, %error, "an engine's events are not heard");
        }
        if began.elapsed() > AGAIN_MAX {
            wait = AGAIN_MIN;
        }
        tokio::time::sleep(wait).await;
        (wait, again) = (wait.saturating_mul(2).min(AGAIN_MAX), true);
    }
}

async fn read(
    inner: &Weak<Inner>,
    engine: &Engine,
    last_nanos: &mut Option<i64>,
    again: bool,
) -> Result<(), EngineError> {
    // It has answered when this is there.
    let client = engine.patient(STREAM_MAX).await?;
    let kinds = ["container", "network"].map(str::to_owned).to_vec();
    let filters = Some(HashMap::from([("type".to_owned(), kinds)]));
    let mut events = client.events(Some(EventsOptions { filters, since: Some(since(*last_nanos)), until: None }));
    match inner.upgrade() {
        Some(inner) => inner.listens_to(&engine.name, again),
        None => return Ok(()),
    }
    while let Some(event) = events.next().await {
        let event = event?;
        *last_nanos = event.time_nano.or(*last_nanos);
        let Some(inner) = inner.upgrade() else { return Ok(()) };
        inner.take_in(event);
    }
    Ok(())
}

/// From when on events are wanted: the engine keeps the last few hundred.
fn since(last_nanos: Option<i64>) -> String {
    const NANOS: i64 = 1_000_000_000;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().saturating_sub(BEFORE_S);
    last_nanos.map_or_else(|| now().to_string(), |nanos| format!("{}.{:09}", nanos / NANOS, nanos % NANOS))
}
