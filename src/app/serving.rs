//! A gate that serves: it takes orders until one of them is to stop.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::Level;

use super::control::{ControlEvent, ControlEvents};
use super::errors::RunError;
use super::events::{CertificateExpiring, Draining, ReloadFailed, Reloaded};
use super::expiry::Notices;
use super::{App, Ending, Kept, Reading, Reread, config_metrics, expiry};
use crate::admin::{GenerationStatus, ReloadOutcome, ReloadRequest, Status};
use crate::config::InUse;
use crate::identity::client_cert_inventory::ClientCertInventory;
use crate::identity::time::unix_seconds;
use crate::live::Live;
use crate::pipeline::Snapshot;
use crate::platform::sandbox::Sandbox;
use crate::platform::systemd;
use crate::shutdown::Drain;
use crate::telemetry::emit;
use crate::telemetry::metrics::Metrics;

/// How often the dates are looked at.
const EXPIRY_LOOK: Duration = Duration::from_secs(60 * 60);

/// What the control runtime holds while the workers serve.
pub(super) struct Serving<'a> {
    pub(super) app: App,
    /// What the process was started with: some of it stays until a restart.
    pub(super) started: InUse,
    /// Of the present generation.
    pub(crate) number: u64,
    /// What each worker serves with.
    pub(super) workers: Vec<(Arc<Live<Snapshot>>, Vec<Kept>)>,
    pub(super) metrics: &'a Metrics,
    pub(super) drain: &'a Drain,
    pub(crate) status: Option<&'a Status>,
    pub(super) reread: Arc<Reread>,
    /// The clients' certificates.
    pub(super) seen: Arc<ClientCertInventory>,
    /// Of what comes to its end.
    pub(super) notices: Notices,
    pub(super) sandbox: Sandbox,
}

impl Serving<'_> {
    /// Serves until told to stop, then drains; returns how many tasks were ended by force. `workers` tell
    /// their share when they end.
    pub(super) async fn until_stopped(
        mut self,
        mut orders: ControlEvents,
        workers: Vec<oneshot::Receiver<usize>>,
    ) -> Result<(Ending, usize), RunError> {
        let mut finished = std::pin::pin!(async {
            let mut forced = 0;
            for worker in workers {
                forced += worker.await.map_err(|_| RunError::Worker)?;
            }
            Ok(forced)
        });
        let name = loop {
            self.tell_what_expires();
            tokio::select! {
                order = orders.next() => match order {
                    ControlEvent::Stop(name) => break name,
                    ControlEvent::Reload(name, request) => {
                        systemd::reloading();
                        let app = self.read(&mut orders).await;
                        let outcome = self.adopt(name, app);
                        systemd::reloaded(&outcome);
                        tell(request, outcome);
                    }
                },
                () = sleep(EXPIRY_LOOK) => {}
                () = self.seen.another() => {}
                // Workers end when told to; before that it is a fault.
                ended = &mut finished => return ended.and(Err(RunError::Worker)),
            }
        };
        let timeout = self.app.settings.startup.drain_timeout;
        let connections = self.metrics.open_connections();
        // In this order, so that whoever has read the line can rely on it.
        self.drain.begin();
        systemd::stopping(timeout);
        emit(Level::INFO, "draining", &Draining::new(name, connections, timeout));
        loop {
            tokio::select! {
                forced = &mut finished => return Ok((Ending::Drained, forced?)),
                order = orders.next() => match order {
                    ControlEvent::Stop(_) => {
                        let open = usize::try_from(self.metrics.open_connections());
                        return Ok((Ending::AtOnce, open.unwrap_or(0)));
                    }
                    ControlEvent::Reload(name, request) => {
                        let problem = "clawgate is ending";
                        emit(Level::WARN, "reload_failed", &ReloadFailed::new(name, self.number, problem));
                        tell(request, Err(problem.to_owned()));
                    }
                }
            }
        }
    }

    fn tell_what_expires(&mut self) {
        let now = unix_seconds(SystemTime::now());
        let seen = self.seen.soonest(now);
        if let Some(status) = self.status {
            status.seen(&seen);
        }
        for expiring in self.notices.due(expiry::all(&self.app.settings.reloadable, seen), now) {
            let level = if expiring.has_expired(now) { Level::ERROR } else { Level::WARN };
            emit(level, "certificate_expiring", &CertificateExpiring::new(&expiring, now));
        }
    }

    /// Reads everything anew, off this thread: large revocation lists take their time, and health has to be
    /// told meanwhile.
    async fn read(&self, orders: &mut ControlEvents) -> Result<App, String> {
        let reread = Arc::clone(&self.reread);
        let read = spawn_blocking(move || reread()).await;
        let Reading { files, app } = read
            .map_err(|fault| format!("reading the settings failed by a fault of clawgate: {fault}"))?;
        orders.follow(files);
        app
    }

    /// Takes what was read as a whole or not at all; returns the generation's number.
    fn adopt(&mut self, origin: &'static str, next: Result<App, String>) -> Result<u64, String> {
        let next = next.map_err(|problem| self.sandbox.explain(problem)).map(|mut next| {
            // A reload leaves this as it was at the start.
            next.settings.startup = self.app.settings.startup.clone();
            next
        });
        let next = next.and_then(|next| match self.sandbox.beyond(&next.settings) {
            Some(problem) => Err(problem),
            None => Ok(next),
        });
        let next = next.inspect_err(|problem| {
            self.metrics.reloaded(false, self.number);
            if let Some(status) = self.status {
                status.reload_failed(origin, problem.clone());
            }
            emit(Level::ERROR, "reload_failed", &ReloadFailed::new(origin, self.number, problem));
        })?;
        self.number += 1;
        for (live, kept) in &mut self.workers {
            let (generation, now) = next.generation(self.number, kept, self.metrics);
            *kept = now;
            live.replace(generation);
        }
        self.metrics.reloaded(true, self.number);
        config_metrics::in_use(&next.settings.reloadable, self.metrics);
        if let Some(status) = self.status {
            status.replace(GenerationStatus::new(&next.settings, &self.started, self.number));
        }
        let needs_restart = self.started.needs_restart(&next.settings.in_use);
        let both = (&self.app.settings, &next.settings);
        let reloaded = Reloaded::new(origin, self.number, both, needs_restart);
        emit(Level::INFO, "reloaded", &reloaded);
        next.log_warnings();
        self.app = next;
        Ok(self.number)
    }
}

/// Tells whoever waits for a reload how it went.
fn tell(request: Option<ReloadRequest>, outcome: Result<u64, String>) {
    if let Some(request) = request {
        // It may have gone; the log has it all the same.
        let _ = request.send(match outcome {
            Ok(generation) => ReloadOutcome::Adopted(generation),
            Err(detail) => ReloadOutcome::Failed(detail),
        });
    }
}
