//! A metric that is not shown before it is used.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// A metric without labels that is shown once it was used.
#[derive(Clone, Debug, Default)]
pub(in crate::telemetry::metrics) struct WhenUsed<M>(Arc<OnceLock<M>>);

impl<M: Default> WhenUsed<M> {
    /// The metric; it is shown from now on.
    pub(in crate::telemetry::metrics) fn get(&self) -> &M {
        self.0.get_or_init(M::default)
    }
}

impl<M: TypedMetric> TypedMetric for WhenUsed<M> {
    const TYPE: MetricType = M::TYPE;
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for WhenUsed<M> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.get().map_or(Ok(()), |metric| metric.encode(encoder))
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }

    fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }
}
