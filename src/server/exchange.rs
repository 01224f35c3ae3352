//! One request of a connection: its limits, its access record, and the body of its answer.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;

use super::drain_request_body::{DrainThenEnd, rest_is_read};
use super::requests::{InFlight, InFlightGuard};
use super::response_body::{AnswerBody, Inspection, Source, for_head};
use crate::limits::LimitExceeded;
use crate::pipeline::{ClientConnection, DeliveredBody, handle};
use crate::telemetry::access::{AccessRecord, ConnectionSpans};
use crate::telemetry::trace::Trace;
use crate::upstream::{Misconfiguration, MisconfigurationLog, SharedRequestBody};

/// Answers a request, which counts as `in_flight` until its answer is out.
pub(super) async fn exchange(
    client: &ClientConnection,
    request: Request<Incoming>,
    in_flight: InFlight,
) -> Response<AnswerBody> {
    let (mut parts, body) = request.into_parts();
    let mut record = client.record(&parts, in_flight.number());
    let upload = SharedRequestBody::new(body);
    let http2 = parts.version == Version::HTTP_2;
    let is_head = parts.method == Method::HEAD;
    // Reading a body that is announced so asks for it.
    let may_read = !parts.headers.contains_key(header::EXPECT);
    let mut inspection = None;
    // One snapshot for the whole request.
    let generation = client.live.load();
    let limits = &generation.requests.limits;
    let one_in = client.spans.as_ref().map_or(1, ConnectionSpans::one_in);
    let trace = Trace::of(&mut parts.headers, one_in);
    trace.tell(&mut parts.headers);
    record.traced(trace, generation.requests.log_one_in);
    record.exported(client.spans.as_ref().and_then(|spans| spans.begin(trace)));
    let deadline = Instant::now() + limits.request_timeout;
    let (part, allowed) = client.limiter.take(limits);
    let outcome = match allowed {
        Ok(()) => {
            let request = Request::from_parts(parts, upload.clone());
            handle(client, &generation, request, &mut record).await
        }
        Err(too_much) => {
            if too_much == (LimitExceeded::AtOnce { flood: true }) {
                in_flight.are_a_flood();
            }
            Err(client.limit_exceeded(too_much, limits, &mut record))
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
                DeliveredBody::Echo(body) => own(Response::from_parts(head, body)),
            }
        }
        Err(mut rejection) => {
            record.rejected(rejection.status, rejection.reason, rejection.log_detail());
            if !http2 && !upload.ended() && !rejection.close {
                // Boxed, since it is rare: every request under way would keep room for it.
                rejection.close = !may_read || !Box::pin(rest_is_read(&upload)).await;
            }
            own(rejection.response(record.id()))
        }
    };
    let in_flight = InFlightGuard { in_flight, deadline, _part: part };
    response.map(|source| {
        AnswerBody::new(DrainThenEnd::new(source, upload, http2), record, inspection, in_flight)
    })
}

/// Looks for answers that mean a misconfiguration; a 403 must be looked at as it passes.
fn inspect(
    status: StatusCode,
    headers: &HeaderMap,
    record: &AccessRecord,
    complaints: Arc<MisconfigurationLog>,
) -> Option<Inspection> {
    match Misconfiguration::of_head(status, headers) {
        Ok(Some(suspicion)) => {
            complaints.log(suspicion, status, record.id());
            None
        }
        Ok(None) => None,
        Err(forbidden) => Some(Inspection { forbidden, complaints, status }),
    }
}
