//! The marks of the latest events, which are not in the table `seen` yet.
//!
//! A mark is a hash: one event after the other would write into another page of `seen` each time, and each transaction would write as
//! many pages as it has events. So marks are first kept in memory, in the order of the table. Each transaction moves as many into the
//! table as it brings, always the next ones in that order: they share a few pages. A start, and a transaction that failed, reads
//! them again from `event`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use rusqlite::{Connection, Statement, params};

/// What an event is known by if it comes again.
pub(super) type Mark = [u8; 16];

/// So many marks stay in memory while events arrive. Each takes about 40 bytes.
const KEPT: usize = 16_384;
/// How many are moved in one step while nothing arrives.
const STEP: usize = 1_024;

/// The marks that are not in the table yet, and their events.
pub(super) struct Recent<'c> {
    read: Statement<'c>,
    move_one: Statement<'c>,
    read_end: Statement<'c>,
    write_end: Statement<'c>,
    marks: BTreeMap<Mark, i64>,
    /// Up to this `seq`, the marks of all events are here or in the table. `None`: they must be read.
    known: Option<i64>,
    /// The mark that was moved last.
    place: Mark,
    /// `known` when the first mark in the order of the table was moved last: when it is the turn of that one again, all marks up to
    /// this `seq` are in the table.
    round: i64,
    /// So many stay in memory while events arrive.
    kept: usize,
}

impl<'c> Recent<'c> {
    /// Of this database. They are read when they are needed.
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            read: connection
                .prepare("SELECT mark, seq FROM event WHERE seq > ?1 AND mark IS NOT NULL ORDER BY seq")?,
            // An event that was removed meanwhile needs no mark.
            move_one: connection.prepare(
                "INSERT OR REPLACE INTO seen (mark, seq) SELECT mark, seq FROM event WHERE seq = ?1 AND mark = ?2",
            )?,
            read_end: connection.prepare("SELECT seq FROM seen_up_to")?,
            write_end: connection.prepare("UPDATE seen_up_to SET seq = ?1 WHERE seq < ?1")?,
            marks: BTreeMap::new(),
            known: None,
            place: Mark::default(),
            round: 0,
            kept: KEPT,
        })
    }

    /// Brings them up to date, within a transaction: `last_seq` is the latest event in the database, which another process may have
    /// stored.
    pub(super) fn refresh(&mut self, last_seq: i64) -> rusqlite::Result<()> {
        let known = match self.known {
            Some(known) if known >= last_seq => return Ok(()),
            Some(known) => known,
            None => {
                self.round = self.read_end.query_row([], |row| row.get(0))?;
                self.round
            }
        };
        let mut rows = self.read.query([known])?;
        while let Some(row) = rows.next()? {
            self.marks.insert(row.get(0)?, row.get(1)?);
        }
        self.known = Some(last_seq);
        Ok(())
    }

    /// The latest event with this mark, unless that is to be found in the table.
    pub(super) fn get(&self, mark: &Mark) -> Option<i64> {
        self.marks.get(mark).copied()
    }

    /// Adds an event that the transaction stores.
    pub(super) fn add(&mut self, mark: Option<Mark>, seq: i64) {
        self.known = Some(seq);
        if let Some(mark) = mark {
            self.marks.insert(mark, seq);
        }
    }

    /// Moves the next ones into the table until no more are left than are kept, at the end of a transaction.
    pub(super) fn move_surplus(&mut self) -> rusqlite::Result<()> {
        self.move_some(self.marks.len().saturating_sub(self.kept))
    }

    /// Moves some while nothing arrives. Returns whether there are more.
    pub(super) fn move_idle(&mut self) -> rusqlite::Result<bool> {
        self.move_some(self.marks.len().min(STEP))?;
        if self.marks.is_empty()
            && let Some(known) = self.known
        {
            self.end_round(known)?;
        }
        Ok(!self.marks.is_empty())
    }

    /// Whether there is nothing to move.
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// After a transaction that failed: they must be read again.
    pub(super) fn discard(&mut self) {
        self.marks.clear();
        self.known = None;
    }

    fn move_some(&mut self, number: usize) -> rusqlite::Result<()> {
        for _ in 0..number {
            let next = self.marks.range((Excluded(self.place), Unbounded)).next();
            let (mark, seq) = match next.map(|(mark, seq)| (*mark, *seq)) {
                Some(next) => next,
                None => {
                    self.end_round(self.round)?;
                    match self.marks.first_key_value() {
                        Some((mark, seq)) => (*mark, *seq),
                        None => return Ok(()),
                    }
                }
            };
            self.move_one.execute(params![seq, mark])?;
            self.marks.remove(&mark);
            self.place = mark;
        }
        Ok(())
    }

    /// Notes that all marks up to `end` are in the table, and begins again with the first mark in its order.
    fn end_round(&mut self, end: i64) -> rusqlite::Result<()> {
        self.write_end.execute([end])?;
        self.round = self.known.unwrap_or(end);
        Ok(())
    }
}
