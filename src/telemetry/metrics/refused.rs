//! Counters of refused connections.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::telemetry::reason::HandshakeReason;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Counts connections by reason. All counters exist from the start, so that Prometheus sees their first increase.
#[derive(Debug)]
pub(super) struct Refused {
    all: Vec<Counter>,
    admitted_before: Vec<Counter>,
}

impl Refused {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let mut by_reason = |name: &str, help: &str| {
            let family = Family::<ReasonLabel, Counter>::default();
            registry.register(name, help, family.clone());
            let counter = |reason: &HandshakeReason| {
                family.get_or_create_owned(&ReasonLabel { reason: reason.as_str() })
            };
            HandshakeReason::ALL.iter().map(counter).collect()
        };
        Self {
            all: by_reason("handshakes_refused", "Connections refused, by reason"),
            admitted_before: by_reason(
                "known_clients_refused",
                "Connections refused whose certificate was admitted before, by reason",
            ),
        }
    }

    pub(super) fn count(&self, reason: HandshakeReason, admitted_before: bool) {
        self.all[reason as usize].inc();
        if admitted_before {
            self.admitted_before[reason as usize].inc();
        }
    }

    /// Refused connections since the start.
    pub(super) fn total(&self) -> u64 {
        self.all.iter().map(Counter::get).sum()
    }
}
