//! The access log: one `request` event for each request, written after the response has been sent. The spans of the
//! request are made from the same record.

mod counting;
pub(super) mod line;
mod relay;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tracing::Level;

pub use self::line::ConnectionFacts;
pub use self::relay::RelayRecord;

use self::counting::{Counting, millis};
use self::line::RequestLine;
use super::authenticated_by::AuthenticatedBy;
use super::event::{emit_json, with_scratch};
use super::fit::fit;
use super::metrics::{Ended, Metrics, RouteMetrics};
use super::reason::RequestReason;
use super::trace::{RequestSpan, TraceContext};

/// The record of one request, filled in while the request is handled. It is logged on drop, so that every request is
/// logged.
#[derive(Debug)]
pub struct AccessRecord {
    line: RequestLine,
    counting: Counting,
    /// One in this many successful requests is logged.
    one_in: u64,
    /// Set if the request's trace is exported.
    span: Option<RequestSpan>,
}

impl AccessRecord {
    /// Begins the record of request `id`. `method` and `path` must be escaped. The query is not logged.
    pub fn start(
        id: String,
        connection: Arc<ConnectionFacts>,
        metrics: Arc<Metrics>,
        protocol: &'static str,
        method: Cow<'static, str>,
        path: String,
    ) -> Self {
        let line = RequestLine {
            id,
            connection,
            trace_id: None,
            protocol,
            method,
            path,
            route: None,
            authenticated_by: None,
            rare: None,
            // The status if the client leaves before a response begins (nginx logs the same status).
            status: 499,
            reason: Some(RequestReason::SenderGone),
            detail: None,
            bytes_in: 0,
            bytes_out: 0,
            duration_ms: 0.0,
            upstream: None,
            upstream_ms: None,
            retried: false,
            unlogged: 0,
        };
        Self { line, counting: Counting::begin(metrics), one_in: 1, span: None }
    }

    /// The request's identifier.
    pub fn id(&self) -> &str {
        &self.line.id
    }

    /// Sets the trace of the request. One in `one_in` successful requests is logged.
    pub fn traced(&mut self, trace: TraceContext, one_in: u64) {
        self.line.trace_id = Some(trace);
        self.one_in = one_in;
    }

    /// Sets the span. It is exported whether or not the request is logged.
    pub fn exported(&mut self, span: Option<RequestSpan>) {
        self.span = span;
    }

    /// Whether the request succeeded and is left out of the log by sampling.
    fn is_sampled_out(&self) -> bool {
        let succeeded = self.line.reason.is_none() && (200..300).contains(&self.line.status);
        succeeded && self.line.trace_id.is_some_and(|trace| !trace.is_sampled(self.one_in))
    }

    /// Sets the route of the request, and the route's upstream.
    pub fn routed(&mut self, route: Arc<str>, upstream: Arc<str>, metrics: &Arc<RouteMetrics>) {
        self.counting.route = Some(Arc::clone(metrics));
        self.line.route = Some(route);
        self.line.upstream = Some(upstream);
    }

    /// Sets what authenticated the request.
    pub fn authenticated(&mut self, by: AuthenticatedBy) {
        self.line.authenticated_by = Some(by);
        if let Some(route) = &self.counting.route {
            route.authenticated(by);
        }
    }

    /// Sets the scheme of the signature that was verified, and the name of the file with the secret or key that it fits.
    pub fn signed(&mut self, scheme: &'static str, key: Arc<str>) {
        let rare = self.line.rare.get_or_insert_default();
        rare.signature_scheme = Some(scheme);
        rare.signature_key = Some(key);
    }

    /// Sets the id of the event as which the request is stored, or was stored before.
    pub fn event(&mut self, id: String) {
        self.line.rare.get_or_insert_default().event_id = Some(id);
    }

    /// Sets what was taken out of the body, and how many bytes it has after that.
    pub fn shaped(&mut self, changes: Vec<String>, bytes: usize) {
        let rare = self.line.rare.get_or_insert_default();
        rare.shaped = changes;
        rare.shaped_bytes = Some(bytes);
    }

    /// Notes that the request was sent to the upstream at `at`.
    pub fn asked(&mut self, at: Instant) {
        if let Some(span) = &mut self.span {
            span.upstream_called(at);
        }
    }

    /// Notes that the upstream's response began after `waited`.
    pub fn answered(&mut self, status: StatusCode, waited: Duration) {
        self.line.status = status.as_u16();
        self.line.reason = None;
        self.line.upstream_ms = Some(millis(waited));
        if let Some(span) = &mut self.span {
            span.upstream_answered(waited);
        }
        self.counting.answered(waited);
    }

    /// Notes that the request was stored as an event, from `at` on for `took`.
    pub fn stored(&mut self, at: Instant, took: Duration) {
        if let Some(span) = &mut self.span {
            span.stored(at, took);
        }
    }

    /// Notes that clawgate itself responds to an authenticated request, and why no upstream sees it.
    pub fn answered_by_clawgate(&mut self, status: StatusCode, detail: &'static str) {
        self.line.status = status.as_u16();
        self.line.reason = None;
        self.line.detail = Some(detail.to_owned());
    }

    /// Notes that clawgate itself responds, with a refusal.
    pub fn rejected(&mut self, status: StatusCode, reason: RequestReason, detail: &str) {
        self.line.status = status.as_u16();
        self.line.reason = Some(reason);
        self.line.detail = Some(detail.to_owned());
        if let Some(span) = &mut self.span {
            span.rejected();
        }
    }

    /// Notes that the response ended before it was complete.
    pub fn cut_short(&mut self, reason: RequestReason, detail: &str) {
        self.line.reason = Some(reason);
        self.line.detail = Some(detail.to_owned());
    }

    /// Notes that the request was sent again on a new connection.
    pub fn retried(&mut self) {
        self.line.retried = true;
    }

    /// Leaves this request out of the log, but not out of the metrics, because a similar one was just logged.
    pub fn leave_out(&mut self) {
        self.counting.is_unlogged = true;
    }

    /// Sets how many similar requests were not logged before this one.
    pub fn after_unlogged(&mut self, unlogged: u64) {
        self.line.unlogged = unlogged;
    }

    /// Sets how many bytes of the request body were read so far.
    pub fn set_bytes_in(&mut self, bytes: u64) {
        self.line.bytes_in = bytes;
    }

    /// Adds to the bytes of the response body.
    pub fn add_bytes_out(&mut self, bytes: usize) {
        self.line.bytes_out += bytes as u64;
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        let line = &self.line;
        let (status, reason) = (line.status, line.reason);
        let (bytes_in, bytes_out) = (line.bytes_in, line.bytes_out);
        let ended = |route, duration| Ended { route, status, reason, duration, bytes_in, bytes_out };
        let duration = self.counting.end(ended);
        self.line.duration_ms = millis(duration);
        if let Some(span) = self.span.take() {
            span.end(&self.line, self.counting.started, duration);
        }
        if self.counting.is_unlogged || self.is_sampled_out() {
            return;
        }
        with_scratch(|json| {
            if self.line.write(json).is_ok() {
                fit(json);
                emit_json(Level::INFO, "request", json);
            }
        });
    }
}
