//! Notes what has become of tries, and which events are sent together.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::future::join_all;
use serde::Serialize;

use super::index::Entry;
use super::link::{ACK, Fault, Link};
use super::messages::{How, Phase, StateHead, write, write_tries};
use super::subjects::Subject;
use crate::inbox::encode::millis;
use crate::inbox::{Attempt, EventId, EventState, Outcome, StoreError, Then};

/// How often a change is tried if another process changes the same event.
const TIMES: u32 = 4;

impl Link {
    /// Notes outcomes. If it fails, some may be noted: noting all of them again changes nothing for these.
    pub(super) async fn record(&self, outcomes: &[Outcome]) -> Result<(), StoreError> {
        self.catch_up().await?;
        let noted = join_all(outcomes.iter().map(|outcome| self.record_one(outcome))).await;
        noted.into_iter().collect()
    }

    /// An event that does not wait any more is left as it is: an operator may have removed it during the try.
    async fn record_one(&self, outcome: &Outcome) -> Result<(), StoreError> {
        self.change_waiting(|index| index.get(outcome.seq).cloned(), |entry| self.note(entry, outcome))
            .await
    }

    async fn note(&self, entry: Arc<Entry>, outcome: &Outcome) -> Result<u64, Fault> {
        let mut tries = self.tries(entry.with_tries()).await.map_err(as_fault)?;
        let mut state = entry.state.clone();
        if outcome
            .attempt
            .as_ref()
            .is_some_and(|attempt| tries.iter().any(|noted| is_same(noted, attempt)))
        {
            // It is noted already; the confirmation was lost.
            return Ok(entry.state_revision);
        }
        if let Some(attempt) = &outcome.attempt {
            tries.push(attempt.clone());
            state.tries = state.tries.saturating_add(1);
            if !matches!(outcome.then, Then::Retry { counts: false, .. }) {
                state.attempts = state.attempts.saturating_add(1);
            }
        }
        let ended = millis(ended(outcome));
        match outcome.then {
            Then::Delivered if !self.limits.keep_bodies => {
                let head = entry.ended_head(How::Delivered, ended, state.tries);
                return self.write_event(&entry, &head, write_tries(&tries)).await;
            }
            Then::Delivered => (state.state, state.ended) = (Phase::Delivered, Some(ended)),
            Then::Retry { at, .. } => state.next_at = Some(millis(at)),
            Then::Dead(reason) => (state.state, state.ended) = (Phase::Dead(reason), Some(ended)),
        }
        if state.state != Phase::Waiting {
            (state.next_at, state.batch) = (None, None);
        }
        self.write_state(&entry, &state, write_tries(&tries)).await
    }

    /// Puts waiting events into a batch.
    pub(super) async fn assign(&self, events: &[EventId], batch: i64) -> Result<(), StoreError> {
        self.catch_up().await?;
        let assigned = join_all(events.iter().map(|id| async move {
            let assign = |entry: Arc<Entry>| async move {
                let tries = self.tries(entry.with_tries()).await.map_err(as_fault)?;
                let state = StateHead { batch: Some(batch), ..entry.state.clone() };
                self.write_state(&entry, &state, write_tries(&tries)).await
            };
            self.change_waiting(|index| index.find(*id).cloned(), assign).await
        }));
        assigned.await.into_iter().collect()
    }

    /// Changes an event if it waits. If another process changes it at the same time, looks at it again.
    async fn change_waiting<F: Future<Output = Result<u64, Fault>>>(
        &self,
        find: impl Fn(&super::index::Index) -> Option<Arc<Entry>>,
        change: impl Fn(Arc<Entry>) -> F,
    ) -> Result<(), StoreError> {
        for _ in 0..TIMES {
            let found = find(&self.index());
            let Some(entry) = found.filter(|entry| entry.state() == EventState::Waiting) else {
                return Ok(());
            };
            let mark = entry.mark;
            match change(entry).await {
                Ok(sequence) => return self.wait_for(sequence).await,
                Err(Fault::Conflict) => self.refresh(&mark).await?,
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(Fault::Conflict.into())
    }

    /// Writes a message in place of the last one about an event.
    pub(super) async fn write_event<T: Serialize>(
        &self,
        entry: &Entry,
        head: &T,
        payload: Bytes,
    ) -> Result<u64, Fault> {
        self.publish(Subject::Event(entry.mark), &write(head), payload, entry.revision, ACK).await
    }

    /// Writes what has become of an event whose request stays.
    pub(super) async fn write_state(
        &self,
        entry: &Entry,
        state: &StateHead,
        payload: Bytes,
    ) -> Result<u64, Fault> {
        let subject = Subject::State(entry.mark);
        self.publish(subject, &write(state), payload, entry.state_revision, ACK).await
    }
}

pub(super) fn as_fault(error: StoreError) -> Fault {
    match error {
        StoreError::Full(why) => Fault::Full(why),
        StoreError::TooLarge(most) => Fault::TooLarge(usize::try_from(most).unwrap_or(usize::MAX)),
        StoreError::Unavailable(why) => Fault::Unavailable(why),
    }
}

/// Whether these are the same try. Times are stored in milliseconds.
fn is_same(noted: &Attempt, other: &Attempt) -> bool {
    millis(noted.at) == millis(other.at)
        && noted.took.as_millis() == other.took.as_millis()
        && noted.status == other.status
}

fn ended(outcome: &Outcome) -> SystemTime {
    let attempt = outcome.attempt.as_ref();
    attempt.and_then(|attempt| attempt.at.checked_add(attempt.took)).unwrap_or_else(SystemTime::now)
}
