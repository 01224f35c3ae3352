//! Which process delivers. One of them has the right, and renews it; the others see that it does. If it does not for a while, one of
//! them takes the right over. Nobody's wall clock matters: each measures from what it has seen or sent itself.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};

use super::lease::Held;
use super::link::{ACK, Fault, Link, Role};
use super::messages::{RightHead, write};
use super::subjects::Subject;
use crate::inbox::StoreError;

/// How often the right is renewed.
const RENEW: Duration = Duration::from_secs(2);
/// How long a renewal counts for the process that has made it, from the moment when it was sent.
const HOLD: Duration = Duration::from_secs(6);
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
                self.wait_for(held.revision).await?;
                self.lease.hold(held);
                Ok(self.lease.is_current())
            }
            Err(Fault::Conflict) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Gives the right up, for the next process.
    pub(super) async fn give_up_right(&self, within: Duration) -> Result<(), StoreError> {
        let Some(held) = self.lease.give_up() else { return Ok(()) };
        self.write_right(None, held.revision, within).await?;
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

    async fn renew(&self, held: Held) {
        let mut lost = self.lease.is_held.subscribe();
        tokio::select! {
            () = sleep(RENEW) => {}
            _ = lost.wait_for(|is_held| !is_held) => return,
        }
        let renewed = tokio::select! {
            renewed = self.write_right(Some(&self.lease.holder), held.revision, RENEW) => renewed,
            () = sleep_until(held.until) => return,
        };
        let mut now = self.lease.held();
        // It may have been given up meanwhile.
        let Some(current) = now.as_mut() else { return };
        match renewed {
            Ok(renewed) => *current = renewed,
            Err(Fault::Conflict) => {
                // The confirmation of the last renewal may have been lost.
                let right = self.index().right.clone();
                if right.holder.as_deref() == Some(&*self.lease.holder) && right.revision > held.revision
                {
                    current.revision = right.revision;
                } else {
                    drop(now);
                    self.lease.give_up();
                }
            }
            // It is tried again until the right is lost.
            Err(Fault::Full(_) | Fault::Unavailable(_)) => {}
        }
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
        Ok(Held { revision, until })
    }
}
