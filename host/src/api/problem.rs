//! Every way in which the API says no: problem+json (RFC 9457) with a code that stays the same, a sentence, and the remedy.

use axum::Extension;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::reply;
use crate::access::{AccessError, Denied, NotKnown};
use crate::audit::AuditError;
use crate::registry::RegistryError;
use crate::registry::oci::OciError;
use crate::store::StoreError;
use crate::supervisor::SteerError;

/// The media type of problems.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// A code, its status and its title. Codes are for programs: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) status: StatusCode,
    pub(super) word: &'static str,
    title: &'static str,
}

macro_rules! codes {
    ($($name:ident $status:ident $word:literal $title:literal,)*) => {
        impl Code {
            $(pub(super) const $name: Self = Self { status: StatusCode::$status, word: $word, title: $title };)*

            /// All there are.
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    BAD_PATH BAD_REQUEST "bad-path" "The path cannot be read",
    BAD_QUERY BAD_REQUEST "bad-query" "The query cannot be read",
    BAD_CONDITION BAD_REQUEST "bad-condition" "The condition cannot be read",
    BODY_CUT_OFF BAD_REQUEST "body-cut-off" "The body is not whole",
    TLS_NEEDED BAD_REQUEST "tls-needed" "This port speaks TLS alone",
    MALFORMED_JSON BAD_REQUEST "malformed-json" "The body is not JSON",
    MALFORMED_PROTOBUF BAD_REQUEST "malformed-protobuf" "The body is not protobuf",
    TOKEN_MISSING UNAUTHORIZED "token-missing" "A token is needed",
    TOKEN_MALFORMED UNAUTHORIZED "token-malformed" "This is no token",
    TOKEN_UNKNOWN UNAUTHORIZED "token-unknown" "The token is not known",
    TOKEN_EXPIRED UNAUTHORIZED "token-expired" "The token has expired",
    TOKEN_REVOKED UNAUTHORIZED "token-revoked" "The token was revoked",
    ROLE_TOO_LOW FORBIDDEN "role-too-low" "The token's role may not do this",
    OUT_OF_SCOPE FORBIDDEN "out-of-scope" "The token does not hold here",
    NO_SUCH_ROUTE NOT_FOUND "no-such-route" "There is nothing at this path",
    NO_SUCH_TARGET NOT_FOUND "no-such-target" "There is no such target",
    NO_SUCH_DECISION NOT_FOUND "no-such-decision" "There is no such decision",
    NO_SUCH_BINDING NOT_FOUND "no-such-binding" "There is no such binding",
    NO_SUCH_VERSION NOT_FOUND "no-such-version" "There is no such version",
    NO_SUCH_SHADOW NOT_FOUND "no-such-shadow" "This version does not watch",
    NO_SUCH_JOB NOT_FOUND "no-such-job" "There is no such job",
    NO_SUCH_ALERT NOT_FOUND "no-such-alert" "There is no such alert",
    NO_SUCH_TOKEN NOT_FOUND "no-such-token" "There is no such token",
    METHOD_NOT_ALLOWED METHOD_NOT_ALLOWED "method-not-allowed" "This path knows other methods",
    BODY_TOO_SLOW REQUEST_TIMEOUT "body-too-slow" "The body did not arrive in time",
    LAST_ADMIN CONFLICT "last-admin" "Nobody could come in any more",
    TOO_MANY_TOKENS CONFLICT "too-many-tokens" "There are too many tokens",
    NOT_TRIED CONFLICT "not-tried" "The version cannot be activated",
    NOTHING_BEFORE CONFLICT "nothing-before" "There is nothing to go back to",
    CHANGED_MEANWHILE CONFLICT "changed-meanwhile" "Somebody else changed it",
    NOTHING_TO_WATCH CONFLICT "nothing-to-watch" "The version has nothing to watch",
    TOO_MANY_SHADOWS CONFLICT "too-many-shadows" "Too many versions watch",
    OF_TABLE CONFLICT "of-table" "The binding comes from a table",
    IN_USE CONFLICT "in-use" "It is in use",
    STALE PRECONDITION_FAILED "stale" "It is at another version by now",
    BODY_TOO_LARGE PAYLOAD_TOO_LARGE "body-too-large" "The body is too large",
    NOT_JSON UNSUPPORTED_MEDIA_TYPE "not-json" "The body must be JSON",
    NOT_PROTOBUF UNSUPPORTED_MEDIA_TYPE "not-protobuf" "The body must be protobuf",
    WRONG_SHAPE UNPROCESSABLE_ENTITY "wrong-shape" "The body is not what is asked for here",
    REFUSED UNPROCESSABLE_ENTITY "refused" "What was asked for cannot be",
    OUT_OF_RANGE UNPROCESSABLE_ENTITY "out-of-range" "The binding does not allow this",
    CONFIGURATION UNPROCESSABLE_ENTITY "configuration" "The configuration does not hold together",
    BAD_REFERENCE UNPROCESSABLE_ENTITY "bad-reference" "This is no reference",
    DIGEST_NEEDED UNPROCESSABLE_ENTITY "digest-needed" "A digest is needed",
    REGISTRY_NOT_ALLOWED UNPROCESSABLE_ENTITY "registry-not-allowed" "This registry is not allowed",
    BAD_SIGNATURE BAD_REQUEST "bad-signature" "The signature cannot be read",
    UNUSABLE UNPROCESSABLE_ENTITY "unusable-policy" "The policy cannot be used",
    TOO_MANY_REQUESTS TOO_MANY_REQUESTS "too-many-requests" "Too many requests",
    INTERNAL INTERNAL_SERVER_ERROR "internal" "A fault of this host",
    STORE_FAILED INTERNAL_SERVER_ERROR "store-failed" "The host's store failed",
    TOO_SLOW SERVICE_UNAVAILABLE "too-slow" "This took too long",
    BUSY SERVICE_UNAVAILABLE "busy" "The host is busy",
    NO_TURN SERVICE_UNAVAILABLE "no-turn" "No turn could be made",
}

/// A problem on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    code: Code,
    detail: Box<str>,
    remedy: Box<str>,
    retry_after_s: Option<u64>,
    /// Methods that the path knows.
    allow: Option<String>,
}

/// A problem as it is told.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// The code as a name: `urn:trimtab:problem:no-such-target`.
    r#type: String,
    /// The code in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// For programs: never changes its meaning.
    code: String,
    /// What is wrong this time.
    detail: String,
    /// What to do; empty where nothing can be done.
    remedy: String,
    /// The request, as in the header `x-request-id` and in the host's log.
    request: String,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (detail, remedy) = (detail.into().into_boxed_str(), remedy.into().into_boxed_str());
        Self { code, detail, remedy, retry_after_s: None, allow: None }
    }

    pub(super) fn too_many_requests(retry_after_s: u64) -> Self {
        let detail = "this token asks more often than it may";
        let remedy = format!("wait {retry_after_s} s, or raise rate and burst in [api]");
        Self { retry_after_s: Some(retry_after_s), ..Self::new(Code::TOO_MANY_REQUESTS, detail, remedy) }
    }

    pub(super) fn busy(what: &str) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(Code::BUSY, what, "try again in a moment") }
    }

    /// A fault of ours: what it is stands in the log, for it may hold what callers need not know.
    pub(super) fn internal(what: &str) -> Self {
        tracing::error!(what, "a request failed");
        let remedy = "look for the request in the host's log";
        Self::new(Code::INTERNAL, "the host failed to answer; it keeps scaling", remedy)
    }

    pub(super) fn no_such_route() -> Self {
        Self::new(Code::NO_SUCH_ROUTE, "there is nothing at this path", "see /openapi.json for all that there is")
    }

    /// Its code, what is wrong, and the remedy, for one of many things that were asked for at once.
    pub(super) fn parts(&self) -> (&'static str, &str, &str) {
        (self.code.word, &self.detail, &self.remedy)
    }

    /// With the methods that the path knows.
    pub(super) fn allowing(self, methods: String) -> Self {
        Self { allow: Some(methods), ..self }
    }

    /// The answer, once the request is known.
    pub(super) fn answer(self, request: &str) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:trimtab:problem:{}", self.code.word),
            title: self.code.title.to_owned(),
            status: self.code.status.as_u16(),
            code: self.code.word.to_owned(),
            detail: printable(&self.detail),
            remedy: printable(&self.remedy),
            request: request.to_owned(),
        };
        let mut answer = (self.code.status, reply::json_bytes(&body)).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.code.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"trimtab\""));
        }
        if let Some(methods) = self.allow.and_then(|methods| HeaderValue::from_str(&methods).ok()) {
            headers.insert(header::ALLOW, methods);
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

impl IntoResponse for Problem {
    /// Handlers do not know their request: the guard, which does, finishes the answer.
    fn into_response(self) -> Response {
        (self.code.status, Extension(self)).into_response()
    }
}

/// What callers sent may stand in a sentence; it must not move the cursor of who reads it.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if reply::is_harmless(c) { shown.push(c) } else { shown.extend(c.escape_unicode()) }
    }
    shown
}

impl From<NotKnown> for Problem {
    fn from(error: NotKnown) -> Self {
        let (code, remedy) = match error {
            NotKnown::Malformed => (Code::TOKEN_MALFORMED, "send the whole token, as it was shown when it was made"),
            NotKnown::NoSuchToken => (Code::TOKEN_UNKNOWN, "use a token of this host"),
            NotKnown::Expired => (Code::TOKEN_EXPIRED, "have an admin make another: trimtab token create"),
            NotKnown::Revoked => (Code::TOKEN_REVOKED, "have an admin make another: trimtab token create"),
        };
        Self::new(code, error.to_string(), remedy)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Role { needs, .. } => {
                Self::new(Code::ROLE_TOO_LOW, denied.to_string(), format!("use a token of role {needs} or above"))
            }
            Denied::Scope { .. } => Self::new(Code::OUT_OF_SCOPE, denied.to_string(), "use a token that covers it"),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "a request failed");
        Self::new(
            Code::STORE_FAILED,
            "the host's store failed",
            "look for the request in the host's log; check the disk",
        )
    }
}

impl From<SteerError> for Problem {
    fn from(error: SteerError) -> Self {
        let text = error.to_string();
        match error {
            SteerError::UnknownTarget { .. } => Self::new(Code::NO_SUCH_TARGET, text, "see GET /v1/targets"),
            SteerError::UnknownBinding { .. } => Self::new(Code::NO_SUCH_BINDING, text, "see GET /v1/bindings"),
            SteerError::OfTable { .. } => {
                Self::new(Code::OF_TABLE, text, "change its row there, or give yours another name")
            }
            SteerError::NothingToWatch { .. } => {
                Self::new(Code::NOTHING_TO_WATCH, text, "name another version, or bind the policy first")
            }
            SteerError::OutOfRange { .. } => Self::new(
                Code::OUT_OF_RANGE,
                text,
                "stay within them, or widen them: where a binding sets no caps, its replicas are",
            ),
            SteerError::Past { .. } => Self::new(Code::REFUSED, text, "name a later end"),
            SteerError::Complaints(_) => Self::new(Code::CONFIGURATION, text, "correct it; what runs stays as it is"),
            SteerError::Stale { .. } => Self::new(Code::STALE, text, "look at it again"),
            SteerError::Busy => Self::busy(&text),
            SteerError::Turn { .. } => Self::new(Code::NO_TURN, text, "try again; see the host's log"),
            SteerError::Oci(error) => error.into(),
            SteerError::Registry(error) => error.into(),
            SteerError::Store(error) => error.into(),
        }
    }
}

impl From<OciError> for Problem {
    fn from(error: OciError) -> Self {
        let code = match error {
            OciError::Reference { .. } => Code::BAD_REFERENCE,
            OciError::DigestNeeded { .. } => Code::DIGEST_NEEDED,
            OciError::NotAllowed { .. } => Code::REGISTRY_NOT_ALLOWED,
            // What comes of a pull stands in its job; see there.
            _ => Code::UNUSABLE,
        };
        Self::new(code, chain(&error), error.remedy())
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let text = chain(&error);
        match error {
            RegistryError::Store { source, .. } => source.into(),
            RegistryError::Unknown { .. } | RegistryError::NoVersion { .. } | RegistryError::Builtin { .. } => {
                Self::new(Code::NO_SUCH_VERSION, text, "see GET /v1/policies")
            }
            RegistryError::NotTried { .. } => {
                Self::new(Code::NOT_TRIED, text, "see what is wrong with it in its version")
            }
            RegistryError::NothingBefore { .. } => Self::new(Code::NOTHING_BEFORE, text, "activate a version instead"),
            RegistryError::Raced { .. } => Self::new(Code::CHANGED_MEANWHILE, text, "look at it again"),
            RegistryError::InUse { .. } => Self::new(Code::IN_USE, text, "activate another first, or end its watching"),
            RegistryError::NoShadow { .. } => {
                Self::new(Code::NO_SUCH_SHADOW, text, "see GET /v1/policies/{name}/active")
            }
            RegistryError::TooManyShadows { .. } => Self::new(Code::TOO_MANY_SHADOWS, text, "end another's watching"),
            RegistryError::Busy { .. } => Self::busy(&text),
            RegistryError::ShuttingDown => Self::busy("the host is ending"),
            RegistryError::Rejected { rejection } | RegistryError::Untrusted { rejection, .. } => {
                Self::new(Code::UNUSABLE, rejection.text, rejection.remedy)
            }
            RegistryError::Component { .. }
            | RegistryError::Policy { .. }
            | RegistryError::File { .. }
            | RegistryError::Form { .. } => Self::new(Code::UNUSABLE, text, "see `trimtab policy check`"),
        }
    }
}

/// An error with its causes, in one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error.into(),
            other => Self::internal(&other.to_string()),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let text = error.to_string();
        match error {
            AccessError::Store(error) => error.into(),
            AccessError::Refused { what, remedy } => Self::new(Code::REFUSED, what, remedy),
            AccessError::NoSuchToken { .. } => Self::new(Code::NO_SUCH_TOKEN, text, "see trimtab token list"),
            AccessError::LastAdmin { .. } => Self::new(Code::LAST_ADMIN, text, "make another admin token first"),
            AccessError::TooMany => Self::new(Code::TOO_MANY_TOKENS, text, "share tokens, or ask for fewer"),
            AccessError::Unreadable { .. }
            | AccessError::Random(_)
            | AccessError::File { .. }
            | AccessError::Lost { .. } => Self::internal(&text),
        }
    }
}
