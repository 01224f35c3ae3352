//! The right to deliver, as this process has it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The right to deliver of this process.
#[derive(Debug)]
pub(super) struct Lease {
    /// The name of this process in the stream.
    pub(super) holder: Box<str>,
    held: Mutex<Option<Held>>,
    /// Whether this process has the right.
    pub(super) is_held: watch::Sender<bool>,
}

/// A right that was taken or renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The sequence of the last message about it.
    pub(super) revision: u64,
    /// It counts until then.
    pub(super) until: Instant,
    /// When it is to be renewed.
    pub(super) renew_at: Instant,
    /// When the first of the renewals was sent that were not confirmed since; one of them may be stored.
    pub(super) unconfirmed: Option<Instant>,
    /// Since when this process has not read what it has written about the right.
    pub(super) unread: Option<Instant>,
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

    /// What this process knows of it.
    pub(super) fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process has the right at this moment.
    pub(super) fn is_current(&self) -> bool {
        self.held().is_some_and(|held| held.until > Instant::now())
    }

    /// This process has the right from now on.
    pub(super) fn hold(&self, held: Held) {
        *self.held() = Some(held);
        self.is_held.send_replace(true);
    }

    /// Changes it, unless it was given up meanwhile.
    pub(super) fn change(&self, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.held().as_mut() {
            change(held);
        }
    }

    /// This process does not have the right any more.
    pub(super) fn give_up(&self) -> Option<Held> {
        let held = self.held().take();
        self.is_held.send_replace(false);
        held
    }

    /// Waits until this process does not have the right. It looks at the clock itself, in case nobody renews.
    pub(super) async fn lost(&self) {
        let mut is_held = self.is_held.subscribe();
        loop {
            let held = *self.held();
            let Some(Held { until, .. }) = held.filter(|held| held.until > Instant::now()) else {
                return;
            };
            tokio::select! {
                // The sender is part of `self`.
                _ = is_held.wait_for(|is_held| !is_held) => return,
                () = sleep_until(until) => {}
            }
        }
    }
}
