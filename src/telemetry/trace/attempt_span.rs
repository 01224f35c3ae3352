//! The span of a try to deliver a stored event: a client span, below the span of storing it.

use std::iter;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};

use super::attempt::Attempt;
use super::exporter::SpanQueue;
use super::span_data::{SpanPart, server_attributes, span_data};

/// The class of a try that the upstream has accepted.
const DELIVERED: &str = "delivered";

impl SpanQueue {
    /// Queues the span of a try, if its trace is exported.
    pub fn attempt(&self, attempt: &Attempt<'_>) {
        if attempt.trace.is_recorded() {
            self.put(iter::once(span(attempt)));
        }
    }
}

fn span(attempt: &Attempt<'_>) -> opentelemetry_sdk::trace::SpanData {
    let Attempt { trace, at, took, .. } = attempt;
    let has_failed = attempt.class != DELIVERED;
    let mut attributes = vec![
        KeyValue::new("http.request.method", attempt.method.to_owned()),
        KeyValue::new("http.route", attempt.route.to_owned()),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("clawgate.event.id", attempt.event_id.clone()),
        KeyValue::new("clawgate.event.attempt", i64::from(attempt.number)),
    ];
    attributes.extend(server_attributes(attempt.upstream, attempt.path));
    let status = attempt.status.map(i64::from);
    attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
    if has_failed {
        attributes.push(KeyValue::new("error.type", attempt.class));
    }
    span_data(SpanPart {
        trace: *trace,
        kind: SpanKind::Client,
        id: trace.span,
        parent: trace.parent,
        time: (*at, *at + *took),
        name: format!("deliver {}", attempt.route),
        attributes,
        status: if has_failed {
            Status::error(attempt.detail.unwrap_or_default().to_owned())
        } else {
            Status::Unset
        },
    })
}
