//! Limits the number of connections by evicting the oldest one for a new one.
//!
//! This is for connections whose client is not known yet. The handshake of an honest client takes milliseconds, so the
//! oldest connection is the least likely to be honest. If new connections were refused instead, a client could keep all
//! others out by opening connections and sending nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

/// How many bytes of a connection are not counted. Most handshakes need fewer.
const UNCOUNTED: usize = 4 * 1024;

/// The connections in progress; clones share them.
#[derive(Clone, Debug)]
pub struct OldestFirst(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    /// How many bytes the large connections may hold together. A connection is large if it holds more than
    /// [`UNCOUNTED`].
    bytes: usize,
    /// The lock is taken twice per connection and when a large connection grows, but never for a request.
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    by_age: BTreeMap<u64, Member>,
    /// The numbers of the large connections.
    large: BTreeSet<u64>,
    /// Bytes that the large connections hold.
    held: usize,
}

#[derive(Debug)]
struct Member {
    eviction: Arc<Eviction>,
    /// Counted bytes.
    bytes: usize,
}

/// Tells a connection that it is evicted.
#[derive(Debug, Default)]
struct Eviction {
    notify: Notify,
    reason: OnceLock<Exceeded>,
}

/// Which limit was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// The number of connections.
    Count,
    /// The bytes that they hold.
    Bytes,
}

/// One connection in progress, until it is dropped.
#[derive(Debug)]
pub struct Entry {
    all: Arc<State>,
    number: u64,
    eviction: Arc<Eviction>,
}

/// Counts the bytes that one connection holds.
#[derive(Clone, Debug)]
pub struct Meter {
    all: Arc<State>,
    number: u64,
    bytes: Arc<AtomicUsize>,
}

impl OldestFirst {
    /// Allows at most `limit` connections. Those that hold more than 4 KiB may hold at most `bytes` together.
    pub fn new(limit: usize, bytes: usize) -> Self {
        Self(Arc::new(State { limit, bytes, connections: Mutex::default() }))
    }

    /// The maximum number of connections.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// The maximum number of bytes that large connections may hold together.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// Adds a connection; if there are too many, evicts the oldest.
    pub fn begin(&self) -> Entry {
        let eviction = Arc::new(Eviction::default());
        let mut connections = self.0.connections();
        let number = connections.next;
        connections.next += 1;
        connections.by_age.insert(number, Member { eviction: Arc::clone(&eviction), bytes: 0 });
        if connections.by_age.len() > self.0.limit
            && let Some(oldest) = connections.by_age.keys().next().copied()
        {
            connections.evict(oldest, Exceeded::Count);
        }
        Entry { all: Arc::clone(&self.0), number, eviction }
    }
}

impl State {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a connection holds `bytes` now. If the large connections hold too much together, evicts the oldest of
    /// them.
    fn holds(&self, number: u64, bytes: usize) {
        let mut connections = self.connections();
        let Some(member) = connections.by_age.get_mut(&number) else { return };
        let more = bytes.saturating_sub(member.bytes);
        member.bytes = member.bytes.max(bytes);
        connections.held += more;
        connections.large.insert(number);
        while connections.held > self.bytes
            && connections.large.len() > 1
            && let Some(oldest) = connections.large.first().copied()
        {
            connections.evict(oldest, Exceeded::Bytes);
        }
    }
}

impl Connections {
    fn evict(&mut self, number: u64, reason: Exceeded) {
        if let Some(member) = self.remove(number) {
            let _ = member.eviction.reason.set(reason);
            member.eviction.notify.notify_one();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Member> {
        let member = self.by_age.remove(&number)?;
        if self.large.remove(&number) {
            self.held = self.held.saturating_sub(member.bytes);
        }
        Some(member)
    }
}

impl Entry {
    /// Waits until this connection is evicted.
    pub async fn evicted(&self) -> Exceeded {
        self.eviction.notify.notified().await;
        self.eviction.reason.get().copied().unwrap_or(Exceeded::Count)
    }

    /// A counter for the bytes that this connection holds, from 0.
    pub fn meter(&self) -> Meter {
        Meter { all: Arc::clone(&self.all), number: self.number, bytes: Arc::default() }
    }

    /// Notes that this connection no longer holds bytes.
    pub fn empty(&self) {
        let mut connections = self.all.connections();
        if connections.large.remove(&self.number)
            && let Some(member) = connections.by_age.get_mut(&self.number)
        {
            let bytes = std::mem::take(&mut member.bytes);
            connections.held = connections.held.saturating_sub(bytes);
        }
    }
}

impl Meter {
    /// Adds bytes that the connection holds.
    pub fn add(&self, bytes: usize) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let now = before.saturating_add(bytes);
        if now > UNCOUNTED {
            self.all.holds(self.number, now);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.all.connections().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn evicted(entry: &Entry) -> Option<Exceeded> {
        match pin!(entry.evicted()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reason) => Some(reason),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_limits_can_be_read() {
        let connections = OldestFirst::new(7, 9);
        assert_eq!((connections.limit(), connections.bytes()), (7, 9));
    }

    #[test]
    fn one_too_many_evicts_the_oldest() {
        let connections = OldestFirst::new(2, 0);
        let all = [(); 3].map(|()| connections.begin());
        assert_eq!(all.each_ref().map(evicted), [Some(Exceeded::Count), None, None]);
        assert_eq!(connections.0.connections().by_age.len(), 2);
    }

    #[test]
    fn a_connection_that_has_ended_does_not_count() {
        let connections = OldestFirst::new(2, 0);
        let first = connections.begin();
        drop(connections.begin());
        let second = connections.begin();
        assert_eq!((evicted(&first), evicted(&second)), (None, None));
        drop((first, second));
        assert_eq!(connections.0.connections().by_age.len(), 0);
    }

    #[test]
    fn too_many_bytes_evict_the_oldest_large_connection() {
        let connections = OldestFirst::new(100, 30_000);
        let all = [(); 5].map(|()| connections.begin());
        let meters = all.each_ref().map(Entry::meter);
        meters[0].add(UNCOUNTED);
        for meter in &meters[1..] {
            meter.add(5_000);
            meter.add(5_000);
        }
        assert_eq!(all.each_ref().map(evicted), [None, Some(Exceeded::Bytes), None, None, None]);
        assert_eq!(connections.0.connections().held, 30_000);
    }

    #[test]
    fn a_single_connection_may_exceed_the_bytes() {
        let connections = OldestFirst::new(100, 1_000);
        let only = connections.begin();
        only.meter().add(50_000);
        assert_eq!(evicted(&only), None);
    }

    #[test]
    fn bytes_that_are_no_longer_held_do_not_count() {
        let connections = OldestFirst::new(100, 30_000);
        let (first, second, third) = (connections.begin(), connections.begin(), connections.begin());
        first.meter().add(20_000);
        first.empty();
        second.meter().add(20_000);
        assert_eq!((evicted(&first), evicted(&second)), (None, None));
        drop(second);
        third.meter().add(30_000);
        assert_eq!((evicted(&first), evicted(&third)), (None, None));
        drop((first, third));
        let state = connections.0.connections();
        assert_eq!((state.held, state.large.len(), state.by_age.len()), (0, 0, 0));
    }
}
