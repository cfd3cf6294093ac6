//! Who changed what.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::Ask;
use super::page::{self, Page};
use super::problem::Problem;
use super::reply::Reply;
use crate::access::Change;

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

/// A change that somebody made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeShown {
    /// Its number; grows.
    number: u64,
    /// When, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// Name and id of the token, or "the host".
    who: String,
    /// The permission that it took.
    what: String,
    /// What was changed.
    object: String,
    /// What was there; missing: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    before: Option<serde_json::Value>,
    /// What is there now; missing: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    after: Option<serde_json::Value>,
    /// The request that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

/// Lists the changes that people and programs made, newest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "audit", params(Which),
    responses((status = 200, body = Page<ChangeShown>))
)]
pub(super) async fn list(State(api): State<Api>, Ask(which): Ask<Which>) -> Result<Reply<Page<ChangeShown>>, Problem> {
    let limit = page::limit(which.limit)?;
    let changes = api.access().changes(page::number(which.after.as_deref())?, limit + 1).await?;
    let rows: Vec<ChangeShown> = changes.into_iter().map(|(number, change)| ChangeShown::of(number, change)).collect();
    Ok(Reply::ok(Page::cut(rows, limit, |row| row.number.to_string())))
}

impl ChangeShown {
    fn of(number: u64, change: Change) -> Self {
        let Change { at_ms, who, what, object, before, after, request } = change;
        Self { number, at_ms, who, what, object, before, after, request }
    }
}
