//! What the engines say as it happens. A hint: the list stays the truth, and whatever was missed is seen by it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bollard::query_parameters::EventsOptions;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::engine::{Engine, EngineError};

/// Between two attempts to listen.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// The stream stays open for as long as nothing happens; it is opened anew about once a day.
const STREAM_MAX: Duration = Duration::from_secs(24 * 60 * 60);

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
}

async fn follow(inner: Weak<Inner>, engine: Arc<Engine>) {
    loop {
        if let Err(error) = read(&inner, &engine).await {
            tracing::debug!(host = engine.name, %error, "an engine's events are not heard");
        }
        // What happened meanwhile was not heard.
        match inner.upgrade() {
            Some(inner) => inner.desk().looks.forget_all(),
            None => return,
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn read(inner: &Weak<Inner>, engine: &Engine) -> Result<(), EngineError> {
    let client = engine.patient(STREAM_MAX).await?;
    let filters = HashMap::from([("type".to_owned(), vec!["container".to_owned()])]);
    let mut events = client.events(Some(EventsOptions { filters: Some(filters), ..EventsOptions::default() }));
    while let Some(event) = events.next().await {
        let event = event?;
        // Health checks are commands that run inside: each would be three events.
        if event.action.as_deref().is_some_and(|action| action.starts_with("exec_")) {
            continue;
        }
        let Some(inner) = inner.upgrade() else { return Ok(()) };
        if let Some(id) = event.actor.and_then(|actor| actor.id) {
            inner.desk().looks.forget(&id);
        }
    }
    Ok(())
}
