//! What SQLite's errors mean to an operator, and what to do about them.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Names what was tried and where, and adds the remedy.
pub(super) trait Failed<T> {
    fn failed(self, what: &str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Failed<T> for rusqlite::Result<T> {
    fn failed(self, what: &str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| explain(what, path, error))
    }
}

fn explain(what: &str, path: &Path, error: rusqlite::Error) -> StoreError {
    let file = path.display();
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => return damaged(path, &error.to_string()),
        Some(ErrorCode::DiskFull) => {
            ": the disk is full and nothing was changed; free some space, or keep fewer records"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            ": it may not be written; check the rights of the data_dir and whether its file system is read-only"
        }
        Some(ErrorCode::CannotOpen) => ": check that it is there and that this user may read and write it",
        Some(ErrorCode::SystemIoFailure) => ": nothing was changed; check the disk and its free space",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ": another program holds it; end that program",
        _ => "",
    };
    StoreError::Io { what: format!("{what} {file}{remedy}"), source: Box::new(error) }
}

/// The file cannot be trusted.
pub(super) fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::Corrupt {
        what: format!(
            "{} is damaged ({why}); stop the host and put back a copy, or move the file away to start anew, without the \
             policies, bindings, desired counts and records that it holds",
            path.display()
        ),
    }
}
