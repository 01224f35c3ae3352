//! Events that are given up without a try.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::log;
use super::work::Work;
use crate::inbox::{DeadReason, Due, Event, Outcome, StoreError, Then};

/// How long events of unknown routes wait, unless a route has a longer `give_up_after`.
const DAY: Duration = Duration::from_secs(86_400);
/// The longest and the shortest time between two looks at them.
const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_millis(100);
/// How many are given up at once.
const BATCH: usize = 100;

impl Work {
    /// Gives up the events of unknown routes that have waited for too long.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn check_unknown(&mut self) -> Result<(), StoreError> {
        let longest = self.settings.routes.iter().map(|route| route.inbox.give_up_after).max();
        let give_up_after = longest.unwrap_or_default().max(DAY);
        let now = SystemTime::now();
        let mut wait = (give_up_after / 16).clamp(SHORTEST, LONGEST);
        for route in self.unknown.paths.clone() {
            let except = self.unknown.given_up.iter().copied().collect();
            let due = Due { route, now, strict: false, except, limit: BATCH };
            let events = self.store.due(due).await?;
            let is_old =
                |since: SystemTime| now.duration_since(since).is_ok_and(|age| age >= give_up_after);
            let old: Vec<_> = events.iter().filter(|event| is_old(event.waiting_since)).collect();
            if old.len() == BATCH {
                wait = SHORTEST;
            }
            for event in old {
                self.unknown.given_up.insert(event.seq);
                self.give_up(event, DeadReason::UnknownRoute);
            }
        }
        self.unknown.check_at = Some(Instant::now() + wait);
        Ok(())
    }

    /// Gives up an event without a try.
    pub(super) fn give_up(&mut self, event: &Event, reason: DeadReason) {
        log::dead(event, reason, None);
        self.metrics.dead(&event.route, reason.as_str());
        self.shared.watches.remove(event.id);
        if let Some(work) = self.routes.get_mut(&event.route) {
            work.busy.insert(event.seq);
            work.progress.remove(&event.seq);
        }
        let outcome = Outcome { seq: event.seq, attempt: None, then: Then::Dead(reason) };
        self.outcomes.push(Arc::clone(&event.route), outcome);
    }
}
