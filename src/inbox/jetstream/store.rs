//! The store itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;

use super::change::Action;
use super::index::Entry;
use super::link::{ACK, Limits, Link, NOT_READ, Role};
use super::open_error::JetStreamOpenError;
use super::read::Content;
use super::session::start;
use super::thread::Thread;
use crate::inbox::settings::nats::JetStreamSettings;
use crate::inbox::store::StoreFuture;
use crate::inbox::{
    Appended, DeadReason, Due, Event, EventDetail, EventId, EventSummary, Filter, InboxSettings,
    NewEvent, Next, Outcome, Peers, Store, StoreError, StorePlace, StoreTotals, Then,
};

/// How long a command waits for the next of the messages that tell it all events.
const READY: Duration = Duration::from_secs(10);
const READY_STEP: Duration = Duration::from_millis(5);

/// Events in a stream of NATS JetStream, which several processes share. Its thread ends when this is dropped.
#[derive(Debug)]
pub struct JetStreamStore {
    link: Arc<Link>,
    _thread: Thread,
}

impl JetStreamStore {
    /// Opens the store to keep events in it and to deliver them. It does not wait for NATS: as long as that cannot be reached, events are
    /// refused.
    ///
    /// # Errors
    /// When a file that the settings name cannot be used.
    pub fn open(inbox: &InboxSettings, nats: &JetStreamSettings) -> Result<Self, JetStreamOpenError> {
        let (thread, link) = start(nats, Limits::new(inbox, nats, Role::Server))?;
        Ok(Self { link, _thread: thread })
    }

    /// Opens a store beside the processes that use it. It makes no stream, and does not deliver. Waits until it knows all events,
    /// as long as NATS sends more of them.
    ///
    /// # Errors
    /// When a file that the settings name cannot be used, or NATS does not give the events.
    pub fn attach(nats: &JetStreamSettings) -> Result<Self, JetStreamOpenError> {
        let limits = Limits::new(
            &InboxSettings::of_a_visitor(StorePlace::JetStream(Arc::new(nats.clone()))),
            nats,
            Role::Visitor,
        );
        let (thread, link) = start(nats, limits)?;
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let progress = link.progress.borrow().clone();
            if progress.is_loaded {
                break;
            }
            if progress.sequence != last {
                (last, since) = (progress.sequence, Instant::now());
            }
            // The stream is not there, or is somebody else's.
            let is_refused = progress.fault.is_some_and(|fault| fault != NOT_READ);
            if is_refused || since.elapsed() > READY {
                return Err(JetStreamOpenError::Away {
                    store: nats.to_string(),
                    what: link.why_unusable(),
                });
            }
            thread::sleep(READY_STEP);
        }
        Ok(Self { link, _thread: thread })
    }
}

impl Link {
    /// These events with their requests. Those whose request cannot be read are given up; those that do not exist any more are left
    /// out.
    async fn with_requests(&self, entries: Vec<Arc<Entry>>) -> Result<Vec<Event>, StoreError> {
        let contents = join_all(entries.iter().map(|entry| self.content(entry))).await;
        let mut events = Vec::new();
        let mut damaged = Vec::new();
        for (entry, content) in entries.iter().zip(contents) {
            match content? {
                Content::Request(request) => events.push(entry.to_event(*request)),
                Content::Damaged => damaged.push(Outcome {
                    seq: entry.seq,
                    attempt: None,
                    then: Then::Dead(DeadReason::Unreadable),
                }),
                // Unless a newer message has taken its place, of which the index learns soon.
                Content::Gone if self.is_gone(&entry.mark, entry.revision).await? => {
                    self.log.is_gone(entry.event.id);
                    self.index().remove(entry.seq);
                }
                Content::Gone => {}
            }
        }
        if !damaged.is_empty() {
            self.record(&damaged).await?;
        }
        Ok(events)
    }

    async fn detail(&self, id: EventId) -> Result<Option<EventDetail>, StoreError> {
        self.catch_up().await?;
        let Some((entry, summary)) = self.index().summary(id) else { return Ok(None) };
        let request = if entry.has_request() {
            match self.content(&entry).await? {
                Content::Request(request) => Some(*request),
                Content::Damaged | Content::Gone => None,
            }
        } else {
            None
        };
        let attempts = self.tries(entry.with_tries()).await?;
        Ok(Some(EventDetail { summary, idempotency_key: entry.idempotency_key(), attempts, request }))
    }

    fn store_totals(&self) -> StoreTotals {
        let used_bytes =
            self.space.used.load(Ordering::Relaxed) + self.space.added.load(Ordering::Relaxed);
        let free_bytes = self.limits.max_bytes.saturating_sub(used_bytes);
        StoreTotals { routes: self.index().totals(), used_bytes, free_bytes }
    }
}

impl Store for JetStreamStore {
    fn append(&self, event: NewEvent) -> StoreFuture<'_, Appended> {
        Box::pin(self.link.append(event))
    }

    fn may_deliver(&self) -> StoreFuture<'_, bool> {
        Box::pin(self.link.take_right())
    }

    fn lost_right(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.link.lease.lost())
    }

    fn stop_delivering(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.link.give_up_right(ACK))
    }

    fn peers(&self) -> Option<Peers> {
        self.link.take_peers()
    }

    fn due(&self, due: Due) -> StoreFuture<'_, Vec<Event>> {
        Box::pin(async move {
            self.link.catch_up().await?;
            let entries = self.link.index().due(&due, self.link.limits.farthest);
            self.link.with_requests(entries).await
        })
    }

    fn batch(&self, route: Arc<str>, batch: i64) -> StoreFuture<'_, Vec<Event>> {
        Box::pin(async move {
            self.link.catch_up().await?;
            let entries = self.link.index().batch(&route, batch);
            self.link.with_requests(entries).await
        })
    }

    fn assign_batch(&self, events: Vec<EventId>, batch: i64) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.link.assign(&events, batch).await })
    }

    fn next(&self) -> StoreFuture<'_, Vec<Next>> {
        Box::pin(async move {
            self.link.catch_up().await?;
            Ok(self.link.index().next(self.link.limits.farthest))
        })
    }

    fn record(&self, outcomes: Vec<Outcome>) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.link.record(&outcomes).await })
    }

    fn changed(&self) -> watch::Receiver<()> {
        self.link.changed.subscribe()
    }

    fn totals(&self) -> StoreFuture<'_, StoreTotals> {
        Box::pin(async move {
            self.link.catch_up().await?;
            Ok(self.link.store_totals())
        })
    }

    fn list(&self, filter: Filter, limit: usize) -> StoreFuture<'_, Vec<EventSummary>> {
        Box::pin(async move {
            self.link.catch_up().await?;
            Ok(self.link.index().list(&filter, limit))
        })
    }

    fn get(&self, id: EventId) -> StoreFuture<'_, Option<EventDetail>> {
        Box::pin(self.link.detail(id))
    }

    fn replay(&self, filter: Filter, limit: usize) -> StoreFuture<'_, Vec<EventId>> {
        Box::pin(async move { self.link.change(Action::Replay, &filter, limit).await })
    }

    fn drop_events(&self, filter: Filter, limit: usize) -> StoreFuture<'_, u64> {
        Box::pin(async move { self.link.change(Action::Drop, &filter, limit).await.map(count) })
    }

    fn forget(&self, filter: Filter, limit: usize) -> StoreFuture<'_, u64> {
        Box::pin(async move { self.link.change(Action::Forget, &filter, limit).await.map(count) })
    }
}

fn count(ids: Vec<EventId>) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}
