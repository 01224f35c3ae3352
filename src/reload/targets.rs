//! The targets of the relay, prepared from the settings.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::error::PrepareError;
use super::prepared::Prepared;
use crate::config::Reloadable;
use crate::live::Live;
use crate::pipeline::{RelaySnapshot, TargetInUse};
use crate::relay::client::TargetClient;
use crate::relay::settings::TargetSettings;
use crate::relay::target::RelayTarget;
use crate::telemetry::metrics::Metrics;

/// The targets that are in use. One whose settings do not change keeps its tokens, and what it has used of its rate.
#[derive(Debug, Default)]
pub(super) struct KeptTargets(Mutex<Vec<Weak<RelayTarget>>>);

impl KeptTargets {
    /// The targets of these settings.
    pub(super) fn prepare(&self, settings: &Reloadable) -> Result<Vec<Arc<RelayTarget>>, PrepareError> {
        settings.relay.targets.iter().map(|target| self.target(target)).collect()
    }

    fn target(&self, settings: &Arc<TargetSettings>) -> Result<Arc<RelayTarget>, PrepareError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|target| target.strong_count() > 0);
        let same = |target: &Arc<RelayTarget>| *target.settings() == *settings;
        if let Some(target) = kept.iter().filter_map(Weak::upgrade).find(same) {
            return Ok(target);
        }
        let new = RelayTarget::new(Arc::clone(settings))
            .map_err(|error| PrepareError::Target(settings.name.to_string(), error))?;
        let new = Arc::new(new);
        kept.push(Arc::downgrade(&new));
        Ok(new)
    }
}

/// The clients of one thread for `targets`. Those in `existing` for the same targets are used again, with their connections.
pub(super) fn clients(
    targets: &[Arc<RelayTarget>],
    existing: &[Arc<TargetClient>],
    metrics: &Metrics,
) -> Vec<Arc<TargetClient>> {
    let client = |target: &Arc<RelayTarget>| {
        let same = existing.iter().find(|client| Arc::ptr_eq(client.target(), target));
        same.cloned().unwrap_or_else(|| {
            let metrics = metrics.upstream(target.name());
            Arc::new(TargetClient::new(Arc::clone(target), metrics))
        })
    };
    targets.iter().map(client).collect()
}

/// What the thread of the relay serves with, which a reload replaces.
#[derive(Debug)]
pub(crate) struct RelayGeneration {
    live: Arc<Live<RelaySnapshot>>,
    clients: Vec<Arc<TargetClient>>,
}

impl RelayGeneration {
    /// The first generation.
    pub(crate) fn first(prepared: &Prepared, metrics: &Metrics) -> Self {
        let clients = clients(prepared.targets(), &[], metrics);
        let snapshot = snapshot(prepared, &clients, metrics);
        Self { live: Arc::new(Live::new(snapshot)), clients }
    }

    /// The snapshot in use.
    pub(crate) fn live(&self) -> Arc<Live<RelaySnapshot>> {
        Arc::clone(&self.live)
    }

    pub(super) fn replace(&mut self, prepared: &Prepared, metrics: &Metrics) {
        self.clients = clients(prepared.targets(), &self.clients, metrics);
        self.live.replace(snapshot(prepared, &self.clients, metrics));
    }
}

fn snapshot(prepared: &Prepared, clients: &[Arc<TargetClient>], metrics: &Metrics) -> RelaySnapshot {
    let settings = &prepared.settings().reloadable;
    let target = |client: &Arc<TargetClient>| TargetInUse {
        client: Arc::clone(client),
        metrics: metrics.route(client.target().route()),
    };
    RelaySnapshot {
        callers: settings.relay.callers.clone(),
        max_body: settings.relay.max_body,
        limits: settings.limits,
        targets: clients.iter().map(target).collect(),
    }
}
