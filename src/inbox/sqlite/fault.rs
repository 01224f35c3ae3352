//! Errors of SQLite in plain words.

use rusqlite::{Error, ErrorCode};

use crate::inbox::StoreError;
use crate::wording;

/// Why the store did not do what was asked.
pub(super) fn store_error(error: &Error) -> StoreError {
    let what = wording::sqlite(error);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(what),
        _ => StoreError::Unavailable(what),
    }
}

/// Whether the content of the file is damaged.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// For a thread of the store that does not run any more.
pub(super) fn ended() -> StoreError {
    StoreError::Unavailable("it has stopped after an internal error: start clawgate again".to_owned())
}
