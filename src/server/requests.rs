//! The requests of one connection, counted: which is under way, and since when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::guarded_io::{ConnectionFault, IoState};
use crate::limits::client_limits::RequestPermit;
use crate::telemetry::RequestReason;

/// The requests of one connection, counted.
#[derive(Debug)]
pub(super) struct ConnectionRequests {
    signs: IoState,
    limit: Option<u64>,
    /// Told when as many have begun as may.
    pub(super) enough: Notify,
    /// Told when the connection must end for the sake of the others.
    pub(super) flood: Notify,
    pub(super) begun: AtomicU64,
    /// Told of each that begins; of use for the first.
    pub(super) first: Notify,
    in_flight: AtomicUsize,
    opened: Instant,
    /// Milliseconds after `opened` at which the last one ended.
    ended: AtomicU64,
}

/// A request whose answer is not out yet.
#[derive(Debug)]
pub(crate) struct InFlight {
    requests: Arc<ConnectionRequests>,
    number: u64,
}

/// A request until its answer is out, with what it holds and what it may last.
#[derive(Debug)]
pub(crate) struct InFlightGuard {
    pub(crate) in_flight: InFlight,
    /// When it must have ended.
    pub(crate) deadline: std::time::Instant,
    /// Of what its client may use.
    pub(crate) _part: RequestPermit,
}

impl InFlightGuard {
    /// What of the client's doing ended it, when it is given up before its end.
    pub(super) fn why_given_up(&self) -> (RequestReason, &'static str) {
        if matches!(self.in_flight.requests.signs.fault(), Some(ConnectionFault::NotTaken)) {
            return (RequestReason::AnswerTimeout, "the client did not take its answer");
        }
        if self.is_over() {
            return (RequestReason::RequestTimeout, "the request took longer than one may");
        }
        (RequestReason::SenderGone, "the client left in the middle of the answer")
    }

    /// Whether it has lasted as long as it may.
    pub(super) fn is_over(&self) -> bool {
        std::time::Instant::now() >= self.deadline
    }
}

impl InFlight {
    /// The client has many more under way than it may, on this connection or on others.
    pub(crate) fn are_a_flood(&self) {
        self.requests.flood.notify_one();
    }

    /// Whether the connection may have no other after it.
    pub(super) fn is_last(&self) -> bool {
        self.requests.limit.is_some_and(|limit| self.number >= limit)
    }

    /// Which request of its connection it is, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl ConnectionRequests {
    /// None yet. `limit`: how many there may be.
    pub(crate) fn new(signs: IoState, limit: Option<u64>) -> Self {
        Self {
            signs,
            limit,
            enough: Notify::new(),
            flood: Notify::new(),
            begun: AtomicU64::new(0),
            first: Notify::new(),
            in_flight: AtomicUsize::new(0),
            opened: Instant::now(),
            ended: AtomicU64::new(0),
        }
    }

    pub(super) fn begin(self: Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        self.first.notify_one();
        if self.are_enough() {
            self.enough.notify_one();
        }
        InFlight { requests: self, number }
    }

    /// Whether the connection has had as many as it may.
    pub(super) fn are_enough(&self) -> bool {
        self.limit.is_some_and(|limit| self.begun() >= limit)
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// When the connection was last of use; now, while a request is under way.
    pub(super) fn idle_since(&self) -> Instant {
        if self.in_flight() > 0 {
            return Instant::now();
        }
        self.opened + Duration::from_millis(self.ended.load(Ordering::Relaxed))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let at = self.requests.opened.elapsed().as_millis();
        self.requests.ended.store(u64::try_from(at).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.requests.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.requests.signs.count_answered();
    }
}
