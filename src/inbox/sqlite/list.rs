//! What operators ask: lists of events, and all about one of them.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::filter::{Selection, event_state};
use crate::inbox::encode::{key_of_replay, request, time};
use crate::inbox::{
    Attempt, DeadReason, EventDetail, EventId, EventState, EventSummary, Filter, StoredRequest,
};

/// The columns of [`summary`].
const SUMMARY: &str =
    "event.seq, event.id, route.path, event.principal, event.key, event.state, event.received,
     event.next_at, event.ended, event.tries, event.reason, event.size, event.waiting_since";

/// Events, the newest first.
pub(super) fn list(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<Vec<EventSummary>> {
    let mut selection = Selection::of(filter);
    selection.and("event.state <> 3");
    let sql = format!(
        "SELECT {SUMMARY} FROM event CROSS JOIN route ON route.id = event.route {}
         ORDER BY event.seq DESC LIMIT {}",
        selection.condition(),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let mut statement = connection.prepare(&sql)?;
    statement.query_map(selection.parameters(), summary)?.collect()
}

/// All about one event.
pub(super) fn get(connection: &Connection, id: EventId) -> rusqlite::Result<Option<EventDetail>> {
    let sql = format!(
        "SELECT {SUMMARY}, event.idempotency_key, event.replays FROM event JOIN route ON route.id = event.route
         WHERE event.id = ?1 AND event.state <> 3"
    );
    let found = connection.query_row(&sql, [id.as_bytes()], |row| {
        Ok((summary(row)?, key_of_replay(row.get(13)?, row.get(14)?)))
    });
    let Some((summary, idempotency_key)) = found.optional()? else { return Ok(None) };
    let attempts = attempts(connection, summary.seq)?;
    let request = content(connection, summary.seq)?;
    Ok(Some(EventDetail { summary, idempotency_key, attempts, request }))
}

fn attempts(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<Attempt>> {
    let mut statement = connection
        .prepare("SELECT at, took, status, error, answer FROM attempt WHERE seq = ?1 ORDER BY number")?;
    let attempts = statement.query_map([seq], |row| {
        Ok(Attempt {
            at: time(row.get(0)?),
            took: Duration::from_millis(u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)),
            status: row.get(2)?,
            error: row.get(3)?,
            answer: row.get(4)?,
        })
    })?;
    attempts.collect()
}

fn content(connection: &Connection, seq: i64) -> rusqlite::Result<Option<StoredRequest>> {
    let content = connection
        .query_row("SELECT head, body FROM content WHERE seq = ?1", [seq], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    let Some((head, body)) = content else { return Ok(None) };
    request(&head, body).map(Some).ok_or(rusqlite::Error::InvalidQuery)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<EventSummary> {
    let state = event_state(row.get(5)?).ok_or(rusqlite::Error::InvalidQuery)?;
    let received: i64 = row.get(6)?;
    let reason: Option<String> = row.get(10)?;
    Ok(EventSummary {
        seq: row.get(0)?,
        id: EventId::from_bytes(row.get(1)?),
        route: row.get(2)?,
        principal: row.get(3)?,
        key: row.get(4)?,
        state,
        received: time(received),
        next_at: match state {
            // One that was not tried since it waits may be tried at once.
            EventState::Waiting => Some(time(row.get::<_, Option<i64>>(7)?.unwrap_or(row.get(12)?))),
            EventState::Delivered | EventState::Dead => None,
        },
        ended: row.get::<_, Option<i64>>(8)?.map(time),
        tries: row.get(9)?,
        reason: reason
            .and_then(|word| DeadReason::ALL.into_iter().find(|reason| reason.as_str() == word)),
        size: u64::try_from(row.get::<_, i64>(11)?).unwrap_or(0),
    })
}
