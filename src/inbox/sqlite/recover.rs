//! Reads what can be read of a damaged database, row by row.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

use super::append::Prepared;
use super::restore::{Fate, Restored};
use crate::inbox::encode::{request, time};
use crate::inbox::{EventId, NewEvent};

/// How many events are stored at once.
const TOGETHER: usize = 100;
/// The farthest distance, in numbers of events, at which a readable page is searched after a damaged one.
const FARTHEST: i64 = 1 << 20;

/// What came of reading a damaged database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Events that waited or were dead, and are in the new database now.
    pub stored: u64,
    /// Events that were in the new database already, or were delivered from it.
    pub present: u64,
    /// Places at which rows could not be read. How many events were there is not known.
    pub gaps: u64,
    /// Events whose request could not be read. They are not stored.
    pub without_request: u64,
}

/// A damaged database.
pub(super) struct Damaged {
    connection: Connection,
    last: i64,
}

/// What is at a place of the damaged database.
enum Found {
    Event(Box<Restored>),
    /// One that is of no interest: it was delivered or dropped.
    Other,
    WithoutRequest,
    /// There is no event from here on.
    End,
}

impl Damaged {
    /// Opens it. Nothing in it is changed.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        let given = number("SELECT max(last_seq) FROM route");
        let last = given.or_else(|_| number("SELECT max(seq) FROM event"));
        let last = last.or_else(|_| number("SELECT max(seq) FROM content"))?.unwrap_or(0);
        Ok(Self { connection, last })
    }

    /// Goes through all events that waited or were dead, and gives them to `store`, some at a time. It returns how many of
    /// them were new.
    ///
    /// `progress` learns how many places were read, and of how many.
    pub(super) fn read<E>(
        &self,
        mut store: impl FnMut(Vec<Restored>) -> Result<u64, E>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Recovered, E> {
        let mut recovered = Recovered::default();
        let mut gathered = Vec::new();
        let mut place = 0;
        loop {
            match self.at_or_after(place) {
                Ok((seq, found)) => {
                    match found {
                        Found::Event(event) => gathered.push(*event),
                        Found::WithoutRequest => recovered.without_request += 1,
                        Found::Other => {}
                        Found::End => break,
                    }
                    place = seq.saturating_add(1);
                }
                Err(_) => {
                    recovered.gaps += 1;
                    let Some(next) = self.after_damage(place) else { break };
                    place = next;
                }
            }
            if gathered.len() >= TOGETHER {
                recovered.add(std::mem::take(&mut gathered), &mut store)?;
                progress(count(place), count(self.last));
            }
        }
        recovered.add(gathered, &mut store)?;
        progress(count(self.last), count(self.last));
        Ok(recovered)
    }

    /// The first place after this one from which rows can be read.
    fn after_damage(&self, damaged: i64) -> Option<i64> {
        let (mut bad, mut step) = (damaged, 1);
        let mut good = loop {
            let next = damaged.saturating_add(step);
            if next > self.last || step > FARTHEST {
                return None;
            }
            if self.at_or_after(next).is_ok() {
                break next;
            }
            bad = next;
            step *= 2;
        };
        // A damaged page has a range of events without a gap.
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if self.at_or_after(middle).is_ok() {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Some(good)
    }

    /// The first event at this place or after it.
    fn at_or_after(&self, place: i64) -> rusqlite::Result<(i64, Found)> {
        let row = self
            .connection
            .query_row(
                "SELECT seq, id, route, state, received, waiting_since, ended, attempts, tries, replays, reason, mark,
                     digest, principal, key, idempotency_key
                 FROM event NOT INDEXED WHERE seq >= ?1 ORDER BY seq LIMIT 1",
                [place],
                |row| Ok((row.get(0)?, self.event(row))),
            )
            .optional()?;
        let Some((seq, event)) = row else { return Ok((place, Found::End)) };
        // A row whose columns are damaged is a gap of one event.
        let Ok(found) = event else { return Ok((seq, Found::WithoutRequest)) };
        Ok((seq, found))
    }

    fn event(&self, row: &Row<'_>) -> rusqlite::Result<Found> {
        let (seq, state): (i64, i64) = (row.get(0)?, row.get(3)?);
        let Some(fate) = Fate::of(state, row.get(6)?, row.get(10)?) else { return Ok(Found::Other) };
        let content =
            self.connection.query_row("SELECT head, body FROM content WHERE seq = ?1", [seq], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
            });
        let Some((request, head)) =
            content.ok().and_then(|(head, body)| request(&head, body).map(|request| (request, head)))
        else {
            return Ok(Found::WithoutRequest);
        };
        // Without its route's row, the path that the sender has asked for is the best that is known.
        let route = self.connection.query_row(
            "SELECT path FROM route WHERE id = ?1",
            [row.get::<_, i64>(2)?],
            |row| row.get::<_, String>(0),
        );
        let route = route.unwrap_or_else(|_| request.target.path().to_owned());
        let event = NewEvent {
            id: EventId::from_bytes(row.get(1)?),
            route: route.into(),
            principal: row.get::<_, String>(13)?.into(),
            key: row.get(14)?,
            idempotency_key: row.get(15)?,
            received: time(row.get(4)?),
            request,
        };
        Ok(Found::Event(Box::new(Restored {
            event: Prepared::stored(event, head, row.get(12)?, row.get(11)?),
            fate,
            waiting_since: row.get(5)?,
            attempts: row.get(7)?,
            tries: row.get(8)?,
            replays: row.get(9)?,
        })))
    }
}

impl Recovered {
    fn add<E>(
        &mut self,
        events: Vec<Restored>,
        store: &mut impl FnMut(Vec<Restored>) -> Result<u64, E>,
    ) -> Result<(), E> {
        if events.is_empty() {
            return Ok(());
        }
        let all = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let stored = store(events)?;
        self.stored += stored;
        self.present += all.saturating_sub(stored);
        Ok(())
    }
}

fn count(place: i64) -> u64 {
    u64::try_from(place).unwrap_or(0)
}
