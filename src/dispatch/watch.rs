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
pub(super) struct Watches(Mutex<HashMap<EventId, oneshot::Sender<Answered>>>);

/// Waits for the answer to one event. Once it is dropped, nobody waits.
#[derive(Debug)]
pub struct Watch {
    id: EventId,
    watches: Arc<Watches>,
    /// `None` if there is nothing to wait for.
    answer: Option<oneshot::Receiver<Answered>>,
}

impl Watch {
    /// Waits for event `id`.
    pub(super) fn new(id: EventId, watches: Arc<Watches>) -> Self {
        let (sender, receiver) = oneshot::channel();
        watches.all().insert(id, sender);
        Self { id, watches, answer: Some(receiver) }
    }

    /// Waits for nothing.
    pub(super) fn ended(id: EventId, watches: Arc<Watches>) -> Self {
        Self { id, watches, answer: None }
    }

    /// The upstream's answer, when there is one; `None` as soon as it is clear that there will be none soon, or if the answer is
    /// larger than 1 MiB. The caller limits how long it waits.
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

#[expect(dead_code, reason = "the part that delivers comes next")]
impl Watches {
    /// Whether somebody waits for the answer to event `id`.
    pub(super) fn contains(&self, id: EventId) -> bool {
        self.all().contains_key(&id)
    }

    /// Passes on the answer to event `id`.
    pub(super) fn answer(&self, id: EventId, answered: Answered) {
        if let Some(sender) = self.all().remove(&id) {
            // Whoever waited may have left just now.
            let _ = sender.send(answered);
        }
    }

    /// Ends the wait for event `id`, without an answer.
    pub(super) fn remove(&self, id: EventId) {
        self.all().remove(&id);
    }

    /// Ends all waits, without an answer.
    pub(super) fn clear(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<EventId, oneshot::Sender<Answered>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
