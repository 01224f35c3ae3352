//! Notifications to the service manager (sd_notify(3)): ready, reloading, stopping, and the watchdog.
//!
//! Without a service manager nothing is sent. Errors in sending are ignored.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState::{ExtendTimeoutUsec, Ready, Reloading, Status, Stopping, Watchdog};
use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::sleep;

/// Heartbeats of each worker per watchdog interval.
const HEARTBEATS: u32 = 6;
/// Notifications per watchdog interval; sd_watchdog_enabled(3) recommends two.
const NOTIFICATIONS: u32 = 2;
/// How long the process may take to exit after draining.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// A worker's heartbeat.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    beats: Arc<AtomicU64>,
    /// `None` without a watchdog.
    interval: Option<Duration>,
}

impl Heartbeat {
    /// Counts heartbeats for as long as the runtime polls this.
    pub(crate) async fn beat(&self) -> Infallible {
        let Some(interval) = self.interval else { return pending().await };
        loop {
            self.beats.fetch_add(1, Ordering::Relaxed);
            sleep(interval).await;
        }
    }
}

/// The watchdog of the service manager.
#[derive(Debug)]
pub(crate) struct SystemdWatchdog {
    timeout: Option<Duration>,
    heartbeats: Vec<Heartbeat>,
}

impl SystemdWatchdog {
    pub(crate) fn new() -> Self {
        Self { timeout: watchdog_enabled(), heartbeats: Vec::new() }
    }

    /// Adds a worker, and returns its heartbeat.
    pub(crate) fn heartbeat(&mut self) -> Heartbeat {
        let interval = self.timeout.map(|timeout| timeout / HEARTBEATS);
        let heartbeat = Heartbeat { beats: Arc::default(), interval };
        self.heartbeats.push(heartbeat.clone());
        heartbeat
    }

    /// Notifies the watchdog as long as every worker has a heartbeat.
    pub(crate) async fn watch(self) {
        let Some(timeout) = self.timeout else { return };
        let mut seen: Vec<_> = self.heartbeats.iter().map(|_| 0).collect();
        loop {
            let beats = self.heartbeats.iter().map(|heartbeat| heartbeat.beats.load(Ordering::Relaxed));
            let beats: Vec<u64> = beats.collect();
            if all_moved(&seen, &beats) {
                send(&[Watchdog]);
            }
            seen = beats;
            sleep(timeout / NOTIFICATIONS).await;
        }
    }
}

fn all_moved(before: &[u64], now: &[u64]) -> bool {
    before.iter().zip(now).all(|(before, now)| now > before)
}

/// Notifies that all sockets are listening.
pub(crate) fn ready(listen: &[String]) {
    send(&[Ready, Status(&format!("serving on {}", listen.join(", ")))]);
}

/// Notifies that settings and files are being read. A call of [`reloaded`] must follow.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[Reloading, now]),
        Err(_) => send(&[Reloading]),
    }
}

/// Notifies that a reload has ended, with a new generation or without one.
pub(crate) fn reloaded(generation: Option<u64>) {
    match generation {
        Some(generation) => send(&[Ready, Status(&format!("serving, generation {generation}"))]),
        None => send(&[Ready, Status("serving with the old settings: a reload failed, see the log")]),
    }
}

/// Notifies that clawgate is ending. Open connections may take up to `drain`.
pub(crate) fn stopping(drain: Duration) {
    let needed = u32::try_from((drain + STOP_MARGIN).as_micros()).unwrap_or(u32::MAX);
    send(&[Stopping, ExtendTimeoutUsec(needed), Status("draining")]);
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        tracing::debug!(%error, "the service manager could not be notified");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stuck_worker_stops_the_notifications() {
        assert!(all_moved(&[1, 5], &[2, 6]));
        assert!(!all_moved(&[1, 5], &[2, 5]));
    }
}
