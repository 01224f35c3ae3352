//! What the dispatcher and its handles share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::state::{Paused, UpstreamState};
use super::watch::Watches;

/// What the dispatcher and its handles share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) watches: Arc<Watches>,
    /// Notified when an operator asks to end pauses.
    pub(super) resumed: Notify,
    /// Which ones, until the loop has ended them.
    to_resume: Mutex<Vec<Paused>>,
    delivers: AtomicBool,
    shown: Mutex<Shown>,
}

/// What is known outside of the dispatcher.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The upstreams, and what is paused.
    pub(super) state: Vec<UpstreamState>,
    /// The routes that are paused, themselves or with their upstream.
    pub(super) paused: HashSet<Arc<str>>,
}

impl Shared {
    /// Sets what is known outside. Senders no longer wait for what is paused now.
    pub(super) fn show(&self, shown: Shown) {
        self.watches.retain(|_, route| !shown.paused.contains(route));
        *self.shown() = shown;
    }

    /// Sets whether events are tried from now on.
    pub(super) fn set_delivers(&self, delivers: bool) {
        self.delivers.store(delivers, Ordering::Relaxed);
    }

    /// Whether this process delivers.
    pub(super) fn delivers(&self) -> bool {
        self.delivers.load(Ordering::Relaxed)
    }

    /// The upstreams, and what is paused.
    pub(super) fn state(&self) -> Vec<UpstreamState> {
        self.shown().state.clone()
    }

    /// The routes that are paused, themselves or with their upstream.
    pub(super) fn paused_routes(&self) -> Vec<Arc<str>> {
        self.shown().paused.iter().cloned().collect()
    }

    /// Whether a new event of `route` is tried at once.
    pub(super) fn tries(&self, route: &str) -> bool {
        self.delivers() && !self.shown().paused.contains(route)
    }

    /// Asks the loop to end a pause.
    pub(super) fn resume(&self, paused: Paused) {
        self.to_resume.lock().unwrap_or_else(PoisonError::into_inner).push(paused);
        self.resumed.notify_one();
    }

    /// The pauses that are to be ended.
    pub(super) fn to_resume(&self) -> Vec<Paused> {
        std::mem::take(&mut *self.to_resume.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
