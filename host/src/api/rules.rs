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
}

const fn rule(method: Method, path: &'static str, needs: Needs, problems: &'static [Code]) -> Rule {
    Rule { method, path, needs, problems }
}

/// All routes. A route that does not stand here is answered to nobody.
pub(super) static RULES: &[Rule] = &[
    rule(Method::GET, "/healthz", Needs::Nothing, &[]),
    rule(Method::GET, "/readyz", Needs::Nothing, &[]),
    rule(Method::GET, "/openapi.json", Needs::Nothing, &[]),
    rule(Method::GET, "/v1/targets", Needs::ForEach(Permission::TargetRead), &[Code::BAD_QUERY]),
    rule(
        Method::GET,
        "/v1/targets/{driver}/{name}",
        Needs::ForEach(Permission::TargetRead),
        &[Code::BAD_PATH, Code::NO_SUCH_TARGET],
    ),
    rule(Method::GET, "/v1/tokens", Needs::ForHost(Permission::TokenManage), &[Code::BAD_QUERY]),
    rule(
        Method::POST,
        "/v1/tokens",
        Needs::ForHost(Permission::TokenManage),
        &[
            Code::MALFORMED_JSON,
            Code::BODY_TOO_SLOW,
            Code::BODY_TOO_LARGE,
            Code::NOT_JSON,
            Code::WRONG_SHAPE,
            Code::REFUSED,
            Code::TOO_MANY_TOKENS,
        ],
    ),
    rule(
        Method::DELETE,
        "/v1/tokens/{id}",
        Needs::ForHost(Permission::TokenManage),
        &[Code::BAD_PATH, Code::NO_SUCH_TOKEN, Code::LAST_ADMIN],
    ),
    rule(Method::GET, "/v1/whoami", Needs::ForEach(Permission::TargetRead), &[]),
    rule(Method::GET, "/v1/audit", Needs::ForHost(Permission::TrailRead), &[Code::BAD_QUERY]),
];

/// The rule of a route, as the router matched it. HEAD is GET without the body.
pub(super) fn rule_of(method: &Method, path: &str) -> Option<&'static Rule> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    RULES.iter().find(|rule| rule.method == *method && rule.path == path)
}

impl Rule {
    /// Problems that every route of its kind has.
    pub(super) fn shared_problems(&self) -> &'static [Code] {
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
