//! Events of routes that the settings do not have. They wait, since a later reload may have the route again.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::log;

/// The routes of which events wait, but that the settings do not have.
#[derive(Debug, Default)]
pub(super) struct UnknownRoutes {
    pub(super) paths: Vec<Arc<str>>,
    /// When to look whether they have waited for too long.
    pub(super) check_at: Option<Instant>,
    /// Events that are given up, but not in the store yet, by `seq`.
    pub(super) given_up: HashSet<i64>,
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
}
