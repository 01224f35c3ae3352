//! Counts the requests of one connection: which are in progress, and since when none is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::guarded_io::{ConnectionFault, IoState};
use crate::limits::client_limits::RequestPermit;
use crate::telemetry::RequestReason;

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct ConnectionRequests {
    io_state: IoState,
    limit: Option<u64>,
    /// Notified when the last request that the connection may have has begun.
    pub(super) limit_reached: Notify,
    /// Notified when the client has far too many requests in progress.
    pub(super) flood: Notify,
    /// Notified when a request begins; used for the first one.
    pub(super) first: Notify,
    begun: AtomicU64,
    in_flight: AtomicUsize,
    opened: Instant,
    /// When the last request ended, in milliseconds after `opened`.
    ended: AtomicU64,
}

/// A request whose answer is not complete yet.
#[derive(Debug)]
pub(super) struct InFlight {
    requests: Arc<ConnectionRequests>,
    number: u64,
}

/// A request until its answer is complete, with its permit and its deadline.
#[derive(Debug)]
pub(super) struct InFlightGuard {
    pub(super) in_flight: InFlight,
    /// When the request must have ended.
    pub(super) deadline: std::time::Instant,
    /// Counts for the client's limit.
    pub(super) _permit: RequestPermit,
}

impl InFlightGuard {
    /// Why the request ended before its answer was complete.
    pub(super) fn abort_reason(&self) -> (RequestReason, &'static str) {
        if matches!(self.in_flight.requests.io_state.fault(), Some(ConnectionFault::SendTimeout)) {
            return (RequestReason::AnswerTimeout, "the client did not take its answer");
        }
        if self.is_overdue() {
            return (
                RequestReason::RequestTimeout,
                "the request took longer than limits.request_timeout",
            );
        }
        (RequestReason::SenderGone, "the client left in the middle of the answer")
    }

    /// Whether the deadline has passed.
    pub(super) fn is_overdue(&self) -> bool {
        std::time::Instant::now() >= self.deadline
    }
}

impl InFlight {
    /// Reports that the client has far too many requests in progress, on this connection or on others.
    pub(super) fn report_flood(&self) {
        self.requests.flood.notify_one();
    }

    /// Whether this is the last request that the connection may have.
    pub(super) fn is_last(&self) -> bool {
        self.requests.limit.is_some_and(|limit| self.number >= limit)
    }

    /// Its number on the connection, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl ConnectionRequests {
    /// No requests yet; there may be `limit`.
    pub(super) fn new(io_state: IoState, limit: Option<u64>) -> Self {
        Self {
            io_state,
            limit,
            limit_reached: Notify::new(),
            flood: Notify::new(),
            first: Notify::new(),
            begun: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            opened: Instant::now(),
            ended: AtomicU64::new(0),
        }
    }

    /// Counts a request until the returned value is dropped.
    pub(super) fn begin(self: Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        self.first.notify_one();
        if self.limit.is_some_and(|limit| number >= limit) {
            self.limit_reached.notify_one();
        }
        InFlight { requests: self, number }
    }

    /// Counts a request that cannot be parsed, and is never in progress; returns its number.
    pub(super) fn count_unparsed(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many requests have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How many requests are in progress.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// When the last request ended; now, while one is in progress.
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
        self.requests.io_state.count_answered();
    }
}
