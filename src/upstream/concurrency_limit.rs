//! Limits how many requests may be in progress at an upstream, and how many may wait: in total, and for each client.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::telemetry::metrics::{Counted, UpstreamMetrics};

/// How many clients are distinguished. Further clients use the share of another one. A fixed number of shares needs no
/// lock and no removal.
const SHARES: usize = 1024;

/// Limits one worker's concurrent requests to an upstream.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    free: Arc<Semaphore>,
    at_once: usize,
    queue: usize,
    waiting: AtomicUsize,
    shares: Box<[OnceLock<Share>]>,
    metrics: Arc<UpstreamMetrics>,
}

/// The permits and places in the queue that one client may use.
#[derive(Debug)]
struct Share {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Permission for one request, until this is dropped.
#[derive(Debug)]
pub(super) struct ConcurrencyPermit {
    _permits: Permits,
    _in_flight: Counted,
}

/// One permit of the client's share, and one of the total.
type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// Why there is no permit: the limit that is reached, with the number of requests in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitReached {
    /// Requests of all clients.
    All(usize),
    /// Requests of this client.
    Client(usize),
}

/// A request that waits for a permit.
struct Waiting<'a>(&'a AtomicUsize);

impl ConcurrencyLimit {
    pub(crate) fn new(at_once: usize, queue: usize, metrics: Arc<UpstreamMetrics>) -> Self {
        let at_once = at_once.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(at_once)),
            at_once,
            queue,
            waiting: AtomicUsize::new(0),
            shares: std::iter::repeat_with(OnceLock::new).take(SHARES).collect(),
            metrics,
        }
    }

    /// Waits for a permit for a request of the client with this number, at most `max_wait`; does not wait if the queue is
    /// full.
    ///
    /// # Errors
    /// If there is no permit.
    pub(crate) async fn acquire(
        &self,
        client: usize,
        max_wait: Duration,
    ) -> Result<ConcurrencyPermit, LimitReached> {
        let share = self.shares[client % SHARES].get_or_init(|| Share {
            free: Arc::new(Semaphore::new(share_of(self.at_once))),
            waiting: AtomicUsize::new(0),
        });
        let permits = match Arc::clone(&share.free).try_acquire_owned() {
            Ok(mine) => match Arc::clone(&self.free).try_acquire_owned() {
                Ok(any) => (mine, any),
                Err(_) => self.wait(share, Some(mine), max_wait).await?,
            },
            Err(_) => self.wait(share, None, max_wait).await?,
        };
        Ok(ConcurrencyPermit { _permits: permits, _in_flight: self.metrics.begun() })
    }

    async fn wait(
        &self,
        share: &Share,
        mine: Option<OwnedSemaphorePermit>,
        max_wait: Duration,
    ) -> Result<Permits, LimitReached> {
        let all = LimitReached::All(self.at_once);
        let mut reached =
            if mine.is_some() { all } else { LimitReached::Client(share_of(self.at_once)) };
        let (_in_share, _in_all) = match (Waiting::begin(&share.waiting), Waiting::begin(&self.waiting))
        {
            ((before, _), _) if before >= share_of(self.queue) => return Err(reached),
            (_, (before, _)) if before >= self.queue => return Err(all),
            ((_, in_share), (_, in_all)) => (in_share, in_all),
        };
        let _counted = self.metrics.waits();
        let permits = async {
            let mine = match mine {
                Some(mine) => mine,
                None => Arc::clone(&share.free).acquire_owned().await.ok()?,
            };
            reached = all;
            Some((mine, Arc::clone(&self.free).acquire_owned().await.ok()?))
        };
        // The semaphores are never closed.
        match timeout(max_wait, permits).await {
            Ok(Some(permits)) => Ok(permits),
            _ => Err(reached),
        }
    }
}

/// How many of `count` permits one client may use: three quarters, so that a slow client leaves some for others.
fn share_of(count: usize) -> usize {
    (count - count.div_ceil(4)).max(count.min(1))
}

impl<'a> Waiting<'a> {
    /// Counts a waiting request. Returns how many waited before it.
    fn begin(count: &'a AtomicUsize) -> (usize, Self) {
        (count.fetch_add(1, Ordering::Relaxed), Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_may_have_three_quarters_but_at_least_one() {
        let counts = [0, 1, 2, 3, 4, 8, 256, 512];
        assert_eq!(counts.map(share_of), [0, 1, 1, 2, 3, 6, 192, 384]);
    }
}
