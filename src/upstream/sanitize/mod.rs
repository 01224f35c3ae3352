//! Makes the request for an upstream, without header fields that a client could have forged.
//!
//! Input: the method, target and header fields of a checked request, and its principal. Output: an
//! [`UpstreamRequest`]. [`super::Client`] sends nothing else, and only [`SanitizedHeaders`] makes one, so every field
//! of a client passes through this module. What the inbox has stored has passed through it before; a request of the relay has
//! no field of a client.

mod claims;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use self::claims::is_claim;
use super::body::RequestBody;
use crate::inbox::StoredRequest;
use crate::policy::Principal;

/// Fields for the next hop only (RFC 9110 section 7.6.1). `Connection` can name others.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// Hop-by-hop in practice, but not in any current standard.
const HOP_BY_HOP_OLD: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];

const OPENCLAW_TOKEN: HeaderName = HeaderName::from_static("x-openclaw-token");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header fields for an upstream: the client's fields except those that it may not set, and clawgate's own.
#[derive(Debug)]
pub struct SanitizedHeaders(HeaderMap);

/// A request of an authorized client, in the form that the upstream gets.
#[derive(Debug)]
pub struct UpstreamRequest {
    request: Request<RequestBody>,
    proxy_header: Option<Bytes>,
}

impl SanitizedHeaders {
    /// Removes the fields that a client must not pass on: those that end at this hop, and those that only a proxy may
    /// set.
    pub fn of_client(mut headers: HeaderMap) -> Self {
        remove_hop_by_hop(&mut headers);
        remove_claims(&mut headers);
        join_cookies(&mut headers);
        Self(headers)
    }

    /// Replaces all credentials of the client with the upstream's token.
    pub fn set_token(&mut self, authorization: &HeaderValue) {
        self.0.remove(OPENCLAW_TOKEN);
        self.0.insert(header::AUTHORIZATION, authorization.clone());
    }

    /// Sets clawgate's identifier of the request.
    pub fn set_request_id(&mut self, id: &str) {
        if let Ok(value) = HeaderValue::from_str(id) {
            self.0.insert(REQUEST_ID, value);
        }
    }

    /// The fields, to add clawgate's own.
    pub fn added(&mut self) -> &mut HeaderMap {
        &mut self.0
    }

    /// The fields.
    pub fn get_ref(&self) -> &HeaderMap {
        &self.0
    }

    /// The request with these header fields. `_principal` proves that the request is authenticated as its route demands.
    pub fn request<R>(
        self,
        _principal: &Principal<'_, R>,
        method: Method,
        target: Uri,
        body: RequestBody,
    ) -> UpstreamRequest {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.headers_mut() = self.0;
        UpstreamRequest { request, proxy_header: None }
    }
}

impl UpstreamRequest {
    /// A request that was sanitized and stored before, with `headers`: the stored ones and what clawgate sets anew.
    pub fn from_store(stored: &StoredRequest, mut headers: HeaderMap) -> Self {
        remove_hop_by_hop(&mut headers);
        headers.insert(header::CONTENT_LENGTH, stored.body.len().into());
        let mut request = Request::new(RequestBody::stored(stored.body.clone()));
        *request.method_mut() = stored.method.clone();
        *request.uri_mut() = stored.target.clone();
        *request.headers_mut() = headers;
        Self { request, proxy_header: None }
    }

    /// A POST of clawgate's own, to an API: none of its fields is a client's.
    pub fn own(target: PathAndQuery, mut headers: HeaderMap, body: Bytes) -> Self {
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        let mut request = Request::new(RequestBody::stored(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.into();
        *request.headers_mut() = headers;
        Self { request, proxy_header: None }
    }

    /// Sends the request on a new connection that begins with `header`, a PROXY header. The header is about this
    /// request's client only, so the connection is never used again.
    pub fn with_proxy_header(self, header: Bytes) -> Self {
        Self { proxy_header: Some(header), ..self }
    }

    /// The HTTP request, and the PROXY header to send before it.
    pub fn into_parts(self) -> (Request<RequestBody>, Option<Bytes>) {
        (self.request, self.proxy_header)
    }
}

/// Removes every field that ends at this hop.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Host names the server, and Content-Length describes the framing of the body: a client must not be able to
        // remove them by naming them in `Connection`.
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
        .collect();
    let known = headers.keys().filter(|name| is_hop_by_hop(name)).cloned();
    for name in known.chain(named).collect::<Vec<_>>() {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name) || HOP_BY_HOP_OLD.contains(&name.as_str())
}

/// Removes every field by which a client could claim another identity, address or resource.
fn remove_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> =
        headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

/// Joins the Cookie fields: HTTP/2 may split Cookie into several fields, HTTP/1.1 may not (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn claims_are_removed_in_any_spelling_and_signatures_stay() {
        let mut headers = map(&[
            ("X-Forwarded-For", "1.2.3.4"),
            ("X_Forwarded_For", "1.2.3.4"),
            ("Forwarded", "for=1.2.3.4"),
            ("X-Real-IP", "1.2.3.4"),
            ("Tailscale-User-Login", "root"),
            ("X-OpenClaw-Scopes", "operator.admin"),
            ("X_OpenClaw_Token", "t"),
            ("X-Clawgate-Client-CN", "root"),
            ("X-SSL-Client-Verify", "SUCCESS"),
            ("Client-Cert", ":AA==:"),
            ("Client_Cert_Chain", ":AA==:"),
            ("Cf-Access-Jwt-Assertion", "x"),
            ("X-Pomerium-Jwt-Assertion", "x"),
            ("Proxy", "http://evil"),
            ("X-Hub-Signature-256", "sha256=00"),
            ("Stripe-Signature", "t=1"),
            ("webhook-signature", "v1,x"),
            ("X-OpenClaw-Token", "t"),
            ("X-OpenClaw-Idempotency-Key", "k"),
            ("Content-Type", "application/json"),
            ("X-GitHub-Event", "push"),
        ]);
        remove_claims(&mut headers);
        let expected = [
            "content-type",
            "stripe-signature",
            "webhook-signature",
            "x-github-event",
            "x-hub-signature-256",
            "x-openclaw-idempotency-key",
            "x-openclaw-token",
        ];
        assert_eq!(names(&headers), expected);
    }

    #[test]
    fn the_upstreams_token_replaces_all_credentials_of_the_client() {
        let headers = map(&[
            ("Authorization", "Bearer client"),
            ("Authorization", "Basic client"),
            ("X-OpenClaw-Token", "client"),
            ("X-Other", "1"),
        ]);
        let mut headers = SanitizedHeaders(headers);
        headers.set_token(&HeaderValue::from_static("Bearer own"));
        assert_eq!(headers.0, map(&[("Authorization", "Bearer own"), ("X-Other", "1")]));
    }

    #[test]
    fn a_request_has_only_clawgates_identifier() {
        let headers = map(&[("X-Request-ID", "client"), ("X-Request-ID", "client")]);
        let mut headers = SanitizedHeaders::of_client(headers);
        headers.set_request_id("own");
        assert_eq!(headers.0, map(&[("X-Request-ID", "own")]));
    }

    #[test]
    fn fields_that_connection_names_are_removed_except_host_and_content_length() {
        let mut headers = map(&[
            ("Connection", "X-One, keep-alive, host"),
            ("Connection", "x-two, content-length"),
            ("X-One", "1"),
            ("X-Two", "2"),
            ("Host", "a"),
            ("Content-Length", "1"),
            ("TE", "trailers"),
            ("Keep-Alive", "timeout=5"),
            ("X-Three", "3"),
        ]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(names(&headers), ["content-length", "host", "x-three"]);
    }

    #[test]
    fn cookies_that_http2_split_become_one_field() {
        let headers = map(&[("Cookie", "a=1"), ("Cookie", "b=2")]);
        let headers = SanitizedHeaders::of_client(headers);
        assert_eq!(headers.0, map(&[("Cookie", "a=1; b=2")]));
    }
}
