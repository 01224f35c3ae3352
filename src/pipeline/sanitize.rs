//! The fifth step: the request as the upstream is to see it.
//!
//! [`SanitizedHeaders`] removes what the client may not say; this file adds what clawgate says instead.

use http::header;

use super::authorize::Authorized;
use super::identity_headers::{HeadTooLong, Verified, check_length};
use super::proxy_header::proxy_header;
use super::refusal::RequestRefusal;
use super::snapshot::{RouteGrant, UpstreamRoute};
use crate::limits::Limits;
use crate::upstream::{BodyTimeouts, RequestBody, SanitizedHeaders, SharedRequestBody, UpstreamRequest};

/// ` HTTP/1.1`, two line ends and the spaces of the request line.
const LINE_REST: usize = 16;

impl<'a> Authorized<'a> {
    /// Makes request `id` for the upstream.
    ///
    /// # Errors
    /// When the body is declared to be larger than the route accepts, or the head would be longer than an upstream accepts.
    pub(super) fn sanitize(
        self,
        body: &SharedRequestBody,
        id: &str,
    ) -> Result<(RouteGrant<'a>, UpstreamRequest), RequestRefusal> {
        let (grant, head) = self.into_parts();
        let (client, snapshot) = (head.admitted().client(), head.admitted().snapshot());
        let acceptor = &*snapshot.acceptor;
        let upstream = &grant.resource().upstream;
        let body = limited(body, grant.resource(), &snapshot.requests.limits)?;
        let (target, host, parts) = head.into_parts();

        let mut headers = SanitizedHeaders::of_client(parts.headers);
        if let Some(authorization) = &upstream.authorization {
            headers.set_token(authorization);
        }
        let facts = &*client.facts;
        let verified = Verified {
            connection: &facts.connection,
            peer: grant.peer(),
            chain: client.revalidation.chain(),
            acceptor,
        };
        let identity = &client.identity_headers;
        identity.set(headers.added(), upstream.forwarding, verified, &host, |left_out| {
            upstream.misconfiguration_log.left_out(
                left_out,
                &facts.peer.certificate.fingerprint_sha256,
                id,
            );
        });
        headers.added().insert(header::HOST, host);
        headers.set_request_id(id);

        let line = target.path().len() + target.query().map_or(0, str::len);
        let line = parts.method.as_str().len() + line + LINE_REST;
        check_length(headers.get_ref(), upstream.forwarding, line)
            .map_err(|HeadTooLong| RequestRefusal::HeadTooLong)?;
        let path = target.path_and_query().cloned().ok_or(RequestRefusal::NoPath)?;
        let mut request = headers.request(&grant, parts.method, path.into(), body);
        if upstream.forwarding.proxy_protocol {
            request = request.with_proxy_header(proxy_header(client, acceptor));
        }
        Ok((grant, request))
    }
}

/// Refuses a body whose declared length is over the limit before the upstream is asked; one without a declared length is
/// counted while it is forwarded.
fn limited(
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
