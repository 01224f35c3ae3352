//! One request: its limits, its access record, the pipeline, and the body of its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::drain_request_body::{DrainThenEnd, drain};
use super::requests::{ConnectionRequests, InFlight, InFlightGuard};
use super::response_body::{AnswerBody, Inspection, Source, for_head};
use crate::limits::LimitExceeded;
use crate::pipeline::{ClientConnection, DeliveredBody, handle};
use crate::shutdown::Drain;
use crate::telemetry::access::AccessRecord;
use crate::telemetry::trace::{ConnectionSpans, TraceContext};
use crate::upstream::{Misconfiguration, MisconfigurationLog, SharedRequestBody};

/// Answers one request for hyper. With `closes_at`, for HTTP/1, the answer says that the connection ends with it when the
/// drain has begun by then, or when this is the last request that the connection may have. hyper itself says so only when it
/// knows before the answer is there.
pub(super) async fn answer(
    client: Arc<ClientConnection>,
    requests: Arc<ConnectionRequests>,
    request: Request<Incoming>,
    closes_at: Option<&Drain>,
) -> Result<Response<AnswerBody>, Infallible> {
    let in_flight = requests.begin();
    let is_last = in_flight.is_last();
    let is_http10 = request.version() == Version::HTTP_10;
    let mut response = exchange(&client, request, in_flight).await;
    if closes_at.is_some_and(|drain| drain.has_begun() || is_last) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // HTTP/1.0 has no chunks, so only the end of the connection ends a body of unknown length. hyper tells an HTTP/1.0 client
    // that asks for it that the connection is kept, unless the answer has that version too.
    if is_http10
        && (response.headers().contains_key(CONNECTION) || response.body().size_hint().exact().is_none())
    {
        *response.version_mut() = Version::HTTP_10;
    }
    Ok(response)
}

/// Answers a request. It is `in_flight` until its answer is complete.
async fn exchange(
    client: &ClientConnection,
    request: Request<Incoming>,
    in_flight: InFlight,
) -> Response<AnswerBody> {
    let (mut parts, body) = request.into_parts();
    let mut record = client.record(Some(&parts), in_flight.number());
    let upload = SharedRequestBody::new(body);
    let is_http2 = parts.version == Version::HTTP_2;
    let is_head = parts.method == Method::HEAD;
    // hyper sends `100 Continue` when the body is read.
    let may_read = !parts.headers.contains_key(EXPECT);
    let mut inspection = None;
    // One snapshot for the whole request.
    let snapshot = client.live.load();
    let limits = &snapshot.requests.access(client.client_auth()).limits;
    let one_in = client.spans.as_ref().map_or(1, ConnectionSpans::one_in);
    let trace = TraceContext::extract(&mut parts.headers, one_in);
    trace.inject(&mut parts.headers);
    record.traced(trace, snapshot.requests.log_one_in);
    record.exported(client.spans.as_ref().and_then(|spans| spans.begin(trace)));
    let deadline = Instant::now() + limits.request_timeout;
    let (permit, allowed) = client.limiter.take(limits);
    let outcome = match allowed {
        Ok(()) => {
            let request = Request::from_parts(parts, upload.clone());
            handle(client, &snapshot, request, &mut record).await
        }
        Err(exceeded) => {
            if exceeded == (LimitExceeded::AtOnce { flood: true }) {
                in_flight.report_flood();
            }
            Err(client.limit_exceeded(exceeded, limits, &mut record))
        }
    };
    let own = |response| if is_head { for_head(response) } else { response }.map(Source::Own);
    let response = match outcome {
        Ok(response) => {
            let (head, body) = response.into_parts();
            match body {
                DeliveredBody::Upstream(body, log) => {
                    inspection = inspect(head.status, &head.headers, &record, log);
                    Response::from_parts(head, Source::Upstream(Box::new(body)))
                }
                DeliveredBody::Own(body) => own(Response::from_parts(head, body)),
            }
        }
        Err(refusal) => {
            record.rejected(refusal.status(), refusal.reason(), &refusal.log());
            let mut close = false;
            if !is_http2 && !upload.ended() && !refusal.closes() {
                // Boxed, since it is rare: otherwise each request in progress would need the memory.
                close = !may_read || !Box::pin(drain(&upload)).await;
            }
            own(refusal.response(record.id(), close))
        }
    };
    let in_flight = InFlightGuard { in_flight, deadline, _permit: permit };
    response.map(|source| {
        AnswerBody::new(DrainThenEnd::new(source, upload, is_http2), record, inspection, in_flight)
    })
}

/// Logs an answer that shows a misconfigured upstream. Of a 403 the body must be inspected as well.
fn inspect(
    status: StatusCode,
    headers: &HeaderMap,
    record: &AccessRecord,
    log: Arc<MisconfigurationLog>,
) -> Option<Inspection> {
    match Misconfiguration::of_head(status, headers) {
        Ok(Some(misconfiguration)) => {
            log.log(misconfiguration, status, record.id());
            None
        }
        Ok(None) => None,
        Err(forbidden) => Some(Inspection { forbidden, log, status }),
    }
}
