//! The limits of a route for the body of a request.

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
