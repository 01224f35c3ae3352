//! The spans of a request: a server span, and below it a client span for the call to the upstream, or a producer span if the
//! request is stored as an event.
//!
//! Attribute names follow OpenTelemetry's semantic conventions for HTTP and TLS.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::context::{TraceContext, span_id};
use super::exporter::SpanQueue;
use super::span_data::{SpanPart, port, server_attributes, span_data};
use crate::connection::version_name;
use crate::identity::Peer;
use crate::telemetry::AuthenticatedBy;
use crate::telemetry::access::line::{ConnectionFacts, RequestLine};
use crate::telemetry::reason::RequestReason;

/// The queue, with the attributes that all spans of one connection share.
#[derive(Debug)]
pub struct ConnectionSpans {
    queue: SpanQueue,
    attributes: Arc<[KeyValue]>,
}

/// A request whose spans are made when it ends.
#[derive(Debug)]
pub struct RequestSpan {
    queue: SpanQueue,
    connection: Arc<[KeyValue]>,
    trace: TraceContext,
    /// When the request was sent to the upstream.
    called: Option<Instant>,
    /// How long it took until the upstream's response began, or until the call failed.
    waited: Option<Duration>,
    /// When an event began to be stored, and how long it took.
    stored: Option<(Instant, Duration)>,
}

impl SpanQueue {
    /// The spans of one connection.
    pub fn connection(&self, facts: &ConnectionFacts) -> ConnectionSpans {
        let ConnectionFacts { connection, tls, peer, .. } = facts;
        let (client, server) = (connection.client_addr, connection.local_addr);
        let near = connection.proxy_addr.unwrap_or(client);
        let server_name = tls.sni.clone().unwrap_or_else(|| server.ip().to_string());
        let version = version_name(tls.version).trim_start_matches("TLSv").to_owned();
        let mut attributes = vec![
            KeyValue::new("url.scheme", "https"),
            shared("client.address", client.ip().to_string()),
            port("client.port", client.port()),
            shared("network.peer.address", near.ip().to_string()),
            port("network.peer.port", near.port()),
            shared("server.address", server_name),
            port("server.port", server.port()),
            KeyValue::new("tls.protocol.name", "tls"),
            shared("tls.protocol.version", version),
            KeyValue::new("tls.resumed", tls.resumed),
        ];
        if let Some(Peer { certificate, .. }) = peer {
            let fingerprint = certificate.fingerprint_sha256.to_ascii_uppercase();
            attributes.push(shared("tls.client.subject", certificate.subject.clone()));
            attributes.push(shared("tls.client.hash.sha256", fingerprint));
        }
        attributes.extend(tls.sni.as_ref().map(|sni| shared("tls.client.server_name", sni.clone())));
        ConnectionSpans { queue: self.clone(), attributes: attributes.into() }
    }
}

impl ConnectionSpans {
    /// One in this many traces that begin in clawgate is exported.
    pub fn one_in(&self) -> u64 {
        self.queue.one_in()
    }

    /// Begins the span of a request, if its trace is exported.
    pub fn begin(&self, trace: TraceContext) -> Option<RequestSpan> {
        trace.is_recorded().then(|| RequestSpan {
            queue: self.queue.clone(),
            connection: Arc::clone(&self.attributes),
            trace,
            called: None,
            waited: None,
            stored: None,
        })
    }
}

impl RequestSpan {
    /// Notes that the upstream was called at `at`.
    pub(in crate::telemetry) fn upstream_called(&mut self, at: Instant) {
        self.called = Some(at);
    }

    /// Notes that the upstream's response began after `waited`.
    pub(in crate::telemetry) fn upstream_answered(&mut self, waited: Duration) {
        self.waited = Some(waited);
    }

    /// Notes that the request was stored as an event, from `at` on for `took`.
    pub(in crate::telemetry) fn stored(&mut self, at: Instant, took: Duration) {
        self.stored = Some((at, took));
    }

    /// Notes that clawgate itself responds. If the upstream was called, it gave no response.
    pub(in crate::telemetry) fn rejected(&mut self) {
        self.waited = self.called.map(|called| called.elapsed());
    }

    /// Queues the spans of the request, which began at `started` and took `duration`.
    pub(in crate::telemetry) fn end(self, line: &RequestLine, started: Instant, duration: Duration) {
        let now = SystemTime::now();
        let began = now.checked_sub(duration).unwrap_or(now);
        let id = span_id();
        let server = self.data(SpanKind::Server, (id, self.trace.parent), (began, now), line);
        // For the upstream `echo:`, clawgate itself responds and sends no request.
        let call = self.called.filter(|_| line.upstream.is_some()).map(|called| {
            let from = began + called.saturating_duration_since(started);
            // If no response came, the call lasted until the client left.
            let to = self.waited.map_or(now, |waited| from + waited);
            self.data(SpanKind::Client, (self.trace.span, id), (from, to), line)
        });
        let stored = self.stored.map(|(at, took)| {
            let from = began + at.saturating_duration_since(started);
            self.data(SpanKind::Producer, (self.trace.span, id), (from, from + took), line)
        });
        let spans: Vec<_> = [Some(server), call, stored].into_iter().flatten().collect();
        self.queue.put(spans.into_iter());
    }

    fn data(
        &self,
        kind: SpanKind,
        (id, parent): (u64, u64),
        time: (SystemTime, SystemTime),
        line: &RequestLine,
    ) -> SpanData {
        let (name, attributes, status) = match kind {
            SpanKind::Server => (server_name(line), server(line, &self.connection), server_status(line)),
            SpanKind::Producer => (stored_name(line), stored(line), Status::Unset),
            _ => (method(line).0.to_owned(), client(line), client_status(line)),
        };
        span_data(SpanPart { trace: self.trace, kind, id, parent, time, name, attributes, status })
    }
}

/// The method and route. Not the path, because span names should have few distinct values.
fn server_name(line: &RequestLine) -> String {
    let method = method(line).0;
    match &line.route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

/// The name of a known method, or `HTTP` and the method as it was sent.
fn method(line: &RequestLine) -> (&'static str, Option<&str>) {
    const KNOWN: [&str; 10] =
        ["POST", "GET", "PUT", "HEAD", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];
    match KNOWN.into_iter().find(|known| *known == line.method) {
        Some(known) => (known, None),
        None => ("HTTP", Some(&*line.method)),
    }
}

fn method_attributes(line: &RequestLine) -> impl Iterator<Item = KeyValue> {
    let (known, other) = match method(line) {
        (known, None) => (known, None),
        (_, other) => ("_OTHER", other),
    };
    let original = other.map(|other| KeyValue::new("http.request.method_original", other.to_owned()));
    [Some(KeyValue::new("http.request.method", known)), original].into_iter().flatten()
}

fn server(line: &RequestLine, connection: &[KeyValue]) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(connection.len() + 12);
    attributes.extend(method_attributes(line));
    attributes.push(KeyValue::new("url.path", line.path.clone()));
    attributes.extend(line.route.clone().map(|route| KeyValue::new("http.route", route)));
    attributes.push(KeyValue::new(
        "network.protocol.version",
        match line.protocol {
            "HTTP/2" => "2",
            "HTTP/1.0" => "1.0",
            _ => "1.1",
        },
    ));
    // No response with this status was sent.
    if line.status != CLIENT_GONE {
        attributes.push(status_code(line));
    }
    attributes.push(KeyValue::new("http.request.body.size", bytes(line.bytes_in)));
    attributes.push(KeyValue::new("http.response.body.size", bytes(line.bytes_out)));
    let reason = line.reason.map(RequestReason::as_str).map(Value::from);
    let reason = reason.or_else(|| (line.status >= 500).then(|| line.status.to_string().into()));
    attributes.extend(reason.map(|reason| KeyValue::new("error.type", reason)));
    attributes.push(KeyValue::new("clawgate.request.id", line.id.clone()));
    let by = line.authenticated_by.map(AuthenticatedBy::as_str);
    attributes.extend(by.map(|by| KeyValue::new("clawgate.authenticated_by", by)));
    if let Some(rare) = &line.rare {
        if let Some(scheme) = rare.signature_scheme {
            attributes.push(KeyValue::new("clawgate.signature.scheme", scheme));
        }
        if let Some(key) = &rare.signature_key {
            attributes.push(KeyValue::new("clawgate.signature.key", Arc::clone(key)));
        }
        if let Some(event_id) = &rare.event_id {
            attributes.push(KeyValue::new("clawgate.event.id", event_id.clone()));
        }
    }
    attributes.extend_from_slice(connection);
    attributes
}

/// The span of storing an event. Those of its deliveries are below it.
fn stored_name(line: &RequestLine) -> String {
    format!("store {}", line.route.as_deref().unwrap_or_default())
}

fn stored(line: &RequestLine) -> Vec<KeyValue> {
    let event_id = line.rare.as_ref().and_then(|rare| rare.event_id.clone());
    event_id.map(|event_id| KeyValue::new("clawgate.event.id", event_id)).into_iter().collect()
}

/// For a server, a 4xx is not an error, but a response that was cut short is one.
fn server_status(line: &RequestLine) -> Status {
    if line.status >= 500 || (line.reason.is_some() && line.status < 400) {
        Status::error(line.detail.clone().unwrap_or_default())
    } else {
        Status::Unset
    }
}

fn client(line: &RequestLine) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(10);
    attributes.extend(method_attributes(line));
    attributes.extend(server_attributes(line.upstream.as_deref().unwrap_or_default(), &line.path));
    attributes.push(KeyValue::new("network.protocol.version", "1.1"));
    if line.upstream_ms.is_some() {
        attributes.push(status_code(line));
    }
    attributes.extend(client_error(line).map(|error| KeyValue::new("error.type", error)));
    if line.retried {
        attributes.push(KeyValue::new("http.request.resend_count", 1));
    }
    attributes
}

/// For the client of a call, a 4xx is an error too.
fn client_status(line: &RequestLine) -> Status {
    match (client_error(line), line.upstream_ms) {
        (None, _) => Status::Unset,
        (Some(_), Some(_)) => Status::error(""),
        (Some(_), None) => Status::error(line.detail.clone().unwrap_or_default()),
    }
}

/// Why the upstream gave no response, or the status if that is an error.
fn client_error(line: &RequestLine) -> Option<Value> {
    match line.upstream_ms {
        Some(_) if line.status >= 400 => Some(line.status.to_string().into()),
        Some(_) => None,
        None => line.reason.map(RequestReason::as_str).map(Value::from),
    }
}

/// The status of a request whose client left before the response.
const CLIENT_GONE: u16 = 499;

fn status_code(line: &RequestLine) -> KeyValue {
    KeyValue::new("http.response.status_code", i64::from(line.status))
}

/// An attribute whose text is shared by many spans.
fn shared(key: &'static str, value: String) -> KeyValue {
    KeyValue::new(key, Arc::<str>::from(value))
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
