//! Protocols that are not TLS, known by the first bytes that their clients send.
//!
//! A name is a guess for a log line; no decision depends on it. If the server speaks first (MySQL, VNC, and usually
//! SMTP, FTP, POP3 and IMAP), clients send nothing until the deadline. The table also has the first bytes of such
//! servers, for `explain` and `doctor`, which are clients themselves.

/// Whether bytes match a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// They do not match, whatever follows.
    No,
    /// They match so far, and more are needed.
    Partly,
    /// They match.
    Whole,
}

/// The first bytes of a protocol.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// With this text.
    Text(&'static str),
    /// With these octets in hex; `..` stands for any octet, `##` for an ASCII digit.
    Octets(&'static str),
}

use self::Form::{Octets, Text};

/// The first match decides. Patterns that begin with `..` come last: a few bytes would match all of them, so only
/// complete matches count.
const FORMS: &[(Form, &str)] = &[
    (Text("SSH-"), "SSH"),
    // Mail.
    (Text("EHLO "), "SMTP"),
    (Text("HELO "), "SMTP"),
    (Text("LHLO "), "LMTP"),
    (Text("MAIL FROM:"), "SMTP"),
    (Text("STARTTLS"), "SMTP (STARTTLS)"),
    (Text("CAPA\r\n"), "POP3"),
    (Text("STLS\r\n"), "POP3"),
    (Text("a001 "), "IMAP"),
    (Text("A001 "), "IMAP"),
    (Text("a1 CAPABILITY"), "IMAP"),
    (Text("A1 CAPABILITY"), "IMAP"),
    // Files and remote access. RFC 4217; RFC 1459; RFC 854; T.123 section 8 with X.224 section 13.3; RFC 1928.
    (Text("AUTH TLS"), "FTP"),
    (Text("USER "), "FTP, POP3 or IRC"),
    (Text("NICK "), "IRC"),
    (Text("CAP LS"), "IRC"),
    (Text("@RSYNCD:"), "rsync"),
    (Octets("3030 .... 6769742d"), "Git"),
    (Octets("00...... ff534d42"), "SMB"),
    (Octets("00...... fe534d42"), "SMB"),
    (Octets("0300 .... .. e0 0000"), "RDP"),
    (Text("RFB 0"), "VNC"),
    (Octets("fffb"), "Telnet"),
    (Octets("fffc"), "Telnet"),
    (Octets("fffd"), "Telnet"),
    (Octets("fffe"), "Telnet"),
    (Octets("6c00 0b00 0000"), "X11"),
    (Octets("4200 000b 0000"), "X11"),
    (Text("CNXN"), "ADB"),
    (Text("JRMI"), "Java RMI"),
    // Proxies.
    (Octets("050100"), "SOCKS5"),
    (Octets("050102"), "SOCKS5"),
    (Octets("050200"), "SOCKS5"),
    (Octets("050300"), "SOCKS5"),
    (Octets("050400"), "SOCKS5"),
    (Octets("0401 ...."), "SOCKS4"),
    (Octets("0402 ...."), "SOCKS4"),
    // The first bytes of servers, for clients that expect TLS.
    (Text("220 "), "SMTP or FTP"),
    (Text("220-"), "SMTP or FTP"),
    (Text("+OK"), "POP3"),
    (Text("* OK"), "IMAP"),
    // Databases and caches. PostgreSQL: SSLRequest, GSSENCRequest, StartupMessage.
    (Octets("00000008 04d2162f"), "PostgreSQL"),
    (Octets("00000008 04d21630"), "PostgreSQL"),
    (Octets("0000.... 00030000"), "PostgreSQL"),
    (Octets("1201 .... 0000 .. 00"), "Microsoft SQL Server (TDS)"),
    (Octets("00.. 0000 0100 0000 01"), "Oracle Net (TNS)"),
    (Octets("03000000 05"), "Cassandra (CQL)"),
    (Octets("04000000 05"), "Cassandra (CQL)"),
    (Octets("05000000 05"), "Cassandra (CQL)"),
    (Octets("2a ## 0d0a 24"), "Redis"),
    (Octets("2a #### 0d0a 24"), "Redis"),
    (Text("PING\r\n"), "Redis or NATS"),
    (Text("INFO\r\n"), "Redis"),
    (Text("INFO {"), "NATS"),
    (Text("CONNECT {"), "NATS"),
    (Text("stats\r\n"), "memcached"),
    (Text("version\r\n"), "memcached"),
    (Text("get "), "memcached"),
    (Text("set "), "memcached"),
    (Octets("80 .. .... .. 00 0000"), "memcached"),
    (Text("ruok"), "ZooKeeper"),
    // Messages. MQTT 3.1 (MQIsdp), 3.1.1 and 5 section 3.1; AMQP section 2.2; Kafka's ApiVersions; ZMTP 3 section 3.
    (Octets("10 .. 0004 4d515454"), "MQTT"),
    (Octets("10 .. .. 0004 4d515454"), "MQTT"),
    (Octets("10 .. 0006 4d514973"), "MQTT"),
    (Text("AMQP"), "AMQP"),
    (Octets("0000.... 0012 00.. ........ 00"), "Kafka"),
    (Octets("ff00000000000000 01 7f"), "ZeroMQ"),
    (Text("CONNECT\n"), "STOMP"),
    (Text("CONNECT\r\n"), "STOMP"),
    (Text("STOMP\n"), "STOMP"),
    (Text("STOMP\r\n"), "STOMP"),
    (Text("<stream:stream"), "XMPP"),
    (Text("<?xml"), "XML (XMPP begins so)"),
    (Octets("3c ## 3e"), "syslog"),
    (Octets("3c #### 3e"), "syslog"),
    (Octets("3c ###### 3e"), "syslog"),
    // Names. RFC 4511 sections 4.2 (bind), 4.5 (search), 4.12 (extended); RFC 1035 sections 4.1.1 and 4.2.2.
    (Octets("30 .. 0201 .. 60"), "LDAP"),
    (Octets("30 .. 0201 .. 63"), "LDAP"),
    (Octets("30 .. 0201 .. 77"), "LDAP"),
    (Octets("3084 ........ 0201 .. 60"), "LDAP"),
    (Octets("3084 ........ 0201 .. 63"), "LDAP"),
    (Octets("3084 ........ 0201 .. 77"), "LDAP"),
    (Octets("00.. .... 01.. 0001 0000 0000 00.."), "DNS over TCP"),
    (Octets("00.. .... 0000 0001 0000 0000 00.."), "DNS over TCP"),
    (Text("\x13BitTorrent protocol"), "BitTorrent"),
    // Voice and video, which have HTTP's methods among theirs.
    (Text("OPTIONS sip"), "SIP"),
    (Text("REGISTER sip"), "SIP"),
    (Text("INVITE sip"), "SIP"),
    (Text("OPTIONS rtsp"), "RTSP"),
    (Text("DESCRIBE rtsp"), "RTSP"),
    // Of HTTP and TLS, but not at the beginning of a connection (RFC 8446 section 5.1); RFC 9147 section 5.3.
    (Text("HTTP/1."), "the answer of an HTTP server"),
    (Text("{\""), "JSON without HTTP"),
    (Octets("1403"), "TLS without its beginning (change_cipher_spec)"),
    (Octets("1503"), "a TLS alert without a handshake"),
    (Octets("1703"), "TLS without its beginning (application data)"),
    (Octets("0100.... 03"), "a ClientHello without TLS records"),
    (Octets("16fe"), "DTLS"),
    // MongoDB: length, request, no response, OP_MSG or OP_QUERY.
    (Octets("....0000 ........ 00000000 dd070000"), "MongoDB"),
    (Octets("....0000 ........ 00000000 d4070000"), "MongoDB"),
    // The first packet of a server: length, number 0, protocol 10, then its version.
    (Octets("..0000 00 0a ##"), "MySQL"),
];

/// Each known pattern, and whether `bytes` match it; in the order in which they are to be tried.
pub(crate) fn fits(bytes: &[u8]) -> impl Iterator<Item = (Fit, &'static str)> {
    FORMS.iter().map(|(form, name)| {
        let fit = match form {
            Text(text) => fits_text(text.as_bytes(), bytes),
            Octets(octets) => fits_octets(octets, bytes),
        };
        (fit, *name)
    })
}

/// Whether `bytes` begin with `text`.
pub(super) fn fits_text(text: &[u8], bytes: &[u8]) -> Fit {
    match bytes.starts_with(text) {
        true => Fit::Whole,
        false if text.starts_with(bytes) => Fit::Partly,
        false => Fit::No,
    }
}

fn fits_octets(octets: &str, bytes: &[u8]) -> Fit {
    let mut bytes = bytes.iter();
    for octet in octets.split_ascii_whitespace().flat_map(|group| group.as_bytes().chunks(2)) {
        let Some(byte) = bytes.next() else {
            return if octets.starts_with("..") { Fit::No } else { Fit::Partly };
        };
        let fits = match octet {
            b".." => true,
            b"##" => byte.is_ascii_digit(),
            hex => data_encoding::HEXLOWER.encode(&[*byte]).as_bytes() == hex,
        };
        if !fits {
            return Fit::No;
        }
    }
    Fit::Whole
}

/// The version that an SSL 2.0 ClientHello offers, and how far `bytes` fit one (RFC 6101 appendix E).
///
/// Its lengths must be consistent: by the first bytes alone, one in 500 connections with random bytes would match.
pub(super) fn fits_sslv2(bytes: &[u8]) -> (Fit, u16) {
    let at = |index: usize| bytes.get(index).copied();
    let pair = |index: usize| Some(u16::from_be_bytes([at(index)?, at(index + 1)?]));
    let is_long_header = at(0).is_none_or(|first| first & 0x80 != 0);
    let is_client_hello = at(2).is_none_or(|kind| kind == 1);
    let is_version = match (at(3), at(4)) {
        (None, _) => true,
        (Some(major), None) => major == 0 || major == 3,
        (Some(major), Some(minor)) => (major, minor) == (0, 2) || (major == 3 && minor <= 4),
    };
    if !is_long_header || !is_client_hello || !is_version {
        return (Fit::No, 0);
    }
    let (Some(length), Some(version), Some(suites), Some(session), Some(challenge)) =
        (pair(0), pair(3), pair(5), pair(7), pair(9))
    else {
        return (Fit::Partly, 0);
    };
    let sum = [suites, session, challenge].into_iter().map(u32::from).sum::<u32>() + 9;
    let is_whole = u32::from(length & 0x7fff) == sum
        && suites != 0
        && suites.is_multiple_of(3)
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge);
    if is_whole { (Fit::Whole, version) } else { (Fit::No, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_of_octets_and_short() {
        for (form, name) in FORMS {
            let length = match form {
                Text(text) => text.len(),
                Octets(octets) => {
                    let octets: String = octets.split(' ').collect();
                    assert_eq!(octets.len() % 2, 0, "{name}");
                    for octet in octets.as_bytes().chunks(2) {
                        let is_hex = data_encoding::HEXLOWER.decode(octet).is_ok();
                        assert!(octet == b".." || octet == b"##" || is_hex, "{name}: {octets}");
                    }
                    octets.len() / 2
                }
            };
            assert!((2..=20).contains(&length), "{name}");
        }
    }

    #[test]
    fn no_form_is_hidden_by_one_before_it() {
        for (number, (form, name)) in FORMS.iter().enumerate() {
            let example: Vec<u8> = match form {
                Text(text) => text.as_bytes().to_vec(),
                Octets(octets) => {
                    let octets: String = octets.split(' ').collect();
                    let octets = octets.replace("..", "a5").replace("##", "31");
                    data_encoding::HEXLOWER.decode(octets.as_bytes()).unwrap()
                }
            };
            let first = fits(&example).position(|(fit, _)| fit == Fit::Whole);
            assert_eq!(first, Some(number), "{name}");
        }
    }

    /// A hello with so many bytes of cipher specs, session id and challenge.
    fn sslv2(version: [u8; 2], suites: u16, session: u16, challenge: u16) -> Vec<u8> {
        let length = (0x8000 | (9 + suites + session + challenge)).to_be_bytes();
        let lengths = [suites, session, challenge].into_iter().flat_map(u16::to_be_bytes);
        [&length[..], &[1], &version].concat().into_iter().chain(lengths).collect()
    }

    #[test]
    fn an_ssl_2_hello_is_one_only_with_lengths_that_agree() {
        assert_eq!(fits_sslv2(&sslv2([0, 2], 21, 0, 16)), (Fit::Whole, 0x0002));
        assert_eq!(fits_sslv2(&sslv2([3, 1], 3, 16, 32)), (Fit::Whole, 0x0301));
        for wrong in [
            sslv2([0, 3], 21, 0, 16),
            sslv2([4, 0], 21, 0, 16),
            sslv2([0, 2], 0, 0, 16),
            sslv2([0, 2], 20, 0, 16),
            sslv2([0, 2], 21, 1, 16),
            sslv2([0, 2], 21, 0, 15),
            sslv2([0, 2], 21, 0, 33),
        ] {
            assert_eq!(fits_sslv2(&wrong).0, Fit::No, "{wrong:02x?}");
        }
        let mut longer = sslv2([0, 2], 21, 0, 16);
        longer[1] += 1;
        assert_eq!(fits_sslv2(&longer).0, Fit::No);
        let hello = sslv2([0, 2], 21, 0, 16);
        for end in 0..hello.len() {
            assert_eq!(fits_sslv2(&hello[..end]).0, Fit::Partly, "{end}");
        }
    }
}
