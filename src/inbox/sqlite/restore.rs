//! Stores events that come from a damaged database.

use rusqlite::{Connection, Statement, params};

use super::append::{Appends, Prepared};
use super::counts::Counts;
use super::schema::state;

/// An event from a damaged database.
#[derive(Debug)]
pub(super) struct Restored {
    /// The event.
    pub(super) event: Prepared,
    /// Whether it waits or is dead.
    pub(super) fate: Fate,
    /// As in the table `event`.
    pub(super) waiting_since: i64,
    /// As in the table `event`.
    pub(super) attempts: u32,
    /// As in the table `event`.
    pub(super) tries: u32,
    /// As in the table `event`.
    pub(super) replays: u32,
}

/// What has become of an event that is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits.
    Waiting,
    /// It is dead.
    Dead {
        /// As in the table `event`.
        ended: Option<i64>,
        /// As in the table `event`.
        reason: Option<String>,
    },
}

impl Fate {
    /// From the columns; `None` for an event that is not restored, since it was delivered or dropped.
    pub(super) fn of(state: i64, ended: Option<i64>, reason: Option<String>) -> Option<Self> {
        match state {
            state::WAITING => Some(Self::Waiting),
            state::DEAD => Some(Self::Dead { ended, reason }),
            _ => None,
        }
    }
}

/// Stores such events, within a transaction of its caller.
pub(super) struct Restores<'c> {
    exists: Statement<'c>,
    update: Statement<'c>,
}

impl<'c> Restores<'c> {
    /// Into this database.
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            exists: connection.prepare("SELECT 1 FROM event WHERE id = ?1")?,
            update: connection.prepare(
                "UPDATE event SET state = ?2, waiting_since = ?3, attempts = ?4, tries = ?5, replays = ?6, ended = ?7,
                     reason = ?8
                 WHERE seq = ?1",
            )?,
        })
    }

    /// Stores one event, unless it is there already. Returns whether it was stored.
    pub(super) fn restore(
        &mut self,
        restored: &Restored,
        appends: &mut Appends<'c>,
        counts: &mut Counts<'c>,
    ) -> rusqlite::Result<bool> {
        if self.exists.exists([restored.event.id().as_bytes()])? || appends.is_known(&restored.event)? {
            return Ok(false);
        }
        let stored = appends.insert_as_it_is(&restored.event, counts)?;
        let (state, ended, reason) = match &restored.fate {
            Fate::Waiting => (state::WAITING, None, None),
            Fate::Dead { ended, reason } => (state::DEAD, *ended, reason.as_deref()),
        };
        let Restored { waiting_since, attempts, tries, replays, .. } = restored;
        self.update.execute(params![
            stored.seq,
            state,
            waiting_since,
            attempts,
            tries,
            replays,
            ended,
            reason
        ])?;
        counts.left(stored.route, state::WAITING, stored.size);
        counts.entered(stored.route, state, stored.size);
        Ok(true)
    }
}
