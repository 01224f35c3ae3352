//! The inbox, as requests use it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::Level;

use super::refusal::RequestRefusal;
use crate::dispatch::Dispatcher;
use crate::inbox::{Appended, EventId, NewEvent, Store, StoreError};
use crate::telemetry::emit_bounded;
use crate::telemetry::metrics::{AppendOutcome, InboxMetrics};

/// Where events go that are stored, and what delivers them. All workers share it.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// Stores events.
    pub store: Arc<dyn Store>,
    /// Delivers them.
    pub dispatcher: Dispatcher,
    /// Counts them.
    pub metrics: Arc<InboxMetrics>,
}

/// An event that is stored, or was stored before.
pub(super) struct Stored {
    pub(super) appended: Appended,
    /// When it began.
    pub(super) begun: Instant,
    /// How long it took.
    pub(super) took: Duration,
}

impl Inbox {
    /// Stores the event of a request, counts it, and logs if its key was used for another one before.
    ///
    /// # Errors
    /// When it is not stored.
    pub(super) async fn append(&self, event: NewEvent, request: &str) -> Result<Stored, RequestRefusal> {
        let (id, route) = (event.id, Arc::clone(&event.route));
        let (principal, key) = (Arc::clone(&event.principal), event.key.clone());
        let begun = Instant::now();
        let appended = self.store.append(event).await.map_err(|error| {
            let (outcome, refusal) = refused(error);
            self.metrics.appended(&route, outcome);
            refusal
        })?;
        let took = begun.elapsed();
        self.metrics.committed(took);
        let outcome = match appended {
            Appended::Duplicate { .. } => AppendOutcome::Duplicate,
            Appended::New => AppendOutcome::Accepted,
            Appended::KeyReused { .. } => AppendOutcome::KeyReused,
        };
        self.metrics.appended(&route, outcome);
        if let Appended::KeyReused { first } = appended {
            log_reused_key(request, &route, &principal, key.as_deref(), id, first);
        }
        Ok(Stored { appended, begun, took })
    }
}

fn refused(error: StoreError) -> (AppendOutcome, RequestRefusal) {
    match error {
        StoreError::Full(why) => (AppendOutcome::Full, RequestRefusal::InboxFull { why }),
        StoreError::TooLarge(limit) => (AppendOutcome::TooLarge, RequestRefusal::BodyTooLarge(limit)),
        StoreError::Unavailable(why) => {
            (AppendOutcome::Unavailable, RequestRefusal::InboxUnavailable { why })
        }
    }
}

fn log_reused_key(
    request: &str,
    route: &str,
    principal: &str,
    key: Option<&str>,
    event_id: EventId,
    first: EventId,
) {
    let line = KeyReused {
        id: request,
        route,
        principal,
        key,
        event_id: &event_id.to_string(),
        first_event_id: &first.to_string(),
        hint: "the sender uses one id for two events; both are delivered. If it should not, ask the sender, or set the id \
               of the route to what differs",
    };
    emit_bounded(Level::WARN, "event_key_reused", &line);
}

/// The `event_key_reused` event.
#[derive(Serialize)]
struct KeyReused<'a> {
    id: &'a str,
    route: &'a str,
    principal: &'a str,
    key: Option<&'a str>,
    event_id: &'a str,
    first_event_id: &'a str,
    hint: &'static str,
}
