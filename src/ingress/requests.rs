//! The requests of one connection, counted: which is under way, and since when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The requests of one connection, counted.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) begun: AtomicU64,
    /// Told of each that begins; of use for the first.
    pub(super) first: Notify,
    under_way: AtomicUsize,
    opened: Instant,
    /// Milliseconds after `opened` at which the last one ended.
    ended: AtomicU64,
}

impl Default for Requests {
    fn default() -> Self {
        let (begun, under_way, ended) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicU64::new(0));
        Self { begun, first: Notify::new(), under_way, opened: Instant::now(), ended }
    }
}

/// A request whose answer is not out yet.
#[derive(Debug)]
pub(super) struct UnderWay {
    requests: Arc<Requests>,
    number: u64,
}

impl UnderWay {
    /// Which request of its connection it is, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Requests {
    pub(super) fn begin(self: Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        self.first.notify_one();
        UnderWay { requests: self, number }
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// When the connection was last of use; now, while a request is under way.
    pub(super) fn idle_since(&self) -> Instant {
        if self.under_way() > 0 {
            return Instant::now();
        }
        self.opened + Duration::from_millis(self.ended.load(Ordering::Relaxed))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let at = self.requests.opened.elapsed().as_millis();
        self.requests.ended.store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.requests.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
