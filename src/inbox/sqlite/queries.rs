//! What the dispatcher asks: which events are due, when the next ones are, how much is stored.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, Row, Statement};

use super::space::{free, used};
use crate::inbox::encode::{key_of_replay, millis, request, time};
use crate::inbox::turn::{Candidate, in_turn, is_due};
use crate::inbox::{Due, Event, EventId, Next, RouteTotals, StoreTotals};

/// Prepared questions.
pub(super) struct Queries<'c> {
    /// For questions that are asked rarely.
    pub(super) connection: &'c Connection,
    route: Statement<'c>,
    new: Statement<'c>,
    again: Statement<'c>,
    first_again: Statement<'c>,
    next_again: Statement<'c>,
    event: Statement<'c>,
    batch: Statement<'c>,
    waiting: Statement<'c>,
    totals: Statement<'c>,
    received: Statement<'c>,
}

/// Events that may be tried.
#[derive(Debug, Default)]
pub(super) struct DueEvents {
    pub(super) events: Vec<Event>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// An event whose request cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) seq: i64,
    pub(super) id: EventId,
}

impl<'c> Queries<'c> {
    /// For this database.
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            route: connection.prepare("SELECT id FROM route WHERE path = ?1")?,
            new: connection.prepare(
                "SELECT seq, received FROM event INDEXED BY event_new
                 WHERE route = ?1 AND state = 0 AND next_at IS NULL ORDER BY seq LIMIT ?2",
            )?,
            again: connection.prepare(
                "SELECT seq, next_at FROM event INDEXED BY event_again
                 WHERE route = ?1 AND state = 0 AND next_at IS NOT NULL AND next_at BETWEEN ?2 AND ?3
                 ORDER BY next_at, seq LIMIT ?4",
            )?,
            first_again: connection.prepare(
                "SELECT seq, next_at FROM event INDEXED BY event_again_order
                 WHERE route = ?1 AND state = 0 AND next_at IS NOT NULL ORDER BY seq LIMIT 1",
            )?,
            next_again: connection.prepare(
                "SELECT (SELECT min(next_at) FROM event INDEXED BY event_again
                         WHERE route = ?1 AND state = 0 AND next_at IS NOT NULL),
                        (SELECT max(next_at) FROM event INDEXED BY event_again
                         WHERE route = ?1 AND state = 0 AND next_at IS NOT NULL)",
            )?,
            event: connection.prepare(
                "SELECT event.id, principal, key, idempotency_key, received, attempts, tries, waiting_since, replays,
                     content.head, content.body, batch
                 FROM event LEFT JOIN content ON content.seq = event.seq WHERE event.seq = ?1 AND state = 0",
            )?,
            batch: connection.prepare(
                "SELECT seq FROM event INDEXED BY event_batch
                 WHERE batch = ?1 AND batch IS NOT NULL AND state = 0 ORDER BY seq",
            )?,
            waiting: connection.prepare("SELECT id, path FROM route WHERE waiting > 0")?,
            totals: connection.prepare(
                "SELECT id, path, waiting, delivered, dead, bytes FROM route
                 WHERE waiting > 0 OR delivered > 0 OR dead > 0",
            )?,
            received: connection.prepare("SELECT received FROM event WHERE seq = ?1")?,
        })
    }

    /// See [`Store::due`](crate::inbox::Store::due). `farthest` is the longest wait between two tries, in milliseconds.
    pub(super) fn due(&mut self, due: &Due, farthest: i64) -> rusqlite::Result<DueEvents> {
        let route = self.route.query_row([&due.route], |row| row.get(0)).optional()?;
        let Some(route): Option<i64> = route else { return Ok(DueEvents::default()) };
        let seqs = self.due_seqs(route, due, millis(due.now), farthest)?;
        self.events(&due.route, &seqs)
    }

    /// See [`Store::batch`](crate::inbox::Store::batch).
    pub(super) fn batch(&mut self, route: &Arc<str>, batch: i64) -> rusqlite::Result<DueEvents> {
        let seqs: Vec<i64> =
            self.batch.query_map([batch], |row| row.get(0))?.collect::<Result<_, _>>()?;
        self.events(route, &seqs)
    }

    fn events(&mut self, route: &Arc<str>, seqs: &[i64]) -> rusqlite::Result<DueEvents> {
        let mut found = DueEvents::default();
        for &seq in seqs {
            match self.event.query_row([seq], |row| event(row, seq, route)).optional()? {
                Some(Ok(event)) => found.events.push(event),
                Some(Err(unreadable)) => found.unreadable.push(unreadable),
                None => {}
            }
        }
        Ok(found)
    }

    fn due_seqs(
        &mut self,
        route: i64,
        due: &Due,
        now: i64,
        farthest: i64,
    ) -> rusqlite::Result<Vec<i64>> {
        let is_free = |candidate: &Candidate| !due.except.contains(&candidate.seq);
        if due.strict {
            let first = self.first(route)?;
            let first = first.filter(|first| is_due(first.since, now, farthest) && is_free(first));
            return Ok(first.filter(|_| due.limit > 0).map(|first| first.seq).into_iter().collect());
        }
        let most = due.limit.saturating_add(due.except.len());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // A time that is farther away than any wait comes from a clock that was wrong. Such events are due, too.
        let mut again =
            self.again(route, now.saturating_add(farthest).saturating_add(1), i64::MAX, most)?;
        again.iter_mut().for_each(|candidate| candidate.since = now);
        again.extend(self.again(route, i64::MIN, now, most)?);
        again.sort_by_key(|candidate| (candidate.since, candidate.seq));
        let new: Vec<_> = self.new.query_map([route, most], candidate)?.collect::<Result<_, _>>()?;
        Ok(in_turn(new, again).filter(is_free).map(|candidate| candidate.seq).take(due.limit).collect())
    }

    /// The first event of a route that waits, in the order of arrival.
    fn first(&mut self, route: i64) -> rusqlite::Result<Option<Candidate>> {
        let new = self.new.query_row([route, 1], candidate).optional()?;
        let again = self.first_again.query_row([route], candidate).optional()?;
        Ok([new, again].into_iter().flatten().min_by_key(|candidate| candidate.seq))
    }

    fn again(&mut self, route: i64, from: i64, to: i64, limit: i64) -> rusqlite::Result<Vec<Candidate>> {
        self.again.query_map([route, from, to, limit], candidate)?.collect()
    }

    /// See [`Store::next`](crate::inbox::Store::next).
    pub(super) fn next(&mut self, farthest: i64) -> rusqlite::Result<Vec<Next>> {
        let now = millis(SystemTime::now());
        let brought_back = |at: i64| if is_due(at, now, farthest) { at.min(now) } else { at };
        let mut next = Vec::new();
        for (id, path) in self.routes_that_wait()? {
            let Some(first) = self.first(id)? else { continue };
            let new = self.new.query_row([id, 1], candidate).optional()?.map(|new| new.since);
            let (earliest, latest): (Option<i64>, Option<i64>) =
                self.next_again.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let times = [new, earliest, latest].into_iter().flatten();
            let at = times.map(brought_back).min().unwrap_or(now);
            let first_at = time(brought_back(first.since));
            next.push(Next { route: path, at: time(at), first_at });
        }
        Ok(next)
    }

    fn routes_that_wait(&mut self) -> rusqlite::Result<Vec<(i64, Arc<str>)>> {
        let route = |row: &Row<'_>| Ok((row.get(0)?, Arc::from(row.get::<_, String>(1)?)));
        self.waiting.query_map([], route)?.collect()
    }

    /// See [`Store::totals`](crate::inbox::Store::totals). `database` is the file.
    pub(super) fn totals(&mut self, database: &Path) -> rusqlite::Result<StoreTotals> {
        let row = |row: &Row<'_>| {
            let count = |index| row.get::<_, i64>(index).map(|count| u64::try_from(count).unwrap_or(0));
            let totals = RouteTotals {
                route: row.get(1)?,
                waiting: count(2)?,
                delivered: count(3)?,
                dead: count(4)?,
                bytes: count(5)?,
                oldest_waiting: None,
            };
            Ok((row.get(0)?, totals))
        };
        let rows: Vec<(i64, RouteTotals)> = self.totals.query_map([], row)?.collect::<Result<_, _>>()?;
        let mut routes = Vec::new();
        for (id, mut totals) in rows {
            if let Some(first) = self.first(id)? {
                let received = self.received.query_row([first.seq], |row| row.get(0)).optional()?;
                totals.oldest_waiting = received.map(time);
            }
            routes.push(totals);
        }
        Ok(StoreTotals { routes, used_bytes: used(self.connection)?, free_bytes: free(database) })
    }
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate { seq: row.get(0)?, since: row.get(1)? })
}

fn event(row: &Row<'_>, seq: i64, route: &Arc<str>) -> rusqlite::Result<Result<Event, Unreadable>> {
    let id = EventId::from_bytes(row.get(0)?);
    // Without a row in `content` there is neither.
    let (head, body): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(9)?, row.get(10)?);
    let request = head.zip(body).and_then(|(head, body)| request(&head, body));
    let Some(request) = request else { return Ok(Err(Unreadable { seq, id })) };
    Ok(Ok(Event {
        seq,
        id,
        route: Arc::clone(route),
        principal: Arc::from(row.get::<_, String>(1)?),
        key: row.get(2)?,
        idempotency_key: key_of_replay(row.get(3)?, row.get(8)?),
        received: time(row.get(4)?),
        attempts: row.get(5)?,
        tries: row.get(6)?,
        waiting_since: time(row.get(7)?),
        batch: row.get(11)?,
        request,
    }))
}
