//! What operators do to events.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::stream::{self, StreamExt as _};

use super::index::Entry;
use super::link::{ACK, Fault, Link};
use super::messages::{How, Phase, StateHead, write, write_tries};
use super::outcomes::as_fault;
use super::subjects::Subject;
use crate::inbox::encode::millis;
use crate::inbox::{EventId, Filter, StoreError};

/// How many events are changed at the same time.
const AT_ONCE: usize = 64;

/// What is done to events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// They wait for delivery again.
    Replay,
    /// They are removed, but a repetition is recognised.
    Drop,
    /// All of them is removed.
    Forget,
}

impl Link {
    /// Does this to events that a filter means, of at most `limit`. Returns the ids of those that were changed.
    pub(super) async fn change(
        &self,
        action: Action,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<EventId>, StoreError> {
        self.catch_up().await?;
        let found = self.index().filtered(filter, limit, action == Action::Forget);
        let can_be = |entry: &Arc<Entry>| match action {
            Action::Replay => entry.can_be_replayed(),
            Action::Drop | Action::Forget => true,
        };
        // The oldest first, as they are delivered.
        let chosen: Vec<_> = found.into_iter().rev().filter(can_be).collect();
        let changes = stream::iter(chosen).map(|entry| async move {
            let id = entry.event.id;
            self.change_one(action, &entry).await.map(|is_changed| is_changed.then_some(id))
        });
        let changed: Vec<_> = changes.buffered(AT_ONCE).collect().await;
        let changed = changed.into_iter().filter_map(Result::transpose);
        let changed = changed.collect::<Result<_, _>>()?;
        self.catch_up().await?;
        Ok(changed)
    }

    /// Returns whether it was changed: not if another process has done so at the same time.
    async fn change_one(&self, action: Action, entry: &Entry) -> Result<bool, StoreError> {
        let now = millis(SystemTime::now());
        let written = match action {
            Action::Replay => self.replay(entry, now).await,
            Action::Drop => {
                let head = entry.ended_head(How::Dropped, now, entry.state.tries);
                self.write_event(entry, &head, write_tries(&[])).await
            }
            Action::Forget => self.forget(entry, now).await,
        };
        match written {
            Ok(_) => Ok(true),
            Err(Fault::Conflict) => {
                self.refresh(&entry.mark).await?;
                Ok(false)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn replay(&self, entry: &Entry, now: i64) -> Result<u64, Fault> {
        let tries = self.tries(entry.with_tries()).await.map_err(as_fault)?;
        let state = StateHead {
            state: Phase::Waiting,
            next_at: Some(now),
            waiting_since: now,
            attempts: 0,
            replays: entry.state.replays.saturating_add(1),
            batch: None,
            ended: None,
            ..entry.state.clone()
        };
        self.write_state(entry, &state, write_tries(&tries)).await
    }

    /// The servers overwrite the messages on their disks. What takes their place tells the other processes, and is without names.
    async fn forget(&self, entry: &Entry, now: i64) -> Result<u64, Fault> {
        if entry.state_revision > 0 {
            self.erase(entry.state_revision).await.map_err(as_fault)?;
        }
        if !self.erase(entry.revision).await.map_err(as_fault)? {
            return Err(Fault::Conflict);
        }
        let mut head = entry.ended_head(How::Forgotten, now, 0);
        (head.route, head.principal, head.key) = ("".into(), "".into(), None);
        (head.idempotency_key, head.digest, head.size) = ("".into(), [0; 16], 0);
        let subject = Subject::Event(entry.mark);
        match self.publish(subject, &write(&head), write_tries(&[]), 0, ACK).await {
            // The same event has arrived again just now. That tells the other processes, too.
            Err(Fault::Conflict) => Ok(0),
            written => written,
        }
    }
}
