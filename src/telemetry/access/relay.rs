//! The access log of the relay's listener: one `relay_request` event for each request.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use tracing::Level;

use super::counting::{Counting, millis};
use crate::telemetry::event::emit_bounded;
use crate::telemetry::metrics::{Ended, Metrics, RouteMetrics};
use crate::telemetry::reason::RequestReason;
use crate::telemetry::trace::TraceContext;

/// The record of one request, filled in while the request is handled. It is logged on drop, so that every request is logged.
#[derive(Debug)]
pub struct RelayRecord {
    line: Line,
    counting: Counting,
}

/// The `relay_request` event.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    /// The address of the caller, or `unix`.
    peer: Arc<str>,
    trace_id: TraceContext,
    method: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Arc<str>>,
    /// The name of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<RequestReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    bytes_in: u64,
    bytes_out: u64,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_ms: Option<f64>,
}

impl RelayRecord {
    /// Begins the record of request `id`. `method` and `path` must be escaped. The query is not logged.
    pub fn start(
        id: String,
        peer: Arc<str>,
        metrics: Arc<Metrics>,
        trace: TraceContext,
        (method, path): (String, String),
    ) -> Self {
        let line = Line {
            id,
            peer,
            trace_id: trace,
            method,
            path,
            route: None,
            upstream: None,
            event_id: None,
            // The status if the caller leaves before it has an answer (nginx logs the same status).
            status: 499,
            reason: Some(RequestReason::SenderGone),
            detail: None,
            bytes_in: 0,
            bytes_out: 0,
            duration_ms: 0.0,
            upstream_ms: None,
        };
        Self { line, counting: Counting::begin(metrics) }
    }

    /// The request's identifier.
    pub fn id(&self) -> &str {
        &self.line.id
    }

    /// The address of the caller, or `unix`.
    pub fn peer(&self) -> &str {
        &self.line.peer
    }

    /// The path of the request.
    pub fn path(&self) -> &str {
        &self.line.path
    }

    /// The trace of the request.
    pub fn trace(&self) -> TraceContext {
        self.line.trace_id
    }

    /// Sets for which target the event is, and what it is stored with.
    pub fn for_target(&mut self, name: Arc<str>, route: Arc<str>, metrics: Arc<RouteMetrics>) {
        self.line.upstream = Some(name);
        self.line.route = Some(route);
        self.counting.route = Some(metrics);
    }

    /// Sets how many bytes the body has.
    pub fn set_bytes_in(&mut self, bytes: usize) {
        self.line.bytes_in = bytes as u64;
    }

    /// Sets how many bytes the body of the answer has.
    pub fn set_bytes_out(&mut self, bytes: usize) {
        self.line.bytes_out = bytes as u64;
    }

    /// Sets the id of the event as which the request is stored, or was stored before.
    pub fn event(&mut self, id: String) {
        self.line.event_id = Some(id);
    }

    /// Notes that the target answered after `waited`.
    pub fn answered(&mut self, status: StatusCode, waited: Duration) {
        self.line.status = status.as_u16();
        self.line.reason = None;
        self.line.upstream_ms = Some(millis(waited));
        self.counting.answered(waited);
    }

    /// Notes that clawgate itself answers, and that the event is or was stored.
    pub fn stored(&mut self, status: StatusCode, detail: &'static str) {
        self.line.status = status.as_u16();
        self.line.reason = None;
        self.line.detail = Some(detail.to_owned());
    }

    /// Notes that clawgate itself answers, with a refusal.
    pub fn rejected(&mut self, status: StatusCode, reason: RequestReason, detail: &str) {
        self.line.status = status.as_u16();
        self.line.reason = Some(reason);
        self.line.detail = Some(detail.to_owned());
    }

    /// Leaves this request out of the log, but not out of the metrics, because similar ones were just logged.
    pub fn leave_out(&mut self) {
        self.counting.is_unlogged = true;
    }
}

impl Drop for RelayRecord {
    fn drop(&mut self) {
        let line = &self.line;
        let (status, reason) = (line.status, line.reason);
        let (bytes_in, bytes_out) = (line.bytes_in, line.bytes_out);
        let ended = |route, duration| Ended { route, status, reason, duration, bytes_in, bytes_out };
        let duration = self.counting.end(ended);
        self.line.duration_ms = millis(duration);
        if !self.counting.is_unlogged {
            emit_bounded(Level::INFO, "relay_request", &self.line);
        }
    }
}
