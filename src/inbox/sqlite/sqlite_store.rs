//! The store itself: gives each task to the thread that does it.

use std::path::{Path, PathBuf};

use tokio::sync::{oneshot, watch};

use super::append::Prepared;
use super::batch::{Job, Reply};
use super::change::{Action, Change};
use super::encode::whole_millis;
use super::fault::ended;
use super::list;
use super::lock::DeliveryLock;
use super::open::{OpenError, Opened, look, prepare};
use super::reader::ReaderThread;
use super::writer::WriterThread;
use crate::inbox::store::StoreFuture;
use crate::inbox::{
    Appended, Due, Event, EventDetail, EventId, EventSummary, Filter, InboxSettings, NewEvent, Next,
    Outcome, Store, StoreError, StoreTotals,
};
use crate::wording;

/// Events in an SQLite database. One thread writes, one reads; both end when this is dropped.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: WriterThread,
    reader: ReaderThread,
    /// `None`: this one must not deliver.
    lock: Option<DeliveryLock>,
    changed: watch::Sender<()>,
    /// The longest wait between two tries, in milliseconds.
    farthest: i64,
}

impl SqliteStore {
    /// Opens the database to store events in it and to deliver them. Makes it if there is none.
    ///
    /// # Errors
    /// When its files cannot be used, or when it is damaged and `on_corrupt` is `refuse`.
    pub fn open(settings: &InboxSettings) -> Result<(Self, Opened), OpenError> {
        prepare(&settings.path)?;
        let lock = DeliveryLock::beside(&settings.path);
        Ok((Self::start(settings, Some(lock))?, Opened::default()))
    }

    /// Opens a database that exists, beside a clawgate that uses it or without one. It makes no database, and does not deliver.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn attach(path: &Path) -> Result<Self, OpenError> {
        look(path)?;
        Self::start(&InboxSettings::of_a_visitor(path), None)
    }

    fn start(settings: &InboxSettings, lock: Option<DeliveryLock>) -> Result<Self, OpenError> {
        let failed = |error: StoreError| OpenError::Database {
            path: settings.path.clone(),
            what: error.to_string(),
        };
        let changed = watch::Sender::new(());
        let writer = WriterThread::start(settings, changed.clone()).map_err(failed)?;
        let reader = ReaderThread::start(&settings.path).map_err(failed)?;
        let path = settings.path.clone();
        Ok(Self { path, writer, reader, lock, changed, farthest: whole_millis(settings.retry_max) })
    }

    fn give<T: Send + 'static>(&self, job: impl FnOnce(Reply<T>) -> Job) -> StoreFuture<'static, T> {
        let (reply, done) = oneshot::channel();
        self.writer.send(job(reply));
        Box::pin(async move { done.await.unwrap_or_else(|_| Err(ended())) })
    }

    fn change(
        &self,
        action: Action,
        filter: Filter,
        limit: usize,
    ) -> StoreFuture<'static, Vec<EventId>> {
        self.give(|reply| Job::Change(Box::new(Change { action, filter, limit }), reply))
    }
}

impl Store for SqliteStore {
    fn append(&self, event: NewEvent) -> StoreFuture<'_, Appended> {
        self.give(|reply| Job::Append(Box::new(Prepared::new(event)), reply))
    }

    fn may_deliver(&self) -> StoreFuture<'_, bool> {
        let taken = self.lock.as_ref().map_or(Ok(false), DeliveryLock::take);
        let taken = taken.map_err(|error| StoreError::Unavailable(wording::io(&error)));
        Box::pin(async move { taken })
    }

    fn stop_delivering(&self) -> StoreFuture<'_, ()> {
        if let Some(lock) = &self.lock {
            lock.release();
        }
        Box::pin(async { Ok(()) })
    }

    fn due(&self, due: Due) -> StoreFuture<'_, Vec<Event>> {
        let farthest = self.farthest;
        self.reader.ask(move |queries| queries.due(&due, farthest))
    }

    fn next(&self) -> StoreFuture<'_, Vec<Next>> {
        let farthest = self.farthest;
        self.reader.ask(move |queries| queries.next(farthest))
    }

    fn record(&self, outcomes: Vec<Outcome>) -> StoreFuture<'_, ()> {
        self.give(|reply| Job::Record(outcomes, reply))
    }

    fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn totals(&self) -> StoreFuture<'_, StoreTotals> {
        let path = self.path.clone();
        self.reader.ask(move |queries| queries.totals(&path))
    }

    fn list(&self, filter: Filter, limit: usize) -> StoreFuture<'_, Vec<EventSummary>> {
        self.reader.ask(move |queries| list::list(queries.connection, &filter, limit))
    }

    fn get(&self, id: EventId) -> StoreFuture<'_, Option<EventDetail>> {
        self.reader.ask(move |queries| list::get(queries.connection, id))
    }

    fn replay(&self, filter: Filter, limit: usize) -> StoreFuture<'_, Vec<EventId>> {
        self.change(Action::Replay, filter, limit)
    }

    fn drop_events(&self, filter: Filter, limit: usize) -> StoreFuture<'_, u64> {
        let dropped = self.change(Action::Drop, filter, limit);
        Box::pin(async move { dropped.await.map(count) })
    }

    fn forget(&self, filter: Filter, limit: usize) -> StoreFuture<'_, u64> {
        let forgotten = self.change(Action::Forget, filter, limit);
        Box::pin(async move { forgotten.await.map(count) })
    }
}

fn count(ids: Vec<EventId>) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}
