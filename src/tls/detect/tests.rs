//! What connections open with, by their first bytes.

use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::prelude::*;
use tokio::io::ReadBuf;

use super::*;
use crate::limits::eviction::OldestFirst;

#[test]
fn protocols_are_told_by_their_first_words() {
    for (bytes, greeting) in [
        (&b"GET / HTTP/1.1\r\n"[..], Some(Detected::PlainHttp("HTTP"))),
        (b"OPTIONS * HTTP/1.1\r\n", Some(Detected::PlainHttp("HTTP"))),
        (b"PRI * HTTP/2.0\r\n", Some(Detected::PlainHttp("HTTP/2"))),
        (b"PROXY TCP4 1.2.3.4", Some(Detected::ProxyProtocol)),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", Some(Detected::ProxyProtocol)),
        (b"SSH-2.0-OpenSSH", Some(Detected::NotTls(Some("SSH")))),
        (b"EHLO there", Some(Detected::NotTls(Some("SMTP")))),
        (b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", Some(Detected::Sslv2(2))),
        (b"\x80\x2e\x01\x00\x03\x01", Some(Detected::NotTls(None))),
        (b"\x02\x01\x02", Some(Detected::NotTls(None))),
        (b"Px", Some(Detected::NotTls(None))),
        (b"\x16\x05\x00", Some(Detected::NotTls(None))),
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
    for (bytes, said) in [
        (&b"220 mail.example ESMTP\r\n"[..], r#""220 mail.example", which looks like SMTP or FTP"#),
        (b"J\0\0\0\x0a8.0.36\0", "4a0000000a382e302e333600, which looks like MySQL"),
        (b"\x1b[2J", "1b5b324a"),
    ] {
        assert_eq!(describe_with_name(bytes), said);
    }
}

/// A message as a client of the protocol sends it first, in hex.
#[test]
fn what_the_clients_of_other_protocols_send_is_named() {
    for (bytes, name) in [
        // redis-cli: COMMAND DOCS.
        ("2a320d0a24370d0a434f4d4d414e440d0a", "Redis"),
        // psql: SSLRequest; with sslmode=disable a startup message.
        ("0000000804d2162f", "PostgreSQL"),
        ("0000005400030000757365720070", "PostgreSQL"),
        // mstsc: X.224 connection request with a cookie.
        ("0300002b26e00000000000436f6f6b69653a", "RDP"),
        // curl --socks5-hostname and --socks4a.
        ("05020001", "SOCKS5"),
        ("040101bb00000001006578616d706c652e636f6d00", "SOCKS4"),
        // mosquitto_pub.
        ("101400044d5154540402003c0008", "MQTT"),
        // ldapsearch -x: an anonymous bind.
        ("300c020101600702010304008000", "LDAP"),
        // dig +tcp example.com.
        ("00280f8301200001000000000001076578616d", "DNS over TCP"),
        // kcat: ApiVersions.
        ("0000001c0012000000000001000772646b61666b61", "Kafka"),
        // mongosh: OP_MSG and OP_QUERY (isMaster).
        ("3a0100000100000000000000dd070000", "MongoDB"),
        ("480100000100000000000000d4070000", "MongoDB"),
        // RabbitMQ's client: AMQP 0-9-1.
        ("414d515000000901", "AMQP"),
        // smbclient: SMB 2 negotiate, behind a NetBIOS header.
        ("000000e4fe534d4240000000", "SMB"),
        // sqlcmd: PRELOGIN.
        ("1201002f00000000", "Microsoft SQL Server (TDS)"),
        ("13426974546f7272656e742070726f746f636f6c0000", "BitTorrent"),
        ("303033326769742d75706c6f6164", "Git"),
        ("fffd03fffb18", "Telnet"),
        ("16feff0000000000", "DTLS"),
    ] {
        let bytes = data_encoding::HEXLOWER.decode(bytes.as_bytes()).unwrap();
        assert_eq!(classify(&bytes), Some(Detected::NotTls(Some(name))), "{bytes:02x?}");
    }
    for (text, name) in [
        ("EHLO client.example\r\n", "SMTP"),
        ("USER anonymous\r\n", "FTP, POP3 or IRC"),
        ("a001 CAPABILITY\r\n", "IMAP"),
        ("CAPA\r\n", "POP3"),
        ("stats\r\n", "memcached"),
        ("CONNECT {\"verbose\":false}\r\n", "NATS"),
        ("CONNECT\naccept-version:1.2\n", "STOMP"),
        ("<?xml version='1.0'?><stream:stream", "XML (XMPP begins so)"),
        ("OPTIONS sip:nm SIP/2.0\r\n", "SIP"),
        ("<165>1 2026-01-01T00:00:00Z host", "syslog"),
        ("SSH-2.0-Go\r\n", "SSH"),
        ("@RSYNCD: 31.0\n", "rsync"),
    ] {
        assert_eq!(classify(text.as_bytes()), Some(Detected::NotTls(Some(name))), "{text}");
    }
}

/// Gives `bytes`, then ends, with an error or without.
struct Ending {
    bytes: &'static [u8],
    error: Option<io::ErrorKind>,
}

impl AsyncRead for Ending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = std::mem::take(&mut self.bytes);
        buf.put_slice(bytes);
        match self.error {
            Some(error) if bytes.is_empty() => Poll::Ready(Err(error.into())),
            _ => Poll::Ready(Ok(())),
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_says_how_it_ended() {
    let entry = OldestFirst::new(1, usize::MAX).begin();
    let meter = entry.meter();
    for (bytes, closed, reset) in [
        (&b""[..], Detected::Probe(End::Closed), Detected::Probe(End::Reset)),
        (b"\x16\x03", Detected::Ended(End::Closed), Detected::Ended(End::Reset)),
        (b"PO", Detected::NotTls(None), Detected::NotTls(None)),
    ] {
        let error = Some(io::ErrorKind::ConnectionReset);
        for (error, greeting) in [(None, closed), (error, reset)] {
            let mut io = Ending { bytes, error };
            let read = read(&mut io, &mut Vec::new(), &meter).await;
            assert_eq!(read, greeting, "{bytes:?}");
        }
    }
}

/// Whether `bytes` are the beginning of an SSL 2.0 ClientHello, written down once more from RFC 6101 appendix E.
fn is_sslv2(bytes: &[u8]) -> bool {
    let [high, low, 1, version @ ..] = bytes else { return false };
    let [major, minor, rest @ ..] = version else { return false };
    let [s0, s1, i0, i1, c0, c1, ..] = rest else { return false };
    let number = |high: &u8, low: &u8| usize::from(*high) * 256 + usize::from(*low);
    let (suites, session, challenge) = (number(s0, s1), number(i0, i1), number(c0, c1));
    *high >= 0x80
        && number(high, low) - 0x8000 == 9 + suites + session + challenge
        && ((*major, *minor) == (0, 2) || (*major == 3 && *minor < 5))
        && suites > 0
        && suites % 3 == 0
        && (session == 0 || session == 16)
        && (16..33).contains(&challenge)
}

proptest! {
    #[test]
    fn bytes_in_any_number_are_classified_sooner_or_later(bytes in proptest::collection::vec(any::<u8>(), 24..64)) {
        let tls = bytes[0] == 0x16 && bytes[1] == 3;
        prop_assert!(tls || classify(&bytes).is_some());
    }

    #[test]
    fn random_bytes_are_called_ssl_2_only_if_they_are(mut bytes in proptest::collection::vec(any::<u8>(), 0..48), like in 0usize..6) {
        // With more and more of a true hello in front, which random bytes alone never have.
        let hello = [0x80, 0x2e, 1, 0, 2, 0, 21, 0, 0, 0, 16];
        let like = [0, 1, 3, 5, 7, 11][like].min(bytes.len());
        bytes[..like].copy_from_slice(&hello[..like]);
        let named = matches!(classify(&bytes), Some(Detected::Sslv2(_)));
        prop_assert_eq!(named, is_sslv2(&bytes), "{:02x?}", bytes);
    }

    #[test]
    fn a_name_does_not_change_with_what_follows(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in "[A-Z<*{]{1,8}[ \r\n/]") {
        for bytes in [&bytes[..], text.as_bytes(), &[text.as_bytes(), &bytes].concat()] {
            let whole = classify(bytes);
            for end in 0..bytes.len() {
                match classify(&bytes[..end]) {
                    None | Some(Detected::NotTls(None) | Detected::Tls(_)) => {}
                    early => prop_assert_eq!(&early, &whole, "{} of {:02x?}", end, bytes),
                }
            }
        }
    }
}
