//! A store in memory.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};

use crate::inbox::{
    Appended, Attempt, DeadReason, Due, Event, EventDetail, EventId, EventState, EventSummary, Filter,
    NewEvent, Next, Outcome, Store, StoreError, StoreFuture, StoreTotals, Then,
};

/// Events in memory. Only what the dispatcher uses does something.
#[derive(Debug)]
pub(super) struct MemoryStore {
    rows: Mutex<Vec<Row>>,
    changed: watch::Sender<()>,
    /// Whether outcomes can be noted.
    fails: Mutex<bool>,
    /// Whether another process delivers.
    taken: Mutex<bool>,
    stopped: Mutex<bool>,
    lost: Notify,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) event: Event,
    pub(super) next_at: SystemTime,
    pub(super) state: EventState,
    pub(super) reason: Option<DeadReason>,
    pub(super) tries: Vec<Attempt>,
}

impl MemoryStore {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            changed: watch::Sender::new(()),
            fails: Mutex::default(),
            taken: Mutex::default(),
            stopped: Mutex::default(),
            lost: Notify::new(),
        })
    }

    /// Adds an event; it is due at once.
    pub(super) fn add(&self, mut event: Event) -> EventId {
        let mut rows = self.rows();
        event.seq = 1 + i64::try_from(rows.len()).unwrap();
        let id = EventId::new(event.received, [u8::try_from(rows.len() % 250).unwrap(); 10]);
        event.id = id;
        let (state, next_at) = (EventState::Waiting, SystemTime::UNIX_EPOCH);
        rows.push(Row { event, next_at, state, reason: None, tries: Vec::new() });
        drop(rows);
        self.changed.send_replace(());
        id
    }

    /// The event with this identifier.
    pub(super) fn row(&self, id: EventId) -> Row {
        self.rows().iter().find(|row| row.event.id == id).unwrap().clone()
    }

    /// How many events are in this state.
    pub(super) fn count(&self, state: EventState) -> usize {
        self.rows().iter().filter(|row| row.state == state).count()
    }

    /// Whether outcomes cannot be noted from now on.
    pub(super) fn set_fails(&self, fails: bool) {
        *self.fails.lock().unwrap() = fails;
    }

    /// Whether another process delivers from now on.
    pub(super) fn set_taken(&self, taken: bool) {
        *self.taken.lock().unwrap() = taken;
    }

    /// Takes away the right to deliver, for another process.
    pub(super) fn lose_right(&self) {
        self.set_taken(true);
        self.lost.notify_waiters();
    }

    /// Whether the right to deliver was given up.
    pub(super) fn has_stopped(&self) -> bool {
        *self.stopped.lock().unwrap()
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap()
    }

    fn note(&self, outcomes: Vec<Outcome>) -> Result<(), StoreError> {
        if *self.fails.lock().unwrap() {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        let mut rows = self.rows();
        for Outcome { seq, attempt, then } in outcomes {
            let row = rows.iter_mut().find(|row| row.event.seq == seq).unwrap();
            row.event.tries += u32::from(attempt.is_some());
            row.tries.extend(attempt);
            match then {
                Then::Delivered => row.state = EventState::Delivered,
                Then::Dead(reason) => (row.state, row.reason) = (EventState::Dead, Some(reason)),
                Then::Retry { at, counts } => {
                    row.next_at = at;
                    row.event.attempts += u32::from(counts);
                }
            }
        }
        Ok(())
    }
}

fn now<T: Send + 'static>(value: Result<T, StoreError>) -> StoreFuture<'static, T> {
    Box::pin(std::future::ready(value))
}

fn not_here<T: Send + 'static>() -> StoreFuture<'static, T> {
    now(Err(StoreError::Unavailable("not in these tests".to_owned())))
}

impl Store for MemoryStore {
    fn append(&self, _event: NewEvent) -> StoreFuture<'_, Appended> {
        not_here()
    }

    fn may_deliver(&self) -> StoreFuture<'_, bool> {
        now(Ok(!*self.taken.lock().unwrap()))
    }

    fn lost_right(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.lost.notified())
    }

    fn stop_delivering(&self) -> StoreFuture<'_, ()> {
        *self.stopped.lock().unwrap() = true;
        now(Ok(()))
    }

    fn due(&self, due: Due) -> StoreFuture<'_, Vec<Event>> {
        let rows = self.rows();
        let waiting =
            rows.iter().filter(|row| row.state == EventState::Waiting && row.event.route == due.route);
        let waiting = waiting.take(if due.strict { 1 } else { usize::MAX });
        let due_now = waiting
            .filter(|row| row.next_at <= due.now && !due.except.contains(&row.event.seq))
            .take(due.limit);
        now(Ok(due_now.map(|row| row.event.clone()).collect()))
    }

    fn batch(&self, route: Arc<str>, batch: i64) -> StoreFuture<'_, Vec<Event>> {
        let rows = self.rows();
        let waiting = rows.iter().filter(|row| row.state == EventState::Waiting);
        let of_batch = waiting.map(|row| &row.event).filter(|event| event.batch == Some(batch));
        now(Ok(of_batch.filter(|event| event.route == route).cloned().collect()))
    }

    fn assign_batch(&self, events: Vec<EventId>, batch: i64) -> StoreFuture<'_, ()> {
        for row in self.rows().iter_mut().filter(|row| events.contains(&row.event.id)) {
            row.event.batch = Some(batch);
        }
        now(Ok(()))
    }

    fn next(&self) -> StoreFuture<'_, Vec<Next>> {
        let mut listed: Vec<Next> = Vec::new();
        for row in self.rows().iter().filter(|row| row.state == EventState::Waiting) {
            match listed.iter_mut().find(|next| next.route == row.event.route) {
                Some(next) => next.at = next.at.min(row.next_at),
                None => listed.push(Next {
                    route: Arc::clone(&row.event.route),
                    at: row.next_at,
                    first_at: row.next_at,
                }),
            }
        }
        now(Ok(listed))
    }

    fn record(&self, outcomes: Vec<Outcome>) -> StoreFuture<'_, ()> {
        let noted = self.note(outcomes);
        // As a real one, it takes a while.
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            noted
        })
    }

    fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn totals(&self) -> StoreFuture<'_, StoreTotals> {
        not_here()
    }

    fn list(&self, _filter: Filter, _limit: usize) -> StoreFuture<'_, Vec<EventSummary>> {
        not_here()
    }

    fn get(&self, _id: EventId) -> StoreFuture<'_, Option<EventDetail>> {
        not_here()
    }

    fn replay(&self, _filter: Filter, _limit: usize) -> StoreFuture<'_, Vec<EventId>> {
        not_here()
    }

    fn drop_events(&self, _filter: Filter, _limit: usize) -> StoreFuture<'_, u64> {
        not_here()
    }

    fn forget(&self, _filter: Filter, _limit: usize) -> StoreFuture<'_, u64> {
        not_here()
    }
}
