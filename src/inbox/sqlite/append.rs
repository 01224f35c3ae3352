//! Stores new events.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Statement, params};

use super::counts::{Counts, in_transaction};
use super::recent::{Mark, Recent};
use super::room::Room;
use super::schema::state;
use crate::inbox::encode::{digest, head, key_of_reuse, mark, mark_of_reuse, millis, whole_millis};
use crate::inbox::{Appended, EventId, NewEvent, StoreError};

/// An event as it is written, made on the thread of its sender.
#[derive(Debug)]
pub(super) struct Prepared {
    event: NewEvent,
    head: Vec<u8>,
    digest: [u8; 16],
    mark: Option<Mark>,
}

impl Prepared {
    /// Of a new event.
    pub(super) fn new(event: NewEvent) -> Self {
        Self {
            head: head(&event.request),
            digest: digest(&event.request),
            mark: event.key.as_ref().map(|key| mark(&event.route, &event.principal, key)),
            event,
        }
    }

    /// Of one that was stored before, in another database.
    pub(super) fn stored(event: NewEvent, head: Vec<u8>, digest: [u8; 16], mark: Option<Mark>) -> Self {
        Self { event, head, digest, mark }
    }

    /// The event's identifier.
    pub(super) fn id(&self) -> EventId {
        self.event.id
    }

    /// About how many bytes it takes in the database.
    pub(super) fn size(&self) -> usize {
        self.head.len() + self.event.request.body.len() + 512
    }
}

/// The event that a key was used for before.
struct Known {
    id: EventId,
    digest: [u8; 16],
}

/// Where an event was stored.
pub(super) struct Stored {
    /// Its place in the order of arrival.
    pub(super) seq: i64,
    /// Its `route.id`.
    pub(super) route: i64,
    /// Bytes of its body.
    pub(super) size: i64,
}

/// Stores new events, within a transaction of its caller.
pub(super) struct Appends<'c> {
    seen: Statement<'c>,
    first: Statement<'c>,
    event: Statement<'c>,
    content: Statement<'c>,
    recent: Recent<'c>,
    connection: &'c Connection,
    /// The window in which a repetition is recognised, in milliseconds.
    retain: i64,
}

impl<'c> Appends<'c> {
    /// Into this database.
    pub(super) fn new(connection: &'c Connection, retain: Duration) -> rusqlite::Result<Self> {
        Ok(Self {
            seen: connection.prepare("SELECT seq FROM seen WHERE mark = ?1")?,
            first: connection.prepare(
                "SELECT id, digest, state, max(received, ifnull(ended, 0)) FROM event WHERE seq = ?1",
            )?,
            event: connection.prepare(
                "INSERT INTO event (seq, id, route, state, received, waiting_since, attempts, tries, replays, size, mark,
                     digest, principal, key, idempotency_key)
                 VALUES (?1, ?2, ?3, 0, ?4, ?4, 0, 0, 0, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            content: connection.prepare("INSERT INTO content (seq, head, body) VALUES (?1, ?2, ?3)")?,
            recent: Recent::new(connection)?,
            connection,
            retain: whole_millis(retain),
        })
    }

    /// Runs `work` in a transaction: events are stored in none else.
    pub(super) fn in_transaction<T>(
        &mut self,
        counts: &mut Counts<'c>,
        work: impl FnOnce(&mut Self, &mut Counts<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let done = in_transaction(self.connection, counts, |counts| {
            self.recent.refresh(counts.last_seq())?;
            let done = work(self, counts)?;
            self.recent.move_surplus()?;
            Ok(done)
        });
        if done.is_err() {
            self.recent.discard();
        }
        done
    }

    /// Whether [`Self::move_marks`] has something to do.
    pub(super) fn has_marks_to_move(&self) -> bool {
        !self.recent.is_empty()
    }

    /// Moves some marks into their table, while no event arrives. Returns whether there are more.
    pub(super) fn move_marks(&mut self, counts: &mut Counts<'c>) -> rusqlite::Result<bool> {
        self.in_transaction(counts, |appends, _| appends.recent.move_idle())
    }

    /// Stores one event, unless it is a repetition or there is no room.
    pub(super) fn append(
        &mut self,
        prepared: &Prepared,
        counts: &mut Counts<'c>,
        room: &mut Room,
    ) -> rusqlite::Result<Result<Appended, StoreError>> {
        let mut mark = prepared.mark;
        let mut reused = None;
        if let Some(first_mark) = mark
            && let Some(first) = self.known(&first_mark)?
        {
            if first.digest == prepared.digest {
                return Ok(Ok(Appended::Duplicate { first: first.id }));
            }
            let second_mark = mark_of_reuse(&first_mark, &prepared.digest);
            if let Some(second) = self.known(&second_mark)? {
                return Ok(Ok(Appended::Duplicate { first: second.id }));
            }
            mark = Some(second_mark);
            reused = Some(first.id);
        }
        // A repetition gets its answer also when there is no room: it needs none.
        if let Err(why) = room.take(counts.kept(), prepared.size()) {
            return Ok(Err(StoreError::Full(why)));
        }
        let other_key = reused.map(|_| key_of_reuse(&prepared.event.idempotency_key, &prepared.digest));
        match self.insert(prepared, mark, other_key.as_deref(), counts) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                let what = format!("an event with the id {} exists already", prepared.event.id);
                Ok(Err(StoreError::Unavailable(what)))
            }
            Err(error) => Err(error),
            Ok(_) => Ok(Ok(match reused {
                None => Appended::New,
                Some(first) => Appended::KeyReused { first },
            })),
        }
    }

    /// Whether the event, or one of which it is a repetition, is there.
    pub(super) fn is_known(&mut self, prepared: &Prepared) -> rusqlite::Result<bool> {
        prepared.mark.map_or(Ok(false), |mark| Ok(self.known(&mark)?.is_some()))
    }

    /// Stores an event without the question whether it is a repetition.
    pub(super) fn insert_as_it_is(
        &mut self,
        prepared: &Prepared,
        counts: &mut Counts<'c>,
    ) -> rusqlite::Result<Stored> {
        self.insert(prepared, prepared.mark, None, counts)
    }

    fn insert(
        &mut self,
        prepared: &Prepared,
        mark: Option<Mark>,
        other_key: Option<&str>,
        counts: &mut Counts<'c>,
    ) -> rusqlite::Result<Stored> {
        let event = &prepared.event;
        let size = i64::try_from(event.request.body.len()).unwrap_or(i64::MAX);
        let route = counts.route(&event.route)?;
        let seq = counts.next_seq(route);
        self.event.execute(params![
            seq,
            event.id.as_bytes(),
            route,
            millis(event.received),
            size,
            mark,
            prepared.digest,
            event.principal,
            event.key,
            other_key.unwrap_or(&event.idempotency_key),
        ])?;
        self.content.execute(params![seq, prepared.head, &event.request.body[..]])?;
        self.recent.add(mark, seq);
        counts.entered(route, state::WAITING, size);
        Ok(Stored { seq, route, size })
    }

    /// The event that has this mark; `None` if there is none, or if its time as a first one is over.
    fn known(&mut self, mark: &Mark) -> rusqlite::Result<Option<Known>> {
        let seq = match self.recent.get(mark) {
            Some(seq) => Some(seq),
            None => self.seen.query_row([mark], |row| row.get(0)).optional()?,
        };
        let Some(seq) = seq else { return Ok(None) };
        let found = self
            .first
            .query_row([seq], |row| {
                let known = Known { id: EventId::from_bytes(row.get(0)?), digest: row.get(1)? };
                Ok((known, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
            })
            .optional()?;
        let Some((known, state, last)) = found else { return Ok(None) };
        let over = last.saturating_add(self.retain) < millis(SystemTime::now());
        Ok((state == state::WAITING || !over).then_some(known))
    }
}
