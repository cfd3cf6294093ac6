//! What happens, as it happens: server-sent events. Whoever was away says the last number that he saw, and is told what he
//! missed, or that it is not known any more.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;

use super::Api;
use super::ask::Ask;
use super::guard::Caller;
use super::page;
use super::problem::{Code, Problem};
use super::reply::json_bytes;
use super::targets;
use crate::access::{Object, Permission, Place, TokenState, permit};
use crate::cycle::{Happening, LiveEvent};
use crate::snapshot::TargetId;
use crate::telemetry::measures;

/// Streams that are open at once: each holds a connection, and a copy of a place among the events.
const STREAMS_MAX: usize = 256;
/// A comment is sent after so long without an event: proxies end connections that are silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the token of a silent stream is looked at again.
const TOKEN_CHECK: Duration = Duration::from_secs(5);

/// Room for streams.
#[derive(Debug)]
pub(super) struct Streams(pub(super) Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this target: `driver/name`.
    target: Option<String>,
    /// Of these kinds, separated by commas: `begun`, `ended`, `failed`, `refused`, `withheld`, `freeze`, `steered`.
    kind: Option<String>,
    /// After the event of this number; 0: all that are still known. As the header `last-event-id`, which counts before it.
    after: Option<String>,
}

/// Tells what happens, as it happens, until the caller leaves, its token ends, or the host does. Each event is JSON, with its
/// number as the id and its kind as the name; `gap` says that events were missed which nobody can tell any more.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(Which, ("last-event-id" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses((status = 200, body = String, content_type = "text/event-stream"))
)]
pub(super) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    Ask(which): Ask<Which>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = Arc::clone(&api.streams().0).try_acquire_owned();
    let permit = permit.map_err(|_full| Problem::busy("too many streams of events are open"))?;
    let filter = Filter::read(&which)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen = page::number(last.or(which.after.as_deref()))?;
    let follower = Follower::new(api, caller, filter, seen, permit);
    let stream = unfold(follower, async |mut follower| {
        let event = follower.next().await?;
        Some((Ok::<Event, Infallible>(event), follower))
    });
    let mut answer = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies of nginx's kind would hold events back until a buffer is full.
    answer.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(answer)
}

/// Which events are wanted.
#[derive(Debug)]
struct Filter {
    target: Option<TargetId>,
    /// Empty: all.
    kinds: Vec<String>,
}

impl Filter {
    fn read(which: &Which) -> Result<Self, Problem> {
        let wrong = |error| Problem::new(Code::BAD_QUERY, format!("target: {error}"), "write target=driver/name");
        let target = which.target.as_deref().map(str::parse).transpose().map_err(wrong)?;
        let kinds: Vec<String> = which.kind.iter().flat_map(|kinds| kinds.split(',')).map(str::to_owned).collect();
        match kinds.iter().find(|kind| !Happening::WORDS.contains(&kind.as_str())) {
            None => Ok(Self { target, kinds }),
            Some(kind) => {
                let remedy = format!("there are {}", Happening::WORDS.join(", "));
                Err(Problem::new(Code::BAD_QUERY, format!("kind is {kind:?}"), remedy))
            }
        }
    }

    fn fits(&self, what: &Happening) -> bool {
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == what.word()))
            && self.target.as_ref().is_none_or(|target| what.target() == Some(target))
    }
}

/// One open stream.
struct Follower {
    api: Api,
    caller: Caller,
    filter: Filter,
    /// What is told before all else: that something was missed.
    gap: Option<&'static str>,
    missed: VecDeque<Arc<LiveEvent>>,
    coming: Receiver<Arc<LiveEvent>>,
    _permit: OwnedSemaphorePermit,
    _counted: measures::Open,
}

impl Follower {
    fn new(api: Api, caller: Caller, filter: Filter, seen: Option<u64>, permit: OwnedSemaphorePermit) -> Self {
        // The event that was seen last is asked for, too: where it is still known, nothing was missed that is not.
        let from = seen.map_or(u64::MAX, |seen| seen.saturating_sub(1));
        let (missed, coming) = api.steering().events(from);
        let whole = match seen {
            None | Some(0) => true,
            Some(seen) => missed.first().is_some_and(|first| first.number <= seen.saturating_add(1)),
        };
        let missed = missed.into_iter().filter(|event| seen.is_some_and(|seen| event.number > seen)).collect();
        let gap = (!whole).then_some("events after the one that was seen last are not known any more");
        let _counted = measures::event_stream();
        Self { api, caller, filter, gap, missed, coming, _permit: permit, _counted }
    }

    /// The next event that the caller wants and may see; `None`: the stream ends.
    async fn next(&mut self) -> Option<Event> {
        if let Some(why) = self.gap.take() {
            return Some(gap(why, None));
        }
        loop {
            let heard = match self.missed.pop_front() {
                Some(event) => Some(Ok(event)),
                None => self.hear().await?,
            };
            // A stream outlives its request: the token is looked at again, also where nothing happens.
            if !self.token_holds() {
                return None;
            }
            match heard {
                None => {}
                Some(Ok(event)) if self.filter.fits(&event.what) && self.may_see(&event.what) => {
                    return Some(told(&event));
                }
                Some(Ok(_)) => {}
                Some(Err(events)) => return Some(gap("events came faster than they were read", Some(events))),
            }
        }
    }

    /// Waits a while for what happens next, or for how much of it was lost; `None`: the host ends.
    async fn hear(&mut self) -> Option<Option<Result<Arc<LiveEvent>, u64>>> {
        let ending = self.api.ending().clone();
        let heard = tokio::select! {
            biased;
            () = ending.cancelled() => return None,
            heard = tokio::time::timeout(TOKEN_CHECK, self.coming.recv()) => heard,
        };
        match heard {
            Err(_silent) => Some(None),
            Ok(Ok(event)) => Some(Some(Ok(event))),
            Ok(Err(RecvError::Lagged(events))) => Some(Some(Err(events))),
            Ok(Err(RecvError::Closed)) => None,
        }
    }

    fn token_holds(&self) -> bool {
        let token = self.api.access().token(&self.caller.identity.token);
        token.is_some_and(|token| token.state(self.api.now_ms()) == TokenState::Valid)
    }

    fn may_see(&self, what: &Happening) -> bool {
        let identity = &self.caller.identity;
        let Some(target) = what.target() else {
            // That everything stands still concerns everybody; what else is said of the host names bindings of all.
            return matches!(what, Happening::Freeze { .. })
                || permit(identity, Permission::MetricsRead, &Object::Host).is_ok();
        };
        match self.api.steering().targets().get(target) {
            Some(view) => permit(identity, Permission::TargetRead, &targets::place(view)).is_ok(),
            // It is gone: of what carried which labels nothing is known.
            None => permit(identity, Permission::TargetRead, &gone(target)).is_ok(),
        }
    }
}

/// A target that nobody sees any more.
pub(super) fn gone(target: &TargetId) -> Object<'_> {
    Object::Place(Place { bindings: Vec::new(), driver: Some(target.driver()), labels: None })
}

fn told(event: &LiveEvent) -> Event {
    Event::default().id(event.number.to_string()).event(event.what.word()).data(text(event))
}

/// Without an id: whoever comes back asks for what comes after the last event that he did see.
fn gap(why: &str, events: Option<u64>) -> Event {
    Event::default().event("gap").data(text(&json!({ "event": "gap", "why": why, "events": events })))
}

fn text(value: &impl serde::Serialize) -> String {
    String::from_utf8_lossy(&json_bytes(value)).into_owned()
}
