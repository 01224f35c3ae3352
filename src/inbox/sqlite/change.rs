//! Changes that an operator asks for: replay, drop, forget. And which events are sent together.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::counts::Counts;
use super::filter::Selection;
use super::schema::state;
use crate::inbox::encode::millis;
use crate::inbox::{EventId, Filter};

/// What to do with events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Let them wait again.
    Replay,
    /// Put them into this batch.
    Batch(i64),
    /// Remove them, but remember that they were there.
    Drop,
    /// Remove all that is stored of them.
    Forget,
}

/// A change of some events.
#[derive(Debug)]
pub(super) struct Change {
    /// What to do.
    pub(super) action: Action,
    /// With which events.
    pub(super) filter: Filter,
    /// With at most this many.
    pub(super) limit: usize,
}

/// An event that is to be changed.
struct Target {
    seq: i64,
    id: EventId,
    route: i64,
    state: i64,
    size: i64,
    mark: Option<Vec<u8>>,
}

/// Makes a change, within a transaction of its caller. Returns the ids of the events that it has changed.
pub(super) fn make(
    connection: &Connection,
    change: &Change,
    counts: &mut Counts<'_>,
) -> rusqlite::Result<Vec<EventId>> {
    let targets = targets(connection, change)?;
    match change.action {
        Action::Replay => replay(connection, &targets, counts)?,
        Action::Batch(batch) => assign(connection, &targets, batch)?,
        Action::Drop => remove(connection, &targets, counts, false)?,
        Action::Forget => remove(connection, &targets, counts, true)?,
    }
    Ok(targets.into_iter().map(|target| target.id).collect())
}

fn targets(connection: &Connection, change: &Change) -> rusqlite::Result<Vec<Target>> {
    let mut selection = Selection::of(&change.filter);
    match change.action {
        Action::Replay => {
            selection.and(
                "event.state IN (1, 2) AND EXISTS (SELECT 1 FROM content WHERE content.seq = event.seq)",
            );
        }
        Action::Batch(_) => selection.and("event.state = 0"),
        Action::Drop => selection.and("event.state <> 3"),
        // What was dropped is still remembered, and can be forgotten, too.
        Action::Forget => {}
    }
    let sql = format!(
        "SELECT event.seq, event.id, event.route, event.state, event.size, event.mark FROM event {}
         ORDER BY event.seq DESC LIMIT {}",
        selection.condition(),
        i64::try_from(change.limit).unwrap_or(i64::MAX)
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(selection.parameters(), |row| {
        Ok(Target {
            seq: row.get(0)?,
            id: EventId::from_bytes(row.get(1)?),
            route: row.get(2)?,
            state: row.get(3)?,
            size: row.get(4)?,
            mark: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn replay(connection: &Connection, targets: &[Target], counts: &mut Counts<'_>) -> rusqlite::Result<()> {
    let now = millis(SystemTime::now());
    let mut update = connection.prepare(
        "UPDATE event SET state = 0, next_at = NULL, waiting_since = ?2, ended = NULL, attempts = 0, reason = NULL, batch = NULL,
             replays = replays + 1
         WHERE seq = ?1",
    )?;
    for target in targets {
        update.execute([target.seq, now])?;
        counts.left(target.route, target.state, target.size);
        counts.entered(target.route, state::WAITING, target.size);
    }
    Ok(())
}

fn assign(connection: &Connection, targets: &[Target], batch: i64) -> rusqlite::Result<()> {
    let mut update = connection.prepare("UPDATE event SET batch = ?2 WHERE seq = ?1")?;
    targets.iter().try_for_each(|target| update.execute([target.seq, batch]).map(drop))
}

fn remove(
    connection: &Connection,
    targets: &[Target],
    counts: &mut Counts<'_>,
    wholly: bool,
) -> rusqlite::Result<()> {
    let mut content = connection.prepare("DELETE FROM content WHERE seq = ?1")?;
    let mut attempts = connection.prepare("DELETE FROM attempt WHERE seq = ?1")?;
    let mut seen = connection.prepare("DELETE FROM seen WHERE mark = ?1 AND seq = ?2")?;
    let mut event = connection.prepare(if wholly {
        "DELETE FROM event WHERE seq = ?1"
    } else {
        "UPDATE event SET state = 3, next_at = NULL, reason = NULL WHERE seq = ?1"
    })?;
    for target in targets {
        content.execute([target.seq])?;
        attempts.execute([target.seq])?;
        event.execute([target.seq])?;
        if wholly {
            seen.execute(params![target.mark, target.seq])?;
        }
        counts.left(target.route, target.state, target.size);
    }
    Ok(())
}
