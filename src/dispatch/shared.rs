//! What the dispatcher and its handles share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::instance::Instance;
use super::peer_message::{AnsweredEvent, DelivererState, PeerMessage};
use super::state::{Paused, UpstreamState};
use super::watch::{Answered, Watches};
use crate::inbox::{Event, EventId};

/// How long an instance that delivers may be silent before it is forgotten. Then nobody is known to deliver.
const SILENT: Duration = Duration::from_secs(10);
/// How much the clocks of two instances may differ, so that the one that delivers still knows how long a sender waits.
const CLOCKS: Duration = Duration::from_secs(5);
/// How many requests to end pauses are kept until the loop has done what they ask.
const MOST_TO_RESUME: usize = 64;

/// What the dispatcher and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) watches: Arc<Watches>,
    /// Notified when an operator asks to end pauses.
    pub(super) resumed: Notify,
    /// Notified when the other instances must be told what is shown.
    pub(super) shown_changed: Notify,
    /// Which ones, until the loop has ended them.
    to_resume: Mutex<Vec<Paused>>,
    delivers: AtomicBool,
    shown: Mutex<Shown>,
    this: Instance,
    /// To the other instances; `None`: there can be none.
    peers: Option<mpsc::Sender<Bytes>>,
    /// The instance that delivers, if it is another one and known.
    other: Mutex<Option<Other>>,
}

/// What is known outside of the dispatcher.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The upstreams, and what is paused.
    pub(super) state: Vec<UpstreamState>,
    /// The routes that are paused, themselves or with their upstream.
    pub(super) paused: HashSet<Arc<str>>,
}

/// Another instance, which delivers.
#[derive(Debug)]
struct Other {
    instance: Instance,
    shown: Shown,
    /// When it has said so.
    at: Instant,
}

impl Shared {
    /// Of a process that does not deliver yet. `peers` takes messages to the other instances, if there can be any.
    pub(super) fn new(peers: Option<mpsc::Sender<Bytes>>) -> Self {
        Self {
            watches: Arc::default(),
            resumed: Notify::default(),
            shown_changed: Notify::default(),
            to_resume: Mutex::default(),
            delivers: AtomicBool::default(),
            shown: Mutex::default(),
            this: Instance::this(),
            peers,
            other: Mutex::default(),
        }
    }

    /// Sets what is known outside. Senders no longer wait for what is paused now.
    pub(super) fn show(&self, shown: Shown) {
        self.watches.retain(|_, route| !shown.paused.contains(route));
        *lock(&self.shown) = shown;
        self.shown_changed.notify_one();
    }

    /// Sets whether events are tried from now on.
    pub(super) fn set_delivers(&self, delivers: bool) {
        self.delivers.store(delivers, Ordering::Relaxed);
        if delivers {
            *lock(&self.other) = None;
        }
        self.shown_changed.notify_one();
    }

    /// Whether this process delivers.
    pub(super) fn delivers(&self) -> bool {
        self.delivers.load(Ordering::Relaxed)
    }

    /// The instance that delivers, if it is known.
    pub(super) fn deliverer(&self) -> Option<Instance> {
        if self.delivers() {
            return Some(self.this.clone());
        }
        lock(&self.other).as_ref().map(|other| other.instance.clone())
    }

    /// The upstreams, and what is paused, at the instance that delivers.
    pub(super) fn state(&self) -> Vec<UpstreamState> {
        self.with_shown(|shown| shown.state.clone()).unwrap_or_default()
    }

    /// The routes that are paused, themselves or with their upstream.
    pub(super) fn paused_routes(&self) -> Vec<Arc<str>> {
        self.with_shown(|shown| shown.paused.iter().cloned().collect()).unwrap_or_default()
    }

    /// Whether a new event of `route` is tried at once, here or at another instance.
    pub(super) fn tries(&self, route: &str) -> bool {
        self.with_shown(|shown| !shown.paused.contains(route)).unwrap_or(false)
    }

    /// Asks the loop to end a pause, here or at the instance that delivers.
    pub(super) fn resume(&self, paused: Paused) {
        if !self.delivers() {
            self.tell(&PeerMessage::Resume(paused));
            return;
        }
        let mut to_resume = lock(&self.to_resume);
        if to_resume.len() < MOST_TO_RESUME && !to_resume.contains(&paused) {
            to_resume.push(paused);
        }
        self.resumed.notify_one();
    }

    /// The pauses that are to be ended.
    pub(super) fn to_resume(&self) -> Vec<Paused> {
        std::mem::take(&mut *lock(&self.to_resume))
    }

    /// Whether a sender may wait for the answer to an event, here or at another instance. `wait`: how long senders of its route do.
    pub(super) fn is_watched(&self, event: &Event, wait: Option<Duration>) -> bool {
        self.watches.contains(event.id) || self.may_be_watched_elsewhere(event, wait)
    }

    /// Passes on the upstream's answer to an event, to the sender that waits for it; `None`: there will be none.
    pub(super) fn answer(&self, event: &Event, wait: Option<Duration>, answered: Option<&Answered>) {
        let is_here = self.watches.answer(event.id, answered.cloned());
        if !is_here && self.may_be_watched_elsewhere(event, wait) {
            self.tell(&PeerMessage::Answered(AnsweredEvent::new(event.id, answered)));
        }
    }

    fn may_be_watched_elsewhere(&self, event: &Event, wait: Option<Duration>) -> bool {
        let (Some(wait), true) = (wait, self.peers.is_some()) else { return false };
        // An event of the future is of an instance with another clock.
        event.received.elapsed().map_or(true, |passed| passed < wait.saturating_add(CLOCKS))
    }

    /// Tells the other instances what is paused, if this one delivers.
    pub(super) fn tell_state(&self) {
        if self.delivers() {
            let shown = lock(&self.shown);
            let state = DelivererState::new(
                self.this.clone(),
                shown.state.clone(),
                shown.paused.iter().cloned(),
            );
            drop(shown);
            self.tell(&PeerMessage::State(state));
        }
    }

    /// Another instance has said that it delivers. Senders no longer wait for what it has paused.
    pub(super) fn deliverer_told(&self, instance: Instance, shown: Shown) {
        let mut other = lock(&self.other);
        // Between two messages the right to deliver has perhaps come to this process.
        if !self.delivers() {
            self.watches.retain(|_, route| !shown.paused.contains(route));
            *other = Some(Other { instance, shown, at: Instant::now() });
        }
    }

    /// Another instance has told what the upstream has answered; `None`: there will be no answer.
    pub(super) fn answer_told(&self, id: EventId, answered: Option<Answered>) {
        self.watches.answer(id, answered);
    }

    /// Forgets the instance that delivers if it has been silent for long. Nobody waits for its answers any more.
    pub(super) fn forget_silent(&self, now: Instant) {
        let mut other = lock(&self.other);
        if other.as_ref().is_some_and(|other| now.saturating_duration_since(other.at) > SILENT) {
            *other = None;
            self.watches.retain(|_, _| false);
        }
    }

    /// Sends a message to all other instances. It may be lost.
    fn tell(&self, message: &PeerMessage) {
        if let Some(peers) = &self.peers {
            let _ = peers.try_send(message.write());
        }
    }

    /// With what the instance that delivers has shown; `None` if none is known.
    fn with_shown<T>(&self, read: impl FnOnce(&Shown) -> T) -> Option<T> {
        if self.delivers() {
            return Some(read(&lock(&self.shown)));
        }
        lock(&self.other).as_ref().map(|other| read(&other.shown))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
