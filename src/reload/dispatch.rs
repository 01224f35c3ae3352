//! What the dispatcher delivers with.

use std::sync::Arc;

use super::prepared::Prepared;
use super::upstreams::WorkerUpstream;
use crate::dispatch::DispatchRoutes;
use crate::live::Live;
use crate::relay::client::TargetClient;
use crate::telemetry::metrics::Metrics;

/// The routes with an inbox, which a reload replaces, and their upstreams with the dispatcher's own connections.
#[derive(Debug)]
pub(crate) struct DispatchGeneration {
    live: Arc<Live<DispatchRoutes>>,
    upstreams: Vec<WorkerUpstream>,
    clients: Vec<Arc<TargetClient>>,
}

impl DispatchGeneration {
    /// The first generation.
    pub(crate) fn first(prepared: &Prepared, metrics: &Metrics) -> Self {
        let (routes, upstreams, clients) = prepared.dispatch_routes((&[], &[]), metrics);
        Self { live: Arc::new(Live::new(routes)), upstreams, clients }
    }

    /// The routes in use.
    pub(crate) fn live(&self) -> Arc<Live<DispatchRoutes>> {
        Arc::clone(&self.live)
    }

    pub(super) fn replace(&mut self, prepared: &Prepared, metrics: &Metrics) {
        let existing = (&self.upstreams[..], &self.clients[..]);
        let (routes, upstreams, clients) = prepared.dispatch_routes(existing, metrics);
        (self.upstreams, self.clients) = (upstreams, clients);
        self.live.replace(routes);
    }
}
