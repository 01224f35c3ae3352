//! A request's record as spans: one for the request, and below it one for clawgate's call to the upstream.
//!
//! The names are those of OpenTelemetry's semantic conventions for HTTP and TLS.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

pub use super::super::spans::Spans;
use super::{ConnectionFacts, Line};
use crate::connection::version_name;
use crate::telemetry::reason::RequestReason;
use crate::telemetry::trace::{Trace, span_id};

/// What all spans of one connection have in common, and where they go.
#[derive(Debug)]
pub struct ConnectionSpans {
    spans: Spans,
    attributes: Arc<[KeyValue]>,
}

/// What is to become a request's spans.
#[derive(Debug)]
pub struct Span {
    spans: Spans,
    connection: Arc<[KeyValue]>,
    trace: Trace,
    /// When the upstream was called, and how long that took.
    asked: Option<Instant>,
    took: Option<Duration>,
}

impl Spans {
    /// For the spans of one connection.
    pub fn connection(&self, facts: &ConnectionFacts) -> ConnectionSpans {
        let ConnectionFacts { connection, tls, peer, .. } = facts;
        let (client, server) = (connection.client_addr, connection.local_addr);
        let near = connection.proxy_addr.unwrap_or(client);
        let server_name = tls.sni.clone().unwrap_or_else(|| server.ip().to_string());
        let version = version_name(tls.version).trim_start_matches("TLSv").to_owned();
        let certificate = &peer.certificate;
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
            shared("tls.client.subject", certificate.subject.clone()),
            shared("tls.client.hash.sha256", certificate.fingerprint_sha256.to_ascii_uppercase()),
        ];
        attributes.extend(tls.sni.as_ref().map(|sni| shared("tls.client.server_name", sni.clone())));
        ConnectionSpans { spans: self.clone(), attributes: attributes.into() }
    }
}

impl ConnectionSpans {
    /// Of the traces that begin here, one in so many is exported.
    pub fn one_in(&self) -> u64 {
        self.spans.one_in()
    }

    /// Those of a request, if its trace is one that is exported.
    pub fn begin(&self, trace: Trace) -> Option<Span> {
        trace.is_recorded().then(|| Span {
            spans: self.spans.clone(),
            connection: Arc::clone(&self.attributes),
            trace,
            asked: None,
            took: None,
        })
    }
}

impl Span {
    /// The upstream was called at `at`.
    pub(super) fn asked(&mut self, at: Instant) {
        self.asked = Some(at);
    }

    /// Its answer has begun, after `waited`.
    pub(super) fn answered(&mut self, waited: Duration) {
        self.took = Some(waited);
    }

    /// clawgate answers itself; if the upstream was called, it gave no answer.
    pub(super) fn rejected(&mut self) {
        self.took = self.asked.map(|asked| asked.elapsed());
    }

    /// Hands the spans over. The request began at `started`, and took as long as `duration`.
    pub(super) fn end(self, line: &Line, started: Instant, duration: Duration) {
        let now = SystemTime::now();
        let began = now.checked_sub(duration).unwrap_or(now);
        let id = span_id();
        let server = self.data(SpanKind::Server, (id, self.trace.parent), (began, now), line);
        // clawgate's own answers (`echo:`) are no calls.
        let called = self.asked.filter(|_| line.upstream.is_some()).map(|asked| {
            let from = began + asked.saturating_duration_since(started);
            // Until the client left, where there was no answer before that.
            let to = self.took.map_or(now, |took| from + took);
            self.data(SpanKind::Client, (self.trace.span, id), (from, to), line)
        });
        let spans: Vec<_> = [Some(server), called].into_iter().flatten().collect();
        self.spans.put(spans.into_iter());
    }

    fn data(
        &self,
        span_kind: SpanKind,
        (id, parent): (u64, u64),
        (start_time, end_time): (SystemTime, SystemTime),
        line: &Line,
    ) -> SpanData {
        let flags = TraceFlags::new(self.trace.flags);
        let (name, attributes, status) = match span_kind {
            SpanKind::Server => (server_name(line), server(line, &self.connection), server_status(line)),
            _ => (method(line).0.to_owned(), client(line), client_status(line)),
        };
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(self.trace.id),
                SpanId::from(id),
                flags,
                false,
                TraceState::NONE,
            ),
            parent_span_id: SpanId::from(parent),
            parent_span_is_remote: span_kind == SpanKind::Server && parent != 0,
            span_kind,
            name: name.into(),
            start_time,
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("clawgate")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

/// With the route and not the path, of which there may be any number.
fn server_name(line: &Line) -> String {
    let method = method(line).0;
    match &line.route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

/// A method's name, and what was sent where that is none of the known ones.
fn method(line: &Line) -> (&'static str, Option<&str>) {
    const KNOWN: [&str; 10] =
        ["POST", "GET", "PUT", "HEAD", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];
    match KNOWN.into_iter().find(|known| *known == line.method) {
        Some(known) => (known, None),
        None => ("HTTP", Some(&*line.method)),
    }
}

fn method_attributes(line: &Line) -> impl Iterator<Item = KeyValue> {
    let (known, other) = match method(line) {
        (known, None) => (known, None),
        (_, other) => ("_OTHER", other),
    };
    let original = other.map(|other| KeyValue::new("http.request.method_original", other.to_owned()));
    [Some(KeyValue::new("http.request.method", known)), original].into_iter().flatten()
}

fn server(line: &Line, connection: &[KeyValue]) -> Vec<KeyValue> {
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
    // With 499 nothing was sent.
    if line.status != SENDER_GONE {
        attributes.push(status_code(line));
    }
    attributes.push(KeyValue::new("http.request.body.size", bytes(line.bytes_in)));
    attributes.push(KeyValue::new("http.response.body.size", bytes(line.bytes_out)));
    let reason = line.reason.map(RequestReason::as_str).map(Value::from);
    let reason = reason.or_else(|| (line.status >= 500).then(|| line.status.to_string().into()));
    attributes.extend(reason.map(|reason| KeyValue::new("error.type", reason)));
    attributes.push(KeyValue::new("clawgate.request.id", line.id.clone()));
    attributes.extend_from_slice(connection);
    attributes
}

/// Of a 4xx the server is not the cause; of an answer that broke off it is.
fn server_status(line: &Line) -> Status {
    if line.status >= 500 || (line.reason.is_some() && line.status < 400) {
        Status::error(line.detail.clone().unwrap_or_default())
    } else {
        Status::Unset
    }
}

fn client(line: &Line) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(10);
    attributes.extend(method_attributes(line));
    let upstream = line.upstream.as_deref().unwrap_or_default();
    match upstream.strip_prefix("unix:") {
        Some(socket) => {
            attributes.push(KeyValue::new("server.address", socket.to_owned()));
            attributes.push(KeyValue::new("network.transport", "unix"));
        }
        None => {
            attributes.push(KeyValue::new("url.full", format!("{upstream}{}", line.path)));
            let authority = upstream.split_once("://").map(|(_, authority)| authority);
            if let Some((host, number)) = authority.and_then(|authority| authority.rsplit_once(':')) {
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                attributes.push(KeyValue::new("server.address", host));
                attributes.extend(number.parse().map(|number| port("server.port", number)));
            }
        }
    }
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

/// For whoever calls, a 4xx is an error too.
fn client_status(line: &Line) -> Status {
    match (client_error(line), line.upstream_ms) {
        (None, _) => Status::Unset,
        (Some(_), Some(_)) => Status::error(""),
        (Some(_), None) => Status::error(line.detail.clone().unwrap_or_default()),
    }
}

/// Why the upstream gave no answer, or that it gave a bad one.
fn client_error(line: &Line) -> Option<Value> {
    match line.upstream_ms {
        Some(_) if line.status >= 400 => Some(line.status.to_string().into()),
        Some(_) => None,
        None => line.reason.map(RequestReason::as_str).map(Value::from),
    }
}

/// The status of those that have none.
const SENDER_GONE: u16 = 499;

fn status_code(line: &Line) -> KeyValue {
    KeyValue::new("http.response.status_code", i64::from(line.status))
}

/// Many spans share the text.
fn shared(key: &'static str, value: String) -> KeyValue {
    KeyValue::new(key, Arc::<str>::from(value))
}

fn port(key: &'static str, port: u16) -> KeyValue {
    KeyValue::new(key, i64::from(port))
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
