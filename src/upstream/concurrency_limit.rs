//! Limits how many requests may be in progress at an upstream, and how many may wait for that: in all, and for each
//! client.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::telemetry::metrics::{Counted, UpstreamMetrics};

/// How many clients are distinguished. Further clients share the lane of another one. A fixed number of lanes needs no
/// lock and no removal.
const LANES: usize = 1024;

/// The slots for one worker's requests to an upstream.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    at_once: usize,
    queue: usize,
    waiting: AtomicUsize,
    lanes: Box<[OnceLock<Lane>]>,
    metrics: Arc<UpstreamMetrics>,
}

/// The slots and places in the queue that one client may use.
#[derive(Debug)]
struct Lane {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A slot, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _permits: Permits,
    _in_flight: Counted,
}

/// One permit of the client's share, and one of all.
type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// Why there is no slot: this many requests are in progress already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Requests of all clients.
    All(usize),
    /// Requests of this client.
    Share(usize),
}

/// A request that waits for a slot.
struct Waiting<'a>(&'a AtomicUsize);

impl Slots {
    pub(crate) fn new(at_once: usize, queue: usize, metrics: Arc<UpstreamMetrics>) -> Self {
        let at_once = at_once.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(at_once)),
            at_once,
            queue,
            waiting: AtomicUsize::new(0),
            lanes: std::iter::repeat_with(OnceLock::new).take(LANES).collect(),
            metrics,
        }
    }

    /// Takes a slot for a request of the client with this number. Waits for it at most `max_wait`; does not wait if the
    /// queue is full.
    ///
    /// # Errors
    /// If there is no slot.
    pub(crate) async fn take(&self, client: usize, max_wait: Duration) -> Result<Slot, Full> {
        let lane = self.lanes[client % LANES].get_or_init(|| Lane {
            free: Arc::new(Semaphore::new(share_of(self.at_once))),
            waiting: AtomicUsize::new(0),
        });
        let permits = match Arc::clone(&lane.free).try_acquire_owned() {
            Ok(mine) => match Arc::clone(&self.free).try_acquire_owned() {
                Ok(any) => (mine, any),
                Err(_) => self.wait(lane, Some(mine), max_wait).await?,
            },
            Err(_) => self.wait(lane, None, max_wait).await?,
        };
        Ok(Slot { _permits: permits, _in_flight: self.metrics.begun() })
    }

    async fn wait(
        &self,
        lane: &Lane,
        mine: Option<OwnedSemaphorePermit>,
        max_wait: Duration,
    ) -> Result<Permits, Full> {
        let all = Full::All(self.at_once);
        let mut full = if mine.is_some() { all } else { Full::Share(share_of(self.at_once)) };
        let (_in_lane, _in_all) = match (Waiting::begin(&lane.waiting), Waiting::begin(&self.waiting)) {
            ((before, _), _) if before >= share_of(self.queue) => return Err(full),
            (_, (before, _)) if before >= self.queue => return Err(all),
            ((_, in_lane), (_, in_all)) => (in_lane, in_all),
        };
        let _counted = self.metrics.waits();
        let permits = async {
            let mine = match mine {
                Some(mine) => mine,
                None => Arc::clone(&lane.free).acquire_owned().await.ok()?,
            };
            full = all;
            Some((mine, Arc::clone(&self.free).acquire_owned().await.ok()?))
        };
        // The semaphores are never closed.
        match timeout(max_wait, permits).await {
            Ok(Some(permits)) => Ok(permits),
            _ => Err(full),
        }
    }
}

/// How many of `count` slots one client may use: three quarters, so that a slow client leaves some for others.
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
