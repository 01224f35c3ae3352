//! A timeout that is started and stopped often, as for each piece of a body.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A timeout that is started and stopped often.
#[derive(Debug, Default)]
pub struct Timer {
    /// Made when it is first started, and then used again.
    sleep: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl Timer {
    /// Starts the timeout, to end after `limit`. Does nothing if it is running.
    pub fn start(&mut self, limit: Duration) {
        if !self.is_running {
            self.is_running = true;
            let end = Instant::now() + limit;
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
            sleep.as_mut().reset(end);
        }
    }

    /// Stops the timeout.
    pub fn stop(&mut self) {
        self.is_running = false;
    }

    /// Whether it was started and not stopped.
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// Ready when a running timeout has passed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.is_running => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::runtime::Builder;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);
    const HOUR: Duration = Duration::from_secs(3600);

    fn run(test: impl Future<Output = ()>) {
        Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
    }

    #[test]
    fn a_timer_that_runs_is_not_started_again() {
        run(async {
            let (mut timer, start) = (Timer::default(), Instant::now());
            timer.start(SOON);
            timer.start(HOUR);

            poll_fn(|cx| timer.poll(cx)).await;

            assert!(start.elapsed() < HOUR);
        });
    }

    #[test]
    fn a_stopped_timer_does_not_end_until_it_is_started_again() {
        run(async {
            let mut timer = Timer::default();
            timer.start(Duration::ZERO);
            timer.stop();
            assert!(poll_fn(|cx| Poll::Ready(timer.poll(cx))).await.is_pending());

            timer.start(SOON);
            poll_fn(|cx| timer.poll(cx)).await;
        });
    }
}
