//! What the service manager is told (sd_notify(3)): ready, reloading, stopping, and that no worker is stuck.
//!
//! Where there is none, nothing is told. What goes wrong in telling does not concern clawgate's clients.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState::{ExtendTimeoutUsec, Ready, Reloading, Status, Stopping, Watchdog};
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::sleep;

/// Signs of life that a worker gives within the time that the manager waits for one.
const BEATS: u32 = 6;
/// Told to the manager within that time; sd_watchdog_enabled(3) asks for two.
const REPORTS: u32 = 2;
/// What ending takes besides draining.
const MARGIN: Duration = Duration::from_secs(5);

/// A worker's sign of life.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    beats: Arc<AtomicU64>,
    /// `None`: nobody looks.
    every: Option<Duration>,
}

impl Heartbeat {
    /// Gives signs of life for as long as the runtime turns.
    pub(crate) async fn beat(&self) -> Infallible {
        let Some(every) = self.every else { return pending().await };
        loop {
            self.beats.fetch_add(1, Ordering::Relaxed);
            sleep(every).await;
        }
    }
}

/// The manager's watchdog.
#[derive(Debug)]
pub(crate) struct SystemdWatchdog {
    timeout: Option<Duration>,
    pulses: Vec<Heartbeat>,
}

impl SystemdWatchdog {
    pub(crate) fn new() -> Self {
        Self { timeout: watchdog_enabled(), pulses: Vec::new() }
    }

    /// For one more worker to beat.
    pub(crate) fn pulse(&mut self) -> Heartbeat {
        let every = self.timeout.map(|timeout| timeout / BEATS);
        let pulse = Heartbeat { beats: Arc::default(), every };
        self.pulses.push(pulse.clone());
        pulse
    }

    /// Tells the manager that clawgate lives, as long as each worker does.
    pub(crate) async fn watch(self) {
        let Some(timeout) = self.timeout else { return };
        let mut seen: Vec<_> = self.pulses.iter().map(|_| 0).collect();
        loop {
            let beats = self.pulses.iter().map(|pulse| pulse.beats.load(Ordering::Relaxed));
            let beats: Vec<u64> = beats.collect();
            if all_moved(&seen, &beats) {
                tell(&[Watchdog]);
            }
            seen = beats;
            sleep(timeout / REPORTS).await;
        }
    }
}

fn all_moved(before: &[u64], now: &[u64]) -> bool {
    before.iter().zip(now).all(|(before, now)| now > before)
}

/// Everything listens.
pub(crate) fn ready(listen: &[String]) {
    tell(&[Ready, Status(&format!("serving on {}", listen.join(", ")))]);
}

/// Settings and files are read anew; [`reloaded`] must follow.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[Reloading, now]),
        Err(_) => tell(&[Reloading]),
    }
}

/// Ready again, with what came of it.
pub(crate) fn reloaded(outcome: &Result<u64, String>) {
    match outcome {
        Ok(generation) => tell(&[Ready, Status(&format!("serving, generation {generation}"))]),
        Err(_) => tell(&[Ready, Status("serving with the old settings: a reload failed, see the log")]),
    }
}

/// No new connections; open ones get up to `drain`.
pub(crate) fn stopping(drain: Duration) {
    let needed = u32::try_from((drain + MARGIN).as_micros()).unwrap_or(u32::MAX);
    tell(&[Stopping, ExtendTimeoutUsec(needed), Status("draining")]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_that_is_stuck_silences_the_gate() {
        assert!(all_moved(&[1, 5], &[2, 6]));
        assert!(!all_moved(&[1, 5], &[2, 5]));
    }
}
