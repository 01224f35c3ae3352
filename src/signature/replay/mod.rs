//! Remembers the requests that were delivered, so that the same one is not delivered again.
//!
//! A request is claimed before it goes to the upstream. If the upstream accepts it, the claim is confirmed, and the same
//! request is a duplicate from then on. If the upstream fails, the claim is released: the sender tries again, and that try
//! must pass. With [`SharedReplays`](crate::signature::shared_replays::SharedReplays) the same holds for several instances together.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::signature::shared_replays::{HeldClaim, SharedClaim, SharedRoute};
use crate::signature::verified::EventKey;

/// How long a delivered request is remembered if the settings do not say otherwise.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest window: one year. It keeps the end of a window within the range of [`Instant`].
const LONGEST_WINDOW: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How many requests one [`ReplayWindow`] remembers, in at most 5 MiB.
///
/// When it is full, the oldest delivered request is forgotten for a new one, even before its time. A captured request can
/// then be replayed if its signature covers no time, or if the time is still within the tolerance.
pub const CAPACITY: usize = 65_536;

/// The first half of an [`EventKey`], which is enough: two of 65,536 events have the same one with a chance of about 2^-97.
type Key = [u8; 16];

/// The requests of one route; clones share them.
///
/// They are in memory, and a restart forgets them, unless other instances [remember them, too](Self::shared_by). All workers share one window, since a sender may send the same request
/// on two connections. Each call takes a lock for one change of a map, amortised O(1).
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    window: Duration,
    requests: Arc<Mutex<Requests>>,
    /// Where several instances remember requests together.
    shared: Option<SharedRoute>,
}

/// What is known about a request.
#[derive(Debug)]
#[must_use]
pub enum Claim {
    /// It was not seen before, and is claimed now.
    New(ClaimGuard),
    /// It was delivered before.
    Duplicate,
    /// The same request is on its way to the upstream, and may still fail. Also when [`CAPACITY`] requests are on their way:
    /// one more could not be recognised later.
    InProgress,
}

/// A claimed request. Dropped without [`confirm`](Self::confirm), it is forgotten, also by the other instances.
#[derive(Debug)]
#[must_use = "the claim is released when this is dropped"]
pub struct ClaimGuard {
    requests: Arc<Mutex<Requests>>,
    key: Key,
    /// When the request is forgotten if it is delivered.
    expires: Instant,
    confirmed: bool,
    /// The claim at all instances.
    shared: Option<Box<dyn HeldClaim>>,
}

#[derive(Debug)]
struct Requests {
    capacity: usize,
    states: HashMap<Key, State>,
    /// The delivered ones in the order in which they were confirmed, with their end.
    delivered: VecDeque<(Instant, Key)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InProgress,
    Delivered,
}

impl ReplayWindow {
    /// Remembers delivered requests for `window`, but at least for twice the `tolerance` of the signature's time, and for one
    /// year at most.
    ///
    /// A time may be early by the tolerance when the request comes, and the same request is refused as stale only when the
    /// time is late by the tolerance.
    pub fn new(window: Duration, tolerance: Option<Duration>) -> Self {
        Self::with_capacity(bounded(window, tolerance), CAPACITY)
    }

    /// The same requests, remembered for another window from now on. See [`new`](Self::new).
    #[must_use]
    pub fn with_window(&self, window: Duration, tolerance: Option<Duration>) -> Self {
        let requests = Arc::clone(&self.requests);
        Self { window: bounded(window, tolerance), requests, shared: self.shared.clone() }
    }

    /// The same requests, remembered together with other instances; `None`: only here.
    #[must_use]
    pub fn shared_by(self, shared: Option<SharedRoute>) -> Self {
        Self { shared, ..self }
    }

    fn with_capacity(window: Duration, capacity: usize) -> Self {
        let requests = Requests { capacity, states: HashMap::new(), delivered: VecDeque::new() };
        Self { window, requests: Arc::new(Mutex::new(requests)), shared: None }
    }

    /// Claims the request that is known by `event` at `now`, if it is new here and at the instances that share this window. See
    /// [`claim`](Self::claim).
    pub async fn claim_everywhere(&self, event: EventKey, now: Instant) -> Claim {
        let mut guard = match self.claim(event, now) {
            Claim::New(guard) => guard,
            known => return known,
        };
        if let Some(shared) = &self.shared {
            match shared.claim(event, self.window).await {
                SharedClaim::New(held) => guard.shared = Some(held),
                SharedClaim::Duplicate => return Claim::Duplicate,
                SharedClaim::InProgress => return Claim::InProgress,
            }
        }
        Claim::New(guard)
    }

    /// Claims the request that is known by `event` at `now`, if it is new here.
    ///
    /// Call this only after the signature was verified: otherwise anybody could fill the window. Calls of several threads may
    /// come with times that are not in order. A time in the past forgets nothing.
    pub fn claim(&self, event: EventKey, now: Instant) -> Claim {
        let mut key = Key::default();
        key.copy_from_slice(&event.as_bytes()[..size_of::<Key>()]);
        let mut requests = lock(&self.requests);
        requests.forget_expired(now);
        match requests.states.get(&key) {
            Some(State::Delivered) => return Claim::Duplicate,
            Some(State::InProgress) => return Claim::InProgress,
            None => {}
        }
        if requests.states.len() >= requests.capacity && !requests.forget_oldest() {
            return Claim::InProgress;
        }
        requests.states.insert(key, State::InProgress);
        drop(requests);
        let requests = Arc::clone(&self.requests);
        Claim::New(ClaimGuard {
            requests,
            key,
            expires: now + self.window,
            confirmed: false,
            shared: None,
        })
    }
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new(DEFAULT_WINDOW, None)
    }
}

/// The window, but at least twice the tolerance.
fn bounded(window: Duration, tolerance: Option<Duration>) -> Duration {
    let least = tolerance.unwrap_or_default().saturating_mul(2);
    window.max(least).min(LONGEST_WINDOW)
}

impl ClaimGuard {
    /// The request was delivered: the same one is a duplicate until the window ends, counted from the claim. Returns when the instances
    /// that share the window know it, too, after about a second at most.
    pub async fn confirm(mut self) {
        self.confirm_here();
        if let Some(shared) = self.shared.take() {
            shared.confirm().await;
        }
    }

    fn confirm_here(&mut self) {
        self.confirmed = true;
        let mut requests = lock(&self.requests);
        requests.states.insert(self.key, State::Delivered);
        requests.delivered.push_back((self.expires, self.key));
    }
}

impl Requests {
    /// Forgets the delivered requests that ended before `now`.
    ///
    /// They are in the order of their confirmation, not of their end. One that ends before an earlier confirmed one is
    /// remembered for a little longer: at most for as long as a request takes.
    fn forget_expired(&mut self, now: Instant) {
        while self.delivered.front().is_some_and(|(expires, _)| *expires < now) {
            self.forget_oldest();
        }
    }

    /// Whether there was a delivered request to forget.
    fn forget_oldest(&mut self) -> bool {
        let Some((_, key)) = self.delivered.pop_front() else { return false };
        self.states.remove(&key);
        true
    }
}

impl Drop for ClaimGuard {
    fn drop(&mut self) {
        if !self.confirmed {
            lock(&self.requests).states.remove(&self.key);
        }
    }
}

fn lock(requests: &Mutex<Requests>) -> MutexGuard<'_, Requests> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}
