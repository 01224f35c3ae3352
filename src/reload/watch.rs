//! Watches the files that the settings name.
//!
//! Events of the kernel only start a comparison: the content of the files decides whether they have changed (decision
//! 703). Without an event, they are compared once a minute, since events may be lost. A reload waits a short time until
//! nothing is written any more. If a file is read while it is incomplete, the settings are refused, and the rest of the
//! file is the next change.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::Level;

use super::events::WatchFailed;
use crate::config::Files;
use crate::platform::symlinks;
use crate::telemetry::emit;

/// The files are compared after this time without an event, or after the longest wait.
const QUIET: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often the files are compared without an event: if the kernel sends events, and if not.
const COMPARE_INTERVAL: Duration = Duration::from_secs(60);
const COMPARE_INTERVAL_WITHOUT_EVENTS: Duration = Duration::from_secs(5);

/// Waits until the files differ from what was read.
pub(crate) struct Watch {
    /// `None` if the kernel sends no events; then the files are compared more often.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    event: Arc<Notify>,
    files: Files,
    next_comparison: Instant,
}

impl Watch {
    /// Watches `files`. If the kernel's events are not available, logs that and compares more often.
    pub(crate) fn new(files: Files) -> Self {
        let event = Arc::new(Notify::new());
        let notify = Arc::clone(&event);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().map_or(true, is_change) {
                notify.notify_one();
            }
        });
        let (watcher, outcome) = match watcher {
            Ok(watcher) => (Some(watcher), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let mut watch =
            Self { watcher, folders: BTreeSet::new(), event, files, next_comparison: Instant::now() };
        log_failure(outcome.and(watch.watch_folders()));
        watch
    }

    /// Watches `files`, which were read last. If a folder cannot be watched, logs that; the files are compared
    /// nevertheless.
    pub(crate) fn follow(&mut self, files: Files) {
        self.files = files;
        log_failure(self.watch_folders());
    }

    /// Waits until a file differs from what was read. May be dropped and called again.
    pub(crate) async fn changed(&mut self) {
        loop {
            if timeout_at(self.next_comparison, self.event.notified()).await.is_ok() {
                self.wait_for_quiet().await;
            }
            let thoroughly = Instant::now() >= self.next_comparison;
            if thoroughly {
                self.next_comparison = Instant::now() + self.interval();
            }
            if self.files.differ(thoroughly) {
                return;
            }
            // A symlink may now lead to another folder, with a file of the same content.
            let _ = self.watch_folders();
        }
    }

    fn interval(&self) -> Duration {
        if self.watcher.is_some() { COMPARE_INTERVAL } else { COMPARE_INTERVAL_WITHOUT_EVENTS }
    }

    /// Waits until there are no more events, for [`LONGEST_WAIT`] at most.
    async fn wait_for_quiet(&self) {
        let latest = Instant::now() + LONGEST_WAIT;
        loop {
            let quiet = (Instant::now() + QUIET).min(latest);
            if timeout_at(quiet, self.event.notified()).await.is_err() {
                return;
            }
        }
    }

    fn watch_folders(&mut self) -> notify::Result<()> {
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let folders: BTreeSet<_> = self.files.paths().flat_map(symlinks::leading_to).collect();
        let mut outcome = Ok(());
        for gone in self.folders.difference(&folders) {
            // An error says that it does not exist any more.
            let _ = watcher.unwatch(gone);
        }
        for folder in &folders {
            // Also folders that are watched already: another folder may have the same name now.
            let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
            outcome = outcome.and(watched);
        }
        self.folders = folders;
        outcome
    }
}

/// Whether a file may have changed. Opening and reading are events too, also when clawgate does it.
fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

fn log_failure(outcome: notify::Result<()>) {
    if let Err(error) = outcome {
        emit(Level::WARN, "watch_failed", &WatchFailed::new(&error));
    }
}
