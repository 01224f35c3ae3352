//! Registers a metric.

use prometheus_client::registry::{Metric, Registry};

/// Adds a new metric to `registry`.
pub(super) fn registered<M: Metric + Clone + Default>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}
