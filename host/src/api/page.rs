//! Long lists, page by page.

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Code, Problem};

/// Most rows of a page, and how many there are where nobody says.
pub(super) const LIMIT_MAX: usize = 1000;
const LIMIT_DEFAULT: usize = 100;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The rows.
    pub(super) items: Vec<T>,
    /// What to send as `after` for the next page; missing on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// How many rows are asked for.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    let limit = asked.map_or(LIMIT_DEFAULT, |asked| usize::try_from(asked).unwrap_or(usize::MAX));
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit is {limit}, and must be within 1 to {LIMIT_MAX}");
    Err(Problem::new(Code::BAD_QUERY, detail, "ask page by page, with limit and after"))
}

/// A cursor that counts.
pub(super) fn number(after: Option<&str>) -> Result<Option<u64>, Problem> {
    let read = |after: &str| {
        let wrong = || Problem::new(Code::BAD_QUERY, format!("after is {after:?}"), "send what `next` said");
        // A sequence number of the store fits SQLite's.
        after.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok()).ok_or_else(wrong)
    };
    after.map(read).transpose()
}

impl<T> Page<T> {
    /// From one row more than were asked for, so that the last page knows that it is.
    pub(super) fn cut(mut rows: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        Self { items: rows, next }
    }
}
