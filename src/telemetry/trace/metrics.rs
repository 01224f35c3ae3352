//! Counters of exported and lost spans. They exist only with a configured collector.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Why a span did not reach the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanLoss {
    /// The queue was full.
    QueueFull,
    /// The collector could not be reached, or refused the batch.
    NotSent,
    /// The collector accepted the batch, but rejected this span.
    Rejected,
}

const LOSSES: [&str; 3] = ["queue_full", "not_sent", "rejected"];

/// Counts exported and lost spans.
#[derive(Debug)]
pub struct SpanMetrics {
    exported: Counter,
    dropped: [Counter; LOSSES.len()],
}

impl SpanMetrics {
    pub(in crate::telemetry) fn new(registry: &mut Registry) -> Self {
        let exported = Counter::default();
        registry.register("spans_exported", "Spans that the collector accepted", exported.clone());
        let dropped = Family::<ReasonLabel, Counter>::default();
        registry.register("spans_dropped", "Spans that were lost, by reason", dropped.clone());
        let dropped = LOSSES.map(|reason| dropped.get_or_create_owned(&ReasonLabel { reason }));
        Self { exported, dropped }
    }

    /// Counts spans that the collector has accepted.
    pub fn exported(&self, count: u64) {
        self.exported.inc_by(count);
    }

    /// Counts lost spans.
    pub fn dropped(&self, loss: SpanLoss, count: u64) {
        self.dropped[loss as usize].inc_by(count);
    }
}
