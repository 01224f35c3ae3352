//! What is known about one client connection: addresses, TLS, and the verified client.
//!
//! Values only: a log line, a header or a metric makes its own text of them. Imports only
//! [`identity`](crate::identity).

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use rustls::{CipherSuite, NamedGroup, ProtocolVersion};
use tokio::time::Instant;

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Identifier for the log; the identifiers of its requests begin with it.
    pub id: String,
    /// The client's address: that of the PROXY header, or else of the socket.
    pub client_addr: SocketAddr,
    /// The load balancer's address, where a PROXY header is expected.
    pub proxy_addr: Option<SocketAddr>,
    /// The address that the client connected to.
    pub local_addr: SocketAddr,
    /// When the socket was accepted.
    pub accepted_at: Instant,
}

/// Whether a listener asks its clients for a certificate. The listener alone decides, never the server name or the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Each client needs a certificate (`listen.address`, `listen.proxy_address`).
    Required,
    /// No client is asked for one; each request must be signed (`listen.signed_address`).
    None,
}

/// Where a listener without TLS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlainAddress {
    /// Plain HTTP over TCP.
    Tcp(SocketAddr),
    /// The same over a unix socket, for clawgate's own user only.
    Unix(PathBuf),
}

impl PlainAddress {
    /// Whether only users of this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for PlainAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(_) => Err(()),
            None => text.parse().map(Self::Tcp).map_err(drop),
        }
    }
}

impl fmt::Display for PlainAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What a completed TLS handshake negotiated.
#[derive(Clone, Debug)]
pub struct TlsInfo {
    /// TLS 1.2 or 1.3.
    pub version: ProtocolVersion,
    /// Cipher suite.
    pub cipher: CipherSuite,
    /// Key exchange group; `None` when a session was resumed without a key exchange.
    pub group: Option<NamedGroup>,
    /// Application protocol; `None` when the client offered none.
    pub alpn: Option<Alpn>,
    /// Server name that the client asked for, in lower case.
    pub sni: Option<String>,
    /// Whether the session was resumed with a ticket.
    pub resumed: bool,
}

/// An application protocol that ALPN can select (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2.
    Http2,
    /// HTTP/1.1.
    Http1,
}

impl TlsInfo {
    /// Whether HTTP/2 was selected.
    pub fn is_http2(&self) -> bool {
        self.alpn == Some(Alpn::Http2)
    }
}

impl Alpn {
    /// The name in IANA's registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http2 => "h2",
            Self::Http1 => "http/1.1",
        }
    }
}

/// `TLSv1.3`, `TLSv1.2` and so on; an unknown version as a number.
pub fn version_name(version: ProtocolVersion) -> Cow<'static, str> {
    match version {
        ProtocolVersion::SSLv3 => "SSLv3".into(),
        ProtocolVersion::TLSv1_0 => "TLSv1.0".into(),
        ProtocolVersion::TLSv1_1 => "TLSv1.1".into(),
        ProtocolVersion::TLSv1_2 => "TLSv1.2".into(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".into(),
        other => format!("0x{:04x}", u16::from(other)).into(),
    }
}

/// The name in IANA's registry: rustls has other names for the suites of TLS 1.3.
pub fn cipher_name(suite: CipherSuite) -> String {
    suite.as_str().unwrap_or("unknown").replace("TLS13_", "TLS_")
}
