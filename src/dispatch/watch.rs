//! Senders that wait for the upstream's answer to their event (`delivery = "try"`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::oneshot;

use crate::inbox::EventId;

/// An upstream's answer that settles what becomes of an event: it is delivered or dead.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields, without those for the connection to the upstream.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

/// Those who wait, by the event.
#[derive(Debug, Default)]
pub(super) struct Watches(Mutex<HashMap<EventId, Waiting>>);

/// One who waits.
#[derive(Debug)]
struct Waiting {
    /// The route of the event.
    route: String,
    answer: oneshot::Sender<Answered>,
}

/// Waits for the answer to one event. Once it is dropped, nobody waits.
#[derive(Debug)]
pub struct Watch {
    id: EventId,
    watches: Arc<Watches>,
    /// `None` if there is nothing to wait for.
    answer: Option<oneshot::Receiver<Answered>>,
}

impl Watch {
    /// Waits for event `id` of `route`.
    pub(super) fn new(id: EventId, route: &str, watches: Arc<Watches>) -> Self {
        let (answer, receiver) = oneshot::channel();
        watches.all().insert(id, Waiting { route: route.to_owned(), answer });
        Self { id, watches, answer: Some(receiver) }
    }

    /// Waits for nothing.
    pub(super) fn ended(id: EventId, watches: Arc<Watches>) -> Self {
        Self { id, watches, answer: None }
    }

    /// The upstream's answer, when there is one; `None` as soon as it is clear that there will be none soon, or if the answer is
    /// too large to be passed on: larger than 1 MiB, or 256 KiB if another instance has got it. The caller limits how long it waits.
    pub async fn answer(mut self) -> Option<Answered> {
        self.answer.as_mut()?.await.ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.answer.is_some() {
            self.watches.remove(self.id);
        }
    }
}

impl Watches {
    /// Whether somebody waits for the answer to event `id`.
    pub(super) fn contains(&self, id: EventId) -> bool {
        self.all().contains_key(&id)
    }

    /// Passes on the answer to event `id`; `None`: there will be none. Returns whether somebody waited.
    pub(super) fn answer(&self, id: EventId, answered: Option<Answered>) -> bool {
        let waiting = self.all().remove(&id);
        let is_watched = waiting.is_some();
        if let (Some(Waiting { answer, .. }), Some(answered)) = (waiting, answered) {
            // Whoever waited may have left just now.
            let _ = answer.send(answered);
        }
        is_watched
    }

    /// Ends the wait for event `id`, without an answer.
    pub(super) fn remove(&self, id: EventId) {
        self.all().remove(&id);
    }

    /// Ends the waits for which `is_kept` is false, without an answer. It gets the event and its route.
    pub(super) fn retain(&self, is_kept: impl Fn(EventId, &str) -> bool) {
        self.all().retain(|id, waiting| is_kept(*id, &waiting.route));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<EventId, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
