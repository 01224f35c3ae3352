//! The requests of one connection, counted: which is under way, and since when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::share::Part;
use super::watched::{Fault, Signs};
use crate::observe::RequestReason;

/// The requests of one connection, counted.
#[derive(Debug)]
pub(super) struct Requests {
    signs: Signs,
    limit: Option<u64>,
    /// Told when as many have begun as may.
    pub(super) enough: Notify,
    /// Told when the connection must end for the sake of the others.
    pub(super) flood: Notify,
    pub(super) begun: AtomicU64,
    /// Told of each that begins; of use for the first.
    pub(super) first: Notify,
    under_way: AtomicUsize,
    opened: Instant,
    /// Milliseconds after `opened` at which the last one ended.
    ended: AtomicU64,
}

/// A request whose answer is not out yet.
#[derive(Debug)]
pub(super) struct UnderWay {
    requests: Arc<Requests>,
    number: u64,
}

/// A request until its answer is out, with what it holds and what it may last.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) under_way: UnderWay,
    /// When it must have ended.
    pub(super) deadline: std::time::Instant,
    /// Of what its sender may use.
    pub(super) _part: Part,
}

impl Lasting {
    /// What of the sender's doing ended it, when it is given up before its end.
    pub(super) fn why_given_up(&self) -> (RequestReason, &'static str) {
        if matches!(self.under_way.requests.signs.fault(), Some(Fault::NotTaken)) {
            return (RequestReason::AnswerTimeout, "the sender did not take its answer");
        }
        if self.is_over() {
            return (RequestReason::RequestTimeout, "the request took longer than one may");
        }
        (RequestReason::SenderGone, "the sender left in the middle of the answer")
    }

    /// Whether it has lasted as long as it may.
    pub(super) fn is_over(&self) -> bool {
        std::time::Instant::now() >= self.deadline
    }
}

impl UnderWay {
    /// The sender has many more under way than it may, on this connection or on others.
    pub(super) fn are_a_flood(&self) {
        self.requests.flood.notify_one();
    }

    /// Whether the connection may have no other after it.
    pub(super) fn is_last(&self) -> bool {
        self.requests.limit.is_some_and(|limit| self.number >= limit)
    }

    /// Which request of its connection it is, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Requests {
    /// None yet. `limit`: how many there may be.
    pub(super) fn new(signs: Signs, limit: Option<u64>) -> Self {
        Self {
            signs,
            limit,
            enough: Notify::new(),
            flood: Notify::new(),
            begun: AtomicU64::new(0),
            first: Notify::new(),
            under_way: AtomicUsize::new(0),
            opened: Instant::now(),
            ended: AtomicU64::new(0),
        }
    }

    pub(super) fn begin(self: Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        self.first.notify_one();
        if self.are_enough() {
            self.enough.notify_one();
        }
        UnderWay { requests: self, number }
    }

    /// Whether the connection has had as many as it may.
    pub(super) fn are_enough(&self) -> bool {
        self.limit.is_some_and(|limit| self.begun() >= limit)
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// When the connection was last of use; now, while a request is under way.
    pub(super) fn idle_since(&self) -> Instant {
        if self.under_way() > 0 {
            return Instant::now();
        }
        self.opened + Duration::from_millis(self.ended.load(Ordering::Relaxed))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let at = self.requests.opened.elapsed().as_millis();
        self.requests.ended.store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.requests.under_way.fetch_sub(1, Ordering::Relaxed);
        self.requests.signs.count_answered();
    }
}
