//! Which events of a target are sent together. The events of a batch are the same at each try, and after a restart: the store has
//! them before the first try.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::decide::is_too_old;
use super::work::Work;
use crate::inbox::{DeadReason, Event, StoreError};
use crate::relay::batch::{Batch, BatchSettings, Cut, Member};

/// What can be sent next.
enum NextBatch {
    /// A batch that was sent before.
    Known(i64),
    /// A new one.
    New(Batch<Event>),
    /// Nothing yet.
    Wait(std::time::Duration),
    /// Nothing.
    Nothing,
}

impl Work {
    /// Begins tries of batches, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub(super) async fn fill_batches(
        &mut self,
        place: usize,
        settings: &BatchSettings,
        limit: usize,
    ) -> Result<(), StoreError> {
        for _ in 0..limit {
            let found = self.find(place, settings.count).await?;
            let batch = match next_batch(found.events, settings) {
                NextBatch::Nothing if found.are_all => {
                    self.found_all(place);
                    return Ok(());
                }
                NextBatch::Nothing => return Ok(()),
                NextBatch::Wait(wait) => {
                    let Some(work) = self.work_at(place) else { return Ok(()) };
                    let at = Instant::now() + wait;
                    work.is_ready = false;
                    work.next = Some(work.next.map_or(at, |next| next.min(at)));
                    return Ok(());
                }
                // Only now, so that events gather while the rate allows no request.
                _ if !self.permit(place) => return Ok(()),
                NextBatch::Known(batch) => self.known_batch(place, batch).await?,
                NextBatch::New(events) => Some(self.assign(events).await?),
            };
            if let Some(batch) = batch {
                self.begin(place, batch);
            }
        }
        Ok(())
    }

    /// The batch that `event` is in, or a new one with it alone.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub(super) async fn batch_of(
        &mut self,
        place: usize,
        event: Event,
    ) -> Result<Option<Batch<Event>>, StoreError> {
        match event.batch {
            Some(batch) => self.known_batch(place, batch).await,
            None => self.assign(Batch::alone(event)).await.map(Some),
        }
    }

    /// The events of a batch that was sent before. `None` if none of them waits any more.
    async fn known_batch(
        &mut self,
        place: usize,
        batch: i64,
    ) -> Result<Option<Batch<Event>>, StoreError> {
        let settings = Arc::clone(&self.settings);
        let route = &settings.routes[place];
        let events = self.store.batch(Arc::clone(&route.path), batch).await?;
        let now = SystemTime::now();
        if events.iter().all(|event| is_too_old(event, route.inbox.give_up_after, now)) {
            for event in &events {
                self.give_up(event, DeadReason::TooOld);
            }
            return Ok(None);
        }
        let Some(events) = Batch::new(events) else { return Ok(None) };
        if !self.work_at(place).is_some_and(|work| work.to_split.remove(&batch)) {
            return Ok(Some(events));
        }
        match events.halves() {
            Ok((first, second)) => {
                self.assign(second).await?;
                Ok(Some(first))
            }
            Err(one) => Ok(Some(one)),
        }
    }

    /// Stores which events are sent together.
    async fn assign(&self, mut events: Batch<Event>) -> Result<Batch<Event>, StoreError> {
        let batch = events.first().seq;
        let ids = events.members().iter().map(|event| event.id).collect();
        self.store.assign_batch(ids, batch).await?;
        for event in events.members_mut() {
            event.batch = Some(batch);
        }
        Ok(events)
    }
}

/// What can be sent next of these events, which are in the order in which they are to be tried.
fn next_batch(events: Vec<Event>, settings: &BatchSettings) -> NextBatch {
    if let Some(batch) = events.iter().find_map(|event| event.batch) {
        return NextBatch::Known(batch);
    }
    let Some(first) = events.first() else { return NextBatch::Nothing };
    let oldest = SystemTime::now().duration_since(first.waiting_since).unwrap_or_default();
    // One that was stored before the settings said that events are sent together is perhaps not JSON. It is sent alone.
    let is_json = |event: &&Event| Member::new(&event.request.body).is_ok();
    let together = events.iter().take_while(is_json).count();
    let number = if together == 0 {
        1
    } else {
        let sizes = events.iter().take(together).map(|event| event.request.body.len());
        match settings.cut(sizes, oldest) {
            Cut::Send(number) => number,
            // Nothing that comes later can be in this batch.
            Cut::Wait(_) if together < events.len() => together,
            Cut::Wait(wait) => return NextBatch::Wait(wait),
            Cut::Nothing => return NextBatch::Nothing,
        }
    };
    let events = events.into_iter().take(number).collect();
    Batch::new(events).map_or(NextBatch::Nothing, NextBatch::New)
}
