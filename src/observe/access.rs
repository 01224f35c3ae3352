//! The access log: one `request` event for each request, written when its answer has gone out.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use serde::Serialize;
use tracing::Level;

use super::metrics::Metrics;
use super::{RequestReason, emit};

/// What is known of a connection, the same for all its requests.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionFacts {
    /// Identifier of the connection; request identifiers begin with it.
    #[serde(skip)]
    pub id: String,
    /// The sender's `ip:port`.
    pub peer: String,
    /// The load balancer's `ip:port`, where one stands between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Common name of the sender's certificate, escaped.
    pub cn: Option<String>,
    /// First alternative name of the sender's certificate, escaped.
    pub san: Option<String>,
    /// SHA-256 of the sender's certificate.
    pub fingerprint_sha256: String,
    /// `TLSv1.3` or `TLSv1.2`.
    pub tls_version: &'static str,
    /// Whether the sender came back with a ticket.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resumed: bool,
}

/// One request, filled in as it goes; logged when dropped, so that none can be forgotten.
#[derive(Debug)]
pub struct AccessRecord {
    line: Line,
    started: Instant,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Serialize)]
struct Line {
    id: String,
    #[serde(flatten)]
    connection: Arc<ConnectionFacts>,
    protocol: &'static str,
    method: String,
    path: String,
    route: Option<String>,
    status: u16,
    reason: Option<RequestReason>,
    detail: Option<String>,
    bytes_in: u64,
    bytes_out: u64,
    duration_ms: f64,
    upstream: Option<Arc<str>>,
    upstream_ms: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retried: bool,
}

impl AccessRecord {
    /// Begins the record of request `id`. `method` and `path` must be escaped; the query is not logged.
    pub fn start(
        id: String,
        connection: Arc<ConnectionFacts>,
        metrics: Arc<Metrics>,
        protocol: &'static str,
        method: String,
        path: String,
    ) -> Self {
        let line = Line {
            id,
            connection,
            protocol,
            method,
            path,
            route: None,
            // Stays when the sender leaves before there is an answer (as nginx logs it).
            status: 499,
            reason: Some(RequestReason::SenderGone),
            detail: None,
            bytes_in: 0,
            bytes_out: 0,
            duration_ms: 0.0,
            upstream: None,
            upstream_ms: None,
            retried: false,
        };
        Self { line, started: Instant::now(), metrics }
    }

    /// The request's identifier.
    pub fn id(&self) -> &str {
        &self.line.id
    }

    /// The route that took it, and its upstream.
    pub fn routed(&mut self, route: String, upstream: Arc<str>) {
        self.line.route = Some(route);
        self.line.upstream = Some(upstream);
    }

    /// The upstream's answer has begun, after `waited`.
    pub fn answered(&mut self, status: StatusCode, waited: std::time::Duration) {
        self.line.status = status.as_u16();
        self.line.reason = None;
        self.line.upstream_ms = Some(millis(waited));
    }

    /// The gate answers itself.
    pub fn rejected(&mut self, status: StatusCode, reason: RequestReason, detail: &str) {
        self.line.status = status.as_u16();
        self.line.reason = Some(reason);
        self.line.detail = Some(detail.to_owned());
    }

    /// An answer that had begun did not come to its end.
    pub fn cut_short(&mut self, reason: RequestReason, detail: &str) {
        self.line.reason = Some(reason);
        self.line.detail = Some(detail.to_owned());
    }

    /// The request went out again on a fresh connection.
    pub fn retried(&mut self) {
        self.line.retried = true;
    }

    /// Bytes of the request body taken so far.
    pub fn set_bytes_in(&mut self, bytes: u64) {
        self.line.bytes_in = bytes;
    }

    /// Counts bytes of the answer's body.
    pub fn add_bytes_out(&mut self, bytes: usize) {
        self.line.bytes_out += bytes as u64;
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        self.line.duration_ms = millis(self.started.elapsed());
        self.metrics.request(self.line.status, self.line.reason);
        emit(Level::INFO, "request", &self.line);
    }
}

/// Milliseconds with three decimals.
fn millis(duration: std::time::Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
