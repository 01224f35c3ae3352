//! The parts of the URL that senders call: scheme, host and port (RFC 3986 section 3).

/// A URL such as `https://example.org:8443/base`, in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin<'a> {
    pub(super) scheme: &'a str,
    /// The host, with a user before it if there is one.
    pub(super) host: &'a str,
    pub(super) port: Option<&'a str>,
    /// What comes after the port.
    pub(super) rest: &'a str,
}

impl<'a> Origin<'a> {
    /// A URL without a scheme is one of https.
    pub(super) fn parse(url: &'a str) -> Self {
        let (scheme, after) = url.split_once("://").unwrap_or(("https", url));
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        // An IPv6 address has colons of its own, in brackets.
        let host_end = authority.rfind([']', '@']).map_or(0, |at| at + 1);
        let (host, port) = match authority[host_end..].find(':') {
            Some(at) => (&authority[..host_end + at], Some(&authority[host_end + at + 1..])),
            None => (authority, None),
        };
        Self { scheme, host, port, rest }
    }

    /// The port of the scheme if a URL names none.
    pub(super) fn default_port(&self) -> &'static str {
        if self.scheme.eq_ignore_ascii_case("http") { "80" } else { "443" }
    }

    /// The URL.
    pub(super) fn url(&self) -> String {
        let Self { scheme, host, port, rest } = self;
        match port {
            Some(port) => format!("{scheme}://{host}:{port}{rest}"),
            None => format!("{scheme}://{host}{rest}"),
        }
    }
}
