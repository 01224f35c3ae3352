//! Spans on their way to the collector. Only there where they go to one.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Why a span did not get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanLoss {
    /// As many waited as may.
    QueueFull,
    /// The collector could not be called, or did not take the batch.
    NotSent,
    /// The collector took the batch, but not this one.
    Rejected,
}

const LOSSES: [&str; 3] = ["queue_full", "not_sent", "rejected"];

/// What becomes of spans.
#[derive(Debug)]
pub struct SpanMetrics {
    exported: Counter,
    dropped: [Counter; LOSSES.len()],
}

impl SpanMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let exported = Counter::default();
        registry.register("spans_exported", "Spans that the collector has taken", exported.clone());
        let dropped = Family::<ReasonLabel, Counter>::default();
        registry.register("spans_dropped", "Spans that did not get to the collector", dropped.clone());
        let dropped = LOSSES.map(|reason| dropped.get_or_create_owned(&ReasonLabel { reason }));
        Self { exported, dropped }
    }

    /// The collector has taken `count`.
    pub fn exported(&self, count: u64) {
        self.exported.inc_by(count);
    }

    /// As many did not get there.
    pub fn dropped(&self, loss: SpanLoss, count: u64) {
        self.dropped[loss as usize].inc_by(count);
    }
}
