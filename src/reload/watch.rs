//! Watching the files that the settings name.
//!
//! Events of the kernel say only that something happened in a folder; what a file holds says whether it
//! has changed. So an event (or, should events be lost, a minute) leads to a look at the files, and a
//! difference to what was seen at the last reading leads to a reload. A file that is being written is
//! waited for a little; one that is read half-written all the same does not validate, and the rest of
//! it is another difference.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::config::Files;
use crate::platform::symlinks;

/// How long the folders must be quiet before the files are looked at, and how long that is waited for.
const QUIET: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often the files are looked at without an event: with the kernel's events, and without.
const LOOK: Duration = Duration::from_secs(60);
const LOOK_WITHOUT_EVENTS: Duration = Duration::from_secs(5);

/// Tells when the files differ from what was read.
pub(crate) struct Watch {
    /// `None`: the kernel has no watch to give, and the files are looked at more often.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    stirred: Arc<Notify>,
    files: Files,
    next_look: Instant,
}

impl Watch {
    /// Watches `files`.
    ///
    /// # Errors
    /// Why the kernel's events cannot be had; the watch works without them.
    pub(crate) fn new(files: Files) -> (Self, notify::Result<()>) {
        let stirred = Arc::new(Notify::new());
        let teller = Arc::clone(&stirred);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().map_or(true, is_change) {
                teller.notify_one();
            }
        });
        let (watcher, outcome) = match watcher {
            Ok(watcher) => (Some(watcher), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let mut watch =
            Self { watcher, folders: BTreeSet::new(), stirred, files, next_look: Instant::now() };
        let outcome = outcome.and(watch.watch_folders());
        (watch, outcome)
    }

    /// Watches what was read last.
    ///
    /// # Errors
    /// Why a folder cannot be watched; the files are looked at all the same.
    pub(crate) fn follow(&mut self, files: Files) -> notify::Result<()> {
        self.files = files;
        self.watch_folders()
    }

    /// Waits until a file differs from what was read. May be dropped and called again.
    pub(crate) async fn changed(&mut self) {
        loop {
            if timeout_at(self.next_look, self.stirred.notified()).await.is_ok() {
                self.settle().await;
            }
            let thoroughly = Instant::now() >= self.next_look;
            if thoroughly {
                self.next_look = Instant::now() + self.pause();
            }
            if self.files.differ(thoroughly) {
                return;
            }
            // A symlink may lead elsewhere now, to a file of the same content.
            let _ = self.watch_folders();
        }
    }

    fn pause(&self) -> Duration {
        if self.watcher.is_some() { LOOK } else { LOOK_WITHOUT_EVENTS }
    }

    /// Waits for whoever is writing.
    async fn settle(&self) {
        let latest = Instant::now() + LONGEST_WAIT;
        loop {
            let quiet = (Instant::now() + QUIET).min(latest);
            if timeout_at(quiet, self.stirred.notified()).await.is_err() {
                return;
            }
        }
    }

    fn watch_folders(&mut self) -> notify::Result<()> {
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let folders: BTreeSet<_> = self.files.paths().flat_map(symlinks::leading_to).collect();
        let mut outcome = Ok(());
        for gone in self.folders.difference(&folders) {
            // It may be gone from the disk, too.
            let _ = watcher.unwatch(gone);
        }
        for folder in &folders {
            // Those of before as well: another folder may have come in its place.
            let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
            outcome = outcome.and(watched);
        }
        self.folders = folders;
        outcome
    }
}

/// Whether a file may be another after it. Opening and reading are events too, our own among them.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}
