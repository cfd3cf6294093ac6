//! SQLite: a file, opened anew for each question, so that one that was replaced is noticed.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::answer::Line;
use super::{SqlConfig, Trouble};
use crate::quantity::DurationMs;

/// Steps of SQLite's machine between two looks at the clock: about a hundredth of a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;

pub(super) async fn ask(file: &Path, config: &SqlConfig, query: &str) -> Result<Vec<Line>, Trouble> {
    let (file, query) = (file.to_owned(), query.to_owned());
    let (rows_max, timeout_ms) = (config.rows_max, config.timeout_ms);
    let asked = tokio::task::spawn_blocking(move || {
        read(&file, &query, rows_max, timeout_ms).map_err(|error| trouble(&error, timeout_ms))
    });
    asked.await.unwrap_or_else(|error| Err(Trouble::Unreachable(error.to_string())))
}

fn read(file: &Path, query: &str, rows_max: u32, timeout_ms: u64) -> Result<Vec<Line>, Error> {
    let until = Instant::now() + Duration::from_millis(timeout_ms);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::from_millis(timeout_ms))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() >= until))?;
    let limit = u64::from(rows_max) + 1;
    let mut statement = connection.prepare(&format!("SELECT * FROM (\n{query}\n) AS asked LIMIT {limit}"))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let column = |(index, name): (usize, &String)| Ok((name.clone(), text(row.get_ref(index)?)));
        lines.push(Line::new(names.iter().enumerate().map(column).collect::<Result<_, Error>>()?));
    }
    Ok(lines)
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn trouble(error: &Error, timeout_ms: u64) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            Trouble::Bad(format!("the query was ended after {}", DurationMs(timeout_ms)))
        }
        Some(
            ErrorCode::CannotOpen | ErrorCode::DatabaseBusy | ErrorCode::PermissionDenied | ErrorCode::NotADatabase,
        ) => Trouble::Unreachable(error.to_string()),
        _ => Trouble::Bad(error.to_string()),
    }
}
