//! What a store of events can do.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::event::{
    Attempt, DeadReason, Event, EventDetail, EventId, EventState, EventSummary, NewEvent,
};
use super::peers::Peers;
use crate::identity::time::rfc3339_millis;

/// What the methods of a [`Store`] return.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store of events. Several processes may use the same one; only the process that holds the right to deliver
/// ([`Store::may_deliver`]) calls [`Store::due`], [`Store::batch`], [`Store::assign_batch`], [`Store::next`] and [`Store::record`].
///
/// `tests/inbox/` has tests that every store must pass.
pub trait Store: fmt::Debug + Send + Sync {
    /// Stores an event. When this returns `Ok`, the event survives a crash of clawgate and a loss of power.
    fn append(&self, event: NewEvent) -> StoreFuture<'_, Appended>;

    /// Tries to become the one process that delivers; true if this process is it. Once it is, it stays so until
    /// [`stop_delivering`](Self::stop_delivering), until [`lost_right`](Self::lost_right), or until it ends, however it ends.
    fn may_deliver(&self) -> StoreFuture<'_, bool>;

    /// Waits until this process has lost the right to deliver without giving it up: the store is on other machines, and they cannot be
    /// reached. Whoever delivers must then end all tries at once, since another process begins them soon.
    fn lost_right(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    /// Gives up the right to deliver, for another process. Called when no try is under way any more.
    fn stop_delivering(&self) -> StoreFuture<'_, ()>;

    /// Messages to the other processes that use this store, and from them; only the first caller gets it. `None`: this kind of store has
    /// none.
    fn peers(&self) -> Option<Peers> {
        None
    }

    /// Waiting events of one route that may be tried, in the order in which they are to be.
    fn due(&self, due: Due) -> StoreFuture<'_, Vec<Event>>;

    /// The events of one route that wait and were put into this batch, in the order of arrival.
    fn batch(&self, route: Arc<str>, batch: i64) -> StoreFuture<'_, Vec<Event>>;

    /// Puts waiting events into a batch, out of any other. The number of a batch is the `seq` of its first event. When this returns
    /// `Ok`, it survives a loss of power: call it before the first try of the batch.
    fn assign_batch(&self, events: Vec<EventId>, batch: i64) -> StoreFuture<'_, ()>;

    /// When the next event of each route is due. Routes without a waiting event are left out.
    fn next(&self) -> StoreFuture<'_, Vec<Next>>;

    /// Notes what has become of tries. If it fails, some of them may be noted: note all of them again, which changes nothing for
    /// those. A loss of power may lose this: the event is then delivered again.
    fn record(&self, outcomes: Vec<Outcome>) -> StoreFuture<'_, ()>;

    /// Notified when events may have become due that were not before: appended, replayed. Also for changes by other processes,
    /// within 250 ms.
    fn changed(&self) -> tokio::sync::watch::Receiver<()>;

    /// How much is stored.
    fn totals(&self) -> StoreFuture<'_, StoreTotals>;

    /// Events in the order of arrival, the newest first, at most `limit`.
    fn list(&self, filter: Filter, limit: usize) -> StoreFuture<'_, Vec<EventSummary>>;

    /// All about one event; `None` if there is none with this id.
    fn get(&self, id: EventId) -> StoreFuture<'_, Option<EventDetail>>;

    /// Lets these events wait for delivery again, at once, with a new `Idempotency-Key` and in no batch. Events without a stored request cannot be
    /// delivered again, and waiting ones need not be: both are left as they are. Returns the ids of the others, of at most
    /// `limit`.
    fn replay(&self, filter: Filter, limit: usize) -> StoreFuture<'_, Vec<EventId>>;

    /// Removes events, of at most `limit`; returns how many. A repetition of one is still a duplicate.
    fn drop_events(&self, filter: Filter, limit: usize) -> StoreFuture<'_, u64>;

    /// Removes all that is stored of events, what is kept to recognise repetitions, too; of at most `limit`. Returns how many.
    fn forget(&self, filter: Filter, limit: usize) -> StoreFuture<'_, u64>;
}

/// What came of storing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is stored.
    New,
    /// The same event was accepted before, with this id. Nothing is stored.
    Duplicate {
        /// The id of the first.
        first: EventId,
    },
    /// An event with the same key but another request was accepted before. This one is stored, too; its `Idempotency-Key`
    /// is made different.
    KeyReused {
        /// The id of the first.
        first: EventId,
    },
}

/// Asks for events of one route.
#[derive(Clone, Debug)]
pub struct Due {
    /// The path of the route.
    pub route: Arc<str>,
    /// The current time.
    pub now: SystemTime,
    /// Whether only the first event of the route that waits may be tried (`order = "strict"`).
    pub strict: bool,
    /// Events that are being tried already, by `seq`.
    pub except: Vec<i64>,
    /// How many events are wanted.
    pub limit: usize,
}

/// When the next event of a route is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The path of the route.
    pub route: Arc<str>,
    /// When one of its events may be tried. May be in the past.
    pub at: SystemTime,
    /// When its first event, in the order of arrival, may be tried; with `order = "strict"` no other one may. May be in the past.
    pub first_at: SystemTime,
}

/// What has become of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The event's place in the order of arrival.
    pub seq: i64,
    /// The try; `None` if the event is given up without one.
    pub attempt: Option<Attempt>,
    /// What follows.
    pub then: Then,
}

/// What follows from a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The event is delivered.
    Delivered,
    /// It is tried again.
    Retry {
        /// Not before this time.
        at: SystemTime,
        /// Whether the try counts. It does not if it only showed that the upstream is down or misconfigured.
        counts: bool,
    },
    /// It is not tried again.
    Dead(DeadReason),
}

/// Which events are meant. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One of these; empty: any.
    pub ids: Vec<EventId>,
    /// The path of the route.
    pub route: Option<String>,
    /// In this state.
    pub state: Option<EventState>,
    /// With this key of the sender.
    pub key: Option<String>,
    /// Of this principal.
    pub principal: Option<String>,
    /// Received at this time or later.
    pub since: Option<SystemTime>,
    /// Received before this time.
    pub until: Option<SystemTime>,
    /// Dead for this reason.
    pub reason: Option<DeadReason>,
    /// Arrived before the event with this `seq`: to go on with a list after its last event.
    pub before_seq: Option<i64>,
}

/// How much is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoreTotals {
    /// For each route that has events.
    pub routes: Vec<RouteTotals>,
    /// Bytes of the database that are in use.
    pub used_bytes: u64,
    /// Bytes that are free on the file system.
    pub free_bytes: u64,
}

/// How much is stored of one route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouteTotals {
    /// The path of the route.
    pub route: String,
    /// Events that wait.
    pub waiting: u64,
    /// Events that were delivered, and are remembered.
    pub delivered: u64,
    /// Dead events.
    pub dead: u64,
    /// Bytes of the bodies of waiting and dead events.
    pub bytes: u64,
    /// When the oldest event that waits was received.
    #[serde(serialize_with = "rfc3339")]
    pub oldest_waiting: Option<SystemTime>,
}

fn rfc3339<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339_millis).serialize(serializer)
}

/// Why a store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// A limit is reached: `max_events`, `max_bytes`, `min_free`, or the disk is full.
    #[error("the inbox is full: {0}")]
    Full(String),
    /// The store takes no event of this size, at any time.
    #[error("the inbox takes no body larger than {0} bytes with header fields like these")]
    TooLarge(u64),
    /// The store cannot be used.
    #[error("the inbox cannot be used: {0}")]
    Unavailable(String),
}
