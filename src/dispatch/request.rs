//! The request of one try: what is stored, and what is set anew.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::route::RouteUpstream;
use crate::inbox::Event;
use crate::proxy_protocol::LOCAL_V2;
use crate::telemetry::trace::TraceContext;
use crate::upstream::UpstreamRequest;

const EVENT_ID: HeaderName = HeaderName::from_static("x-clawgate-event-id");
const ATTEMPT: HeaderName = HeaderName::from_static("x-clawgate-attempt");
const RECEIVED_AT: HeaderName = HeaderName::from_static("x-clawgate-received-at");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const OPENCLAW_TOKEN: HeaderName = HeaderName::from_static("x-openclaw-token");

/// The request of one try.
#[derive(Debug)]
pub(super) struct TryRequest {
    pub(super) request: UpstreamRequest,
    /// Its identifier, for the log and the upstream.
    pub(super) id: String,
    /// Its trace: that of the request that brought the event.
    pub(super) trace: Option<TraceContext>,
}

impl TryRequest {
    /// The next try of `event`.
    pub(super) fn new(event: &Event, route: &RouteUpstream) -> Self {
        let attempt = event.tries.saturating_add(1);
        let id = format!("{}-{attempt}", event.id);
        let stored = &event.request.headers;
        let trace = event.request.trace();

        let mut headers = stored.clone();
        if let Some(authorization) = &route.upstream.authorization {
            headers.remove(OPENCLAW_TOKEN);
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(trace) = trace {
            trace.inject(&mut headers);
        }
        headers.insert(ATTEMPT, attempt.into());
        let received = humantime::format_rfc3339_millis(event.received).to_string();
        set(&mut headers, EVENT_ID, &event.id.to_string());
        set(&mut headers, RECEIVED_AT, &received);
        set(&mut headers, IDEMPOTENCY_KEY, &event.idempotency_key);
        set(&mut headers, REQUEST_ID, &id);
        let mut request = UpstreamRequest::from_store(&event.request, headers);
        if route.upstream.forwarding.proxy_protocol {
            // The client's connection is long gone.
            request = request.with_proxy_header(LOCAL_V2.as_slice().into());
        }
        Self { request, id, trace }
    }
}

/// Sets a field of clawgate's own. What is no field value is left out; none of these texts is one.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.remove(&name);
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
