//! Finds out whether a database is damaged, and moves a damaged one out of the way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;
use time::OffsetDateTime;

use super::names::beside;

/// A larger database is not read as a whole at the start: that would take too long.
const MAX_CHECKED: u64 = 1024 * 1024 * 1024;

/// What SQLite's own check finds wrong; `None` if nothing. A large database is not checked.
pub(super) fn find(connection: &Connection, path: &Path) -> rusqlite::Result<Option<String>> {
    if fs::metadata(path).map_or(0, |file| file.len()) >= MAX_CHECKED {
        return Ok(None);
    }
    let first: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((first != "ok").then_some(first))
}

/// Renames the files of a database: `inbox.db.corrupt-20260131T235959Z`, and the same with `-wal` and `-shm`. Returns the new name.
///
/// # Errors
/// When a file cannot be renamed.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let stem = format!(".corrupt-{}", moment(SystemTime::now()));
    let names = (0_u32..).map(|count| match count {
        0 => beside(path, &stem),
        more => beside(path, &format!("{stem}-{more}")),
    });
    let mut free = names.filter(|name| !name.exists() && !beside(name, "-wal").exists());
    let Some(name) = free.next() else { return Err(io::ErrorKind::AlreadyExists.into()) };
    // The database comes first. If this stops half-way, the next start moves the others (`leftover`).
    for ending in ["", "-wal", "-shm"] {
        match fs::rename(beside(path, ending), beside(&name, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(name)
}

/// Whether there is a WAL without its database. A new database must not begin with it.
pub(super) fn is_leftover(path: &Path) -> bool {
    !path.exists() && beside(path, "-wal").exists()
}

/// A time for the name of a file.
fn moment(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    let (date, time) = (now.date(), now.time());
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
