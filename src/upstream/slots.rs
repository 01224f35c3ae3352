//! How many requests may be with an upstream at once, and how many may wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::observe::metrics::{Counted, UpstreamMetrics};

/// The slots of one worker's client.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    at_once: usize,
    queue: usize,
    waiting: AtomicUsize,
    metrics: Arc<UpstreamMetrics>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    _in_flight: Counted,
}

/// One who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Slots {
    pub(super) fn new(at_once: usize, queue: usize, metrics: Arc<UpstreamMetrics>) -> Self {
        let at_once = at_once.min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(at_once));
        Self { free, at_once, queue, waiting: AtomicUsize::new(0), metrics }
    }

    /// How many there are.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// A slot; waits for one at most `patience`, and not at all when enough wait already.
    pub(super) async fn take(&self, patience: Duration) -> Option<Slot> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait(patience).await?,
        };
        Some(Slot { _permit: permit, _in_flight: self.metrics.begun() })
    }

    async fn wait(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let _waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue {
            return None;
        }
        let _counted = self.metrics.waits();
        // It is never closed.
        timeout(patience, Arc::clone(&self.free).acquire_owned()).await.ok()?.ok()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
