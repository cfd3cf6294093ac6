//! One request: given to an instance, and to one other if the first could not be reached.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_reverse_proxy::{ProxyError, TunnelGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use super::pool::{InFlight, Pool, Upstream};

/// What the handler knows.
#[derive(Debug, Clone)]
pub(super) struct Front {
    pub(super) registrar: Arc<str>,
    pub(super) pool: Arc<Pool>,
    pub(super) room: Arc<Semaphore>,
}

pub(super) async fn forward(State(front): State<Front>, request: Request) -> Response {
    let Ok(permit) = Arc::clone(&front.room).try_acquire_owned() else {
        return front.refuse("too many requests are in flight");
    };
    let permit = Arc::new(permit);
    let Some((first, in_flight)) = front.pool.pick(None) else { return front.nobody() };
    let (request, copy) = if may_repeat(&request) { twice(request) } else { (request, None) };
    let answer = front.give(&first, request, Arc::clone(&permit), in_flight).await;
    let Some(error) = answer.extensions().get::<ProxyError>() else { return answer };
    if answer.status() == StatusCode::GATEWAY_TIMEOUT {
        front.pool.totals.failed.fetch_add(1, Relaxed);
        return answer;
    }
    // With a body it may have been the client that broke off.
    if error.is_connect() || copy.is_some() {
        first.shun();
    }
    tracing::warn!(registrar = %front.registrar, instance = first.instance(), error = error.message(), "instance not reached");
    let Some((second, in_flight)) = copy.is_some().then(|| front.pool.pick(Some(&first))).flatten() else {
        front.pool.totals.failed.fetch_add(1, Relaxed);
        return answer;
    };
    front.pool.totals.retried.fetch_add(1, Relaxed);
    let answer = front.give(&second, copy.unwrap_or_default(), permit, in_flight).await;
    if answer.extensions().get::<ProxyError>().is_some() {
        front.pool.totals.failed.fetch_add(1, Relaxed);
    }
    answer
}

/// Whether doing it twice is doing it once (RFC 9110, 9.2.2), and nothing of its body would be missing the second time.
fn may_repeat(request: &Request) -> bool {
    let idempotent = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    );
    idempotent && request.body().is_end_stream() && !request.headers().contains_key(header::UPGRADE)
}

fn twice(request: Request) -> (Request, Option<Request>) {
    let (parts, body) = request.into_parts();
    let copy = Request::from_parts(parts.clone(), Body::empty());
    (Request::from_parts(parts, body), Some(copy))
}

impl Front {
    /// Gives the request to this instance and counts what comes of it. The guard leaves with the last byte of the answer.
    async fn give(
        &self,
        upstream: &Upstream,
        mut request: Request,
        permit: Arc<OwnedSemaphorePermit>,
        in_flight: InFlight,
    ) -> Response {
        request.extensions_mut().insert(TunnelGuard::new((permit, in_flight)));
        let answer = match upstream.proxy.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        if answer.extensions().get::<ProxyError>().is_some() {
            upstream.failed.fetch_add(1, Relaxed);
            return answer;
        }
        let totals = &self.pool.totals;
        for (served, errors) in [(&upstream.served, &upstream.server_errors), (&totals.served, &totals.server_errors)] {
            served.fetch_add(1, Relaxed);
            if answer.status().is_server_error() {
                errors.fetch_add(1, Relaxed);
            }
        }
        answer
    }

    fn nobody(&self) -> Response {
        match self.pool.size() {
            (0, _) => self.refuse("no instance is entered"),
            (_, draining) => self.refuse(&format!("no instance takes requests; {draining} drain")),
        }
    }

    fn refuse(&self, why: &str) -> Response {
        self.pool.totals.refused.fetch_add(1, Relaxed);
        let body = format!("balancer {}: {why}\n", self.registrar);
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], body).into_response()
    }
}
