//! What callers send, read with a limit on everything; what cannot be read is a problem that says why.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::{Code, Problem};
use crate::quantity::DurationMs;

/// The body, as JSON.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// What stands after the question mark. Unknown words are refused: a filter that is misspelt would show everything.
#[derive(Debug)]
pub(super) struct Ask<T>(pub(super) T);

/// The parts of the path.
#[derive(Debug)]
pub(super) struct At<T>(pub(super) T);

/// The body, not read yet: a handler that must ask for more leave than the route table did reads it after that.
#[derive(Debug)]
pub(super) struct Later(Request);

impl FromRequest<Api> for Later {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Self::Rejection> {
        Ok(Self(request))
    }
}

impl Later {
    /// Reads it.
    pub(super) async fn read<T: DeserializeOwned>(self, api: &Api) -> Result<T, Problem> {
        Body::from_request(self.0, api).await.map(|Body(read)| read)
    }

    /// A header of the request.
    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.0.headers().get(name).and_then(|value| value.to_str().ok())
    }
}

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Self::Rejection> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let detail = format!("the body is said to be {kind:?}");
            return Err(Problem::new(Code::NOT_JSON, detail, "send JSON, with \"content-type: application/json\""));
        }
        let bytes_max = api.settings().body_bytes_max;
        let patience = DurationMs(api.settings().body_timeout_ms);
        let timeout = patience.duration();
        let too_large = || {
            let detail = format!("the body is larger than {bytes_max} bytes");
            Problem::new(Code::BODY_TOO_LARGE, detail, "send less, or raise body_max in [api]")
        };
        // What is said to be too large is not waited for.
        let said =
            request.headers().get(header::CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse::<u64>().ok());
        if said.is_some_and(|said| said > bytes_max as u64) {
            return Err(too_large());
        }
        let bytes = match tokio::time::timeout(timeout, axum::body::to_bytes(request.into_body(), bytes_max)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if is_limit(&error) => return Err(too_large()),
            Ok(Err(_)) => {
                let detail = "the body ended before it was whole";
                return Err(Problem::new(Code::MALFORMED_JSON, detail, "send it again"));
            }
            Err(_) => {
                let detail = format!("the body did not arrive within {patience}");
                return Err(Problem::new(
                    Code::BODY_TOO_SLOW,
                    detail,
                    "send it faster, or raise body_timeout in [api]",
                ));
            }
        };
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let code = if error.is_data() { Code::WRONG_SHAPE } else { Code::MALFORMED_JSON };
            Problem::new(code, error.to_string(), "see /openapi.json for what is asked for here")
        })
    }
}

/// Whether the body was cut off at the limit, rather than broken.
fn is_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Ask<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let read: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, api).await;
        read.map(|Query(asked)| Self(asked)).map_err(|error| {
            Problem::new(Code::BAD_QUERY, error.body_text(), "see /openapi.json for what can be asked for here")
        })
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let read: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, api).await;
        read.map(|Path(at)| Self(at))
            .map_err(|error| Problem::new(Code::BAD_PATH, error.body_text(), "percent-encode UTF-8, a slash as %2F"))
    }
}
