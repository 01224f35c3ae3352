//! What a reload replaces of the relay.

use std::sync::Arc;

use crate::limits::Limits;
use crate::relay::client::TargetClient;
use crate::relay::settings::Callers;
use crate::telemetry::metrics::RouteMetrics;

/// What a reload replaces of the relay.
#[derive(Debug)]
pub struct RelaySnapshot {
    /// Whom the listener admits.
    pub callers: Option<Callers>,
    /// The largest body of an event, in bytes.
    pub max_body: u64,
    /// The limits of requests at the listener.
    pub limits: Limits,
    /// The targets.
    pub targets: Vec<TargetInUse>,
}

/// A target, for the thread of the relay.
#[derive(Clone, Debug)]
pub struct TargetInUse {
    /// Sends its requests on that thread.
    pub client: Arc<TargetClient>,
    /// Counts the requests of callers.
    pub metrics: Arc<RouteMetrics>,
}

impl RelaySnapshot {
    /// The target with this name.
    pub(super) fn named(&self, name: &str) -> Option<&TargetInUse> {
        self.targets.iter().find(|target| **target.client.target().name() == *name)
    }

    /// The target with this path on the listener.
    pub(super) fn at(&self, path: &str) -> Option<&TargetInUse> {
        self.targets.iter().find(|target| *target.client.target().settings().path == *path)
    }
}
