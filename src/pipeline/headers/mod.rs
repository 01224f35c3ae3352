//! Header fields on their way through: what a client may not say is taken out. What clawgate knows of
//! the client is put in by `onward`.

mod claims;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use self::claims::is_claim;

/// Meant for the next hop only (RFC 9110 section 7.6.1), besides those that `Connection` names.
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

/// Not standard, but hop-by-hop for those that know them.
const HOP_BY_HOP_OLD: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];

const OPENCLAW_TOKEN: HeaderName = HeaderName::from_static("x-openclaw-token");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Takes out everything that ends at this hop.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Host says which server is meant, and Content-Length how the body is framed: naming them
        // cannot make clawgate forget.
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
        .collect();
    let meant = headers.keys().filter(|name| is_hop_by_hop(name)).cloned();
    for name in meant.chain(named).collect::<Vec<_>>() {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name) || HOP_BY_HOP_OLD.contains(&name.as_str())
}

/// Takes out every field by which a client could claim to be somebody, to come from somewhere, or to ask for
/// something else.
pub(crate) fn remove_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> =
        headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

/// Puts the upstream's token in the place of whatever credentials the client gave.
pub(crate) fn set_token(headers: &mut HeaderMap, authorization: &HeaderValue) {
    headers.remove(OPENCLAW_TOKEN);
    headers.insert(header::AUTHORIZATION, authorization.clone());
}

/// Gives the request its identifier.
pub(crate) fn set_request_id(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
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
    fn claims_go_in_any_spelling_and_signatures_stay() {
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
    fn the_upstreams_token_takes_the_place_of_all_credentials_of_the_client() {
        let mut headers = map(&[
            ("Authorization", "Bearer client"),
            ("Authorization", "Basic client"),
            ("X-OpenClaw-Token", "client"),
            ("X-Other", "1"),
        ]);
        set_token(&mut headers, &HeaderValue::from_static("Bearer own"));
        assert_eq!(headers, map(&[("Authorization", "Bearer own"), ("X-Other", "1")]));
    }

    #[test]
    fn a_request_has_one_identifier_and_it_is_clawgates() {
        let mut headers = map(&[("X-Request-ID", "client"), ("X-Request-ID", "client")]);
        set_request_id(&mut headers, "own");
        assert_eq!(headers, map(&[("X-Request-ID", "own")]));
    }

    #[test]
    fn what_connection_names_goes_but_neither_host_nor_content_length() {
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
}
