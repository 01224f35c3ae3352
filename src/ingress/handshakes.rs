//! How many handshakes may be under way at once.
//!
//! When there are too many, the oldest gives way: an honest sender is through in milliseconds, and one that
//! holds its place without getting on is the likeliest not to be honest. Turning new ones away
//! instead would let whoever opens connections and stays silent keep everybody else out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The handshakes of a gate; clones are the same.
#[derive(Clone, Debug)]
pub struct Handshakes(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    /// Locked twice for each handshake, never for a request.
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    /// By age.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// One handshake that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Handshake {
    handshakes: Arc<State>,
    number: u64,
    displaced: Arc<Notify>,
}

impl Handshakes {
    /// Room for `limit` of them.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(State { limit, under_way: Mutex::default() }))
    }

    /// How many that is.
    pub(super) fn limit(&self) -> usize {
        self.0.limit
    }

    /// Begins one; if there are too many, the oldest is told to give way.
    pub(super) fn begin(&self) -> Handshake {
        let displaced = Arc::new(Notify::new());
        let mut under_way = self.0.under_way();
        let number = under_way.next;
        under_way.next += 1;
        under_way.waiting.insert(number, Arc::clone(&displaced));
        if under_way.waiting.len() > self.0.limit
            && let Some((_, oldest)) = under_way.waiting.pop_first()
        {
            oldest.notify_one();
        }
        Handshake { handshakes: Arc::clone(&self.0), number, displaced }
    }
}

impl State {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handshake {
    /// Waits until this one has to give way.
    pub(super) async fn displaced(&self) {
        self.displaced.notified().await;
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.handshakes.under_way().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn gives_way(handshake: &Handshake) -> bool {
        pin!(handshake.displaced()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn the_oldest_gives_way_to_one_too_many() {
        let handshakes = Handshakes::new(2);
        let all = [(); 3].map(|()| handshakes.begin());
        assert_eq!(all.each_ref().map(gives_way), [true, false, false]);
        assert_eq!(handshakes.0.under_way().waiting.len(), 2);
    }

    #[test]
    fn one_that_is_through_leaves_its_place() {
        let handshakes = Handshakes::new(2);
        let first = handshakes.begin();
        drop(handshakes.begin());
        let second = handshakes.begin();
        assert!(!gives_way(&first) && !gives_way(&second));
        drop((first, second));
        assert_eq!(handshakes.0.under_way().waiting.len(), 0);
    }
}
