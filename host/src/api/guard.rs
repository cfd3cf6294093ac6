//! What every request passes, in this order: an id, a limit on its time, its token, the token's pace, the route's rule. What
//! comes back as an error leaves as a problem, whoever made it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::Api;
use super::problem::{Code, Problem};
use super::rules::{Needs, rule_of};
use crate::access::{Identity, Object, Permission, permit};
use crate::telemetry::measures;

/// Names the request in its answer and in the log.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long an upload may take to arrive: megabytes over a slow line. One that stalls is cut off long before.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(600);

/// Who asks, proven by a token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    /// The id of the request.
    pub(super) request: String,
}

impl Caller {
    /// Whether the caller may do this to that.
    pub(super) fn permit(&self, permission: Permission, object: &Object<'_>) -> Result<(), Problem> {
        permit(&self.identity, permission, object).map_err(Problem::from)
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    /// A handler that asks for its caller on a route that needs no token is a bug: it fails closed.
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Self::Rejection> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::internal("a handler asked for the caller of a route that needs no token"))
    }
}

/// The guard.
pub(super) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = api.next_request();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let timeout = match (&method, path.as_str()) {
        (&Method::POST, "/v1/policies") => UPLOAD_PATIENCE,
        _ => Duration::from_millis(api.settings().request_timeout_ms),
    };

    // A panic costs its own request an answer, and no other.
    let span = tracing::info_span!(
        parent: None,
        "request",
        request = id,
        method = known(&method),
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        status = tracing::field::Empty
    );
    let answered = AssertUnwindSafe(admit(&api, &id, request, next).instrument(span.clone())).catch_unwind();
    let (who, answer) = match tokio::time::timeout(timeout, answered).await {
        Ok(Ok((who, Ok(answer)))) => (who, answer),
        Ok(Ok((who, Err(problem)))) => (who, problem.answer(&id)),
        Ok(Err(_)) => (None, Problem::internal("a handler panicked").answer(&id)),
        Err(_) => {
            let detail = format!("there was no answer within {} ms", timeout.as_millis());
            (None, Problem::new(Code::TOO_SLOW, detail, "try again; ask for less at once").answer(&id))
        }
    };
    let mut answer = finish(answer, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(&REQUEST_ID, value);
    }
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    measures::request(known(&method), route, answer.status().as_u16(), began.elapsed());
    span.record("status", answer.status().as_u16());
    let (status, ms) = (answer.status().as_u16(), u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    if method == Method::GET || method == Method::HEAD {
        tracing::debug!(request = id, %method, path, who, status, ms, "asked");
    } else {
        tracing::info!(request = id, %method, path, who, status, ms, "asked");
    }
    answer
}

/// The method, if it is one that anybody uses: callers may make up others.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Lets a request in, or says why not. Also paths that do not exist are told to nobody without a token.
async fn admit(api: &Api, id: &str, mut request: Request, next: Next) -> (Option<String>, Result<Response, Problem>) {
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let rule = matched.as_deref().and_then(|path| rule_of(request.method(), path));
    if rule.is_some_and(|rule| rule.needs == Needs::Nothing) {
        return (None, Ok(next.run(request).await));
    }
    let identity = match identify(api, request.headers()) {
        Ok(identity) => identity,
        Err(problem) => return (None, Err(problem)),
    };
    let who = Some(identity.who());
    let allowed = match api.rates().take(&identity.token) {
        Err(retry_after_s) => Err(Problem::too_many_requests(retry_after_s)),
        Ok(()) => match rule.map(|rule| rule.needs) {
            Some(Needs::ForHost(permission)) => permit(&identity, permission, &Object::Host).map_err(Problem::from),
            Some(Needs::ForEach(permission)) => permit(&identity, permission, &Object::Each).map_err(Problem::from),
            // Not in the table: no such path, or no such method there. The router says which; a handler that was left out
            // of the table is not reached.
            Some(Needs::Nothing) => Ok(()),
            None if matched.is_none() => Ok(()),
            None => return (who, Err(method_not_allowed(matched.as_deref()))),
        },
    };
    if let Err(problem) = allowed {
        return (who, Err(problem));
    }
    request.extensions_mut().insert(Caller { identity, request: id.to_owned() });
    (who, Ok(next.run(request).await))
}

fn identify(api: &Api, headers: &HeaderMap) -> Result<Identity, Problem> {
    let missing = || {
        let remedy =
            "send the header \"authorization: Bearer trimtab_…\"; the first token is in admin.token in the data_dir";
        Problem::new(Code::TOKEN_MISSING, "this needs a token", remedy)
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let text = value.to_str().map_err(|_| missing())?;
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(missing()),
    };
    Ok(api.access().identify(token, api.now_ms())?)
}

fn method_not_allowed(path: Option<&str>) -> Problem {
    let known = super::rules::RULES.iter().filter(|rule| Some(rule.path) == path);
    let known: Vec<&str> = known.map(|rule| rule.method.as_str()).collect();
    let detail = "this path does not know this method";
    Problem::new(Code::METHOD_NOT_ALLOWED, detail, format!("use {}", known.join(" or "))).allowing(known.join(", "))
}

/// Turns what handlers, extractors and the router said into an answer that names its request.
fn finish(mut answer: Response, id: &str) -> Response {
    if let Some(problem) = answer.extensions_mut().remove::<Problem>() {
        return problem.answer(id);
    }
    let status = answer.status();
    let is_json = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    // Nobody of ours answers so; a library would.
    match status {
        StatusCode::NOT_FOUND => Problem::no_such_route(),
        StatusCode::METHOD_NOT_ALLOWED => method_not_allowed(None),
        other => Problem::internal(&format!("an answer of status {other} that is no problem of ours")),
    }
    .answer(id)
}
