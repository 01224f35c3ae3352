//! Notes what has become of tries.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, Statement, params};

use super::counts::Counts;
use super::schema::state;
use crate::inbox::encode::{millis, whole_millis};
use crate::inbox::{Attempt, Outcome, Then};

/// How many tries of one event are kept. While its upstream is down, an event is tried every few seconds.
const MAX_TRIES: u32 = 100;

/// Notes outcomes, within a transaction of its caller.
pub(super) struct Outcomes<'c> {
    event: Statement<'c>,
    update: Statement<'c>,
    remove_content: Statement<'c>,
    attempt: Statement<'c>,
    remove_attempts: Statement<'c>,
    keep_bodies: bool,
}

/// What is stored of the event before.
struct Before {
    route: i64,
    size: i64,
    attempts: u32,
    tries: u32,
}

impl<'c> Outcomes<'c> {
    /// In this database.
    pub(super) fn new(connection: &'c Connection, keep_bodies: bool) -> rusqlite::Result<Self> {
        Ok(Self {
            event: connection
                .prepare("SELECT route, size, attempts, tries FROM event WHERE seq = ?1 AND state = 0")?,
            update: connection.prepare(
                "UPDATE event SET state = ?2, next_at = ?3, attempts = ?4, tries = ?5, ended = ?6, reason = ?7
                 WHERE seq = ?1",
            )?,
            remove_content: connection.prepare("DELETE FROM content WHERE seq = ?1")?,
            attempt: connection.prepare(
                "INSERT INTO attempt (seq, number, at, took, status, error, answer)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            remove_attempts: connection.prepare("DELETE FROM attempt WHERE seq = ?1 AND number <= ?2")?,
            keep_bodies,
        })
    }

    /// Notes one outcome. An event that does not wait any more is left as it is: an operator may have removed it during the try.
    pub(super) fn record(&mut self, outcome: &Outcome, counts: &mut Counts<'c>) -> rusqlite::Result<()> {
        let seq = outcome.seq;
        let before = self.event.query_row([seq], |row| {
            Ok(Before {
                route: row.get(0)?,
                size: row.get(1)?,
                attempts: row.get(2)?,
                tries: row.get(3)?,
            })
        });
        let Some(before) = before.optional()? else { return Ok(()) };
        let mut tries = before.tries;
        if let Some(attempt) = &outcome.attempt {
            tries = tries.saturating_add(1);
            self.note(seq, tries, attempt)?;
        }
        let counted = match outcome.then {
            Then::Retry { counts, .. } => counts,
            Then::Delivered | Then::Dead(_) => true,
        };
        let attempts = before.attempts.saturating_add(u32::from(counted && outcome.attempt.is_some()));
        let (next_state, next_at, reason) = match outcome.then {
            Then::Delivered => (state::DELIVERED, None, None),
            Then::Retry { at, .. } => (state::WAITING, Some(millis(at)), None),
            Then::Dead(reason) => (state::DEAD, None, Some(reason.as_str())),
        };
        let ended = (next_state != state::WAITING).then(|| millis(ended(outcome)));
        self.update.execute(params![seq, next_state, next_at, attempts, tries, ended, reason])?;
        if next_state == state::DELIVERED && !self.keep_bodies {
            self.remove_content.execute([seq])?;
        }
        counts.left(before.route, state::WAITING, before.size);
        counts.entered(before.route, next_state, before.size);
        Ok(())
    }

    fn note(&mut self, seq: i64, number: u32, attempt: &Attempt) -> rusqlite::Result<()> {
        let (at, took) = (millis(attempt.at), whole_millis(attempt.took));
        let Attempt { status, error, answer, .. } = attempt;
        self.attempt.execute(params![seq, number, at, took, status, error, answer])?;
        if let Some(last) = number.checked_sub(MAX_TRIES).filter(|last| *last > 0) {
            self.remove_attempts.execute(params![seq, last])?;
        }
        Ok(())
    }
}

fn ended(outcome: &Outcome) -> SystemTime {
    let after = |attempt: &Attempt| attempt.at.checked_add(attempt.took);
    outcome.attempt.as_ref().and_then(after).unwrap_or_else(SystemTime::now)
}
