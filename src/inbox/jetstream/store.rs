//! The store itself.

use std::sync::Arc;

use tokio::sync::watch;

use super::connect::{connect, connect_with};
use super::connection_log::ConnectionLog;
use super::open_error::JetStreamOpenError;
use super::settings::JetStreamSettings;
use crate::inbox::event::{Event, EventDetail, EventId, EventSummary, NewEvent};
use crate::inbox::settings::InboxSettings;
use crate::inbox::store::{Appended, Due, Filter, Next, Outcome, Store, StoreFuture, StoreTotals};
use crate::inbox::unavailable::UnavailableStore;

/// Events in a stream of NATS JetStream.
#[derive(Debug)]
pub struct JetStreamStore(UnavailableStore);

impl JetStreamStore {
    /// Opens the store to store events in it and to deliver them. NATS need not be there: events are refused until it is.
    ///
    /// # Errors
    /// When a file with credentials cannot be used.
    pub fn open(_: &InboxSettings, nats: &JetStreamSettings) -> Result<Self, JetStreamOpenError> {
        let log = Arc::new(ConnectionLog::new(nats));
        drop(connect_with(nats, Arc::clone(&log)));
        let what = log.fault().unwrap_or_else(|| "this build stores nothing there yet".to_owned());
        Ok(Self(UnavailableStore::new(what)))
    }

    /// Opens the store for a command: it does not deliver.
    ///
    /// # Errors
    /// When a file with credentials cannot be used, or NATS cannot be reached.
    pub fn attach(nats: &JetStreamSettings) -> Result<Self, JetStreamOpenError> {
        drop(connect(nats));
        let what = "this build stores nothing there yet".to_owned();
        Err(JetStreamOpenError::Away { store: nats.to_string(), what })
    }
}

impl Store for JetStreamStore {
    fn append(&self, a: NewEvent) -> StoreFuture<'_, Appended> {
        self.0.append(a)
    }

    fn may_deliver(&self) -> StoreFuture<'_, bool> {
        self.0.may_deliver()
    }

    fn stop_delivering(&self) -> StoreFuture<'_, ()> {
        self.0.stop_delivering()
    }

    fn due(&self, a: Due) -> StoreFuture<'_, Vec<Event>> {
        self.0.due(a)
    }

    fn batch(&self, a: Arc<str>, b: i64) -> StoreFuture<'_, Vec<Event>> {
        self.0.batch(a, b)
    }

    fn assign_batch(&self, a: Vec<EventId>, b: i64) -> StoreFuture<'_, ()> {
        self.0.assign_batch(a, b)
    }

    fn next(&self) -> StoreFuture<'_, Vec<Next>> {
        self.0.next()
    }

    fn record(&self, a: Vec<Outcome>) -> StoreFuture<'_, ()> {
        self.0.record(a)
    }

    fn changed(&self) -> watch::Receiver<()> {
        self.0.changed()
    }

    fn totals(&self) -> StoreFuture<'_, StoreTotals> {
        self.0.totals()
    }

    fn list(&self, a: Filter, b: usize) -> StoreFuture<'_, Vec<EventSummary>> {
        self.0.list(a, b)
    }

    fn get(&self, a: EventId) -> StoreFuture<'_, Option<EventDetail>> {
        self.0.get(a)
    }

    fn replay(&self, a: Filter, b: usize) -> StoreFuture<'_, Vec<EventId>> {
        self.0.replay(a, b)
    }

    fn drop_events(&self, a: Filter, b: usize) -> StoreFuture<'_, u64> {
        self.0.drop_events(a, b)
    }

    fn forget(&self, a: Filter, b: usize) -> StoreFuture<'_, u64> {
        self.0.forget(a, b)
    }
}
