//! The address of the client: `X-Forwarded-*`, or `Forwarded` (RFC 7239). Always the address of the connection: what a client says
//! about others before it is never kept.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::upstream::Forwarded;

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// Sets the fields for a client at `source` that connected to `destination` and asked for `host`.
///
/// Not for a client on this machine: OpenClaw refuses a loopback address there as forged.
pub(crate) fn set(
    headers: &mut HeaderMap,
    how: Forwarded,
    source: IpAddr,
    destination: SocketAddr,
    host: &HeaderValue,
) {
    let source = source.to_canonical();
    if source.is_loopback() {
        return;
    }
    let mut insert = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    match how {
        Forwarded::Off => {}
        Forwarded::XForwarded => {
            insert(X_FORWARDED_FOR, source.to_string());
            insert(X_FORWARDED_PORT, destination.port().to_string());
            headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
            headers.insert(X_FORWARDED_HOST, host.clone());
        }
        Forwarded::Rfc7239 => insert(FORWARDED, element(source, host)),
    }
}

/// RFC 7239 section 4: a value that is no token is quoted, as IPv6 always is (section 6).
fn element(source: IpAddr, host: &HeaderValue) -> String {
    let mut element = match source {
        IpAddr::V4(v4) => format!("for={v4};proto=https"),
        IpAddr::V6(v6) => format!("for=\"[{v6}]\";proto=https"),
    };
    if let Ok(host) = host.to_str() {
        // A host of token characters needs no quotes, one with a port or brackets does.
        if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
            let _ = write!(element, ";host={host}");
        } else if !host.contains(['"', '\\']) {
            let _ = write!(element, ";host=\"{host}\"");
        }
    }
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(how: Forwarded, source: &str, host: &'static str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        let destination = "192.0.2.1:8443".parse().unwrap();
        let host = HeaderValue::from_static(host);
        set(&mut headers, how, source.parse().unwrap(), destination, &host);
        let line =
            |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<_> = headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn x_forwarded_has_four_fields() {
        assert_eq!(
            lines(Forwarded::XForwarded, "203.0.113.7", "hooks.example:443"),
            [
                "x-forwarded-for: 203.0.113.7",
                "x-forwarded-host: hooks.example:443",
                "x-forwarded-port: 8443",
                "x-forwarded-proto: https",
            ]
        );
        assert_eq!(lines(Forwarded::XForwarded, "2001:db8::7", "a")[0], "x-forwarded-for: 2001:db8::7");
    }

    #[test]
    fn rfc_7239_quotes_what_is_no_token() {
        let one = |source, host| lines(Forwarded::Rfc7239, source, host).remove(0);
        assert_eq!(
            one("203.0.113.7", "a.example"),
            "forwarded: for=203.0.113.7;proto=https;host=a.example"
        );
        assert_eq!(
            one("2001:db8::7", "a.example:8443"),
            "forwarded: for=\"[2001:db8::7]\";proto=https;host=\"a.example:8443\""
        );
        assert_eq!(one("::ffff:203.0.113.7", "a"), "forwarded: for=203.0.113.7;proto=https;host=a");
    }

    #[test]
    fn a_client_on_this_machine_gets_no_fields() {
        for source in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            for how in [Forwarded::XForwarded, Forwarded::Rfc7239] {
                assert_eq!(lines(how, source, "a"), Vec::<String>::new(), "{source}");
            }
        }
        assert_eq!(lines(Forwarded::Off, "203.0.113.7", "a"), Vec::<String>::new());
    }
}
