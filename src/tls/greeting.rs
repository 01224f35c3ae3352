//! The first bytes of a connection: TLS, or something else that deserves a clear word.
//!
//! They are read here and given to rustls later (`tap`), because rustls answers plain text with a TLS
//! alert before anybody could say it in HTTP.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::client_hello::{self, ClientHello, Parsed};
use crate::eviction::Meter;

/// Enough to tell a protocol by its first words.
const ENOUGH: usize = 16;

/// What a sender opened with.
#[derive(Debug, PartialEq, Eq)]
pub enum Greeting {
    /// TLS; with the facts of its ClientHello, when that could be read.
    Tls(Option<Box<ClientHello>>),
    /// TLS, with a ClientHello of so many bytes, which is more than are taken.
    TooLarge(usize),
    /// An SSL 2.0 hello.
    Sslv2,
    /// An HTTP request without TLS.
    PlainHttp,
    /// A PROXY protocol header.
    ProxyProtocol,
    /// Another protocol, by name where it is known.
    NotTls(Option<&'static str>),
    /// Nothing: closed without a byte.
    Probe,
    /// Closed or reset after some bytes, before it was clear or complete.
    Closed,
}

/// Reads from `io` into `bytes`, which may have some of it already, until the greeting is clear, for TLS:
/// until its ClientHello is whole.
///
/// `bytes` keeps what was read also when this future is dropped at a deadline. `meter` counts it.
pub async fn read<IO: AsyncRead + Unpin>(io: &mut IO, bytes: &mut Vec<u8>, meter: &Meter) -> Greeting {
    loop {
        if let Some(greeting) = classify(bytes) {
            return greeting;
        }
        match io.read_buf(bytes).await {
            Ok(0) | Err(_) if bytes.is_empty() => return Greeting::Probe,
            Ok(0) | Err(_) => return at_end(bytes),
            Ok(count) => meter.add(count),
        }
    }
}

/// Names the greeting in `bytes`, or `None` when more are needed.
pub fn classify(bytes: &[u8]) -> Option<Greeting> {
    match bytes {
        [] => None,
        // Content type handshake (RFC 8446 section 5.1), and record versions 3.x.
        [0x16] | [0x16, 0x03, ..] => match client_hello::parse(bytes) {
            Parsed::Partial => None,
            Parsed::Whole(facts) => Some(Greeting::Tls(Some(facts))),
            Parsed::Unreadable => Some(Greeting::Tls(None)),
            Parsed::TooLarge(length) => Some(Greeting::TooLarge(length)),
        },
        // RFC 6101 appendix E: two-byte length with the high bit set, then message type 1.
        [first, _, 0x01, ..] if first & 0x80 != 0 => Some(Greeting::Sslv2),
        [first] | [first, _] if first & 0x80 != 0 => None,
        _ => classify_text(bytes),
    }
}

fn classify_text(bytes: &[u8]) -> Option<Greeting> {
    const METHODS: [&[u8]; 10] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"OPTIONS ",
        b"DELETE ",
        b"PATCH ",
        b"TRACE ",
        b"CONNECT ",
        b"PRI * HTTP/2",
    ];
    const PROXY: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
    const OTHERS: [(&[u8], &str); 7] = [
        (b"SSH-", "SSH"),
        (b"EHLO ", "SMTP"),
        (b"HELO ", "SMTP"),
        (b"\x03\x00", "RDP"),
        (b"\x05\x01", "SOCKS5"),
        (b"\x04\x01", "SOCKS4"),
        (b"\x15\x03", "a TLS alert without a handshake"),
    ];
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        return Some(Greeting::PlainHttp);
    }
    if PROXY.iter().any(|header| bytes.starts_with(header)) {
        return Some(Greeting::ProxyProtocol);
    }
    if let Some((_, name)) = OTHERS.iter().find(|(prefix, _)| bytes.starts_with(prefix)) {
        return Some(Greeting::NotTls(Some(name)));
    }
    let mut prefixes = METHODS.iter().chain(&PROXY).chain(OTHERS.iter().map(|(prefix, _)| prefix));
    if bytes.len() < ENOUGH && prefixes.any(|prefix| prefix.starts_with(bytes)) {
        return None;
    }
    Some(Greeting::NotTls(None))
}

/// The sender closed before its greeting was clear.
fn at_end(bytes: &[u8]) -> Greeting {
    match bytes.first() {
        Some(0x16) => Greeting::Closed,
        _ => Greeting::NotTls(None),
    }
}

/// `bytes` in words, for a log line: text as it is, anything else in hex; cut.
pub fn describe(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(ENOUGH)];
    if !head.is_empty()
        && head.iter().all(|b| b.is_ascii_graphic() || matches!(b, b' ' | b'\r' | b'\n' | b'\t'))
    {
        return format!("{:?}", String::from_utf8_lossy(head));
    }
    data_encoding::HEXLOWER.encode(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn protocols_are_told_by_their_first_words() {
        for (bytes, greeting) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some(Greeting::PlainHttp)),
            (b"PRI * HTTP/2.0\r\n", Some(Greeting::PlainHttp)),
            (b"PROXY TCP4 1.2.3.4", Some(Greeting::ProxyProtocol)),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", Some(Greeting::ProxyProtocol)),
            (b"SSH-2.0-OpenSSH", Some(Greeting::NotTls(Some("SSH")))),
            (b"EHLO there", Some(Greeting::NotTls(Some("SMTP")))),
            (b"\x80\x2e\x01\x00\x02", Some(Greeting::Sslv2)),
            (b"\x00\x01\x02", Some(Greeting::NotTls(None))),
            (b"Px", Some(Greeting::NotTls(None))),
            (b"\x16\x05\x00", Some(Greeting::NotTls(None))),
        ] {
            assert_eq!(classify(bytes), greeting, "{bytes:?}");
        }
    }

    #[test]
    fn too_little_to_tell_waits_for_more() {
        for bytes in [&b""[..], b"P", b"PO", b"PR", b"G", b"\x16", b"\x16\x03", b"\x80", b"\r\n\r\n"] {
            assert_eq!(classify(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn what_came_is_described_without_raw_bytes() {
        assert_eq!(describe(b"SSH-2.0\r\n"), r#""SSH-2.0\r\n""#);
        assert_eq!(describe(b"\x1b[2J"), "1b5b324a");
    }

    proptest! {
        #[test]
        fn bytes_in_any_number_are_classified_sooner_or_later(bytes in proptest::collection::vec(any::<u8>(), 20..64)) {
            let tls = bytes[0] == 0x16 && bytes[1] == 3;
            prop_assert!(tls || classify(&bytes).is_some());
        }
    }
}
