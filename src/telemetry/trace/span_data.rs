//! Spans in the form of OpenTelemetry's SDK, and what several kinds of them share.

use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::context::TraceContext;

/// What one span differs in from others.
pub(super) struct SpanPart {
    pub(super) trace: TraceContext,
    pub(super) kind: SpanKind,
    pub(super) id: u64,
    /// 0: none.
    pub(super) parent: u64,
    /// From when until when.
    pub(super) time: (SystemTime, SystemTime),
    pub(super) name: String,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) status: Status,
}

/// The span, for the exporter.
pub(super) fn span_data(part: SpanPart) -> SpanData {
    let SpanPart { trace, kind, id, parent, time: (start_time, end_time), name, attributes, status } =
        part;
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(trace.id),
            SpanId::from(id),
            TraceFlags::new(trace.flags),
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::from(parent),
        parent_span_is_remote: kind == SpanKind::Server && parent != 0,
        span_kind: kind,
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

/// Where a call to `upstream` goes.
pub(super) fn server_attributes(upstream: &str, path: &str) -> Vec<KeyValue> {
    let Some(socket) = upstream.strip_prefix("unix:") else {
        let mut attributes = vec![KeyValue::new("url.full", format!("{upstream}{path}"))];
        let authority = upstream.split_once("://").map(|(_, authority)| authority);
        if let Some((host, number)) = authority.and_then(|authority| authority.rsplit_once(':')) {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            attributes.push(KeyValue::new("server.address", host));
            attributes.extend(number.parse().map(|number| port("server.port", number)));
        }
        return attributes;
    };
    vec![KeyValue::new("server.address", socket.to_owned()), KeyValue::new("network.transport", "unix")]
}

pub(super) fn port(key: &'static str, port: u16) -> KeyValue {
    KeyValue::new(key, i64::from(port))
}
