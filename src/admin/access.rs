//! Who may use the admin listener.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use super::reply::Reply;
use crate::config::BearerToken;

/// The answer to a request that is not authorized. `token`: what it must present, if anything.
pub(super) fn refusal(token: Option<&BearerToken>, headers: &HeaderMap) -> Option<Reply> {
    let Some(token) = token else {
        // Without a token, only the loopback address protects the listener. With DNS rebinding, a web page's host name
        // resolves to this address, and a browser on this machine would let the page read the answers.
        let forbidden = || Reply::text(StatusCode::FORBIDDEN, "ask by address or as localhost\n");
        return (!is_local_host(headers)).then(forbidden);
    };
    let presented = headers.get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let same = verify_slices_are_equal(&presented_token(presented), token.text().as_bytes()).is_ok();
    let unauthorized = || {
        Reply::text(StatusCode::UNAUTHORIZED, "show the admin token: Authorization: Bearer …\n")
            .header(WWW_AUTHENTICATE, r#"Basic realm="clawgate", charset="UTF-8""#)
            .header(WWW_AUTHENTICATE, r#"Bearer realm="clawgate""#)
    };
    (!same).then(unauthorized)
}

/// The token in a value of `Authorization`: after `Bearer`, or the password after `Basic`, with any user name (RFC 7617
/// section 2). Browsers can show no other.
fn presented_token(authorization: &[u8]) -> Vec<u8> {
    // RFC 9110 section 11.1: the scheme's case does not matter.
    let Some(blank) = authorization.iter().position(|byte| *byte == b' ') else { return Vec::new() };
    let (scheme, rest) = (&authorization[..blank], &authorization[blank + 1..]);
    if scheme.eq_ignore_ascii_case(b"Bearer") {
        return rest.to_vec();
    }
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return Vec::new();
    }
    let pair = BASE64.decode(rest).unwrap_or_default();
    match pair.iter().position(|byte| *byte == b':') {
        Some(colon) => pair[colon + 1..].to_vec(),
        None => Vec::new(),
    }
}

/// Whether the Host field has an IP address or localhost (RFC 9110 section 7.2). It may be missing in HTTP/1.0, which
/// no browser uses.
fn is_local_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let host = host.to_str().unwrap_or("?");
    let name = match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(token: Option<&str>, name: http::HeaderName, value: &str) -> Option<u16> {
        let token = token.map(|token| BearerToken::new(token.as_bytes()).unwrap());
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        refusal(token.as_ref(), &headers).map(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn with_a_token_each_request_must_present_it() {
        let presented = |value| status(Some("secret"), AUTHORIZATION, value);
        assert_eq!((presented("Bearer secret"), presented("bearer secret")), (None, None));
        for wrong in
            ["Bearer secre", "Bearer secrets", "Bearer ", "secret", "Basic secret", "Bearer\tsecret"]
        {
            assert_eq!(presented(wrong), Some(401), "{wrong}");
        }
        assert_eq!(status(Some("secret"), HOST, "127.0.0.1"), Some(401));
    }

    #[test]
    fn a_browser_may_present_the_token_as_a_password() {
        let presented = |text: &str| {
            let value = format!("Basic {}", BASE64.encode(text.as_bytes()));
            status(Some("se:cret"), AUTHORIZATION, &value)
        };
        assert_eq!((presented("admin:se:cret"), presented(":se:cret")), (None, None));
        for wrong in ["se:cret", "admin:secret", "se:cret:", ""] {
            assert_eq!(presented(wrong), Some(401), "{wrong}");
        }
        assert_eq!(status(Some("a"), AUTHORIZATION, "Basic not base64"), Some(401));
    }

    #[test]
    fn without_a_token_a_foreign_host_name_is_refused() {
        let asked = |host| status(None, HOST, host);
        for good in ["127.0.0.1:9443", "localhost:9443", "LOCALHOST", "[::1]:9443", "10.0.0.7", ""] {
            assert_eq!(asked(good), None, "{good}");
        }
        for foreign in
            ["evil.example:9443", "localhost.evil.example", "[evil]", "127.0.0.1.evil.example"]
        {
            assert_eq!(asked(foreign), Some(403), "{foreign}");
        }
    }
}
