//! What the thread of the relay serves with.

use std::sync::Arc;

use super::prepared::Prepared;
use super::targets::clients;
use crate::live::Live;
use crate::pipeline::{RelaySnapshot, TargetInUse};
use crate::relay::client::TargetClient;
use crate::telemetry::metrics::Metrics;

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
