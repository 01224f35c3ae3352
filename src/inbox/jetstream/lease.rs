//! Whether this process has the right to deliver.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

/// The right to deliver of this process.
#[derive(Debug)]
pub(super) struct Lease {
    /// The name of this process in the stream.
    pub(super) holder: Box<str>,
    held: Mutex<Option<Held>>,
    /// Whether this process has the right.
    pub(super) is_held: watch::Sender<bool>,
}

/// What the last renewal gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The sequence of the last message about it.
    pub(super) revision: u64,
    pub(super) until: Instant,
}

impl Lease {
    /// Not held yet. `holder` is the name of this process, which no other one has.
    pub(super) fn new(holder: String) -> Self {
        Self {
            holder: holder.into_boxed_str(),
            held: Mutex::default(),
            is_held: watch::Sender::new(false),
        }
    }

    /// What this process has; `None`: not the right.
    pub(super) fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process has the right at this moment.
    pub(super) fn is_current(&self) -> bool {
        self.held().is_some_and(|held| held.until > Instant::now())
    }

    /// This process has the right.
    pub(super) fn hold(&self, held: Held) {
        *self.held() = Some(held);
        self.is_held.send_replace(true);
    }

    /// This process does not have the right any more. Returns what it had.
    pub(super) fn give_up(&self) -> Option<Held> {
        let held = self.held().take();
        self.is_held.send_replace(false);
        held
    }

    /// Waits until this process does not have the right.
    pub(super) async fn lost(&self) {
        let mut is_held = self.is_held.subscribe();
        // The sender is part of `self`.
        let _ = is_held.wait_for(|is_held| !is_held).await;
    }
}
