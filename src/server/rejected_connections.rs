//! Logs and counts refused connections, each in one place.

use std::sync::Arc;

use serde::Serialize;
use tracing::Level;

use crate::identity::client_cert_inventory::ClientCertInventory;
use crate::telemetry::log_dedup::{LogDedup, RefusalKey, Repeated, Summary, network_text};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;
use crate::telemetry::{HandshakeReason, Limit, ReasonClass, emit, emit_bounded};
use crate::tls::Report;

/// Logs and counts refused connections; shared by all workers.
#[derive(Debug)]
pub struct RejectedConnections {
    metrics: Arc<Metrics>,
    dedup: LogDedup<RefusalKey>,
    recent: Arc<Recent>,
    admitted: Arc<ClientCertInventory>,
}

impl RejectedConnections {
    /// Counts in `metrics`, keeps the logged refusals in `recent`. With `dedup`, repeated refusals are summed up.
    /// `admitted`: the certificates that were admitted before.
    pub fn new(
        metrics: Arc<Metrics>,
        dedup: bool,
        recent: Arc<Recent>,
        admitted: Arc<ClientCertInventory>,
    ) -> Self {
        Self { metrics, dedup: LogDedup::new(dedup), recent, admitted }
    }

    /// Counts a refusal, and the limit that was reached, if any. Logs it in full unless it repeats others.
    /// Returns the reason.
    pub fn record(&self, report: &Report) -> HandshakeReason {
        let key = report.dedup_key();
        let reason = key.reason;
        if let Some(limit) = key.limit {
            self.metrics.limited(limit);
        }
        let admitted_before = key.fingerprint.as_ref().is_some_and(|print| self.admitted.knows(print));
        if self.dedup.should_log(|| key) {
            self.log(report);
        }
        self.metrics.refused(reason, admitted_before);
        reason
    }

    fn log(&self, report: &Report) {
        let line = report.explained();
        self.recent.keep(&line);
        emit_bounded(level(line.reason()), "handshake_failed", &line);
    }

    /// Logs a summary of the refusals that were not logged since the last time, a line for each key.
    pub fn sum_up(&self) {
        for summary in self.dedup.end_window() {
            let repeated = (&summary).into();
            let Summary { key, .. } = summary;
            let line = SummaryLine {
                reason: key.reason,
                peer: key.source.map_or_else(|| "several".to_owned(), network_text),
                limit: key.limit,
                client_cert: key
                    .fingerprint
                    .map(|fingerprint_sha256| Certificate { fingerprint_sha256 }),
                repeated,
            };
            emit(level(key.reason), "handshake_failed", &line);
        }
    }
}

fn level(reason: HandshakeReason) -> Level {
    match reason.class() {
        ReasonClass::Client | ReasonClass::Ours => Level::WARN,
        ReasonClass::Noise => Level::INFO,
    }
}

/// The `handshake_failed` event for many connections at once.
#[derive(Serialize)]
struct SummaryLine {
    reason: HandshakeReason,
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert: Option<Certificate>,
    repeated: Repeated,
}

#[derive(Serialize)]
struct Certificate {
    fingerprint_sha256: String,
}
