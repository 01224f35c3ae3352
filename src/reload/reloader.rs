//! Replaces the generation in use.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tracing::Level;

use super::config_metrics;
use super::dispatch::DispatchGeneration;
use super::error::ReloadError;
use super::events::{ReloadFailed, Reloaded};
use super::prepared::Prepared;
use super::relay::RelayGeneration;
use super::source::{Reading, Source};
use super::upstreams::WorkerUpstream;
use super::warnings::log_warnings;
use crate::admin::{GenerationStatus, Status};
use crate::config::{Files, InUse, Settings};
use crate::live::Live;
use crate::pipeline::Snapshot;
use crate::platform::sandbox::Sandbox;
use crate::telemetry::emit;
use crate::telemetry::metrics::Metrics;

/// The number of the generation that clawgate starts with.
pub(crate) const FIRST_GENERATION: u64 = 1;

/// What one worker serves with.
#[derive(Debug)]
pub(crate) struct WorkerGeneration {
    live: Arc<Live<Snapshot>>,
    upstreams: Vec<WorkerUpstream>,
}

impl WorkerGeneration {
    /// The first generation of one worker.
    pub(crate) fn first(prepared: &Prepared, metrics: &Metrics) -> Self {
        let (snapshot, upstreams) = prepared.snapshot(FIRST_GENERATION, &[], metrics);
        Self { live: Arc::new(Live::new(snapshot)), upstreams }
    }

    /// The snapshot in use, which a reload replaces.
    pub(crate) fn live(&self) -> Arc<Live<Snapshot>> {
        Arc::clone(&self.live)
    }

    fn replace(&mut self, prepared: &Prepared, number: u64, metrics: &Metrics) {
        let (snapshot, upstreams) = prepared.snapshot(number, &self.upstreams, metrics);
        self.upstreams = upstreams;
        self.live.replace(snapshot);
    }
}

/// The generation in use, and all that a reload changes.
pub(crate) struct Reloader {
    source: Arc<Source>,
    sandbox: Sandbox,
    current: Prepared,
    /// The number of the generation in use.
    number: u64,
    /// The settings that the process was started with. Some of them cannot change before a restart.
    started: InUse,
    /// Whether a route stored events at the start, so that the inbox is open.
    has_inbox: bool,
    /// Whether a route shared its delivered requests with other instances at the start, so that there is a connection for that.
    shares_replays: bool,
    workers: Vec<WorkerGeneration>,
    dispatch: DispatchGeneration,
    relay: RelayGeneration,
    /// Whether there was a target or a listener of the relay at the start, so that its thread runs.
    has_relay: bool,
    metrics: Arc<Metrics>,
    status: Option<Arc<Status>>,
}

impl Reloader {
    /// Begins with `prepared` as the first generation, which `workers`, the dispatcher and the relay serve with.
    pub(crate) fn new(
        source: Arc<Source>,
        sandbox: Sandbox,
        prepared: Prepared,
        (workers, dispatch, relay): (Vec<WorkerGeneration>, DispatchGeneration, RelayGeneration),
        metrics: Arc<Metrics>,
        status: Option<Arc<Status>>,
    ) -> Self {
        config_metrics::in_use(&prepared.settings().reloadable, &metrics);
        log_warnings(prepared.settings());
        let started = prepared.settings().in_use.clone();
        let startup = &prepared.settings().startup;
        let has_inbox = startup.inbox.is_some();
        let shares_replays = startup.shared_replays.is_some();
        let has_relay = startup.relay.is_some() || !prepared.targets().is_empty();
        Self {
            source,
            sandbox,
            current: prepared,
            number: FIRST_GENERATION,
            started,
            has_inbox,
            shares_replays,
            workers,
            dispatch,
            relay,
            has_relay,
            metrics,
            status,
        }
    }

    /// The settings in use.
    pub(crate) fn settings(&self) -> &Settings {
        self.current.settings()
    }

    /// Reads everything again on another thread, since health must be answered in the meantime. Returns the files to
    /// watch from now on, if they are known.
    pub(crate) async fn read(&self) -> (Option<Files>, Result<Prepared, ReloadError>) {
        let source = Arc::clone(&self.source);
        match spawn_blocking(move || source.read()).await {
            Ok(Reading { files, prepared }) => {
                let prepared = prepared.map_err(|error| match self.sandbox.unreadable(&files) {
                    Some(unreadable) => ReloadError::Unreadable(Box::new(error), unreadable),
                    None => error,
                });
                (Some(files), prepared)
            }
            Err(panic) => (None, Err(panic.into())),
        }
    }

    /// Uses `next` as a whole, or not at all. Returns the number of the new generation.
    pub(crate) fn adopt(
        &mut self,
        origin: &'static str,
        next: Result<Prepared, ReloadError>,
    ) -> Result<u64, ReloadError> {
        let next = next.and_then(|next| {
            self.sandbox.check(&next.settings().reloadable)?;
            // The sandbox does not allow the database to be opened now.
            if next.settings().startup.inbox.is_some() && !self.has_inbox {
                return Err(ReloadError::InboxNotOpen);
            }
            if next.settings().startup.shared_replays.is_some() && !self.shares_replays {
                return Err(ReloadError::ReplaysNotShared);
            }
            if !next.targets().is_empty() && !self.has_relay {
                return Err(ReloadError::RelayNotRunning);
            }
            Ok(next)
        });
        let next = next.inspect_err(|error| self.failed(origin, error))?;
        self.number += 1;
        // First, so that no route names a target that is not there.
        self.relay.replace(&next, &self.metrics);
        for worker in &mut self.workers {
            worker.replace(&next, self.number, &self.metrics);
        }
        self.dispatch.replace(&next, &self.metrics);
        next.forget_other_routes();
        self.metrics.reloaded(true, self.number);
        config_metrics::in_use(&next.settings().reloadable, &self.metrics);
        if let Some(status) = &self.status {
            status.replace(GenerationStatus::new(next.settings(), &self.started, self.number));
        }
        let needs_restart = self.started.needs_restart(&next.settings().in_use);
        let old_and_new = (self.settings(), next.settings());
        emit(Level::INFO, "reloaded", &Reloaded::new(origin, self.number, old_and_new, needs_restart));
        log_warnings(next.settings());
        self.current = next;
        Ok(self.number)
    }

    /// Counts, shows and logs that a reload failed.
    fn failed(&self, origin: &'static str, error: &ReloadError) {
        self.metrics.reloaded(false, self.number);
        let detail = error.to_string();
        self.log_failure(Level::ERROR, origin, &detail);
        if let Some(status) = &self.status {
            status.reload_failed(origin, detail);
        }
    }

    /// Refuses a reload, since clawgate is ending.
    pub(crate) fn refuse(&self, origin: &'static str) -> ReloadError {
        let error = ReloadError::Ending;
        self.log_failure(Level::WARN, origin, &error.to_string());
        error
    }

    fn log_failure(&self, level: Level, origin: &'static str, detail: &str) {
        emit(level, "reload_failed", &ReloadFailed::new(origin, self.number, detail));
    }
}
