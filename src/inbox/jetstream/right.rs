//! Which process delivers. One of them has the right, and renews it; the others see that it does. If it does not for a while, one of
//! them takes the right over. Nobody's wall clock matters: each measures from what it has seen or sent itself.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::lease::Held;
use super::link::{ACK, Fault, Link, Role};
use super::messages::{RightHead, write};
use super::subjects::Subject;
use crate::inbox::StoreError;

/// How often the right is renewed.
const RENEW: Duration = Duration::from_secs(2);
/// How long to wait if a renewal was not confirmed.
const AGAIN: Duration = Duration::from_millis(250);
/// How long a renewal counts for the process that has made it, from the moment when it was sent.
const HOLD: Duration = Duration::from_secs(6);
/// How long a process may have the right without reading what it has written.
const UNREAD: Duration = Duration::from_secs(10);
/// How long a process must see no renewal before it takes the right over. It is longer than [`HOLD`], so that the tries of the other
/// process have ended by then.
const TAKE_OVER: Duration = Duration::from_secs(10);

impl Link {
    /// Takes the right if no other process has it. Returns whether this one has it.
    pub(super) async fn take_right(&self) -> Result<bool, StoreError> {
        if self.limits.role == Role::Visitor {
            return Ok(false);
        }
        if self.lease.is_current() {
            return Ok(true);
        }
        self.catch_up().await?;
        if let Some(why) = self.progress.borrow().unread.clone() {
            return Err(StoreError::Unavailable(why));
        }
        let right = self.index().right.clone();
        let is_own = right.holder.as_deref() == Some(&*self.lease.holder);
        let is_free = is_own || right.holder.is_none();
        let unseen = right.seen.is_none_or(|seen| seen.elapsed() > TAKE_OVER);
        if !is_free && !unseen {
            return Ok(false);
        }
        match self.write_right(Some(&self.lease.holder), right.revision, ACK).await {
            Ok(held) => {
                // Whatever the other one has written comes before this message.
                if let Err(error) = self.wait_for(held.revision).await {
                    let _ = self.write_right(None, held.revision, RENEW).await;
                    return Err(error);
                }
                self.lease.hold(held);
                Ok(self.lease.is_current())
            }
            Err(Fault::Conflict) => {
                self.refresh_right().await?;
                Ok(false)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Gives the right up, for the next process.
    pub(super) async fn give_up_right(&self, within: Duration) -> Result<(), StoreError> {
        let Some(held) = self.lease.give_up() else { return Ok(()) };
        if self.write_right(None, held.revision, within).await == Err(Fault::Conflict) {
            // A renewal was on its way.
            self.refresh_right().await?;
            let right = self.index().right.clone();
            if right.holder.as_deref() == Some(&*self.lease.holder) {
                self.write_right(None, right.revision, within).await?;
            }
        }
        Ok(())
    }

    /// Renews the right as long as this process has it. Never ends.
    pub(super) async fn keep_right(&self) {
        loop {
            let held = *self.lease.held();
            match held {
                None => {
                    let mut is_held = self.lease.is_held.subscribe();
                    let _ = is_held.wait_for(|is_held| *is_held).await;
                }
                Some(held) if held.until <= Instant::now() => {
                    self.lease.give_up();
                }
                Some(held) => self.renew(held).await,
            }
        }
    }

    /// Waits, and renews. If the stream does not confirm, that is repeated until the right is lost.
    async fn renew(&self, held: Held) {
        let mut lost = self.lease.is_held.subscribe();
        tokio::select! {
            () = sleep_until(held.renew_at.min(held.until)) => {}
            _ = lost.wait_for(|is_held| !is_held) => return,
        }
        if self.is_unread(&held) {
            let _ = self.give_up_right(RENEW).await;
            return;
        }
        let sent = Instant::now();
        let renewed = tokio::select! {
            renewed = self.write_right(Some(&self.lease.holder), held.revision, RENEW) => renewed,
            () = sleep_until(held.until) => return,
        };
        if renewed == Err(Fault::Conflict) && self.refresh_right().await.is_ok() {
            let right = self.index().right.clone();
            if right.holder.as_deref() != Some(&*self.lease.holder) {
                self.lease.give_up();
                return;
            }
            // A renewal of before is stored, whose confirmation was lost or late; or it is on its way.
            return self.lease.change(|held| {
                held.renew_at = Instant::now() + AGAIN;
                if held.revision != right.revision {
                    held.revision = right.revision;
                    let first_sent = held.unconfirmed.take();
                    held.until = first_sent.map_or(held.until, |sent| held.until.max(sent + HOLD));
                }
            });
        }
        self.lease.change(|held| match renewed {
            Ok(renewed) => *held = Held { unread: held.unread, ..renewed },
            Err(_) => {
                held.renew_at = Instant::now() + AGAIN;
                held.unconfirmed = held.unconfirmed.or(Some(sent));
            }
        });
    }

    /// Whether this process has not read for some time what it writes about the right: it cannot deliver then, but another one perhaps
    /// can.
    fn is_unread(&self, held: &Held) -> bool {
        let is_read = self.progress.borrow().sequence >= held.revision;
        let since = held.unread.unwrap_or_else(Instant::now);
        self.lease.change(|held| held.unread = (!is_read).then_some(since));
        !is_read && since.elapsed() > UNREAD
    }

    async fn write_right(
        &self,
        holder: Option<&str>,
        expected: u64,
        within: Duration,
    ) -> Result<Held, Fault> {
        let until = Instant::now() + HOLD;
        let head = write(&RightHead::of(holder));
        let revision = self.publish(Subject::Right, &head, Bytes::new(), expected, within).await?;
        let renew_at = Instant::now() + RENEW;
        Ok(Held { revision, until, renew_at, unconfirmed: None, unread: None })
    }
}
