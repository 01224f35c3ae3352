//! A bounded number of connections, of which the oldest gives way to a new one.
//!
//! For connections of clients of which nothing is known yet. An honest one is through in milliseconds, and one that
//! holds its place without getting on is the likeliest not to be honest. Turning new ones away
//! instead would let whoever opens connections and stays silent keep everybody else out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

/// Bytes that a connection may hold before they count: more than most handshakes have.
const UNCOUNTED: usize = 4 * 1024;

/// Connections that are under way; clones are the same.
#[derive(Clone, Debug)]
pub struct OldestFirst(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    /// How much those that hold more than [`UNCOUNTED`] may hold in all.
    bytes: usize,
    /// Locked twice for each connection, and when one of those that hold much gets more; never for a request.
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    by_age: BTreeMap<u64, Member>,
    /// Those that hold more than [`UNCOUNTED`].
    large: BTreeSet<u64>,
    /// What these hold.
    held: usize,
}

#[derive(Debug)]
struct Member {
    notice: Arc<Notice>,
    /// As far as they count.
    bytes: usize,
}

/// Tells one that it has to give way.
#[derive(Debug, Default)]
struct Notice {
    told: Notify,
    why: OnceLock<Exceeded>,
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Connections.
    Count,
    /// Bytes that they hold.
    Bytes,
}

/// One connection that is under way, until it is dropped.
#[derive(Debug)]
pub struct Entry {
    all: Arc<State>,
    number: u64,
    notice: Arc<Notice>,
}

/// Counts the bytes that one connection holds.
#[derive(Clone, Debug)]
pub struct Meter {
    all: Arc<State>,
    number: u64,
    bytes: Arc<AtomicUsize>,
}

impl OldestFirst {
    /// Room for `limit` connections, and for `bytes` that those of them hold together which hold more than 4 KiB.
    pub fn new(limit: usize, bytes: usize) -> Self {
        Self(Arc::new(State { limit, bytes, under_way: Mutex::default() }))
    }

    /// How many there may be.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// How many bytes they may hold.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// Begins one; if there are too many, the oldest is told to give way.
    pub fn begin(&self) -> Entry {
        let notice = Arc::new(Notice::default());
        let mut under_way = self.0.under_way();
        let number = under_way.next;
        under_way.next += 1;
        under_way.by_age.insert(number, Member { notice: Arc::clone(&notice), bytes: 0 });
        if under_way.by_age.len() > self.0.limit
            && let Some(oldest) = under_way.by_age.keys().next().copied()
        {
            under_way.evict(oldest, Exceeded::Count);
        }
        Entry { all: Arc::clone(&self.0), number, notice }
    }
}

impl State {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection with this number holds so many `bytes` by now. If that is too much, the oldest of those that
    /// hold much are told to give way.
    fn holds(&self, number: u64, bytes: usize) {
        let mut under_way = self.under_way();
        let Some(member) = under_way.by_age.get_mut(&number) else { return };
        let more = bytes.saturating_sub(member.bytes);
        member.bytes = member.bytes.max(bytes);
        under_way.held += more;
        under_way.large.insert(number);
        while under_way.held > self.bytes
            && under_way.large.len() > 1
            && let Some(oldest) = under_way.large.first().copied()
        {
            under_way.evict(oldest, Exceeded::Bytes);
        }
    }
}

impl UnderWay {
    fn evict(&mut self, number: u64, why: Exceeded) {
        if let Some(member) = self.remove(number) {
            let _ = member.notice.why.set(why);
            member.notice.told.notify_one();
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
    /// Waits until this one has to give way.
    pub async fn evicted(&self) -> Exceeded {
        self.notice.told.notified().await;
        self.notice.why.get().copied().unwrap_or(Exceeded::Count)
    }

    /// What counts the bytes that it holds; nothing yet.
    pub fn meter(&self) -> Meter {
        Meter { all: Arc::clone(&self.all), number: self.number, bytes: Arc::default() }
    }

    /// It holds no bytes any more.
    pub fn empty(&self) {
        let mut under_way = self.all.under_way();
        if under_way.large.remove(&self.number)
            && let Some(member) = under_way.by_age.get_mut(&self.number)
        {
            let bytes = std::mem::take(&mut member.bytes);
            under_way.held = under_way.held.saturating_sub(bytes);
        }
    }
}

impl Meter {
    /// It holds so many bytes more.
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
        self.all.under_way().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn gives_way(entry: &Entry) -> Option<Exceeded> {
        match pin!(entry.evicted()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(why) => Some(why),
            Poll::Pending => None,
        }
    }

    #[test]
    fn its_limits_are_told_as_they_were_set() {
        let connections = OldestFirst::new(7, 9);
        assert_eq!((connections.limit(), connections.bytes()), (7, 9));
    }

    #[test]
    fn the_oldest_gives_way_to_one_too_many() {
        let connections = OldestFirst::new(2, 0);
        let all = [(); 3].map(|()| connections.begin());
        assert_eq!(all.each_ref().map(gives_way), [Some(Exceeded::Count), None, None]);
        assert_eq!(connections.0.under_way().by_age.len(), 2);
    }

    #[test]
    fn one_that_is_through_leaves_its_place() {
        let connections = OldestFirst::new(2, 0);
        let first = connections.begin();
        drop(connections.begin());
        let second = connections.begin();
        assert_eq!((gives_way(&first), gives_way(&second)), (None, None));
        drop((first, second));
        assert_eq!(connections.0.under_way().by_age.len(), 0);
    }

    #[test]
    fn the_oldest_of_those_that_hold_much_gives_way_to_more_bytes() {
        let connections = OldestFirst::new(100, 30_000);
        let all = [(); 5].map(|()| connections.begin());
        let meters = all.each_ref().map(Entry::meter);
        meters[0].add(UNCOUNTED);
        for meter in &meters[1..] {
            meter.add(5_000);
            meter.add(5_000);
        }
        assert_eq!(all.each_ref().map(gives_way), [None, Some(Exceeded::Bytes), None, None, None]);
        assert_eq!(connections.0.under_way().held, 30_000);
    }

    #[test]
    fn one_alone_may_hold_more_than_all_may() {
        let connections = OldestFirst::new(100, 1_000);
        let only = connections.begin();
        only.meter().add(50_000);
        assert_eq!(gives_way(&only), None);
    }

    #[test]
    fn what_is_not_held_any_more_does_not_count() {
        let connections = OldestFirst::new(100, 30_000);
        let (first, second, third) = (connections.begin(), connections.begin(), connections.begin());
        first.meter().add(20_000);
        first.empty();
        second.meter().add(20_000);
        assert_eq!((gives_way(&first), gives_way(&second)), (None, None));
        drop(second);
        third.meter().add(30_000);
        assert_eq!((gives_way(&first), gives_way(&third)), (None, None));
        drop((first, third));
        let under_way = connections.0.under_way();
        assert_eq!((under_way.held, under_way.large.len(), under_way.by_age.len()), (0, 0, 0));
    }
}
