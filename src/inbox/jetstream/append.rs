//! Stores new events. The server refuses a message if its subject has one already, and the subject is made of what an event is known
//! by: so it is stored once, whichever process it reaches.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::sleep;

use super::link::{ACK, Fault, Link};
use super::messages::{EventHead, How, write, write_request};
use super::read::Last;
use super::subjects::{Mark, Subject};
use crate::inbox::encode::{digest, key_of_reuse, mark, mark_of_reuse, millis};
use crate::inbox::{Appended, EventId, NewEvent, StoreError};

/// How long to wait while a message of another process for the same subject is on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(5);

/// What follows from the message that a subject has.
enum Next {
    /// The event is stored.
    Stored,
    /// It is a repetition of this one.
    Duplicate(EventId),
    /// The message may be replaced.
    Replace(u64),
    /// The event belongs to another subject: its key was used for another request before.
    Reused(EventId),
    /// The event belongs to another subject: this one is still needed.
    Beside(EventId),
    /// There is no message any more, or not yet.
    Again,
}

impl Link {
    /// Stores one event.
    pub(super) async fn append(&self, event: NewEvent) -> Result<Appended, StoreError> {
        self.started().await;
        let payload = write_request(&event.request);
        let digest = digest(&event.request);
        let first_mark = event.key.as_ref().map(|key| mark(&event.route, &event.principal, key));
        let mut place = first_mark.unwrap_or(*event.id.as_bytes());
        let mut head = EventHead::new(&event, &event.idempotency_key);
        let mut reused = None;
        let mut expected = 0;
        let size = payload.len() + 512;
        let full = self.room(size).err();
        let deadline = Instant::now() + ACK;
        loop {
            // A repetition gets its answer also when there is no room: it needs none.
            let written = match &full {
                None => {
                    self.publish(Subject::Event(place), &write(&head), payload.clone(), expected, ACK)
                        .await
                }
                Some(_) => Err(Fault::Conflict),
            };
            match written {
                Ok(_) => {
                    self.space.added.fetch_add(u64::try_from(size).unwrap_or(0), Ordering::Relaxed);
                    break;
                }
                Err(Fault::Conflict) => {}
                Err(Fault::TooLarge(most)) => {
                    // The header fields of the message are counted, too.
                    let around = size.saturating_sub(event.request.body.len()) + write(&head).len();
                    return Err(StoreError::TooLarge(
                        u64::try_from(most.saturating_sub(around)).unwrap_or(0),
                    ));
                }
                Err(fault) => return Err(fault.into()),
            }
            let last = self.last_of(&place).await?;
            match (self.next(last, &head, reused.is_some())?, &full) {
                (Next::Stored, _) => break,
                (Next::Duplicate(first), _) => return Ok(Appended::Duplicate { first }),
                (Next::Reused(first), _) => {
                    reused = Some(first);
                    (place, expected) = (mark_of_reuse(&place, &digest), 0);
                    head.idempotency_key = key_of_reuse(&event.idempotency_key, &digest).into();
                }
                (Next::Beside(first), _) => (place, expected) = (beside(&place, first), 0),
                (_, Some(why)) => return Err(StoreError::Full(why.clone())),
                (Next::Replace(sequence), None) => expected = sequence,
                (Next::Again, None) => {
                    expected = 0;
                    sleep(ON_ITS_WAY).await;
                }
            }
            if Instant::now() > deadline {
                return Err(StoreError::Unavailable(
                    "NATS refuses the event again and again".to_owned(),
                ));
            }
        }
        Ok(reused.map_or(Appended::New, |first| Appended::KeyReused { first }))
    }

    /// What follows from the last message of a subject.
    fn next(&self, last: Option<Last>, head: &EventHead, is_reused: bool) -> Result<Next, StoreError> {
        let Some(Last { sequence, event }) = last else { return Ok(Next::Again) };
        // The confirmation of an earlier message was lost.
        if event.id == head.id {
            return Ok(Next::Stored);
        }
        let ended = match &event.ended {
            Some(ended) if ended.how == How::Forgotten => return Ok(Next::Replace(sequence)),
            Some(ended) => Some(ended.at),
            None if self.progress.borrow().is_loaded => self.index().ended(event.id),
            // It may be dead for so long that this is a new event.
            None => return Err(StoreError::Unavailable(self.why_unusable())),
        };
        let is_over = |at: i64| at.saturating_add(self.limits.retain) < millis(SystemTime::now());
        Ok(match ended.filter(|at| is_over(*at)) {
            Some(_) if event.ended.is_some() => Next::Replace(sequence),
            Some(_) => Next::Beside(event.id),
            None if event.digest == head.digest || is_reused => Next::Duplicate(event.id),
            None => Next::Reused(event.id),
        })
    }

    /// Whether there is room for one more event of so many bytes.
    fn room(&self, bytes: usize) -> Result<(), String> {
        let limits = &self.limits;
        if self.index().kept() >= limits.max_events {
            return Err(format!("{} events wait or are dead (inbox.max_events)", limits.max_events));
        }
        let used = self.space.used.load(Ordering::Relaxed);
        let more = self.space.added.load(Ordering::Relaxed) + u64::try_from(bytes).unwrap_or(u64::MAX);
        if used.saturating_add(more) > limits.max_bytes {
            self.space.lacking.fetch_max(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
            self.space.wanted.notify_one();
            return Err(format!(
                "the stream has {used} bytes of {} (inbox.max_bytes)",
                limits.max_bytes
            ));
        }
        Ok(())
    }
}

/// The place of an event that cannot replace the one that has its place, though that is no first one any more.
pub(super) fn beside(place: &Mark, first: EventId) -> Mark {
    mark_of_reuse(place, first.as_bytes())
}
