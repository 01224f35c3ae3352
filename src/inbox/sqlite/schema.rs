//! The tables, and their versions.

use rusqlite::Connection;

/// Says in the header of the file whose database this is: "CLGW".
pub(super) const APPLICATION_ID: i64 = 0x434c_4757;
/// The version of the tables that this clawgate writes, in `user_version`.
pub(super) const VERSION: i64 = 3;

/// What leads from each version to the next one. A migration only adds: during a hand-over, an older clawgate still writes
/// into the same database.
const MIGRATIONS: [&str; 3] = [FIRST, SEEN_UP_TO, BATCHES];

/// `event.state`. 3 is an event that an operator has removed: its row is kept to recognise repetitions.
pub(super) mod state {
    pub(in super::super) const WAITING: i64 = 0;
    pub(in super::super) const DELIVERED: i64 = 1;
    pub(in super::super) const DEAD: i64 = 2;
}

/// * `route` counts in the same transactions that change `event`, so that totals cost the same for any number of events.
///   `last_seq` is the greatest `seq` that was given to an event of the route: no `seq` is given twice, also when its event
///   was removed.
/// * `event` has no request, so that its rows stay short. `next_at` is null for an event that was not tried since it waits:
///   storing an event then writes into one index of those that wait, at its end.
/// * `seen.mark` is a hash of route, principal and key (`encode::mark`); `seen.seq` may name an event that was removed.
/// * Times are milliseconds since 1970.
const FIRST: &str = "
CREATE TABLE route (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    route INTEGER NOT NULL,
    state INTEGER NOT NULL,
    next_at INTEGER,
    received INTEGER NOT NULL,
    waiting_since INTEGER NOT NULL,
    ended INTEGER,
    attempts INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    replays INTEGER NOT NULL,
    size INTEGER NOT NULL,
    reason TEXT,
    mark BLOB,
    digest BLOB NOT NULL,
    principal TEXT NOT NULL,
    key TEXT,
    idempotency_key TEXT NOT NULL
) STRICT;
CREATE INDEX event_new ON event(route) WHERE state = 0 AND next_at IS NULL;
CREATE INDEX event_again ON event(route, next_at) WHERE state = 0 AND next_at IS NOT NULL;
CREATE INDEX event_again_order ON event(route) WHERE state = 0 AND next_at IS NOT NULL;
CREATE INDEX event_dead ON event(ended) WHERE state = 2;
CREATE TABLE content (
    seq INTEGER PRIMARY KEY,
    head BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE attempt (
    seq INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    answer TEXT,
    PRIMARY KEY (seq, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE seen (
    mark BLOB PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// * `seen_up_to` has one row. The marks of all events up to its `seq` are in `seen`; those of later ones may not be there yet
///   (`recent.rs`). Version 1 wrote them at once.
const SEEN_UP_TO: &str = "
CREATE TABLE seen_up_to (seq INTEGER NOT NULL) STRICT;
INSERT INTO seen_up_to SELECT ifnull(max(last_seq), 0) FROM route;
";

/// `event.batch` is the `seq` of the first event of the batch that the event is sent in.
const BATCHES: &str = "
ALTER TABLE event ADD COLUMN batch INTEGER;
CREATE INDEX event_batch ON event(batch) WHERE state = 0 AND batch IS NOT NULL;
";

/// What the header of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A new database.
    Empty,
    /// One of ours, of this version.
    Version(i64),
    /// The database of another program.
    Foreign,
}

/// Reads whose database it is, and its version.
pub(super) fn found(connection: &Connection) -> rusqlite::Result<Found> {
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if application == APPLICATION_ID {
        return Ok(Found::Version(version));
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(if application == 0 && version == 0 && tables == 0 { Found::Empty } else { Found::Foreign })
}

/// Brings the tables to [`VERSION`], in the transaction that the caller has begun.
pub(super) fn migrate(connection: &Connection, from: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(from).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        connection.execute_batch(migration)?;
    }
    connection.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    ))
}
