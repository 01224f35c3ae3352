//! The head of a request: refused unless it means one thing only, to everybody.

use std::borrow::Cow;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version};

use super::host::Host;
use super::refusal::RequestRefusal;
use crate::identity::name::printable;
use crate::route::RequestPath;
use crate::telemetry::RequestReason as Reason;

/// A head that passed every check that needs no route.
#[derive(Debug)]
pub(crate) struct CheckedHead<'a> {
    pub(crate) path: RequestPath<'a>,
    /// Which server the client means, for the upstream's Host.
    pub(crate) host: HeaderValue,
}

/// What the checks need to know of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The server name of the handshake, lower case.
    pub(crate) sni: Option<&'a str>,
    /// Whether clawgate's certificate is good for several names.
    pub(crate) several: bool,
}

const NO_HOST: &str =
    "the Host is no host: it must be a name or an address, with `:` and a port after it or without";

fn bad_request(reason: Reason, detail: impl Into<String>) -> RequestRefusal {
    RequestRefusal::new(StatusCode::BAD_REQUEST, reason, detail)
}

/// Checks the head of a request.
pub(crate) fn check<'a>(parts: &'a Parts, names: Names<'_>) -> Result<CheckedHead<'a>, RequestRefusal> {
    refuse_tunnels(parts)?;
    let host = host(parts)?;
    directed(&host, names)?;
    let path = RequestPath::parse(parts.uri.path())
        .map_err(|error| bad_request(Reason::BadPath, format!("the path is refused: {error}")))?;
    query(parts.uri.query().unwrap_or_default())?;
    framing(parts)?;
    expectation(parts)?;
    let host =
        HeaderValue::from_str(host.as_str()).map_err(|_| bad_request(Reason::BadHost, NO_HOST))?;
    Ok(CheckedHead { path, host })
}

/// Upgrades and CONNECT lead past everything that is checked here. OpenClaw takes a WebSocket upgrade
/// on any path.
fn refuse_tunnels(parts: &Parts) -> Result<(), RequestRefusal> {
    let what = if parts.method == Method::CONNECT {
        "CONNECT"
    } else if parts.headers.contains_key(header::UPGRADE) {
        "an upgrade (WebSocket, h2c)"
    } else {
        return Ok(());
    };
    let detail = format!("{what} is never passed on; clawgate takes plain requests only");
    let status = if parts.method == Method::CONNECT {
        StatusCode::METHOD_NOT_ALLOWED
    } else {
        StatusCode::BAD_REQUEST
    };
    Err(RequestRefusal::new(status, Reason::UpgradeRefused, detail).closing())
}

fn read_host(text: &str) -> Result<Host<'_>, RequestRefusal> {
    Host::parse(text).ok_or_else(|| bad_request(Reason::BadHost, NO_HOST))
}

/// RFC 9112 section 3.2 and RFC 9113 section 8.3.1: exactly one Host or `:authority`; both only if
/// they agree.
fn host(parts: &Parts) -> Result<Host<'_>, RequestRefusal> {
    let refuse = |detail| bad_request(Reason::BadHost, detail);
    let mut fields = parts.headers.get_all(header::HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(refuse("there are several Host fields"));
    }
    let field = match field {
        Some(value) => Some(read_host(value.to_str().map_err(|_| refuse(NO_HOST))?)?),
        None => None,
    };
    let target = match parts.uri.authority() {
        Some(authority) => Some(read_host(authority.as_str())?),
        None => None,
    };
    match (target, field) {
        (Some(target), Some(field)) if !target.is(&field) => {
            Err(refuse("the request target and the Host field name different hosts"))
        }
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(refuse("there is no Host")),
    }
}

/// RFC 9110 section 7.4: a request that came over a connection for another name is not ours to answer.
fn directed(host: &Host<'_>, names: Names<'_>) -> Result<(), RequestRefusal> {
    let Some(sni) = names.sni.filter(|_| names.several) else {
        return Ok(());
    };
    let plain = host.name().trim_end_matches('.');
    if plain.eq_ignore_ascii_case(sni.trim_end_matches('.')) {
        return Ok(());
    }
    let detail = format!("this connection was opened for {sni}; open another one for {plain}");
    Err(RequestRefusal::new(StatusCode::MISDIRECTED_REQUEST, Reason::MisdirectedRequest, detail))
}

/// A token in a URL ends up in logs; OpenClaw refuses it too.
fn query(query: &str) -> Result<(), RequestRefusal> {
    if query.bytes().any(|byte| !(0x21..0x7f).contains(&byte)) {
        return Err(bad_request(
            Reason::BadPath,
            "the query has a control, blank or non-ASCII character",
        ));
    }
    if query.split('&').any(|pair| is_token(pair.split('=').next().unwrap_or_default())) {
        let detail =
            "the query has a `token`; send it as `Authorization: Bearer …`, where logs do not keep it";
        return Err(bad_request(Reason::TokenInQuery, detail));
    }
    Ok(())
}

/// Whether a query's name is `token` once percent-decoded.
fn is_token(name: &str) -> bool {
    let mut wanted = b"token".iter();
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return false;
            };
            u8::try_from(high * 16 + low).unwrap_or_default()
        } else {
            byte
        };
        if wanted.next() != Some(&byte.to_ascii_lowercase()) {
            return false;
        }
    }
    wanted.next().is_none()
}

/// The HTTP/1 guard has seen the bytes; this is for HTTP/2, and for what hyper reads itself.
fn framing(parts: &Parts) -> Result<(), RequestRefusal> {
    let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
    lengths.next();
    if lengths.next().is_some() {
        return Err(bad_request(Reason::BadFraming, "Content-Length is given more than once").closing());
    }
    if parts.version == Version::HTTP_2 && parts.headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(bad_request(Reason::BadFraming, "HTTP/2 has no Transfer-Encoding"));
    }
    Ok(())
}

/// RFC 9110 section 10.1.1. `100-continue` itself is answered by hyper, when the body is first asked
/// for, which is after every check.
fn expectation(parts: &Parts) -> Result<(), RequestRefusal> {
    let other = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if parts.headers.get_all(header::EXPECT).iter().any(other) {
        let detail = "only `Expect: 100-continue` is understood";
        return Err(RequestRefusal::new(
            StatusCode::EXPECTATION_FAILED,
            Reason::ExpectationFailed,
            detail,
        ));
    }
    Ok(())
}

/// The method, safe to print; without an allocation where it is a usual one.
pub(crate) fn method_name(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::POST => "POST".into(),
        Method::GET => "GET".into(),
        Method::PUT => "PUT".into(),
        _ => printable(method.as_str()).into(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const ONE: Names<'_> = Names { sni: Some("gate.example"), several: false };
    const SEVERAL: Names<'_> = Names { sni: Some("gate.example"), several: true };

    fn reason(request: http::request::Builder, names: Names<'_>) -> Option<Reason> {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts, names).err().map(|rejection| rejection.reason)
    }

    fn post(uri: &str) -> http::request::Builder {
        Request::post(uri)
    }

    #[test]
    fn a_target_with_a_host_that_is_none_is_refused() {
        let to = |authority: &str| reason(post(&format!("http://{authority}/hooks/wake")), ONE);
        for authority in ["a:80x", "a:65536", "u@a", "a,b", "a:", "127.1", "a..b"] {
            assert_eq!(to(authority), Some(Reason::BadHost), "{authority}");
        }
        assert_eq!(to("a:8443"), None);
    }

    #[test]
    fn one_host_is_demanded_and_it_must_be_one() {
        let with = |host: &str| post("/hooks/wake").header("host", host);
        assert_eq!(reason(with("gate.example:8443"), ONE), None);
        assert_eq!(reason(post("/hooks/wake"), ONE), Some(Reason::BadHost));
        assert_eq!(reason(with("a").header("host", "a"), ONE), Some(Reason::BadHost));
        assert_eq!(reason(with("user@a"), ONE), Some(Reason::BadHost));
        assert_eq!(reason(with("a b"), ONE), Some(Reason::BadHost));
        assert_eq!(reason(post("http://a/hooks/wake").header("host", "b"), ONE), Some(Reason::BadHost));
        assert_eq!(reason(post("http://a/hooks/wake").header("host", "a"), ONE), None);
    }

    #[test]
    fn the_host_is_passed_on_as_it_was_sent() {
        for host in ["Gate.Example:8443", "127.0.0.1", "[::1]:80"] {
            let request = post("/hooks/wake").header("host", host).body(()).unwrap();
            let (parts, ()) = request.into_parts();
            assert_eq!(check(&parts, ONE).unwrap().host, host);
        }
    }

    #[test]
    fn a_host_other_than_the_handshakes_is_misdirected_where_several_are_served() {
        let other = || post("/").header("host", "other.example");
        assert_eq!(reason(other(), ONE), None);
        assert_eq!(reason(other(), SEVERAL), Some(Reason::MisdirectedRequest));
        assert_eq!(reason(post("/").header("host", "GATE.example.:8443"), SEVERAL), None);
        assert_eq!(reason(other(), Names { sni: None, several: true }), None);
    }

    #[test]
    fn tunnels_are_refused_on_every_path() {
        let upgrade = |to: &str| post("/hooks/wake").header("host", "a").header("upgrade", to);
        assert_eq!(reason(upgrade("websocket"), ONE), Some(Reason::UpgradeRefused));
        assert_eq!(reason(upgrade("h2c"), ONE), Some(Reason::UpgradeRefused));
        let connect = Request::builder().method("CONNECT").uri("a:1").header("host", "a:1");
        assert_eq!(reason(connect, ONE), Some(Reason::UpgradeRefused));
    }

    #[test]
    fn connect_is_a_method_that_is_not_allowed_and_an_upgrade_a_bad_request() {
        let status = |request: http::request::Builder| {
            let (parts, ()) = request.header("host", "a").body(()).unwrap().into_parts();
            check(&parts, ONE).unwrap_err().status.as_u16()
        };
        assert_eq!(status(Request::builder().method("CONNECT").uri("a:1")), 405);
        assert_eq!(status(post("/").header("upgrade", "h2c")), 400);
    }

    #[test]
    fn a_body_is_framed_in_one_way() {
        let with = |version: Version, name: &str, values: &[&str]| {
            let request = post("/").version(version).header("host", "a");
            let request = values.iter().fold(request, |request, value| request.header(name, *value));
            reason(request, ONE)
        };
        let framing = Some(Reason::BadFraming);
        for version in [Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(with(version, "content-length", &["1"]), None);
            assert_eq!(with(version, "content-length", &["1", "1"]), framing);
        }
        assert_eq!(with(Version::HTTP_11, "transfer-encoding", &["chunked"]), None);
        assert_eq!(with(Version::HTTP_2, "transfer-encoding", &["chunked"]), framing);
        assert_eq!(with(Version::HTTP_2, "x-other", &["chunked"]), None);
    }

    #[test]
    fn a_method_is_logged_as_it_was_sent() {
        for name in ["POST", "GET", "PUT", "DELETE", "PATCH", "x-own"] {
            assert_eq!(method_name(&Method::from_bytes(name.as_bytes()).unwrap()), name);
        }
    }

    #[test]
    fn a_token_in_the_query_is_refused_in_any_spelling() {
        let with = |query: &str| reason(post(&format!("/hooks/wake?{query}")).header("host", "a"), ONE);
        for query in ["token=x", "a=b&token=x", "%74oken=x", "Token", "t%6Fken=x"] {
            assert_eq!(with(query), Some(Reason::TokenInQuery), "{query}");
        }
        for query in ["tokens=x", "a=token", "%zzoken=x", "to", "push_token=x"] {
            assert_eq!(with(query), None, "{query}");
        }
    }

    #[test]
    fn an_expectation_but_100_continue_fails() {
        let with = |value: &str| reason(post("/").header("host", "a").header("expect", value), ONE);
        assert_eq!(with("100-Continue"), None);
        assert_eq!(with("200-ok"), Some(Reason::ExpectationFailed));
    }
}
