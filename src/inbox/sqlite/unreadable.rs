//! Events whose request cannot be read: they are given up, so that they do not hold up the others of their route.

use serde::Serialize;
use tracing::Level;

use super::queries::Unreadable;
use super::sqlite_store::SqliteStore;
use crate::inbox::{DeadReason, Outcome, Store as _, StoreError, Then};
use crate::telemetry::emit;

impl SqliteStore {
    /// Makes these events of a route dead, and logs that.
    ///
    /// # Errors
    /// When that cannot be stored.
    pub(super) async fn give_up(&self, route: &str, events: &[Unreadable]) -> Result<(), StoreError> {
        let reason = DeadReason::Unreadable;
        let outcome =
            |event: &Unreadable| Outcome { seq: event.seq, attempt: None, then: Then::Dead(reason) };
        self.record(events.iter().map(outcome).collect()).await?;
        for event in events {
            let event_id = &event.id.to_string();
            emit(Level::WARN, "dead_lettered", &Line { event_id, route, reason, hint: HINT });
        }
        Ok(())
    }
}

const HINT: &str =
    "the database is damaged: look at the disk, and restart clawgate, which then checks the database";

/// The `dead_lettered` event.
#[derive(Serialize)]
struct Line<'a> {
    event_id: &'a str,
    route: &'a str,
    reason: DeadReason,
    hint: &'static str,
}
