//! The route table: what each route asks of who calls it, and which problems are its own. The guard holds requests to it, the
//! OpenAPI document tells it, and a test tries every row with every role.

use axum::http::Method;

use super::problem::Code;
use crate::access::Permission;

/// What a route asks of who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: it says whether the host lives, and nothing of what it does.
    Nothing,
    /// This, for the host as a whole.
    ForHost(Permission),
    /// This; the handler asks again for each thing that it shows or changes.
    ForEach(Permission),
}

/// One route.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    /// Its own problems, beside those that every route of its kind has.
    pub(super) problems: &'static [Code],
    /// Those of its body.
    pub(super) of_body: &'static [Code],
}

const fn rule(method: Method, path: &'static str, needs: Needs, problems: &'static [Code]) -> Rule {
    Rule { method, path, needs, problems, of_body: &[] }
}

/// What a body of JSON can be wrong with.
const JSON: [Code; 6] =
    [Code::MALFORMED_JSON, Code::BODY_TOO_SLOW, Code::BODY_TOO_LARGE, Code::NOT_JSON, Code::WRONG_SHAPE, Code::REFUSED];

/// What a body of protobuf can be wrong with.
const PROTOBUF: [Code; 6] = [
    Code::BODY_CUT_OFF,
    Code::MALFORMED_PROTOBUF,
    Code::BODY_TOO_SLOW,
    Code::BODY_TOO_LARGE,
    Code::NOT_PROTOBUF,
    Code::REFUSED,
];

/// What can be wrong with a target that is named.
const TARGET: [Code; 2] = [Code::BAD_PATH, Code::NO_SUCH_TARGET];

/// Why recorded turns are not played again.
const REPLAY: [Code; 5] = [Code::BAD_PATH, Code::NO_SUCH_TARGET, Code::NO_SUCH_VERSION, Code::UNUSABLE, Code::BUSY];

/// Why a version is not put in another's place.
const ACTIVATE: [Code; 8] = [
    Code::BAD_PATH,
    Code::NO_SUCH_VERSION,
    Code::NO_SUCH_BINDING,
    Code::NOT_TRIED,
    Code::NOTHING_BEFORE,
    Code::CHANGED_MEANWHILE,
    Code::CONFIGURATION,
    Code::UNUSABLE,
];

/// Why a version does not watch.
const SHADOW: [Code; 9] = [
    Code::BAD_PATH,
    Code::NO_SUCH_VERSION,
    Code::NO_SUCH_BINDING,
    Code::NOT_TRIED,
    Code::NOTHING_TO_WATCH,
    Code::TOO_MANY_SHADOWS,
    Code::CHANGED_MEANWHILE,
    Code::CONFIGURATION,
    Code::UNUSABLE,
];

/// All routes. A route that does not stand here is answered to nobody.
pub(super) static RULES: &[Rule] = &[
    rule(Method::GET, "/healthz", Needs::Nothing, &[]),
    rule(Method::GET, "/readyz", Needs::Nothing, &[]),
    rule(Method::GET, "/openapi.json", Needs::Nothing, &[]),
    rule(Method::GET, "/v1/whoami", Needs::ForEach(Permission::TargetRead), &[]),
    rule(Method::GET, "/v1/targets", Needs::ForEach(Permission::TargetRead), &[Code::BAD_QUERY]),
    rule(Method::GET, "/v1/targets/{driver}/{name}", Needs::ForEach(Permission::TargetRead), &TARGET),
    rule(Method::POST, "/v1/targets/{driver}/{name}/pause", Needs::ForEach(Permission::TargetSteer), &TARGET)
        .with(&JSON),
    rule(Method::POST, "/v1/targets/{driver}/{name}/resume", Needs::ForEach(Permission::TargetSteer), &TARGET),
    rule(
        Method::POST,
        "/v1/targets/{driver}/{name}/scale",
        Needs::ForEach(Permission::TargetSteer),
        &[Code::BAD_PATH, Code::NO_SUCH_TARGET, Code::OUT_OF_RANGE],
    )
    .with(&JSON),
    rule(Method::DELETE, "/v1/targets/{driver}/{name}/scale", Needs::ForEach(Permission::TargetSteer), &TARGET),
    rule(
        Method::POST,
        "/v1/targets/{driver}/{name}/evaluate",
        Needs::ForEach(Permission::TargetSteer),
        &[Code::BAD_PATH, Code::NO_SUCH_TARGET, Code::BUSY, Code::NO_TURN],
    ),
    rule(
        Method::POST,
        "/v1/targets/{driver}/{name}/clear",
        Needs::ForEach(Permission::TargetSteer),
        &[Code::BAD_PATH, Code::NO_SUCH_TARGET, Code::BUSY, Code::NO_TURN],
    ),
    rule(Method::GET, "/v1/freeze", Needs::ForEach(Permission::TargetRead), &[]),
    rule(Method::POST, "/v1/freeze", Needs::ForHost(Permission::HostSteer), &[]).with(&JSON),
    rule(Method::DELETE, "/v1/freeze", Needs::ForHost(Permission::HostSteer), &[]),
    rule(Method::POST, "/v1/reload", Needs::ForHost(Permission::HostSteer), &[Code::CONFIGURATION, Code::NO_TURN]),
    rule(Method::GET, "/v1/bindings", Needs::ForEach(Permission::BindingRead), &[Code::BAD_QUERY]),
    rule(
        Method::GET,
        "/v1/bindings/{name}",
        Needs::ForEach(Permission::BindingRead),
        &[Code::BAD_PATH, Code::NO_SUCH_BINDING],
    ),
    rule(
        Method::PUT,
        "/v1/bindings/{name}",
        Needs::ForEach(Permission::BindingWrite),
        &[Code::BAD_PATH, Code::BAD_CONDITION, Code::STALE, Code::OF_TABLE, Code::CONFIGURATION],
    )
    .with(&JSON),
    rule(
        Method::DELETE,
        "/v1/bindings/{name}",
        Needs::ForEach(Permission::BindingWrite),
        &[Code::BAD_PATH, Code::BAD_CONDITION, Code::NO_SUCH_BINDING, Code::STALE, Code::OF_TABLE, Code::CONFIGURATION],
    ),
    rule(Method::GET, "/v1/binding-tables", Needs::ForEach(Permission::BindingRead), &[Code::BAD_QUERY]),
    rule(Method::POST, "/v1/readings", Needs::ForEach(Permission::ReadingPush), &[]).with(&JSON),
    rule(Method::POST, "/v1/otlp/metrics", Needs::ForEach(Permission::ReadingPush), &[]).with(&PROTOBUF),
    rule(Method::GET, "/v1/alerts", Needs::ForEach(Permission::TargetRead), &[Code::BAD_QUERY]),
    rule(Method::POST, "/v1/alerts", Needs::ForEach(Permission::AlertPush), &[]).with(&JSON),
    rule(
        Method::DELETE,
        "/v1/alerts/{id}",
        Needs::ForEach(Permission::AlertPush),
        &[Code::BAD_PATH, Code::NO_SUCH_ALERT],
    ),
    rule(Method::GET, "/v1/decisions", Needs::ForEach(Permission::DecisionRead), &[Code::BAD_QUERY]),
    rule(
        Method::GET,
        "/v1/decisions/{id}",
        Needs::ForEach(Permission::DecisionRead),
        &[Code::BAD_PATH, Code::NO_SUCH_DECISION],
    ),
    rule(
        Method::GET,
        "/v1/decisions/{id}/replay",
        Needs::ForEach(Permission::DecisionRead),
        &[Code::BAD_PATH, Code::NO_SUCH_DECISION, Code::BUSY],
    ),
    rule(Method::POST, "/v1/targets/{driver}/{name}/replay", Needs::ForEach(Permission::DecisionRead), &REPLAY)
        .with(&JSON),
    rule(Method::POST, "/v1/targets/{driver}/{name}/compare", Needs::ForEach(Permission::DecisionRead), &REPLAY)
        .with(&JSON),
    rule(
        Method::GET,
        "/v1/targets/{driver}/{name}/explain",
        Needs::ForEach(Permission::DecisionRead),
        &[Code::BAD_PATH, Code::BAD_QUERY, Code::NO_SUCH_TARGET],
    ),
    rule(Method::GET, "/v1/events", Needs::ForEach(Permission::TargetRead), &[Code::BAD_QUERY, Code::BUSY]),
    rule(Method::GET, "/metrics", Needs::ForHost(Permission::MetricsRead), &[]),
    rule(Method::GET, "/v1/policies", Needs::ForHost(Permission::PolicyRead), &[Code::BAD_QUERY]),
    rule(
        Method::POST,
        "/v1/policies",
        Needs::ForHost(Permission::PolicyUpload),
        &[
            Code::BAD_QUERY,
            Code::BAD_SIGNATURE,
            Code::BODY_CUT_OFF,
            Code::BODY_TOO_SLOW,
            Code::BODY_TOO_LARGE,
            Code::BUSY,
        ],
    ),
    rule(
        Method::POST,
        "/v1/policies/pull",
        Needs::ForHost(Permission::PolicyUpload),
        &[Code::BAD_REFERENCE, Code::DIGEST_NEEDED, Code::REGISTRY_NOT_ALLOWED, Code::BUSY],
    )
    .with(&JSON),
    rule(
        Method::GET,
        "/v1/versions/{digest}/grants",
        Needs::ForHost(Permission::PolicyRead),
        &[Code::BAD_PATH, Code::NO_SUCH_VERSION],
    ),
    rule(
        Method::PUT,
        "/v1/versions/{digest}/grants",
        Needs::ForHost(Permission::PolicyActivate),
        &[Code::BAD_PATH, Code::NO_SUCH_VERSION, Code::CONFIGURATION],
    )
    .with(&JSON),
    rule(
        Method::GET,
        "/v1/policies/{name}/active",
        Needs::ForHost(Permission::PolicyRead),
        &[Code::BAD_PATH, Code::NO_SUCH_VERSION],
    ),
    rule(Method::POST, "/v1/policies/{name}/activate", Needs::ForEach(Permission::PolicyActivate), &ACTIVATE)
        .with(&JSON),
    rule(Method::POST, "/v1/policies/{name}/rollback", Needs::ForEach(Permission::PolicyActivate), &ACTIVATE)
        .with(&JSON),
    rule(Method::POST, "/v1/policies/{name}/shadow", Needs::ForEach(Permission::PolicyShadow), &SHADOW).with(&JSON),
    rule(
        Method::DELETE,
        "/v1/policies/{name}/shadow/{digest}",
        Needs::ForEach(Permission::PolicyShadow),
        &[
            Code::BAD_PATH,
            Code::BAD_QUERY,
            Code::NO_SUCH_SHADOW,
            Code::NO_SUCH_BINDING,
            Code::CHANGED_MEANWHILE,
            Code::CONFIGURATION,
            Code::UNUSABLE,
        ],
    ),
    rule(
        Method::GET,
        "/v1/versions/{digest}",
        Needs::ForHost(Permission::PolicyRead),
        &[Code::BAD_PATH, Code::NO_SUCH_VERSION],
    ),
    rule(
        Method::DELETE,
        "/v1/versions/{digest}",
        Needs::ForHost(Permission::PolicyRemove),
        &[Code::BAD_PATH, Code::NO_SUCH_VERSION, Code::IN_USE],
    ),
    rule(Method::GET, "/v1/jobs", Needs::ForHost(Permission::PolicyRead), &[Code::BAD_QUERY]),
    rule(Method::GET, "/v1/jobs/{job}", Needs::ForHost(Permission::PolicyRead), &[Code::BAD_PATH, Code::NO_SUCH_JOB]),
    rule(Method::GET, "/v1/tokens", Needs::ForHost(Permission::TokenManage), &[Code::BAD_QUERY]),
    rule(Method::POST, "/v1/tokens", Needs::ForHost(Permission::TokenManage), &[Code::TOO_MANY_TOKENS]).with(&JSON),
    rule(
        Method::DELETE,
        "/v1/tokens/{id}",
        Needs::ForHost(Permission::TokenManage),
        &[Code::BAD_PATH, Code::NO_SUCH_TOKEN, Code::LAST_ADMIN],
    ),
    rule(Method::GET, "/v1/audit", Needs::ForHost(Permission::TrailRead), &[Code::BAD_QUERY]),
];

/// The rule of a route, as the router matched it. HEAD is GET without the body.
pub(super) fn rule_of(method: &Method, path: &str) -> Option<&'static Rule> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    RULES.iter().find(|rule| rule.method == *method && rule.path == path)
}

impl Rule {
    const fn with(mut self, of_body: &'static [Code]) -> Self {
        self.of_body = of_body;
        self
    }

    /// All problems that it can answer with.
    pub(super) fn all_problems(&self) -> impl Iterator<Item = &'static Code> {
        self.shared_problems().iter().chain(self.problems).chain(self.of_body)
    }

    /// Problems that every route of its kind has.
    fn shared_problems(&self) -> &'static [Code] {
        match self.needs {
            Needs::Nothing => &[Code::INTERNAL, Code::TOO_SLOW],
            Needs::ForHost(_) | Needs::ForEach(_) => &[
                Code::TOKEN_MISSING,
                Code::TOKEN_MALFORMED,
                Code::TOKEN_UNKNOWN,
                Code::TOKEN_EXPIRED,
                Code::TOKEN_REVOKED,
                Code::ROLE_TOO_LOW,
                Code::OUT_OF_SCOPE,
                Code::TOO_MANY_REQUESTS,
                Code::INTERNAL,
                Code::STORE_FAILED,
                Code::TOO_SLOW,
            ],
        }
    }
}
