//! How much space the database uses, and how much is left.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::open::folder;

/// Bytes of the database that are in use, and of its WAL.
pub(super) fn used(connection: &Connection, database: &Path) -> rusqlite::Result<u64> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
    let bytes = u64::try_from(pages * number("PRAGMA page_size")?).unwrap_or(0);
    Ok(bytes.saturating_add(wal_bytes(database)))
}

/// Bytes of the WAL's file.
pub(super) fn wal_bytes(database: &Path) -> u64 {
    fs::metadata(beside(database, "-wal")).map_or(0, |file| file.len())
}

/// Bytes that are free on the file system for clawgate. All of them if the system does not tell.
pub(super) fn free(database: &Path) -> u64 {
    rustix::fs::statvfs(folder(database))
        .map_or(u64::MAX, |system| system.f_bavail.saturating_mul(system.f_frsize))
}

/// The file of SQLite that has the name of the database and this ending.
pub(super) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
