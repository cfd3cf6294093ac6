//! Tables that bindings come from, as they were last found.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::Ask;
use super::guard::Caller;
use super::page::{self, Page};
use super::problem::Problem;
use super::reply::Reply;
use crate::access::{Object, Permission, Place};
use crate::supervisor::TableSeen;

/// Refused rows of one table that are shown; `rows_refused` counts all.
const REFUSED_SHOWN_MAX: usize = 100;

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

/// A table that bindings come from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TableShown {
    /// Its name in the configuration.
    name: String,
    /// When it was last read and taken up, in milliseconds since the Unix epoch; missing: not since the host's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at_ms: Option<u64>,
    /// Why the last attempt came to nothing, what was in force being so still; missing: it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Attempts in a row that came to nothing.
    failures: u64,
    /// Its bindings that are in force.
    in_force: Vec<String>,
    /// Rows that were refused when it was last read.
    rows_refused: usize,
    /// The first hundred of them, by name.
    refused: Vec<RowRefused>,
}

/// A row that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowRefused {
    /// Its name.
    name: String,
    /// Why, for programs: `in-file`, `by-api`, `in-table`, `twice`, `too-long` or `complaints`.
    reason: &'static str,
    /// Why, and what to do, line by line.
    why: Vec<String>,
    /// Whether what it said before is in force still.
    earlier_in_force: bool,
}

/// Lists the tables that bindings come from, ordered by name: when each was read, which of its rows are in force, and which were
/// refused and why.
#[utoipa::path(
    get, path = "/v1/binding-tables", tag = "bindings", params(Which),
    responses((status = 200, body = Page<TableShown>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Ask(which): Ask<Which>,
) -> Result<Reply<Page<TableShown>>, Problem> {
    let limit = page::limit(which.limit)?;
    let after = which.after.as_deref().unwrap_or_default();
    let tables = api.steering().tables_seen().into_iter().filter(|table| table.name.as_str() > after);
    let rows = tables.take(limit + 1).map(|table| TableShown::of(table, &caller)).collect();
    Ok(Reply::ok(Page::cut(rows, limit, |row: &TableShown| row.name.clone())))
}

impl TableShown {
    /// As far as the caller may see its bindings.
    fn of(table: TableSeen, caller: &Caller) -> Self {
        let sees = |name: &str| {
            let place = Place { bindings: vec![name], driver: None, labels: None };
            caller.permit(Permission::BindingRead, &Object::Place(place)).is_ok()
        };
        let TableSeen { name, read_at_ms, problem, failures, in_force, refused, .. } = table;
        let row = |(name, row): (String, crate::supervisor::RefusedRow)| RowRefused {
            reason: row.why.word(),
            why: row.why.to_string().lines().map(str::to_owned).collect(),
            earlier_in_force: in_force.contains_key(&name),
            name,
        };
        let refused: Vec<RowRefused> = refused.into_iter().filter(|(name, _)| sees(name)).map(row).collect();
        let rows_refused = refused.len();
        let refused = refused.into_iter().take(REFUSED_SHOWN_MAX).collect();
        let in_force = in_force.into_keys().filter(|name| sees(name)).collect();
        Self { name, read_at_ms, problem, failures, in_force, rows_refused, refused }
    }
}
