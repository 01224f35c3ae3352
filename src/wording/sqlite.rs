//! Errors of SQLite.

use rusqlite::{Error, ErrorCode};

/// Why the database did not do what was asked.
pub fn sqlite(error: &Error) -> String {
    let Some(code) = error.sqlite_error_code() else {
        return "the database has other content than expected".to_owned();
    };
    let phrase = match code {
        ErrorCode::DiskFull => "the disk or the database is full",
        ErrorCode::SystemIoFailure => "reading or writing the database's files failed",
        ErrorCode::DatabaseCorrupt => "the database is damaged",
        ErrorCode::NotADatabase => "the file is not a database",
        ErrorCode::ReadOnly => "the database's files or their folder cannot be written",
        ErrorCode::CannotOpen => "the database's files cannot be opened",
        ErrorCode::PermissionDenied => "clawgate has no permission to use the database",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process has locked the database",
        ErrorCode::OutOfMemory => "there is not enough memory",
        ErrorCode::TooBig => "the event is too large for the database",
        ErrorCode::FileLockingProtocolFailed => "the database's files cannot be locked",
        ErrorCode::OperationInterrupted | ErrorCode::OperationAborted => "the operation was interrupted",
        _ => "the database reports an error",
    };
    // The number says which of several operations failed: https://www.sqlite.org/rescode.html
    match error.sqlite_extended_error_code() {
        Some(number) => format!("{phrase} (SQLite result {number})"),
        None => phrase.to_owned(),
    }
}
