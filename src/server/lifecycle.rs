//! The life of a connection besides its requests: drain, age, idleness, revalidation, floods.
//!
//! [`drive`] polls a [`Driver`], which serves HTTP/1 or HTTP/2, and waits for these events beside it. Most wakeups of a
//! connection are for its requests, so the events are polled only when one of them was woken ([`WakeGated`]).

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::poll_on_wake::WakeGated;
use super::session::Session;
use crate::pipeline::revocation_watch::RevocationWatch;
use crate::policy::Revoke;

/// How long a client that was admitted just before the drain has for its first request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// hyper's connection, as this module drives it.
pub(super) trait Driver: Sized {
    /// Whether requests share the connection at the same time (HTTP/2).
    const MULTIPLEXED: bool;
    /// An idle connection is parked after this time, if at all.
    const PARK_AFTER: Option<Duration>;

    /// Serves requests until something happens to the connection.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Progress>;

    /// Lets the connection end after the requests in progress.
    fn graceful_shutdown(self) -> Self;

    /// Frees the buffers of an idle connection until bytes arrive.
    fn park(self) -> Self {
        self
    }

    /// Goes on with a parked connection on which bytes have arrived.
    fn resume(self) -> Self {
        self
    }
}

/// What a driver reports.
pub(super) enum Progress {
    /// The connection has ended.
    Ended(hyper::Result<()>),
    /// Bytes have arrived on a parked connection.
    Readable,
}

/// What happens to a connection besides its requests.
enum Event {
    Driver(Progress),
    /// The connection is to end after the requests in progress.
    Drain,
    /// The client has far more requests in progress than it may.
    Flood,
    /// The client is no longer admitted.
    Withdrawn(Revoke),
    /// It is time to check whether the connection is idle.
    CheckIdle,
}

/// Why a connection is no longer served.
pub(super) enum End {
    /// hyper has ended it.
    Served(hyper::Result<()>),
    /// Its client has far more requests in progress than it may.
    Flood,
    /// Its client is no longer admitted, and the requests in progress are to be broken off.
    Withdrawn,
}

/// Serves a connection until it ends. Returns the driver: over HTTP/1 the socket is needed for an orderly close.
pub(super) async fn drive<D: Driver>(session: &Session<'_>, mut driver: D) -> (D, End) {
    let requests = &*session.requests;
    let (mut draining, mut withdrawn) = (false, false);
    let mut revocation = RevocationWatch::new(&session.client.live, &session.client);
    let mut drain = pin!(drain(session, D::MULTIPLEXED));
    let mut too_old = pin!(too_old(session.max_age));
    let mut idle = IdleCheck::new(session, D::MULTIPLEXED, D::PARK_AFTER);
    loop {
        let event = {
            let others = pin!(async {
                tokio::select! {
                    () = &mut drain, if !draining => Event::Drain,
                    () = requests.flood.notified(), if D::MULTIPLEXED => Event::Flood,
                    () = requests.limit_reached.notified(), if D::MULTIPLEXED && !draining => Event::Drain,
                    () = &mut too_old, if !draining => Event::Drain,
                    revoke = revocation.withdrawn(), if !withdrawn => Event::Withdrawn(revoke),
                    () = sleep_until(idle.next), if !draining => Event::CheckIdle,
                    else => pending().await,
                }
            });
            let mut others = WakeGated::new(others);
            let event = poll_fn(|cx| match driver.poll(cx) {
                Poll::Pending => others.poll(cx),
                Poll::Ready(progress) => Poll::Ready(Event::Driver(progress)),
            });
            event.await
        };
        match event {
            Event::Driver(Progress::Ended(result)) => return (driver, End::Served(result)),
            Event::Driver(Progress::Readable) => {
                driver = driver.resume();
                idle.restart();
            }
            Event::Drain => draining = true,
            Event::Flood => return (driver, End::Flood),
            Event::Withdrawn(revoke) => {
                if revoke == Revoke::Now && (D::MULTIPLEXED || requests.in_flight() > 0) {
                    return (driver, End::Withdrawn);
                }
                (withdrawn, draining) = (true, true);
            }
            Event::CheckIdle => match idle.check(session) {
                Idle::No => {}
                Idle::Park => driver = driver.park(),
                Idle::TimedOut => draining = true,
            },
        }
        if draining {
            driver = driver.graceful_shutdown();
        }
    }
}

/// Waits until clawgate drains. Over HTTP/1 a connection without a request yet is then given time for its first one: hyper
/// would close it at once, and the client could not know whether the request that it has just sent was taken. HTTP/2 says
/// that with GOAWAY (RFC 9113 section 6.8).
async fn drain(session: &Session<'_>, is_multiplexed: bool) {
    session.drain.begun().await;
    if !is_multiplexed && session.requests.begun() == 0 {
        let _ = timeout(FIRST_REQUEST_TIMEOUT, session.requests.first.notified()).await;
    }
}

/// Waits until the connection has reached its greatest age.
async fn too_old(max_age: Option<Duration>) {
    match max_age {
        Some(age) => sleep(age).await,
        None => pending().await,
    }
}

/// Finds out whether a connection is idle.
struct IdleCheck {
    /// When to look next.
    next: Instant,
    timeout: Duration,
    is_multiplexed: bool,
    /// How long a connection must be idle for the first consequence: parking, or the timeout.
    wait: Duration,
}

/// What follows from a check.
enum Idle {
    /// The connection is not idle, or not for long enough.
    No,
    Park,
    TimedOut,
}

impl IdleCheck {
    fn new(session: &Session<'_>, is_multiplexed: bool, park_after: Option<Duration>) -> Self {
        let timeout = session.idle_timeout;
        let wait = park_after.map_or(timeout, |park_after| park_after.min(timeout));
        Self { next: session.requests.idle_since() + wait, timeout, is_multiplexed, wait }
    }

    fn restart(&mut self) {
        self.next = Instant::now() + self.wait;
    }

    fn check(&mut self, session: &Session<'_>) -> Idle {
        let now = Instant::now();
        // Over HTTP/1, a head that comes in pieces and an answer that is not read have time limits of their own (`guarded_io`).
        let is_busy = !self.is_multiplexed && !session.io_state.is_quiet();
        if session.requests.in_flight() > 0 || is_busy {
            self.next = now + self.wait;
            return Idle::No;
        }
        let idle_since = session.requests.idle_since();
        let (first, end) = (idle_since + self.wait, idle_since + self.timeout);
        let (next, idle) = match () {
            () if now < first => (first, Idle::No),
            () if now < end => (end, Idle::Park),
            () => (end, Idle::TimedOut),
        };
        self.next = next;
        idle
    }
}
