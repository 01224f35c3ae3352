//! Protocol detection: whether the first bytes of a connection are TLS or something else.
//!
//! They are read here and given to rustls later (`prefixed_io`), because rustls would answer plain HTTP with a TLS alert,
//! which no HTTP client can show.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::client_hello::{self, ClientHello, Parsed};
use super::protocols::{Fit, fits, fits_sslv2, fits_text};
use crate::limits::eviction::Meter;

/// Bytes that a description has.
const DESCRIBED: usize = 16;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// TLS, with the ClientHello if it could be read.
    Tls(Option<Box<ClientHello>>),
    /// TLS, with a ClientHello of this many bytes, which is more than clawgate accepts.
    TooLarge(usize),
    /// An SSL 2.0 ClientHello that offers at most this version.
    Sslv2(u16),
    /// An HTTP request without TLS: `HTTP`, or `HTTP/2` if the client began with HTTP/2's preface.
    PlainHttp(&'static str),
    /// A PROXY protocol header.
    ProxyProtocol,
    /// Another protocol, with its name if it is known.
    NotTls(Option<&'static str>),
    /// Nothing: the connection ended without a byte.
    Probe(End),
    /// The connection ended within the ClientHello.
    Ended(End),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed it normally.
    Closed,
    /// It was reset.
    Reset,
    /// The operating system reported another error.
    Lost(io::ErrorKind),
}

impl End {
    /// The end that an error of the socket means.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::BrokenPipe => Self::Reset,
            kind => Self::Lost(kind),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client closed the connection"),
            Self::Reset => f.write_str("the client reset the connection"),
            Self::Lost(kind) => write!(f, "the connection was lost ({kind})"),
        }
    }
}

/// Reads from `io` into `bytes`, which may have some bytes already, until the protocol is known; for TLS until the
/// ClientHello is complete.
///
/// `bytes` keeps what was read also if this future is dropped at a deadline. `meter` counts the bytes.
pub async fn read<IO: AsyncRead + Unpin>(io: &mut IO, bytes: &mut Vec<u8>, meter: &Meter) -> Detected {
    loop {
        if let Some(detected) = classify(bytes) {
            return detected;
        }
        let end = match io.read_buf(bytes).await {
            Ok(0) => End::Closed,
            Err(error) => End::of(&error),
            Ok(count) => {
                meter.add(count);
                continue;
            }
        };
        return match bytes.as_slice() {
            [] => Detected::Probe(end),
            bytes if is_tls(bytes) => Detected::Ended(end),
            _ => Detected::NotTls(None),
        };
    }
}

/// Whether the bytes may be the beginning of a TLS record with a handshake message: content type handshake, and record
/// versions 3.x (RFC 8446 section 5.1).
pub(crate) fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x16] | [0x16, 0x03, ..])
}

/// The protocol that begins with `bytes`, or `None` when more are needed.
pub fn classify(bytes: &[u8]) -> Option<Detected> {
    match bytes {
        [] => None,
        bytes if is_tls(bytes) => match client_hello::parse(bytes) {
            Parsed::Partial => None,
            Parsed::Whole(facts) => Some(Detected::Tls(Some(facts))),
            Parsed::Unreadable => Some(Detected::Tls(None)),
            Parsed::TooLarge(length) => Some(Detected::TooLarge(length)),
        },
        _ => classify_other(bytes),
    }
}

/// The first pattern that matches decides. While it matches in part, more bytes are needed. So the bytes that follow do not
/// change the result.
fn classify_other(bytes: &[u8]) -> Option<Detected> {
    const METHODS: [&[u8]; 11] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"OPTIONS ",
        b"DELETE ",
        b"PATCH ",
        b"TRACE ",
        b"CONNECT ",
        b"PROPFIND ",
        b"REPORT ",
    ];
    const PROXY: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
    let proxy = PROXY.iter().map(|header| (fits_text(header, bytes), Detected::ProxyProtocol));
    let (fit, version) = fits_sslv2(bytes);
    let sslv2 = std::iter::once((fit, Detected::Sslv2(version)));
    let named = fits(bytes).map(|(fit, name)| (fit, Detected::NotTls(Some(name))));
    // RFC 9113 section 3.4.
    let http2 = std::iter::once((fits_text(b"PRI * HTTP/2", bytes), Detected::PlainHttp("HTTP/2")));
    let http = METHODS.iter().map(|method| (fits_text(method, bytes), Detected::PlainHttp("HTTP")));
    match proxy.chain(sslv2).chain(named).chain(http2).chain(http).find(|(fit, _)| *fit != Fit::No) {
        Some((Fit::Partly, _)) => None,
        Some((_, detected)) => Some(detected),
        None => Some(Detected::NotTls(None)),
    }
}

/// The first bytes for a log line: text quoted, anything else in hex.
pub fn describe(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(DESCRIBED)];
    if !head.is_empty()
        && head.iter().all(|b| b.is_ascii_graphic() || matches!(b, b' ' | b'\r' | b'\n' | b'\t'))
    {
        return format!("{:?}", String::from_utf8_lossy(head));
    }
    data_encoding::HEXLOWER.encode(head)
}

/// The same with the name of the protocol, if it is known.
pub fn describe_with_name(bytes: &[u8]) -> String {
    let name = fits(bytes).find(|(fit, _)| *fit == Fit::Whole).map(|(_, name)| name);
    name.map_or_else(|| describe(bytes), |name| format!("{}, which looks like {name}", describe(bytes)))
}

#[cfg(test)]
mod tests;
