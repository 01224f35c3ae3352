//! Whether there is room for one more event: `max_events`, `max_bytes`, `min_free`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::space::{free, used};
use crate::inbox::InboxSettings;

/// How long a measurement is used.
const MAX_AGE: Duration = Duration::from_secs(1);
/// After this many new bytes the space is measured again.
const MAX_ADDED: u64 = 16 * 1024 * 1024;

/// The limits, and how much is used.
pub(super) struct Room {
    database: PathBuf,
    max_events: u64,
    max_bytes: u64,
    min_free: u64,
    measured: Option<Instant>,
    used: u64,
    free: u64,
    /// Bytes that were added since the measurement.
    added: u64,
    /// When it was tried to make room, if there has been none since.
    tried: Option<Instant>,
}

impl Room {
    /// With these limits.
    pub(super) fn new(path: &Path, settings: &InboxSettings) -> Self {
        Self {
            database: path.to_owned(),
            max_events: settings.max_events,
            max_bytes: settings.max_bytes,
            min_free: settings.min_free,
            measured: None,
            used: 0,
            free: 0,
            added: 0,
            tried: None,
        }
    }

    /// Measures, unless that was done just now.
    pub(super) fn measure(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let is_new = self.measured.is_some_and(|measured| measured.elapsed() < MAX_AGE);
        if is_new && self.added < MAX_ADDED {
            return Ok(());
        }
        self.used = used(connection)?;
        self.free = free(&self.database);
        self.added = 0;
        self.measured = Some(Instant::now());
        Ok(())
    }

    /// Whether something should be removed, so that so many bytes more find room. Not more often than once in a while.
    pub(super) fn needs_more(&mut self, bytes: usize) -> bool {
        if self.space(bytes).is_ok() {
            self.tried = None;
            return false;
        }
        if self.tried.is_some_and(|tried| tried.elapsed() < MAX_AGE) {
            return false;
        }
        self.tried = Some(Instant::now());
        true
    }

    /// Something was removed, or should have been. The next measurement takes place at once.
    pub(super) fn was_made(&mut self, removed: bool) {
        self.measured = None;
        if removed {
            self.tried = None;
        }
    }

    /// Takes the room for an event of so many bytes.
    ///
    /// # Errors
    /// Which limit is reached.
    pub(super) fn take(&mut self, kept: i64, bytes: usize) -> Result<(), String> {
        if u64::try_from(kept).unwrap_or(0) >= self.max_events {
            return Err(format!("{} events wait or are dead (inbox.max_events)", self.max_events));
        }
        self.space(bytes)?;
        self.added = self.added.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        Ok(())
    }

    fn space(&self, bytes: usize) -> Result<(), String> {
        let more = self.added.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.used.saturating_add(more) > self.max_bytes {
            return Err(format!(
                "the database has {} bytes of {} (inbox.max_bytes)",
                self.used, self.max_bytes
            ));
        }
        if self.free.saturating_sub(more) < self.min_free {
            return Err(format!(
                "the disk has {} bytes left (inbox.min_free is {})",
                self.free, self.min_free
            ));
        }
        Ok(())
    }
}
