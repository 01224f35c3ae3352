//! The store for a database that cannot be used.

use std::sync::Arc;

use tokio::sync::watch;

use super::event::{Event, EventDetail, EventId, EventSummary, NewEvent};
use super::store::{Appended, Due, Filter, Next, Outcome, Store, StoreError, StoreFuture, StoreTotals};

/// Stores nothing, and says why: clawgate still serves its direct routes.
#[derive(Debug)]
pub struct UnavailableStore {
    why: String,
    changed: watch::Sender<()>,
}

impl UnavailableStore {
    /// `why` the database cannot be used.
    pub fn new(why: String) -> Self {
        Self { why, changed: watch::Sender::new(()) }
    }

    fn refuse<T: Send + 'static>(&self) -> StoreFuture<'_, T> {
        Box::pin(async { Err(StoreError::Unavailable(self.why.clone())) })
    }
}

impl Store for UnavailableStore {
    fn append(&self, _: NewEvent) -> StoreFuture<'_, Appended> {
        self.refuse()
    }

    fn may_deliver(&self) -> StoreFuture<'_, bool> {
        self.refuse()
    }

    fn stop_delivering(&self) -> StoreFuture<'_, ()> {
        self.refuse()
    }

    fn due(&self, _: Due) -> StoreFuture<'_, Vec<Event>> {
        self.refuse()
    }

    fn batch(&self, _: Arc<str>, _: i64) -> StoreFuture<'_, Vec<Event>> {
        self.refuse()
    }

    fn assign_batch(&self, _: Vec<EventId>, _: i64) -> StoreFuture<'_, ()> {
        self.refuse()
    }

    fn next(&self) -> StoreFuture<'_, Vec<Next>> {
        self.refuse()
    }

    fn record(&self, _: Vec<Outcome>) -> StoreFuture<'_, ()> {
        self.refuse()
    }

    fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn totals(&self) -> StoreFuture<'_, StoreTotals> {
        self.refuse()
    }

    fn list(&self, _: Filter, _: usize) -> StoreFuture<'_, Vec<EventSummary>> {
        self.refuse()
    }

    fn get(&self, _: EventId) -> StoreFuture<'_, Option<EventDetail>> {
        self.refuse()
    }

    fn replay(&self, _: Filter, _: usize) -> StoreFuture<'_, Vec<EventId>> {
        self.refuse()
    }

    fn drop_events(&self, _: Filter, _: usize) -> StoreFuture<'_, u64> {
        self.refuse()
    }

    fn forget(&self, _: Filter, _: usize) -> StoreFuture<'_, u64> {
        self.refuse()
    }
}
