//! Events of routes that the settings do not have. They wait, since a later reload may have the route again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::log;
use super::work::Work;
use crate::inbox::{DeadReason, Due, StoreError};

/// How long such events wait, unless a route has a longer `give_up_after`.
const DAY: Duration = Duration::from_secs(86_400);
/// The longest and the shortest time between two looks at them.
const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_millis(100);
/// How many are given up at once.
const BATCH: usize = 100;

/// The routes of which events wait, but that the settings do not have.
#[derive(Debug, Default)]
pub(super) struct UnknownRoutes {
    paths: Vec<Arc<str>>,
    check_at: Option<Instant>,
    /// Events that are given up, but not in the store yet, by `seq`.
    given_up: HashSet<i64>,
}

impl UnknownRoutes {
    /// Sets which routes these are. Each new one is logged.
    pub(super) fn set(&mut self, paths: Vec<Arc<str>>, now: Instant) {
        for path in paths.iter().filter(|path| !self.paths.contains(path)) {
            log::route_unknown(path);
        }
        if paths.iter().any(|path| !self.paths.contains(path)) {
            self.check_at = Some(now);
        } else if paths.is_empty() {
            self.check_at = None;
        }
        self.paths = paths;
    }

    /// Notes that the store knows that an event is given up.
    pub(super) fn noted(&mut self, seq: i64) {
        self.given_up.remove(&seq);
    }

    /// When to look whether they have waited for too long.
    pub(super) fn check_at(&self) -> Option<Instant> {
        self.check_at
    }
}

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
}
