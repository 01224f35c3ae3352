//! The access log: one `request` event for each request, written when its answer has gone out; its spans are made
//! from the same record.

#[cfg_attr(not(feature = "otlp"), path = "no_span.rs")]
mod span;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::StatusCode;
use serde::{Serialize, Serializer};
use tracing::Level;

pub use self::span::{ConnectionSpans, Span, Spans};

use super::event::{emit_json, with_scratch};
use super::fit::fit;
use super::metrics::{Counted, Ended, Metrics, RouteMetrics};
use super::reason::RequestReason;
use super::trace::Trace;
use crate::connection::{ConnectionInfo, TlsInfo, version_name};
use crate::identity::Peer;
use crate::identity::name::printable;

/// A connection of a verified client: what all its log lines and spans say.
#[derive(Debug)]
pub struct ConnectionFacts {
    /// Where it comes from.
    pub connection: ConnectionInfo,
    /// What the handshake negotiated.
    pub tls: TlsInfo,
    /// Whom the client's certificate names.
    pub peer: Peer,
    /// Its fields in a log line, written once for all its requests.
    json: OnceLock<Vec<u8>>,
}

impl ConnectionFacts {
    /// For the log lines of this connection.
    pub fn new(connection: ConnectionInfo, tls: TlsInfo, peer: Peer) -> Self {
        Self { connection, tls, peer, json: OnceLock::new() }
    }

    /// The connection's identifier.
    pub fn id(&self) -> &str {
        &self.connection.id
    }

    /// The identifier of the connection's request `number`, counted from 1.
    pub fn request_id(&self, number: u64) -> String {
        // A number of 64 bits has at most 20 digits.
        let mut id = String::with_capacity(self.id().len() + 1 + 20);
        id.push_str(self.id());
        // Cannot fail.
        let _ = write!(id, "-{number}");
        id
    }
}

/// The fields of a connection in a log line.
#[derive(Serialize)]
struct ConnectionFields<'a> {
    peer: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<SocketAddr>,
    /// Common name, escaped.
    cn: Option<String>,
    /// The first alternative name, escaped.
    san: Option<&'a str>,
    fingerprint_sha256: &'a str,
    tls_version: Cow<'static, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resumed: bool,
}

impl Serialize for ConnectionFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { connection, tls, peer, .. } = self;
        let fields = ConnectionFields {
            peer: connection.client_addr,
            proxy: connection.proxy_addr,
            cn: peer.cn.as_deref().map(printable),
            san: peer.certificate.san.first().map(String::as_str),
            fingerprint_sha256: &peer.certificate.fingerprint_sha256,
            tls_version: version_name(tls.version),
            resumed: tls.resumed,
        };
        fields.serialize(serializer)
    }
}

/// One request, filled in as it goes; logged when dropped, so that none can be forgotten.
#[derive(Debug)]
pub struct AccessRecord {
    line: Line,
    started: Instant,
    metrics: Arc<Metrics>,
    route: Option<Arc<RouteMetrics>>,
    _in_flight: Counted,
    left_out: bool,
    /// Of the requests that go well, one in so many is logged.
    one_in: u64,
    /// Where its trace is one that is exported.
    span: Option<Span>,
}

#[derive(Debug, Serialize)]
struct Line {
    #[serde(skip)]
    id: String,
    #[serde(skip)]
    connection: Arc<ConnectionFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<Trace>,
    protocol: &'static str,
    method: Cow<'static, str>,
    path: String,
    route: Option<Arc<str>>,
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
    /// Refusals of the same kind and client that were not logged since the last that was.
    #[serde(skip_serializing_if = "is_zero")]
    unlogged: u64,
}

impl AccessRecord {
    /// Begins the record of request `id`. `method` and `path` must be escaped; the query is not logged.
    pub fn start(
        id: String,
        connection: Arc<ConnectionFacts>,
        metrics: Arc<Metrics>,
        protocol: &'static str,
        method: Cow<'static, str>,
        path: String,
    ) -> Self {
        let line = Line {
            id,
            connection,
            trace_id: None,
            protocol,
            method,
            path,
            route: None,
            // Stays when the client leaves before there is an answer (as nginx logs it).
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
        let _in_flight = metrics.begun();
        Self {
            line,
            started: Instant::now(),
            metrics,
            route: None,
            _in_flight,
            left_out: false,
            one_in: 1,
            span: None,
        }
    }

    /// The request's identifier.
    pub fn id(&self) -> &str {
        &self.line.id
    }

    /// Belongs to `trace`. Of those that go well, one in `one_in` is logged.
    pub fn traced(&mut self, trace: Trace, one_in: u64) {
        self.line.trace_id = Some(trace);
        self.one_in = one_in;
    }

    /// Becomes `span` too, whether or not it is logged.
    pub fn exported(&mut self, span: Option<Span>) {
        self.span = span;
    }

    /// Whether it went well, and is not one of those that are logged all the same.
    fn is_spared(&self) -> bool {
        let well = self.line.reason.is_none() && (200..300).contains(&self.line.status);
        well && self.line.trace_id.is_some_and(|trace| !trace.is_sampled(self.one_in))
    }

    /// The route that took it, and its upstream.
    pub fn routed(&mut self, route: Arc<str>, upstream: Arc<str>, metrics: &Arc<RouteMetrics>) {
        self.route = Some(Arc::clone(metrics));
        self.line.route = Some(route);
        self.line.upstream = Some(upstream);
    }

    /// The upstream is called, at `at`.
    pub fn asked(&mut self, at: Instant) {
        if let Some(span) = &mut self.span {
            span.asked(at);
        }
    }

    /// The upstream's answer has begun, after `waited`.
    pub fn answered(&mut self, status: StatusCode, waited: std::time::Duration) {
        self.line.status = status.as_u16();
        self.line.reason = None;
        self.line.upstream_ms = Some(millis(waited));
        if let Some(span) = &mut self.span {
            span.answered(waited);
        }
        if let Some(route) = &self.route {
            route.answered(waited);
        }
    }

    /// clawgate answers itself.
    pub fn rejected(&mut self, status: StatusCode, reason: RequestReason, detail: &str) {
        self.line.status = status.as_u16();
        self.line.reason = Some(reason);
        self.line.detail = Some(detail.to_owned());
        if let Some(span) = &mut self.span {
            span.rejected();
        }
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

    /// Leaves this request out of the log, but not out of the metrics: its like was logged just now.
    pub fn leave_out(&mut self) {
        self.left_out = true;
    }

    /// So many like it were left out before this one.
    pub fn after_unlogged(&mut self, unlogged: u64) {
        self.line.unlogged = unlogged;
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
        let duration = self.started.elapsed();
        self.line.duration_ms = millis(duration);
        self.metrics.request(&Ended {
            route: self.route.as_deref(),
            status: self.line.status,
            reason: self.line.reason,
            duration,
            bytes_in: self.line.bytes_in,
            bytes_out: self.line.bytes_out,
        });
        if let Some(span) = self.span.take() {
            span.end(&self.line, self.started, duration);
        }
        if self.left_out || self.is_spared() {
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

impl Line {
    /// One flat object: the identifier, what is the same for the whole connection, and the rest.
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let connection = self.connection.json.get_or_init(|| {
            // Text and numbers only: cannot fail.
            serde_json::to_vec(&*self.connection).unwrap_or_default()
        });
        json.extend_from_slice(br#"{"id":"#);
        serde_json::to_writer(&mut *json, &self.id)?;
        push_members(json, connection);
        let end = json.len();
        serde_json::to_writer(&mut *json, self)?;
        // Its opening brace, in the middle now.
        json[end] = b',';
        Ok(())
    }
}

/// Appends the members of an object, without its braces.
fn push_members(json: &mut Vec<u8>, object: &[u8]) {
    if let [b'{', members @ .., b'}'] = object
        && !members.is_empty()
    {
        json.push(b',');
        json.extend_from_slice(members);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Milliseconds with three decimals.
fn millis(duration: std::time::Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
