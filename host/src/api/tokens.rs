//! Tokens.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At, Body};
use super::guard::Caller;
use super::page::{self, Page};
use super::problem::Problem;
use super::reply::Reply;
use crate::access::{LIFE_MS_DEFAULT, Object, Permission, Role, Scope, Token, TokenState, Wanted, permit};

/// What a token is for. Each may do all that those before it may.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RoleWord {
    /// Looks.
    Viewer,
    /// Uploads policies and has them watch, and never lets one act.
    Author,
    /// Steers what runs.
    Operator,
    /// Says who may do what.
    Admin,
}

/// Where a token holds; all that is set must fit, and nothing set is the whole host.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeShown {
    /// Names of bindings, in which `*` stands for any characters.
    #[serde(default)]
    #[schema(max_items = 64)]
    bindings: Vec<String>,
    /// The driver whose targets it is for.
    #[serde(default)]
    driver: Option<String>,
    /// Labels that targets must carry.
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// A token that somebody wants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenWanted {
    /// For people: letters, digits, `-`, `_`, `.` and `@`.
    #[schema(min_length = 1, max_length = 63, pattern = "^[A-Za-z0-9._@-]+$")]
    name: String,
    /// What it is for.
    role: RoleWord,
    /// Where it holds; left out: the whole host.
    #[serde(default)]
    scope: ScopeShown,
    /// For how many seconds it holds, at most ten years; left out: 90 days.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 315_360_000)]
    life_seconds: Option<u32>,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenShown {
    /// Its id, also the middle part of the token itself.
    id: String,
    /// Its name.
    name: String,
    /// What it is for.
    role: RoleWord,
    /// Where it holds.
    scope: ScopeShown,
    /// `valid`, `expired` or `revoked`.
    state: String,
    /// When it was made, in milliseconds since the Unix epoch.
    created_ms: u64,
    /// By whom.
    created_by: String,
    /// Until when it holds; missing: until it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_ms: Option<u64>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_ms: Option<u64>,
}

/// A token that was made. Its secret is shown here and never again.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenMade {
    /// The whole token, to be sent as `authorization: Bearer …`.
    secret: String,
    /// What is kept of it.
    token: TokenShown,
}

/// What the caller's token may.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The token's id.
    token: String,
    /// Its name.
    name: String,
    /// What it is for.
    role: RoleWord,
    /// Where it holds.
    scope: ScopeShown,
    /// What it may do, somewhere.
    permissions: Vec<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Most rows, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
}

/// Says what the caller's token may.
#[utoipa::path(get, path = "/v1/whoami", tag = "tokens", responses((status = 200, body = Me)))]
pub(super) async fn whoami(caller: Caller) -> Reply<Me> {
    let identity = caller.identity;
    let may = |permission: &Permission| permit(&identity, *permission, &Object::Each).is_ok();
    let permissions = Permission::ALL.iter().filter(|permission| may(permission)).map(ToString::to_string).collect();
    Reply::ok(Me {
        permissions,
        token: identity.token,
        name: identity.name,
        role: identity.role.into(),
        scope: identity.scope.into(),
    })
}

/// Lists tokens, without their secrets, ordered by id; revoked and expired ones too.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens", params(Which),
    responses((status = 200, body = Page<TokenShown>))
)]
pub(super) async fn list(State(api): State<Api>, Ask(which): Ask<Which>) -> Result<Reply<Page<TokenShown>>, Problem> {
    let limit = page::limit(which.limit)?;
    let now_ms = api.now_ms();
    let tokens = api.access().tokens(which.after.as_deref(), limit + 1);
    let rows: Vec<TokenShown> = tokens.iter().map(|token| TokenShown::of(token, now_ms)).collect();
    Ok(Reply::ok(Page::cut(rows, limit, |row| row.id.clone())))
}

/// Makes a token. Its secret is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", request_body = TokenWanted,
    responses((status = 201, body = TokenMade))
)]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(wanted): Body<TokenWanted>,
) -> Result<Reply<TokenMade>, Problem> {
    let now_ms = api.now_ms();
    let life_ms = wanted.life_seconds.map_or(LIFE_MS_DEFAULT, |seconds| u64::from(seconds).saturating_mul(1000));
    let wanted =
        Wanted { name: wanted.name, role: wanted.role.into(), scope: wanted.scope.into(), life_ms: Some(life_ms) };
    let (token, secret) = api.access().create(wanted, &caller.identity, now_ms).await?;
    let made = TokenMade { secret: secret.reveal().to_owned(), token: TokenShown::of(&token, now_ms) };
    Ok(Reply(StatusCode::CREATED, made))
}

/// Revokes a token, at once and for good. It stays in the list.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "tokens", params(("id", description = "The token's id")),
    responses((status = 200, body = TokenShown))
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Reply<TokenShown>, Problem> {
    let now_ms = api.now_ms();
    let token = api.access().revoke(&id, &caller.identity, now_ms).await?;
    Ok(Reply::ok(TokenShown::of(&token, now_ms)))
}

impl TokenShown {
    fn of(token: &Token, now_ms: u64) -> Self {
        let state = match token.state(now_ms) {
            TokenState::Valid => "valid",
            TokenState::Expired => "expired",
            TokenState::Revoked => "revoked",
        };
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            role: token.role.into(),
            scope: token.scope.clone().into(),
            state: state.to_owned(),
            created_ms: token.created_ms,
            created_by: token.created_by.clone(),
            expires_ms: token.expires_ms,
            revoked_ms: token.revoked_ms,
        }
    }
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Author => Self::Author,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<RoleWord> for Role {
    fn from(role: RoleWord) -> Self {
        match role {
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Author => Self::Author,
            RoleWord::Operator => Self::Operator,
            RoleWord::Admin => Self::Admin,
        }
    }
}

impl From<Scope> for ScopeShown {
    fn from(scope: Scope) -> Self {
        Self { bindings: scope.bindings, driver: scope.driver, labels: scope.labels }
    }
}

impl From<ScopeShown> for Scope {
    fn from(scope: ScopeShown) -> Self {
        Self { bindings: scope.bindings, driver: scope.driver, labels: scope.labels }
    }
}
