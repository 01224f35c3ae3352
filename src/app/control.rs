//! The control loop: reloads until a signal to stop, then drains.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::Level;

use super::control_events::{ControlEvent, ControlEvents};
use super::errors::RunError;
use super::events::{CertificateExpiring, Draining};
use super::shared::Shared;
use crate::admin::{ReloadOutcome, ReloadRequest, Status};
use crate::checks::expiry::{self, ExpiryLog};
use crate::identity::time::unix_seconds;
use crate::platform::systemd;
use crate::reload::{ReloadError, Reloader};
use crate::telemetry::emit;

/// How often expiry is checked.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How clawgate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After a signal to stop, and draining.
    Drained,
    /// After a second signal to stop, without waiting for the requests in progress.
    AtOnce,
}

/// What the control runtime does while the workers serve.
pub(super) struct ControlLoop<'a> {
    reloader: Reloader,
    shared: &'a Shared,
    status: Option<Arc<Status>>,
    expiry_log: ExpiryLog,
}

impl<'a> ControlLoop<'a> {
    pub(super) fn new(reloader: Reloader, shared: &'a Shared, status: Option<Arc<Status>>) -> Self {
        Self { reloader, shared, status, expiry_log: ExpiryLog::default() }
    }

    /// Serves until a signal to stop, then drains. Returns how many tasks were ended by force. Each of `workers` sends
    /// its part of that number when it ends.
    pub(super) async fn run(
        mut self,
        mut events: ControlEvents,
        workers: Vec<oneshot::Receiver<usize>>,
    ) -> Result<(Ending, usize), RunError> {
        let mut ended = pin!(async {
            let mut forced = 0;
            for worker in workers {
                forced += worker.await.map_err(|_| RunError::Worker)?;
            }
            Ok(forced)
        });
        let signal = loop {
            self.log_expiry();
            tokio::select! {
                event = events.next() => match event {
                    ControlEvent::Stop(signal) => break signal,
                    ControlEvent::Reload(origin, request) => {
                        let outcome = self.reload(origin, &mut events).await;
                        reply(request, outcome);
                    }
                },
                () = sleep(EXPIRY_INTERVAL) => {}
                () = self.shared.seen.another() => {}
                // A worker ends only while draining; before that it is an error.
                ended = &mut ended => return ended.and(Err(RunError::Worker)),
            }
        };
        self.begin_drain(signal);
        loop {
            tokio::select! {
                forced = &mut ended => return Ok((Ending::Drained, forced?)),
                event = events.next() => match event {
                    ControlEvent::Stop(_) => {
                        let open = usize::try_from(self.shared.metrics.open_connections());
                        return Ok((Ending::AtOnce, open.unwrap_or(0)));
                    }
                    ControlEvent::Reload(origin, request) => {
                        reply(request, Err(self.reloader.refuse(origin)));
                    }
                }
            }
        }
    }

    async fn reload(
        &mut self,
        origin: &'static str,
        events: &mut ControlEvents,
    ) -> Result<u64, ReloadError> {
        systemd::reloading();
        let (files, prepared) = self.reloader.read().await;
        if let Some(files) = files {
            events.follow(files);
        }
        let outcome = self.reloader.adopt(origin, prepared);
        systemd::reloaded(outcome.as_ref().ok().copied());
        outcome
    }

    /// The log line comes last, so that its reader can rely on the rest.
    fn begin_drain(&self, signal: &'static str) {
        let timeout = self.reloader.settings().startup.drain_timeout;
        let connections = self.shared.metrics.open_connections();
        self.shared.drain.begin();
        systemd::stopping(timeout);
        emit(Level::INFO, "draining", &Draining::new(signal, connections, timeout));
    }

    fn log_expiry(&mut self) {
        let now = unix_seconds(SystemTime::now());
        let seen = self.shared.seen.soonest(now);
        let all = expiry::all(&self.reloader.settings().reloadable, seen.clone());
        if let Some(status) = &self.status {
            status.expires(&all, &seen);
        }
        for expiring in self.expiry_log.due(all, now) {
            let level = if expiring.has_expired(now) { Level::ERROR } else { Level::WARN };
            emit(level, "certificate_expiring", &CertificateExpiring::new(&expiring, now));
        }
    }
}

/// Sends the outcome to the client that asked for the reload.
fn reply(request: Option<ReloadRequest>, outcome: Result<u64, ReloadError>) {
    if let Some(request) = request {
        // The client may have gone. The outcome is in the log, too.
        let _ = request.send(match outcome {
            Ok(generation) => ReloadOutcome::Adopted(generation),
            Err(error) => ReloadOutcome::Failed(error.to_string()),
        });
    }
}
