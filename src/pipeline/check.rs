//! The second step: the head of a request is refused unless it means one thing only, to every server.

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Uri, Version};

use super::admit::Admitted;
use super::host::Host;
use super::refusal::RequestRefusal;
use crate::route::RequestPath;
use crate::signature::SignedRequest;

/// A head that passed every check that needs no route. Only [`CheckedHead::new`] makes one.
#[derive(Debug)]
pub(super) struct CheckedHead<'a> {
    admitted: Admitted<'a>,
    target: &'a Uri,
    path: RequestPath<'a>,
    /// Which server the client means, for the upstream's Host.
    host: HeaderValue,
    parts: Parts,
}

/// What the checks need to know about the connection and the settings.
#[derive(Clone, Copy, Debug)]
struct Context<'a> {
    /// The server name of the handshake, in lower case.
    sni: Option<&'a str>,
    /// Whether clawgate's certificate is valid for several names.
    several_names: bool,
    /// The longest path and query, in bytes.
    max_target: usize,
}

/// A request target that is not too long. The checks take it in the place of the `Uri`, so that nothing reads a long one.
#[derive(Clone, Copy, Debug)]
struct Target<'a>(&'a Uri);

impl<'a> CheckedHead<'a> {
    /// Checks the head of a request: `target`, and all else in `parts`.
    ///
    /// # Errors
    /// When it is not HTTP as the RFCs define it, or two servers could read it in different ways.
    pub(super) fn new(
        admitted: Admitted<'a>,
        target: &'a Uri,
        parts: Parts,
    ) -> Result<Self, RequestRefusal> {
        let settings = &admitted.snapshot().requests;
        let limits = &admitted.access().limits;
        let context = Context {
            sni: admitted.client().facts.tls.sni.as_deref(),
            several_names: settings.several_names,
            max_target: limits.uri,
        };
        let (path, host) = check(target, &parts, context)?;
        Ok(Self { admitted, target, path, host, parts })
    }

    pub(super) fn admitted(&self) -> Admitted<'a> {
        self.admitted
    }

    pub(super) fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The header fields, to change them for the upstream. What was verified is verified already.
    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.parts.headers
    }

    /// The request as its sender made it, with this body.
    pub(super) fn request<'b>(&'b self, body: &'b [u8]) -> SignedRequest<'b> {
        let (method, headers, target) = (self.method(), self.headers(), self.target());
        SignedRequest { method, target, public_url: None, headers, body }
    }

    /// Path and query, as they came.
    pub(super) fn target(&self) -> &'a str {
        self.target.path_and_query().map_or("/", |target| target.as_str())
    }

    pub(super) fn path(&self) -> RequestPath<'a> {
        self.path
    }

    /// The request target, the host that the client means, and everything else.
    pub(super) fn into_parts(self) -> (&'a Uri, HeaderValue, Parts) {
        (self.target, self.host, self.parts)
    }
}

impl<'a> Target<'a> {
    fn new(uri: &'a Uri, limit: usize) -> Result<Self, RequestRefusal> {
        let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
        if length <= limit {
            return Ok(Self(uri));
        }
        Err(RequestRefusal::TargetTooLong { length, limit })
    }
}

fn check<'a>(
    target: &'a Uri,
    parts: &Parts,
    context: Context<'_>,
) -> Result<(RequestPath<'a>, HeaderValue), RequestRefusal> {
    let target = Target::new(target, context.max_target)?;
    refuse_tunnels(parts)?;
    let host = host(target, &parts.headers)?;
    directed(&host, context)?;
    let path = RequestPath::parse(target.0.path()).map_err(RequestRefusal::Path)?;
    query(target)?;
    framing(parts)?;
    expectation(parts)?;
    let host = HeaderValue::from_str(host.as_str()).map_err(|_| RequestRefusal::InvalidHost)?;
    Ok((path, host))
}

/// A tunnel would bypass everything that is checked here. OpenClaw accepts a WebSocket upgrade on any path.
fn refuse_tunnels(parts: &Parts) -> Result<(), RequestRefusal> {
    if parts.method == Method::CONNECT {
        return Err(RequestRefusal::Connect);
    }
    if parts.headers.contains_key(header::UPGRADE) {
        return Err(RequestRefusal::Upgrade);
    }
    Ok(())
}

fn read_host(text: &str) -> Result<Host<'_>, RequestRefusal> {
    Host::parse(text).ok_or(RequestRefusal::InvalidHost)
}

/// RFC 9112 section 3.2 and RFC 9113 section 8.3.1: exactly one Host or `:authority`, or both if they are equal.
fn host<'a>(target: Target<'a>, headers: &'a HeaderMap) -> Result<Host<'a>, RequestRefusal> {
    let mut fields = headers.get_all(header::HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(RequestRefusal::SeveralHosts);
    }
    let field = match field {
        Some(value) => Some(read_host(value.to_str().map_err(|_| RequestRefusal::InvalidHost)?)?),
        None => None,
    };
    let target = match target.0.authority() {
        Some(authority) => Some(read_host(authority.as_str())?),
        None => None,
    };
    match (target, field) {
        (Some(target), Some(field)) if !target.is(&field) => Err(RequestRefusal::TwoHosts),
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(RequestRefusal::NoHost),
    }
}

/// RFC 9110 section 7.4: a request on a connection for another name must not be answered.
fn directed(host: &Host<'_>, context: Context<'_>) -> Result<(), RequestRefusal> {
    let Some(sni) = context.sni.filter(|_| context.several_names) else {
        return Ok(());
    };
    let plain = host.name().trim_end_matches('.');
    if plain.eq_ignore_ascii_case(sni.trim_end_matches('.')) {
        return Ok(());
    }
    Err(RequestRefusal::Misdirected { sni: sni.to_owned(), host: plain.to_owned() })
}

/// A token in a URL gets into logs. OpenClaw refuses it too.
fn query(target: Target<'_>) -> Result<(), RequestRefusal> {
    let query = target.0.query().unwrap_or_default();
    if query.bytes().any(|byte| !(0x21..0x7f).contains(&byte)) {
        return Err(RequestRefusal::QueryCharacter);
    }
    if query.split('&').any(|pair| is_token(pair.split('=').next().unwrap_or_default())) {
        return Err(RequestRefusal::TokenInQuery);
    }
    Ok(())
}

/// Whether the percent-decoded name is `token`.
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

/// The HTTP/1 guard has already checked the bytes of HTTP/1. This is for HTTP/2, and for what only hyper reads.
fn framing(parts: &Parts) -> Result<(), RequestRefusal> {
    let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
    lengths.next();
    if lengths.next().is_some() {
        return Err(RequestRefusal::SeveralLengths);
    }
    if parts.version == Version::HTTP_2 && parts.headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(RequestRefusal::TransferEncoding);
    }
    Ok(())
}

/// RFC 9110 section 10.1.1. hyper answers `100-continue` itself when the body is first read, which is after all checks.
fn expectation(parts: &Parts) -> Result<(), RequestRefusal> {
    let other = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if parts.headers.get_all(header::EXPECT).iter().any(other) {
        return Err(RequestRefusal::Expectation);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::telemetry::RequestReason as Reason;

    const ONE: Context<'_> =
        Context { sni: Some("gate.example"), several_names: false, max_target: 1024 };
    const SEVERAL: Context<'_> = Context { several_names: true, ..ONE };

    fn reason(request: http::request::Builder, context: Context<'_>) -> Option<Reason> {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts.uri, &parts, context).err().map(|refusal| refusal.reason())
    }

    fn post(uri: &str) -> http::request::Builder {
        Request::post(uri)
    }

    #[test]
    fn a_target_that_is_too_long_is_refused_before_anything_else() {
        let with = |length: usize| post(&format!("/{}", "x".repeat(length))).header("upgrade", "h2c");
        assert_eq!(reason(with(1023), ONE), Some(Reason::UpgradeRefused));
        assert_eq!(reason(with(1024), ONE), Some(Reason::UriTooLong));
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
            assert_eq!(check(&parts.uri, &parts, ONE).unwrap().1, host);
        }
    }

    #[test]
    fn a_host_other_than_the_handshakes_is_misdirected_where_several_are_served() {
        let other = || post("/").header("host", "other.example");
        assert_eq!(reason(other(), ONE), None);
        assert_eq!(reason(other(), SEVERAL), Some(Reason::MisdirectedRequest));
        assert_eq!(reason(post("/").header("host", "GATE.example.:8443"), SEVERAL), None);
        assert_eq!(reason(other(), Context { sni: None, ..SEVERAL }), None);
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
            check(&parts.uri, &parts, ONE).unwrap_err().status().as_u16()
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
