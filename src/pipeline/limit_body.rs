//! The limits of a route for the body of a request, and of the memory for bodies that are read whole.

use bytes::Bytes;
use tokio::select;

use super::check::CheckedHead;
use super::refusal::RequestRefusal;
use super::snapshot::UpstreamRoute;
use crate::limits::Limits;
use crate::upstream::{BodyTimeouts, RequestBody, SharedRequestBody};

/// Refuses a body whose declared length is over the limit, before anything of it is read; one without a declared length is
/// counted while it is read.
pub(super) fn limited(
    body: &SharedRequestBody,
    route: &UpstreamRoute,
    limits: &Limits,
) -> Result<RequestBody, RequestRefusal> {
    if body.size_hint().lower() > route.max_body {
        return Err(RequestRefusal::BodyTooLarge(route.max_body));
    }
    let timeouts = BodyTimeouts {
        idle: route.upstream.idle_timeout,
        total: limits.body_timeout,
        rate: limits.body_rate,
    };
    Ok(RequestBody::new(body.clone(), route.max_body, timeouts))
}

/// Reads the whole body. Of the bodies that are read at the same time, the oldest is given up when there are too many.
pub(super) async fn read_whole(
    body: &SharedRequestBody,
    route: &UpstreamRoute,
    head: &CheckedHead<'_>,
) -> Result<Bytes, RequestRefusal> {
    let admitted = head.admitted();
    let body = limited(body, route, &admitted.access().limits)?;
    let entry = admitted.client().buffered_bodies.begin();
    let meter = entry.meter();
    select! {
        biased;
        body = body.read_whole(|bytes| meter.add(bytes)) => Ok(body?),
        exceeded = entry.evicted() => Err(RequestRefusal::TooManyBodies(exceeded)),
    }
}
