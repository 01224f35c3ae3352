//! A limit on how long a body may stand still.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Counts the time in which a body is asked for and does not come; time in which nobody asks (the other
/// side does not take more) is not its fault.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Duration,
    /// Made at the first wait, and used again for later ones.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Stall {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, timer: None, waiting: false }
    }

    /// Something came.
    pub(super) fn moved(&mut self) {
        self.waiting = false;
    }

    /// Nothing has come; ready, with the limit, when that has gone on for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + limit);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(limit)
    }
}
