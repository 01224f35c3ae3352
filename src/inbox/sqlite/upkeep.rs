//! What is to be done now and then: move the WAL into the database, remove old events, give space back to the system.
//! Always for a short time only, since events wait meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::checkpoints::Checkpoints;
use super::counts::{Counts, in_transaction};
use super::prune::{Prune, Pruner, Step};
use super::space::{Checkpoint, Wal, move_wal, wal};
use crate::inbox::InboxSettings;

/// How long events may wait for upkeep.
const SLICE: Duration = Duration::from_millis(20);
/// While events arrive: how often there is a slice.
const PERIOD: Duration = Duration::from_secs(1);
/// How long after the last old event was removed the search begins again.
const PAUSE: Duration = Duration::from_secs(30);
/// The WAL is moved into the database when it has this many bytes.
const MAX_WAL: u64 = 16 * 1024 * 1024;
/// The thread that writes moves the rest of the WAL itself once it is this small a part of the limit: only then the WAL begins anew.
const FEW: i64 = 8;
/// If the WAL becomes this many times as long, the thread that writes moves it: the other one is too slow.
const MUCH_TOO_LONG: i64 = 4;
/// After this many new bytes the length of the WAL is read.
const WAL_STEP: usize = 256 * 1024;
/// So many free pages are kept for new events.
const SPARE_PAGES: i64 = 1_024;
/// So many pages are given back to the system at once.
const PAGES_GIVEN_BACK: u32 = 64;

/// What is to be done now and then, on the thread that writes.
pub(super) struct Upkeep<'c> {
    connection: &'c Connection,
    pruner: Pruner<'c>,
    checkpoints: Option<Checkpoints>,
    last_slice: Instant,
    next_search: Instant,
    /// Bytes since the length of the WAL was read.
    added: usize,
    /// Whether the WAL may have pages that are not in the database.
    wal_waits: bool,
    /// How many pages the WAL may have before it is moved into the database, also while events arrive.
    max_frames: i64,
}

impl<'c> Upkeep<'c> {
    /// For this database.
    pub(super) fn new(
        connection: &'c Connection,
        path: &Path,
        settings: &InboxSettings,
    ) -> rusqlite::Result<Self> {
        let page_size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        // With little space for the database, the WAL must not have most of it.
        let max_wal = MAX_WAL.min(settings.max_bytes / 8);
        Ok(Self {
            connection,
            pruner: Pruner::new(connection, settings)?,
            checkpoints: Checkpoints::start(path.to_owned()),
            last_slice: Instant::now(),
            next_search: Instant::now(),
            added: 0,
            wal_waits: true,
            max_frames: i64::try_from(max_wal).unwrap_or(i64::MAX) / page_size.max(1),
        })
    }

    /// After a transaction that has added about so many bytes.
    pub(super) fn after(&mut self, bytes: usize, counts: &mut Counts<'c>) -> rusqlite::Result<()> {
        self.wal_waits = true;
        self.added = self.added.saturating_add(bytes.max(64 * 1024));
        if self.added >= WAL_STEP {
            self.added = 0;
            let Wal { frames, moved, .. } = wal(self.connection, Checkpoint::None)?;
            if frames >= self.max_frames {
                if frames - moved <= self.max_frames / FEW || frames >= MUCH_TOO_LONG * self.max_frames {
                    wal(self.connection, Checkpoint::Passive)?;
                } else if let Some(checkpoints) = &self.checkpoints {
                    checkpoints.begin();
                }
            }
        }
        if self.last_slice.elapsed() >= PERIOD {
            self.slice(counts)?;
        }
        Ok(())
    }

    /// While no job is there. Returns whether there is more to do.
    pub(super) fn idle(&mut self, counts: &mut Counts<'c>) -> rusqlite::Result<bool> {
        if self.wal_waits {
            let Wal { frames, moved, busy } = wal(self.connection, Checkpoint::Passive)?;
            self.wal_waits = busy || moved < frames;
        }
        let more = self.slice(counts)?;
        Ok(self.give_back()? || more)
    }

    /// Removes delivered events until there is room, or until there is none left, for a short time only. Returns whether it has
    /// removed any.
    pub(super) fn make_room(&mut self, counts: &mut Counts<'c>) -> rusqlite::Result<bool> {
        let begin = Instant::now();
        let mut removed = false;
        while begin.elapsed() < SLICE {
            let step = self.prune(Prune::Delivered, counts)?;
            removed |= step.removed > 0;
            if step.is_last {
                break;
            }
        }
        // Pages of removed events count as used while the WAL has them.
        move_wal(self.connection)?;
        while begin.elapsed() < 2 * SLICE && self.give_back()? {}
        Ok(removed)
    }

    /// Moves the WAL into the database before the database is closed.
    pub(super) fn end(&mut self) -> rusqlite::Result<()> {
        wal(self.connection, Checkpoint::Passive).map(drop)
    }

    fn slice(&mut self, counts: &mut Counts<'c>) -> rusqlite::Result<bool> {
        let begin = Instant::now();
        self.last_slice = begin;
        if begin < self.next_search {
            return Ok(false);
        }
        while begin.elapsed() < SLICE {
            if self.prune(Prune::Old, counts)?.is_last {
                self.next_search = Instant::now() + PAUSE;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn prune(&mut self, prune: Prune, counts: &mut Counts<'c>) -> rusqlite::Result<Step> {
        let pruner = &mut self.pruner;
        in_transaction(self.connection, counts, |counts| pruner.step(prune, counts))
    }

    /// Gives a few free pages back to the system. Returns whether there are more.
    fn give_back(&mut self) -> rusqlite::Result<bool> {
        let number = |pragma| self.connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
        let (free, all) = (number("PRAGMA freelist_count")?, number("PRAGMA page_count")?);
        if free < SPARE_PAGES || free < all / 4 {
            return Ok(false);
        }
        let mut vacuum =
            self.connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})"))?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
        Ok(true)
    }
}
