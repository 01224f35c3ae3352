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
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.space.wanted.notified() => sleep(NOT_MORE_OFTEN).await,
            }
            // It is tried again soon.
            let _ = self.measure().await;
            if self.limits.role == Role::Server && self.progress.borrow().is_loaded {
                let _ = self.make_room().await;
                let _ = self.remove_old(&mut after).await;
                let _ = self.remove_leftovers().await;
            }
        }
    }

    async fn measure(&self) -> Result<(), StoreError> {
        // What is written meanwhile is perhaps counted twice, until the next time.
        let added = self.space.added.load(Ordering::Relaxed);
        let used = self.info().await?.state.bytes;
        self.space.used.store(used, Ordering::Relaxed);
        self.space.added.fetch_sub(added, Ordering::Relaxed);
        Ok(())
    }

    fn delivers(&self) -> bool {
        self.lease.is_current()
    }

    /// Removes delivered events, the oldest first, before there is no room for new ones.
    async fn make_room(&self) -> Result<(), StoreError> {
        // An event for which another process has no room needs no more than this part, unless the limit is very small.
        let spare = (self.limits.max_bytes / 8).max(self.space.lacking.swap(0, Ordering::Relaxed));
        let limit = self.limits.max_bytes.saturating_sub(spare);
        while self.delivers() && self.space.used.load(Ordering::Relaxed) > limit {
            // What waits or is dead takes the room, so that nothing would be won.
            if self.index().kept_bytes() > limit {
                break;
            }
            let ended: Vec<_> = {
                let index = self.index();
                let delivered =
                    index.ended_from(i64::MIN).filter(|entry| entry.state() == EventState::Delivered);
                delivered.take(REMOVED).cloned().collect()
            };
            if ended.is_empty() {
                break;
            }
            self.remove_events(ended).await?;
            self.measure().await?;
        }
        Ok(())
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
            let mut index = self.index();
            for entry in removed {
                index.remove(entry.seq);
                // In case nobody removes it before this process delivers.
                index.leftovers.push((entry.revision, Instant::now()));
            }
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
            let Some(state_revision) = self.retire(&entry).await? else { return Ok(()) };
            self.erase(entry.revision).await?;
            if state_revision > 0 {
                self.erase(state_revision).await?;
            }
            self.index().remove(entry.seq);
            Ok(())
        });
        removals.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().collect()
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
