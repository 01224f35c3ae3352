//! The store itself: gives each task to the thread that does it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use tokio::sync::{oneshot, watch};

use super::append::Prepared;
use super::batch::{Job, Reply};
use super::change::{Action, Change};
use super::damage::set_aside;
use super::fault::ended;
use super::list;
use super::lock::DeliveryLock;
use super::open::{IN_USE, OpenError, Opened, REFUSED, look, prepare};
use super::place;
use super::queries::DueEvents;
use super::reader::ReaderThread;
use super::recover::{Damaged, Recovered};
use super::writer::{Role, WriterThread};
use crate::inbox::encode::whole_millis;
use crate::inbox::store::StoreFuture;
use crate::inbox::{
    Appended, Due, Event, EventDetail, EventId, EventSummary, Filter, InboxSettings, NewEvent, Next,
    OnCorrupt, Outcome, Store, StoreError, StorePlace, StoreTotals,
};
use crate::wording;

/// Events in an SQLite database. One thread writes, one reads; both end when this is dropped.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    // It is dropped first: the connection that is closed last moves the WAL into the database, and removes it.
    reader: ReaderThread,
    writer: WriterThread,
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
    pub fn open(path: &Path, settings: &InboxSettings) -> Result<(Self, Opened), OpenError> {
        place::check(path)?;
        let lock = DeliveryLock::beside(path);
        let set_aside = match prepare(path) {
            Err(OpenError::Damaged { what, .. }) => Some(begin_anew(path, settings, &lock, what)?),
            prepared => prepared?,
        };
        let store = Self::start(path, settings, Some(lock))?;
        Ok((store, Opened { set_aside }))
    }

    /// Opens a database that exists, beside a clawgate that uses it or without one. It makes no database, and does not deliver.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn attach(path: &Path) -> Result<Self, OpenError> {
        look(path)?;
        let place = StorePlace::Sqlite { path: path.to_owned() };
        Self::start(path, &InboxSettings::of_a_visitor(place), None)
    }

    /// Reads a damaged database, and stores those of its events that wait or are dead and that this one does not have. Blocks until it
    /// is done. `progress` learns how many places in the order of arrival were read, and of how many.
    ///
    /// # Errors
    /// When nothing of the damaged database can be read, or this one cannot be written. What was stored until then stays.
    pub fn recover(
        &self,
        damaged: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<Recovered, OpenError> {
        if !damaged.exists() {
            return Err(OpenError::Missing(damaged.to_owned()));
        }
        let source = Damaged::open(damaged).map_err(|error| OpenError::Database {
            path: damaged.to_owned(),
            what: format!("nothing can be read: {}", wording::sqlite(&error)),
        })?;
        let store = |events| {
            let (reply, done) = mpsc::channel();
            self.writer.send(Job::Restore(events, reply));
            done.recv().unwrap_or_else(|_| Err(ended()))
        };
        source
            .read(store, progress)
            .map_err(|error| OpenError::Database { path: self.path.clone(), what: error.to_string() })
    }

    fn start(
        path: &Path,
        settings: &InboxSettings,
        lock: Option<DeliveryLock>,
    ) -> Result<Self, OpenError> {
        let role = if lock.is_some() { Role::Server } else { Role::Visitor };
        let failed =
            |error: StoreError| OpenError::Database { path: path.to_owned(), what: error.to_string() };
        let changed = watch::Sender::new(());
        let writer = WriterThread::start(path, settings, role, changed.clone()).map_err(failed)?;
        let reader = ReaderThread::start(path).map_err(failed)?;
        let path = path.to_owned();
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

impl SqliteStore {
    /// Those of the events that can be read. The others are given up.
    fn readable(
        &self,
        route: Arc<str>,
        found: StoreFuture<'static, DueEvents>,
    ) -> StoreFuture<'_, Vec<Event>> {
        Box::pin(async move {
            let DueEvents { events, unreadable } = found.await?;
            if !unreadable.is_empty() {
                self.give_up(&route, &unreadable).await?;
            }
            Ok(events)
        })
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
        let (farthest, route) = (self.farthest, Arc::clone(&due.route));
        self.readable(route, self.reader.ask(move |queries| queries.due(&due, farthest)))
    }

    fn batch(&self, route: Arc<str>, batch: i64) -> StoreFuture<'_, Vec<Event>> {
        let of = Arc::clone(&route);
        self.readable(route, self.reader.ask(move |queries| queries.batch(&of, batch)))
    }

    fn assign_batch(&self, events: Vec<EventId>, batch: i64) -> StoreFuture<'_, ()> {
        let limit = events.len();
        let filter = Filter { ids: events, ..Filter::default() };
        let assigned = self.change(Action::Batch(batch), filter, limit);
        Box::pin(async move { assigned.await.map(drop) })
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

/// Moves a damaged database out of the way, and makes an empty one.
fn begin_anew(
    path: &Path,
    settings: &InboxSettings,
    lock: &DeliveryLock,
    what: String,
) -> Result<PathBuf, OpenError> {
    let damaged = |hint| OpenError::Damaged { path: path.to_owned(), what: what.clone(), hint };
    if settings.on_corrupt == OnCorrupt::Refuse {
        return Err(damaged(REFUSED));
    }
    // Another process that has the files open would go on writing into the moved ones.
    if !lock.take().map_err(|error| place::of_io(path, &error))? {
        return Err(damaged(IN_USE));
    }
    let aside = set_aside(path).map_err(|error| place::of_io(path, &error))?;
    prepare(path)?;
    lock.release();
    Ok(aside)
}

fn count(ids: Vec<EventId>) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}
