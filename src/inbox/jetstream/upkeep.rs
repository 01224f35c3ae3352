//! What is to be done now and then: measure the stream, remove what need not be remembered any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::append::beside;
use super::follow::TOLD;
use super::index::Entry;
use super::link::{Fault, Link, Role};
use super::messages::{How, Phase, StateHead, write_tries};
use crate::inbox::encode::millis;
use crate::inbox::{EventState, StoreError};

/// How often.
const PERIOD: Duration = Duration::from_secs(1);
/// How often at most, while there is no room.
const NOT_MORE_OFTEN: Duration = Duration::from_millis(100);
/// How many events are looked at, and removed, each time.
const LOOKED_AT: usize = 5_000;
const REMOVED: usize = 500;
/// How many messages are removed at the same time.
const AT_ONCE: usize = 32;
/// How much longer a process that does not deliver remembers, so that the one that does removes first.
const LATER: i64 = 60_000;

/// What is done with an event that has ended.
enum Fate {
    Kept,
    /// All but the memory of it is removed.
    Dropped,
    Removed,
}

impl Link {
    /// Does this now and then. Never ends.
    pub(super) async fn keep_up(&self) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut after = i64::MIN;
        let mut is_purged = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.space.wanted.notified() => sleep(NOT_MORE_OFTEN).await,
            }
            // It is tried again soon.
            let measured = self.measure().await;
            let was_purged = std::mem::replace(
                &mut is_purged,
                measured.is_ok_and(|messages| self.is_purged(messages)),
            );
            if was_purged && is_purged {
                self.space.purged.notify_one();
                is_purged = false;
            }
            if self.limits.role == Role::Server && self.progress.borrow().is_loaded {
                let _ = self.make_room().await;
                let _ = self.remove_old(&mut after).await;
                let _ = self.remove_leftovers().await;
            }
        }
    }

    /// Measures the stream. Returns how many messages it has.
    async fn measure(&self) -> Result<u64, StoreError> {
        // What is written meanwhile is perhaps counted twice, until the next time.
        let added = self.space.added.load(Ordering::Relaxed);
        let state = self.info().await?.state;
        self.space.used.store(state.bytes, Ordering::Relaxed);
        self.space.added.fetch_sub(added, Ordering::Relaxed);
        Ok(state.messages)
    }

    /// Whether somebody has purged the stream: it has fewer messages than there are events that wait or are dead. Each of them has one.
    pub(super) fn is_purged(&self, messages: u64) -> bool {
        messages < self.index().kept()
    }

    fn delivers(&self) -> bool {
        self.lease.is_current()
    }

    /// Removes delivered events, the oldest first, before there is no room for new ones, here or in the memory of the instances.
    async fn make_room(&self) -> Result<(), StoreError> {
        self.free_exhausted().await?;
        if !self.delivers() {
            self.forget_excess();
        }
        while self.delivers() {
            let excess = u64::try_from(self.index().len())
                .unwrap_or(0)
                .saturating_sub(self.limits.max_remembered);
            let delivered = self.delivered(REMOVED.min(usize::try_from(excess).unwrap_or(REMOVED)));
            if delivered.is_empty() {
                break;
            }
            self.remove_events(delivered).await?;
            self.measure().await?;
        }
        // An event for which another process has no room needs no more than this part, unless the limit is very small.
        let spare = (self.limits.max_bytes / 8).max(self.space.lacking.swap(0, Ordering::Relaxed));
        let limit = self.limits.max_bytes.saturating_sub(spare);
        while self.delivers() && self.space.used.load(Ordering::Relaxed) > limit {
            // What waits or is dead takes the room, so that nothing would be won.
            if self.index().kept_bytes() > limit {
                break;
            }
            let delivered = self.delivered(REMOVED);
            if delivered.is_empty() {
                break;
            }
            self.remove_events(delivered).await?;
            self.measure().await?;
        }
        Ok(())
    }

    /// Forgets the oldest delivered events beyond those that are remembered, some more than the process that delivers, which removes them.
    fn forget_excess(&self) {
        let most = self.limits.max_remembered + self.limits.max_remembered / 8;
        let excess = u64::try_from(self.index().len()).unwrap_or(0).saturating_sub(most);
        let forgotten = self.delivered(usize::try_from(excess).unwrap_or(usize::MAX));
        self.forget_in_memory(&forgotten);
    }

    /// Forgets events that the process that delivers removes.
    fn forget_in_memory(&self, entries: &[Arc<Entry>]) {
        let mut index = self.index();
        for entry in entries {
            index.remove(entry.seq);
            // In case nobody removes it before this process delivers.
            index.leftovers.push((entry.revision, Instant::now()));
        }
    }

    /// Removes delivered events if the servers themselves have no room. They take no message then, neither the renewal of the right to
    /// deliver nor one that says what is removed. So it is the task of the process that had the right last, and nobody can replay what
    /// it removes.
    async fn free_exhausted(&self) -> Result<(), StoreError> {
        if !self.space.is_exhausted.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        // Reading works. What this process knows may be old.
        self.refresh_right().await?;
        let is_last = self.index().right.holder.as_deref() == Some(&*self.lease.holder);
        if is_last && self.progress.borrow().unread.is_none() {
            let delivered = self.delivered(REMOVED);
            let removals = stream::iter(delivered).map(|entry| self.remove(entry, None));
            let removed: Vec<_> = removals.buffer_unordered(AT_ONCE).collect().await;
            removed.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    /// The oldest delivered events, at most this many.
    fn delivered(&self, most: usize) -> Vec<Arc<Entry>> {
        let index = self.index();
        let ended = index.ended_from(i64::MIN);
        ended.filter(|entry| entry.state() == EventState::Delivered).take(most).cloned().collect()
    }

    /// Looks at the next events that have ended, and removes those that were kept for as long as the settings say.
    async fn remove_old(&self, after: &mut i64) -> Result<(), StoreError> {
        let now = millis(SystemTime::now());
        let delivers = self.delivers();
        let (mut removed, mut dropped, mut last) = (Vec::new(), Vec::new(), None);
        {
            let index = self.index();
            for entry in index.ended_from(after.saturating_add(1)).take(LOOKED_AT) {
                if removed.len() + dropped.len() >= REMOVED {
                    break;
                }
                last = Some(entry.seq);
                match self.fate(entry, if delivers { now } else { now.saturating_sub(LATER) }) {
                    Fate::Kept => {}
                    Fate::Dropped => dropped.push((Arc::clone(entry), entry.ended().unwrap_or(now))),
                    // A younger event with the same key is found through this one.
                    Fate::Removed if index.has_mark(&beside(&entry.mark, entry.event.id)) => {
                        dropped.push((Arc::clone(entry), now));
                    }
                    Fate::Removed => removed.push(Arc::clone(entry)),
                }
            }
        }
        *after = last.unwrap_or(i64::MIN);
        if !delivers {
            self.forget_in_memory(&removed);
            return Ok(());
        }
        self.remove_events(removed).await?;
        for (entry, ended) in dropped {
            if self.retire(&entry).await?.is_some() {
                let head = entry.ended_head(How::Dropped, ended, entry.state.tries);
                // Of another process that has changed it, the next look takes care.
                let _ = self.write_event(&entry, &head, write_tries(&[])).await;
            }
        }
        Ok(())
    }

    fn fate(&self, entry: &Entry, now: i64) -> Fate {
        let ended = entry.ended().unwrap_or(now);
        let is_over = |retain: i64| ended < now.saturating_sub(retain);
        match entry.state.state {
            Phase::Waiting => Fate::Kept,
            Phase::Dead(_) if !is_over(self.limits.retain_dead) => Fate::Kept,
            // A repetition of a dead event is a duplicate for as long as one of a delivered event.
            Phase::Dead(_) if !is_over(self.limits.retain) => Fate::Dropped,
            Phase::Dead(_) => Fate::Removed,
            Phase::Delivered if is_over(self.limits.retain) => Fate::Removed,
            Phase::Delivered => Fate::Kept,
        }
    }

    async fn remove_events(&self, entries: Vec<Arc<Entry>>) -> Result<(), StoreError> {
        let removals = stream::iter(entries).map(|entry| async move {
            match self.retire(&entry).await? {
                Some(state_revision) => self.remove(entry, Some(state_revision)).await,
                None => Ok(()),
            }
        });
        removals.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect()
    }

    /// Removes the messages about an event. `state_revision`: that of the last one about its state, if it is not the one that is known.
    async fn remove(&self, entry: Arc<Entry>, state_revision: Option<u64>) -> Result<(), StoreError> {
        self.erase(entry.revision).await?;
        let state_revision = state_revision.unwrap_or(entry.state_revision);
        if state_revision > 0 {
            self.erase(state_revision).await?;
        }
        self.index().remove(entry.seq);
        Ok(())
    }

    /// Makes sure that nobody lets an event wait again whose request is about to be removed: if an operator replays it at this moment,
    /// one of the two changes is refused. Returns the sequence of the last message about its state, 0 if there is none; `None` if
    /// somebody else has changed the event.
    async fn retire(&self, entry: &Entry) -> Result<Option<u64>, StoreError> {
        if !entry.has_request() || entry.state.is_removed {
            return Ok(Some(entry.state_revision));
        }
        let state = StateHead { is_removed: true, ..entry.state.clone() };
        match self.write_state(entry, &state, Bytes::new()).await {
            Ok(revision) => Ok(Some(revision)),
            Err(Fault::Conflict) => self.refresh(&entry.mark).await.map(|()| None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Removes messages that the other processes have read by now.
    async fn remove_leftovers(&self) -> Result<(), StoreError> {
        let delivers = self.delivers();
        let old: Vec<_> = {
            let mut index = self.index();
            // The process that delivers removes them. Another one keeps them longer, in case that becomes its task.
            let kept = if delivers { TOLD } else { 2 * TOLD };
            index.leftovers.extract_if(.., |(_, since)| since.elapsed() > kept).collect()
        };
        if !delivers {
            return Ok(());
        }
        let removals = stream::iter(old).map(|(sequence, since)| async move {
            let removed = self.erase(sequence).await;
            if removed.is_err() {
                self.index().leftovers.push((sequence, since));
            }
            removed.map(drop)
        });
        let removed: Vec<_> = removals.buffer_unordered(AT_ONCE).collect().await;
        removed.into_iter().collect()
    }
}
