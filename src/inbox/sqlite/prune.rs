//! Removes what need not be remembered any more.

use std::time::SystemTime;

use rusqlite::{Connection, Statement, params};

use super::counts::Counts;
use super::schema::state;
use crate::inbox::InboxSettings;
use crate::inbox::encode::{millis, whole_millis};

/// How many events are looked at in one transaction.
const STEP: i64 = 200;

/// Which events are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prune {
    /// Those that were kept for as long as the settings say.
    Old,
    /// All that are delivered or dropped, the oldest first: there is no room for new ones.
    Delivered,
}

/// Removes events step by step, in the order of their arrival.
pub(super) struct Pruner<'c> {
    rows: Statement<'c>,
    content: Statement<'c>,
    attempts: Statement<'c>,
    seen: Statement<'c>,
    event: Statement<'c>,
    drop: Statement<'c>,
    /// Milliseconds.
    retain: i64,
    retain_dead: i64,
    /// The `seq` of the event that was looked at last.
    after: i64,
}

/// What a step has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// How many events were removed.
    pub(super) removed: u64,
    /// Whether this was the last step for now. The next one begins with the oldest event again.
    pub(super) is_last: bool,
}

struct Row {
    seq: i64,
    route: i64,
    state: i64,
    size: i64,
    mark: Option<Vec<u8>>,
    received: i64,
    last: i64,
}

enum Fate {
    Kept,
    /// All but the memory of it is removed.
    Dropped,
    Removed,
}

impl<'c> Pruner<'c> {
    /// For this database.
    pub(super) fn new(connection: &'c Connection, settings: &InboxSettings) -> rusqlite::Result<Self> {
        Ok(Self {
            rows: connection.prepare(
                "SELECT seq, route, state, size, mark, received, max(received, ifnull(ended, 0)) FROM event
                 WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?,
            content: connection.prepare("DELETE FROM content WHERE seq = ?1")?,
            attempts: connection.prepare("DELETE FROM attempt WHERE seq = ?1")?,
            seen: connection.prepare("DELETE FROM seen WHERE mark = ?1 AND seq = ?2")?,
            event: connection.prepare("DELETE FROM event WHERE seq = ?1")?,
            drop: connection.prepare("UPDATE event SET state = 3, reason = NULL WHERE seq = ?1")?,
            retain: whole_millis(settings.retain),
            retain_dead: whole_millis(settings.retain_dead),
            after: 0,
        })
    }

    /// Looks at the next events, within a transaction of its caller.
    pub(super) fn step(&mut self, prune: Prune, counts: &mut Counts<'c>) -> rusqlite::Result<Step> {
        let rows: Vec<Row> = self.rows.query_map([self.after, STEP], row)?.collect::<Result<_, _>>()?;
        let now = millis(SystemTime::now());
        let youngest = now.saturating_sub(self.retain.min(self.retain_dead));
        let mut step = Step { is_last: rows.len() < usize::try_from(STEP).unwrap_or(0), removed: 0 };
        for row in rows {
            // All that come after it are younger.
            if prune == Prune::Old && row.received > youngest {
                step.is_last = true;
                break;
            }
            self.after = row.seq;
            match self.fate(&row, prune, now) {
                Fate::Kept => continue,
                Fate::Dropped => {
                    self.drop.execute([row.seq])?;
                }
                Fate::Removed => {
                    self.event.execute([row.seq])?;
                    if row.mark.is_some() {
                        self.seen.execute(params![row.mark, row.seq])?;
                    }
                }
            }
            self.content.execute([row.seq])?;
            self.attempts.execute([row.seq])?;
            counts.left(row.route, row.state, row.size);
            step.removed += 1;
        }
        if step.is_last {
            self.after = 0;
        }
        Ok(step)
    }

    fn fate(&self, row: &Row, prune: Prune, now: i64) -> Fate {
        let is_over = |retain: i64| row.last < now.saturating_sub(retain);
        match row.state {
            state::WAITING => Fate::Kept,
            state::DEAD if !is_over(self.retain_dead) => Fate::Kept,
            // A repetition of a dead event is a duplicate for as long as one of a delivered event.
            state::DEAD if !is_over(self.retain) => Fate::Dropped,
            state::DEAD => Fate::Removed,
            _ if prune == Prune::Delivered || is_over(self.retain) => Fate::Removed,
            _ => Fate::Kept,
        }
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        seq: row.get(0)?,
        route: row.get(1)?,
        state: row.get(2)?,
        size: row.get(3)?,
        mark: row.get(4)?,
        received: row.get(5)?,
        last: row.get(6)?,
    })
}
