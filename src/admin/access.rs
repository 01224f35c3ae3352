//! Who may ask the admin listener.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, StatusCode};

use super::TEXT;
use crate::config::BearerToken;

/// The answer to somebody who may not ask. `token`: what has to be shown, if anything.
pub(super) fn refusal(
    token: Option<&BearerToken>,
    headers: &HeaderMap,
) -> Option<(StatusCode, &'static str, String)> {
    let Some(token) = token else {
        // Without a token the address is what keeps others out, and a browser on this machine must not be
        // made their messenger: by a name that leads here it would ask as from the page's own origin.
        let forbidden = || (StatusCode::FORBIDDEN, TEXT, "ask by address or as localhost\n".to_owned());
        return (!is_here(headers)).then(forbidden);
    };
    let shown = headers.get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    // RFC 9110 section 11.1: the scheme's case does not matter.
    let shown = match shown.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"Bearer ") => rest,
        _ => b"",
    };
    let same = verify_slices_are_equal(shown, token.text().as_bytes()).is_ok();
    let unauthorized = || {
        (StatusCode::UNAUTHORIZED, TEXT, "show the admin token: Authorization: Bearer …\n".to_owned())
    };
    (!same).then(unauthorized)
}

/// Whether clawgate is asked for by an address or as localhost (RFC 9110 section 7.2). HTTP/1.0 names
/// nobody, and no browser speaks it.
fn is_here(headers: &HeaderMap) -> bool {
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
        refusal(token.as_ref(), &headers).map(|(status, ..)| status.as_u16())
    }

    #[test]
    fn the_token_has_to_be_shown_where_there_is_one() {
        let shown = |value| status(Some("secret"), AUTHORIZATION, value);
        assert_eq!((shown("Bearer secret"), shown("bearer secret")), (None, None));
        for wrong in
            ["Bearer secre", "Bearer secrets", "Bearer ", "secret", "Basic secret", "Bearer\tsecret"]
        {
            assert_eq!(shown(wrong), Some(401), "{wrong}");
        }
        assert_eq!(status(Some("secret"), HOST, "127.0.0.1"), Some(401));
    }

    #[test]
    fn without_a_token_nobody_asks_by_a_foreign_name() {
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
