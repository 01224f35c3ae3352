//! How much space the database uses, and how much is left.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::names::folder;

/// How long another connection that moves the WAL is waited for.
const MAX_WAIT: Duration = Duration::from_secs(5);
const WAIT_STEP: Duration = Duration::from_millis(1);

/// Bytes of the database that are in use, and of what its WAL holds for it.
pub(super) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
    let Wal { frames, moved, .. } = wal(connection, Checkpoint::None)?;
    // A WAL whose pages are all in the database is written again from its beginning.
    let frames = if moved < frames { frames } else { 0 };
    Ok(u64::try_from((pages + frames) * number("PRAGMA page_size")?).unwrap_or(0))
}

/// What to do with the pages of the WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// Nothing.
    None,
    /// Copy those into the database that no reader needs. This does not wait for anything but the disk.
    Passive,
}

/// How many pages the WAL has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wal {
    /// All of them.
    pub(super) frames: i64,
    /// Those that are in the database, too.
    pub(super) moved: i64,
    /// Set if nothing was copied because another connection does so at this moment. The numbers mean nothing then.
    pub(super) busy: bool,
}

/// How many pages the WAL has after this.
pub(super) fn wal(connection: &Connection, checkpoint: Checkpoint) -> rusqlite::Result<Wal> {
    let pragma = match checkpoint {
        Checkpoint::None => "PRAGMA wal_checkpoint(NOOP)",
        Checkpoint::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
    };
    connection.query_row(pragma, [], |row| {
        Ok(Wal { busy: row.get(0)?, frames: row.get(1)?, moved: row.get(2)? })
    })
}

/// Moves the WAL into the database. If another connection does so at this moment, waits for it and moves the rest: SQLite calls no
/// busy handler for this lock.
pub(super) fn move_wal(connection: &Connection) -> rusqlite::Result<()> {
    let begin = Instant::now();
    while wal(connection, Checkpoint::Passive)?.busy && begin.elapsed() < MAX_WAIT {
        thread::sleep(WAIT_STEP);
    }
    Ok(())
}

/// Bytes that are free on the file system for clawgate. All of them if the system does not tell.
pub(super) fn free(database: &Path) -> u64 {
    rustix::fs::statvfs(folder(database))
        .map_or(u64::MAX, |system| system.f_bavail.saturating_mul(system.f_frsize))
}
