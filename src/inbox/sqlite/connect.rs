//! Connections to the database, with the settings that all of them have.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How long a lock of another process is waited for. SQLite's own handler sleeps longer and longer, up to 100 ms at a time: of two
/// processes that write, one would wait for seconds.
const BUSY_STEP: Duration = Duration::from_millis(1);
const BUSY_STEPS: i32 = 5_000;
/// The size of a page in bytes. It must be set before the first table.
const PAGE_SIZE: u32 = 8192;
/// The WAL is cut to this many bytes when it begins anew.
const JOURNAL_SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// Opens a database that exists. Creates no file but `-wal` and `-shm`.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(|count| {
        thread::sleep(BUSY_STEP);
        count < BUSY_STEPS
    }))?;
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        // In a database that has tables, the second one would write into the file.
        connection.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_SIZE}; PRAGMA auto_vacuum = INCREMENTAL;"
        ))?;
    }
    // The pages of the WAL go to the database at moments of our own choice (`upkeep`). mmap is off: with several processes it is
    // suspected of damage.
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT};
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -16384;
         PRAGMA trusted_schema = OFF;
         PRAGMA foreign_keys = OFF;
         PRAGMA secure_delete = ON;"
    ))?;
    Ok(connection)
}

/// Opens a database that exists, to read it only.
pub(super) fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}
