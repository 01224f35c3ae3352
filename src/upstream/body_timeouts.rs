//! Limits how slowly a client may send a body.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::timer::Timer;

/// How long the rate is not checked, since a client may need a moment to begin.
const GRACE: Duration = Duration::from_secs(5);

/// How slow a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTimeouts {
    /// The longest pause between two pieces.
    pub idle: Duration,
    /// The longest time for the whole body.
    pub total: Duration,
    /// The minimum rate in bytes per second, after the first seconds; `None` for no minimum.
    pub rate: Option<u64>,
}

/// Why a body was too slow.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TooSlow {
    /// Nothing arrived for this long.
    #[error("no byte of the body arrived for {0:?}")]
    Idle(Duration),
    /// The whole body did not arrive in this time.
    #[error("the body was not complete after {0:?}")]
    Total(Duration),
    /// It arrived more slowly than this many bytes per second.
    #[error("the body arrived more slowly than {0} bytes per second")]
    Rate(u64),
}

/// Measures how long clawgate waits for the client's body. Time in which nothing reads the body does not count: then
/// the upstream is slow, not the client.
#[derive(Debug)]
pub(super) struct Pace {
    timeouts: BodyTimeouts,
    bytes: u64,
    /// Time spent waiting before the current wait.
    waited: Duration,
    since: Option<Instant>,
    timer: Timer,
}

impl Pace {
    pub(crate) fn new(timeouts: BodyTimeouts) -> Self {
        Self { timeouts, bytes: 0, waited: Duration::ZERO, since: None, timer: Timer::default() }
    }

    /// Notes that bytes arrived.
    pub(super) fn moved(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.timer.stop();
    }

    /// Notes that nothing has arrived. Ready when that has taken too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TooSlow> {
        let (left, slow) = self.timeouts.left(self.bytes, self.waited);
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.timer.start(left);
        }
        ready!(self.timer.poll(cx));
        Poll::Ready(slow)
    }
}

impl BodyTimeouts {
    /// How long to wait for the next piece, after `bytes` have arrived in `waited`; and which limit is reached then.
    fn left(&self, bytes: u64, waited: Duration) -> (Duration, TooSlow) {
        let mut left = (self.idle, TooSlow::Idle(self.idle));
        let mut at_most = |time: Duration, slow| {
            if time < left.0 {
                left = (time, slow);
            }
        };
        at_most(self.total.saturating_sub(waited), TooSlow::Total(self.total));
        if let Some(rate) = self.rate {
            let earned = Duration::from_millis(bytes.saturating_mul(1000) / rate.max(1));
            at_most((GRACE + earned).saturating_sub(waited), TooSlow::Rate(rate));
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMEOUTS: BodyTimeouts =
        BodyTimeouts { idle: Duration::from_secs(30), total: Duration::from_secs(60), rate: Some(1000) };

    #[test]
    fn the_first_timeout_to_end_counts() {
        let left = |bytes, waited| TIMEOUTS.left(bytes, SECOND * waited);
        assert_eq!(left(0, 0), (SECOND * 5, TooSlow::Rate(1000)));
        assert_eq!(left(10_000, 0), (SECOND * 15, TooSlow::Rate(1000)));
        assert_eq!(left(10_000, 16), (Duration::ZERO, TooSlow::Rate(1000)));
        assert_eq!(left(1_000_000, 0), (SECOND * 30, TooSlow::Idle(TIMEOUTS.idle)));
        assert_eq!(left(1_000_000, 50), (SECOND * 10, TooSlow::Total(TIMEOUTS.total)));
        let any = BodyTimeouts { rate: None, ..TIMEOUTS };
        assert_eq!(any.left(0, SECOND), (SECOND * 30, TooSlow::Idle(TIMEOUTS.idle)));
    }
}
