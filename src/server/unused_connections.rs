//! Logs connections of admitted clients that sent no request: usually the client did not accept clawgate's certificate.

use serde::Serialize;
use tracing::Level;

use crate::telemetry::access::ConnectionFacts;
use crate::telemetry::log_dedup::{DedupKey, LogDedup, Repeated, Summary};
use crate::telemetry::{emit, emit_bounded};

/// Full lines for one certificate in a window.
const FULL_LINES: u64 = 5;

/// Logs connections without a request; shared by all workers.
#[derive(Debug)]
pub struct UnusedConnections {
    dedup: LogDedup<Key>,
}

/// Connections with the same key are summed up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Of the client certificate; `None` for clients without one, and for the sum of those that are not remembered.
    fingerprint: Option<String>,
}

impl DedupKey for Key {
    fn full_lines(&self) -> u64 {
        FULL_LINES
    }

    fn overflow(&self) -> Self {
        Self { fingerprint: None }
    }
}

impl UnusedConnections {
    /// With `dedup`, repeated connections are summed up.
    pub fn new(dedup: bool) -> Self {
        Self { dedup: LogDedup::new(dedup) }
    }

    /// Logs one, unless enough of its client were logged. `cause` compares the name that the client asked for with those of
    /// clawgate's certificate.
    pub(super) fn record(&self, facts: &ConnectionFacts, cause: impl FnOnce() -> String) {
        let key = || Key { fingerprint: facts.fingerprint().map(str::to_owned) };
        if self.dedup.should_log(key) {
            let hint = format!(
                "nothing is wrong if this is a health check; else the client may not have liked clawgate's \
                 certificate: {}",
                cause()
            );
            emit_bounded(Level::INFO, "connection_unused", &Line { id: facts.id(), facts, hint });
        }
    }

    /// Logs a summary of those that were not logged since the last time, a line for each certificate.
    pub fn sum_up(&self) {
        for summary in self.dedup.end_window() {
            let repeated = (&summary).into();
            let Summary { key: Key { fingerprint }, .. } = &summary;
            emit(
                Level::INFO,
                "connection_unused",
                &SummaryLine { fingerprint_sha256: fingerprint, repeated },
            );
        }
    }
}

/// The `connection_unused` event.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(flatten)]
    facts: &'a ConnectionFacts,
    hint: String,
}

/// The `connection_unused` event for many at once.
#[derive(Serialize)]
struct SummaryLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_sha256: &'a Option<String>,
    repeated: Repeated,
}
