//! A gate that serves: it takes orders until one of them is to stop.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::Level;

use super::events::{Draining, ReloadFailed, Reloaded};
use super::orders::{Order, Orders};
use super::{App, Ending, Kept, Reading, Reread, RunError};
use crate::admin::{self, ReloadRequest, Status};
use crate::ingress::Generation;
use crate::live::Live;
use crate::observe::emit;
use crate::observe::metrics::Metrics;
use crate::shutdown::Drain;

/// What the control runtime holds while the workers serve.
pub(super) struct Serving<'a> {
    pub(super) app: App,
    /// Of the present generation.
    pub(super) number: u64,
    /// What each worker serves with.
    pub(super) workers: Vec<(Arc<Live<Generation>>, Vec<Kept>)>,
    pub(super) metrics: &'a Metrics,
    pub(super) drain: &'a Drain,
    pub(super) status: Option<&'a Status>,
    pub(super) reread: Arc<Reread>,
}

impl Serving<'_> {
    /// Serves until told to stop, then drains; returns how many tasks were ended by force. `workers` tell
    /// their share when they end.
    pub(super) async fn until_stopped(
        mut self,
        mut orders: Orders,
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
            tokio::select! {
                order = orders.next() => match order {
                    Order::Stop(name) => break name,
                    Order::Reload(name, request) => {
                        let Reading { files, app } = self.read().await?;
                        orders.follow(files);
                        tell(request, self.adopt(name, app));
                    }
                },
                // Workers end when told to; before that it is a fault.
                ended = &mut finished => return ended.and(Err(RunError::Worker)),
            }
        };
        let timeout = self.app.settings.drain_timeout;
        let connections = self.metrics.open_connections();
        // In this order, so that whoever has read the line can rely on it.
        self.drain.begin();
        emit(Level::INFO, "draining", &Draining::new(name, connections, timeout));
        loop {
            tokio::select! {
                forced = &mut finished => return Ok((Ending::Drained, forced?)),
                order = orders.next() => match order {
                    Order::Stop(_) => {
                        let open = usize::try_from(self.metrics.open_connections());
                        return Ok((Ending::AtOnce, open.unwrap_or(0)));
                    }
                    Order::Reload(name, request) => {
                        let problem = "the gate is ending";
                        emit(Level::WARN, "reload_failed", &ReloadFailed::new(name, self.number, problem));
                        tell(request, Err(problem.to_owned()));
                    }
                }
            }
        }
    }

    /// Reads everything anew, off this thread: large revocation lists take their time, and health has to be
    /// told meanwhile.
    async fn read(&self) -> Result<Reading, RunError> {
        let reread = Arc::clone(&self.reread);
        spawn_blocking(move || reread()).await.map_err(|fault| RunError::Start(fault.into()))
    }

    /// Takes what was read as a whole or not at all; returns the generation's number.
    fn adopt(&mut self, origin: &'static str, next: Result<App, String>) -> Result<u64, String> {
        let next = next.inspect_err(|problem| {
            self.metrics.reloaded(false, self.number);
            if let Some(status) = self.status {
                status.reload_failed(origin, problem);
            }
            emit(Level::ERROR, "reload_failed", &ReloadFailed::new(origin, self.number, problem));
        })?;
        self.number += 1;
        for (live, kept) in &mut self.workers {
            let (generation, now) = next.generation(self.number, kept);
            *kept = now;
            live.replace(generation);
        }
        self.metrics.reloaded(true, self.number);
        if let Some(status) = self.status {
            status.replace(admin::facts(&next.settings, self.number));
        }
        let reloaded = Reloaded::new(origin, self.number, &self.app.settings, &next.settings);
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
        let _ = request.send(outcome);
    }
}
