//! Outcomes of tries on their way to the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::inbox::{Outcome, Store, StoreError};

/// How many outcomes may wait for the store before no further tries begin.
const MOST: usize = 1000;
/// How long to wait when the store has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// An outcome, with the route of its event.
pub(super) type RouteOutcome = (Arc<str>, Outcome);

/// What the store has answered to a batch.
pub(super) type Noted = (Vec<RouteOutcome>, Result<(), StoreError>);

/// Outcomes that are not stored yet. While one batch is being stored, the next one gathers.
#[derive(Debug)]
pub(super) struct Outcomes {
    store: Arc<dyn Store>,
    gathered: Vec<RouteOutcome>,
    storing: JoinSet<Noted>,
    /// Set when the store has failed.
    not_before: Option<Instant>,
}

impl Outcomes {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, gathered: Vec::new(), storing: JoinSet::new(), not_before: None }
    }

    /// Adds one.
    pub(super) fn push(&mut self, route: Arc<str>, outcome: Outcome) {
        self.gathered.push((route, outcome));
    }

    /// Whether so many wait that no further tries should begin.
    pub(super) fn are_too_many(&self) -> bool {
        self.gathered.len() >= MOST
    }

    /// Begins to store what has gathered, unless a batch is being stored, or the store has failed just now.
    pub(super) fn store(&mut self, now: Instant) {
        let may = self.not_before.is_none_or(|at| at <= now);
        if may && self.storing.is_empty() && !self.gathered.is_empty() {
            self.not_before = None;
            let (store, batch) = (Arc::clone(&self.store), std::mem::take(&mut self.gathered));
            self.storing.spawn(async move {
                let outcomes = batch.iter().map(|(_, outcome)| outcome.clone()).collect();
                let result = store.record(outcomes).await;
                (batch, result)
            });
        }
    }

    /// The next batch that the store has answered to; `None` if none is being stored.
    pub(super) async fn noted(&mut self) -> Option<Noted> {
        // Nothing in the task panics or ends it.
        self.storing.join_next().await?.ok()
    }

    /// Takes back a batch that could not be stored, to store it later.
    pub(super) fn take_back(&mut self, mut batch: Vec<RouteOutcome>, now: Instant) {
        batch.append(&mut self.gathered);
        self.gathered = batch;
        self.not_before = Some(now + PAUSE);
    }

    /// When to store again after the store has failed.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.not_before
    }

    /// Ends the wait after a failure.
    pub(super) fn hurry(&mut self) {
        self.not_before = None;
    }
}
