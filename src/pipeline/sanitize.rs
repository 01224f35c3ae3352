//! The seventh step: the request as the upstream is to see it.
//!
//! [`SanitizedHeaders`] removes what the client may not say; this file adds what clawgate says instead.

use http::header;

use super::authenticate::Authenticated;
use super::identity_headers::{self, HeadTooLong, Verified, check_length};
use super::limit_body::limited;
use super::proxy_header::proxy_header;
use super::refusal::RequestRefusal;
use super::shape::Shaped;
use super::snapshot::RoutePrincipal;
use crate::signature::replay::ClaimGuard;
use crate::upstream::{RequestBody, SanitizedHeaders, SharedRequestBody, UpstreamRequest};

/// ` HTTP/1.1`, two line ends and the spaces of the request line.
const LINE_REST: usize = 16;

/// A request as its upstream gets it.
pub(super) struct Delivery<'a> {
    pub(super) principal: RoutePrincipal<'a>,
    pub(super) request: UpstreamRequest,
    /// Remembers the event of the request once it is delivered.
    pub(super) claim: Option<ClaimGuard>,
    /// What the inbox knows the event by if it comes again.
    pub(super) key: Option<String>,
}

impl<'a> Shaped<'a> {
    /// Makes request `id` for the upstream.
    ///
    /// # Errors
    /// When the body is declared to be larger than the route accepts, or the head would be longer than an upstream accepts.
    pub(super) fn sanitize(
        self,
        body: &SharedRequestBody,
        id: &str,
    ) -> Result<Delivery<'a>, RequestRefusal> {
        let Self(Authenticated { principal, head, body: whole, claim, key }) = self;
        let admitted = head.admitted();
        let (client, acceptor) = (admitted.client(), &*admitted.snapshot().acceptor);
        let upstream = &principal.resource().upstream;
        let body = match whole {
            Some(whole) => RequestBody::whole(body.clone(), whole),
            None => limited(body, principal.resource(), &admitted.access().limits)?,
        };
        let (target, host, parts) = head.into_parts();

        let mut headers = SanitizedHeaders::of_client(parts.headers);
        if let Some(authorization) = &upstream.authorization {
            headers.set_token(authorization);
        }
        let facts = &*client.facts;
        if let (Some(peer), Some(revalidation)) = (principal.peer(), &client.revalidation) {
            let chain = revalidation.chain();
            let verified = Verified { peer, chain, acceptor };
            client.identity_headers.set(headers.added(), upstream.forwarding, verified, |left_out| {
                let fingerprint = &peer.certificate.fingerprint_sha256;
                upstream.misconfiguration_log.left_out(left_out, fingerprint, id);
            });
        }
        identity_headers::set_principal(headers.added(), upstream.forwarding, &principal);
        identity_headers::set_forwarded(headers.added(), upstream.forwarding, &facts.connection, &host);
        headers.added().insert(header::HOST, host);
        headers.set_request_id(id);

        let line = target.path().len() + target.query().map_or(0, str::len);
        let line = parts.method.as_str().len() + line + LINE_REST;
        check_length(headers.get_ref(), upstream.forwarding, line)
            .map_err(|HeadTooLong| RequestRefusal::HeadTooLong)?;
        let path = target.path_and_query().cloned().ok_or(RequestRefusal::NoPath)?;
        let mut request = headers.request(&principal, parts.method, path.into(), body);
        if upstream.forwarding.proxy_protocol {
            request = request.with_proxy_header(proxy_header(client, acceptor));
        }
        Ok(Delivery { principal, request, claim, key })
    }
}
