//! Header fields on their way through: what a sender may not say is taken out. What the gate knows of
//! the sender is put in by `onward`.

use http::{HeaderMap, HeaderName, HeaderValue, header};

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

/// Names by which proxies tell an upstream who is calling, whole or as a prefix (with `*`). Only the
/// gate may say that. Compared with `_` read as `-`, since CGI-like upstreams cannot tell them apart.
const CLAIMS: [&str; 42] = [
    "forwarded",
    "forwarded-*",
    "x-forwarded",
    "x-forwarded-*",
    "x-real-ip",
    "x-real-port",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-*",
    "x-rewrite-url",
    "x-envoy-*",
    "true-client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "cf-connecting-*",
    "cf-access-*",
    "cf-ipcountry",
    "cdn-loop",
    "tailscale-*",
    "x-tailscale-*",
    "x-openclaw-*",
    "x-clawgate-*",
    "x-request-id",
    "client-cert",
    "client-cert-*",
    "x-client-cert",
    "x-client-cert-*",
    "x-ssl-*",
    "ssl-client-*",
    "ssl-*",
    "x-arr-clientcert",
    "x-amzn-mtls-*",
    "x-amzn-oidc-*",
    "x-goog-authenticated-*",
    "x-goog-iap-*",
    "x-ms-client-principal*",
    "x-pomerium-*",
    "x-authentik-*",
    "x-auth-request-*",
    "x-remote-*",
    "remote-*",
    "proxy",
];

/// For each first letter the second letters of [`CLAIMS`], as bits. Most names of honest requests (host,
/// user-agent, content-type …) are told apart by these two.
const STARTS: [u32; 26] = {
    let mut starts = [0; 26];
    let mut claim = 0;
    while claim < CLAIMS.len() {
        let name = CLAIMS[claim].as_bytes();
        starts[(name[0] - b'a') as usize] |= second(name[1]);
        claim += 1;
    }
    starts
};

/// The bit of a second letter; all that are none have one together.
const fn second(byte: u8) -> u32 {
    if byte.is_ascii_lowercase() { 1 << (byte - b'a') } else { 1 << 26 }
}

/// Under `x-openclaw-`, but saying nothing about who calls: a sender's own credentials and its key
/// against double delivery.
const NO_CLAIMS: [&str; 3] =
    ["x-openclaw-token", "x-openclaw-webhook-secret", "x-openclaw-idempotency-key"];

const OPENCLAW_TOKEN: HeaderName = HeaderName::from_static("x-openclaw-token");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Takes out everything that ends at this hop.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
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
        // cannot make the gate forget.
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

/// Takes out every field by which a sender could claim to be somebody, or to come from somewhere.
pub(super) fn remove_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> =
        headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

/// `name` is in lower case, as `HeaderName` has it.
pub(super) fn is_claim(name: &str) -> bool {
    if !name.as_bytes().contains(&b'_') {
        return may_be_claim(name) && matches_claim(name) && !NO_CLAIMS.contains(&name);
    }
    let plain = name.replace('_', "-");
    // Written with an underscore even a harmless name is a disguise.
    NO_CLAIMS.contains(&plain.as_str()) || matches_claim(&plain)
}

fn may_be_claim(name: &str) -> bool {
    let [first, next, ..] = name.as_bytes() else { return false };
    let seconds = STARTS.get(usize::from(first.wrapping_sub(b'a')));
    seconds.is_some_and(|seconds| seconds & second(*next) != 0)
}

fn matches_claim(name: &str) -> bool {
    // Every claim has three letters at least; by the third those in `x-` are told apart.
    let third = name.as_bytes().get(2);
    CLAIMS.iter().filter(|claim| claim.as_bytes().get(2) == third).any(|claim| {
        match claim.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => *claim == name,
        }
    })
}

/// Puts the upstream's token in the place of whatever credentials the sender gave.
pub(super) fn set_token(headers: &mut HeaderMap, authorization: &HeaderValue) {
    headers.remove(OPENCLAW_TOKEN);
    headers.insert(header::AUTHORIZATION, authorization.clone());
}

/// Gives the request its identifier.
pub(super) fn set_request_id(headers: &mut HeaderMap, id: &str) {
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
    fn every_claim_is_found_in_both_spellings() {
        for claim in CLAIMS {
            let name = claim.replace('*', "x");
            assert!(is_claim(&name), "{name}");
            assert!(is_claim(&name.replace('-', "_")), "{name}");
        }
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
