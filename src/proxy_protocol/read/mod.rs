//! Reading a header. It is believed only where its client is known, but any bytes may come.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use super::{Addresses, HEAD_V2, Header, SIGNATURE_V2, TYPE_CRC32C};

/// Longest header that is read, in bytes. The longest of version 1 has 107; one of version 2 with a
/// certificate in it a few thousand.
pub const MAX_HEADER: usize = 4096;
/// Longest of version 1, with its CR LF (section 2.1).
const MAX_V1: usize = 107;
/// Address blocks of version 2: for IPv4, IPv6 and unix sockets.
const INET: usize = 12;
const INET6: usize = 36;
const UNIX: usize = 216;

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// They begin with neither signature.
    #[error("it does not begin as a PROXY header does")]
    NotProxy,
    /// A line of version 1 without an end.
    #[error("the line is longer than 107 bytes")]
    LineTooLong,
    /// A line of version 1 that is not as section 2.1 has it.
    #[error("the line is not `PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT`, or `PROXY UNKNOWN`")]
    Line,
    /// Another version than 1 and 2.
    #[error("its version is {0}, and 1 and 2 are known")]
    Version(u8),
    /// Neither LOCAL nor PROXY.
    #[error("its command is {0}, and 0 (LOCAL) and 1 (PROXY) are known")]
    Command(u8),
    /// An address family or transport that is not defined.
    #[error("its address family and transport are {0:#04x}, which is not defined")]
    Family(u8),
    /// Longer than is read here.
    #[error("it has {0} bytes, and 4096 are taken")]
    TooLong(usize),
    /// Too short for the addresses of its family.
    #[error("it is too short for its addresses")]
    Addresses,
    /// A TLV that goes beyond the end.
    #[error("its TLVs do not end where it ends")]
    Tlvs,
    /// The checksum is wrong: it was damaged on the way.
    #[error("its checksum (CRC32c) is wrong")]
    Checksum,
}

/// Reads the header that `bytes` begin with, and how many of them it takes; `None` when more are needed.
///
/// # Errors
/// When they can be no header, whatever comes.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    const V1: &[u8] = b"PROXY ";
    let begins = |signature: &[u8]| {
        let common = signature.len().min(bytes.len());
        signature[..common] == bytes[..common]
    };
    if begins(SIGNATURE_V2) {
        return v2(bytes);
    }
    if begins(V1) {
        return v1(bytes);
    }
    Err(Malformed::NotProxy)
}

fn v1(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let head = &bytes[..bytes.len().min(MAX_V1)];
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return if head.len() == MAX_V1 { Err(Malformed::LineTooLong) } else { Ok(None) };
    };
    let header = v1_line(&head[..end]).ok_or(Malformed::Line)?;
    Ok(Some((header, end + 2)))
}

fn v1_line(line: &[u8]) -> Option<Header> {
    let words: Vec<&str> = line
        .split(|byte| *byte == b' ')
        .map(std::str::from_utf8)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    match words.as_slice() {
        ["PROXY", "TCP4", source, destination, from, to] => {
            let ip = |text: &str| text.parse().ok().map(IpAddr::V4);
            v1_addresses(ip(source)?, ip(destination)?, from, to)
        }
        ["PROXY", "TCP6", source, destination, from, to] => {
            let ip = |text: &str| text.parse().ok().map(IpAddr::V6);
            v1_addresses(ip(source)?, ip(destination)?, from, to)
        }
        // What follows is to be ignored.
        _ if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") => {
            Some(Header::Proxied(None))
        }
        _ => None,
    }
}

fn v1_addresses(source: IpAddr, destination: IpAddr, from: &str, to: &str) -> Option<Header> {
    // Digits alone, without a zero in front.
    let port = |text: &str| {
        let port: u16 = text.parse().ok()?;
        (port.to_string() == text).then_some(port)
    };
    let source = canonical(SocketAddr::new(source, port(from)?));
    let destination = canonical(SocketAddr::new(destination, port(to)?));
    Some(Header::Proxied(Some(Addresses { source, destination })))
}

fn v2(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let Some(&version_command) = bytes.get(12) else { return Ok(None) };
    if version_command >> 4 != 2 {
        return Err(Malformed::Version(version_command >> 4));
    }
    let is_local = match version_command & 0xf {
        0 => true,
        1 => false,
        other => return Err(Malformed::Command(other)),
    };
    let Some(&family) = bytes.get(13) else { return Ok(None) };
    if family >> 4 > 3 || family & 0xf > 2 {
        return Err(Malformed::Family(family));
    }
    let Some(&[high, low]) = bytes.get(14..HEAD_V2) else { return Ok(None) };
    let length = HEAD_V2 + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_HEADER {
        return Err(Malformed::TooLong(length));
    }
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    let block = &header[HEAD_V2..];
    let (addresses, size) = match family >> 4 {
        0 => (None, 0),
        1 => (inet(block), INET),
        2 => (inet6(block), INET6),
        _ => (None, UNIX),
    };
    if is_local || family >> 4 == 0 {
        // Whatever such a header has is to be skipped. HAProxy sends a checksum in it, others might send
        // addresses: what does not read as TLVs is none.
        let checked = checksum(header, HEAD_V2 + if block.len() < size { 0 } else { size });
        checked.or_else(|why| if why == Malformed::Tlvs { Ok(()) } else { Err(why) })?;
        let header = if is_local { Header::Local } else { Header::Proxied(None) };
        return Ok(Some((header, length)));
    }
    let tlvs = block.get(size..).ok_or(Malformed::Addresses)?;
    checksum(header, length - tlvs.len())?;
    // Of TCP alone: what came over UDP or a unix socket has no address that means anything here.
    Ok(Some((Header::Proxied(addresses.filter(|_| family & 0xf == 1)), length)))
}

fn inet(block: &[u8]) -> Option<Addresses> {
    let &[a, b, c, d, e, f, g, h, ports @ ..] = block.first_chunk::<INET>()?;
    Some(addresses(Ipv4Addr::new(a, b, c, d).into(), Ipv4Addr::new(e, f, g, h).into(), ports))
}

fn inet6(block: &[u8]) -> Option<Addresses> {
    let (source, rest) = block.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    let ports = rest.first_chunk::<4>()?;
    Some(addresses(Ipv6Addr::from(*source).into(), Ipv6Addr::from(*destination).into(), *ports))
}

fn addresses(source: IpAddr, destination: IpAddr, [a, b, c, d]: [u8; 4]) -> Addresses {
    Addresses {
        source: canonical(SocketAddr::new(source, u16::from_be_bytes([a, b]))),
        destination: canonical(SocketAddr::new(destination, u16::from_be_bytes([c, d]))),
    }
}

/// IPv4 by its own name, also where it was written as IPv6: rules and logs know one name for it.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Goes over the TLVs from `at` on, and holds the checksum against `header`, if it is among them
/// (section 2.2.3).
fn checksum(header: &[u8], mut at: usize) -> Result<(), Malformed> {
    while at < header.len() {
        let Some(&[kind, high, low]) = header.get(at..at + 3) else { return Err(Malformed::Tlvs) };
        let value = at + 3;
        at = value + usize::from(u16::from_be_bytes([high, low]));
        let stated = header.get(value..at).ok_or(Malformed::Tlvs)?;
        if kind == TYPE_CRC32C {
            let mut zeroed = header.to_vec();
            zeroed[value..at].fill(0);
            if stated != crc32c(&zeroed).to_be_bytes() {
                return Err(Malformed::Checksum);
            }
        }
    }
    Ok(())
}

/// RFC 4960 appendix B. Bit by bit: a header is short, and there is one for a connection.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proxy_protocol::write::{LOCAL_V2, Tls, Tlvs, write_v2};

    fn between(source: &str, destination: &str) -> Header {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        Header::Proxied(Some(Addresses { source, destination }))
    }

    fn whole(bytes: &[u8]) -> Header {
        let (header, length) = parse(bytes).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        header
    }

    /// A header of version 2, written by hand.
    fn by_hand(version_command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE_V2.to_vec();
        bytes.extend([version_command, family]);
        bytes.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
        bytes.extend(block);
        bytes
    }

    #[test]
    fn the_lines_of_the_specification_are_read() {
        assert_eq!(
            whole(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
            between("255.255.255.255:65535", "255.255.255.255:65535")
        );
        let long = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                     ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        let all = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
        assert_eq!(whole(long), between(all, all));
        assert_eq!(whole(b"PROXY UNKNOWN\r\n"), Header::Proxied(None));
        let longest = b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                        ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        assert_eq!(longest.len(), MAX_V1);
        assert_eq!(whole(longest), Header::Proxied(None));
    }

    #[test]
    fn a_line_that_is_not_to_the_letter_is_refused() {
        for line in [
            "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
            "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
            "PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
            "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY UNKNOWNX\r\n",
            "PROXY \r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n",
        ] {
            assert_eq!(parse(line.as_bytes()), Err(Malformed::Line), "{line:?}");
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(MAX_V1));
        assert_eq!(parse(endless.as_bytes()), Err(Malformed::LineTooLong));
        assert_eq!(parse(b"GET / HTTP/1.1\r\n"), Err(Malformed::NotProxy));
        assert_eq!(parse(b"\x16\x03\x01"), Err(Malformed::NotProxy));
    }

    #[test]
    fn what_follows_a_header_is_not_of_it() {
        let bytes = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n\x16\x03\x01";
        assert_eq!(parse(bytes).unwrap().unwrap().1, bytes.len() - 3);
        let mut bytes = by_hand(0x20, 0, &[]);
        bytes.extend(b"\x16\x03\x01");
        assert_eq!(parse(&bytes), Ok(Some((Header::Local, HEAD_V2))));
    }

    #[test]
    fn every_beginning_of_a_header_waits_for_more() {
        let v1 = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec();
        let v2 = by_hand(0x21, 0x11, &[1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2, 4, 0, 1, 9]);
        for header in [v1, v2] {
            for end in 0..header.len() {
                assert_eq!(parse(&header[..end]), Ok(None), "{end}");
            }
            assert!(parse(&header).unwrap().is_some());
        }
    }

    #[test]
    fn version_2_is_read_for_each_family() {
        let v4 = by_hand(0x21, 0x11, &[1, 2, 3, 4, 5, 6, 7, 8, 0x12, 0x34, 1, 0xbb]);
        assert_eq!(whole(&v4), between("1.2.3.4:4660", "5.6.7.8:443"));
        let mut block = vec![0; 36];
        (block[15], block[31], block[33], block[35]) = (1, 2, 3, 4);
        assert_eq!(whole(&by_hand(0x21, 0x21, &block)), between("[::1]:3", "[::2]:4"));
        // Families without a TCP address: the connection is good, its addresses are not known.
        for (family, size) in [(0x00, 0), (0x01, 0), (0x12, 12), (0x22, 36), (0x31, 216), (0x32, 216)] {
            let header = by_hand(0x21, family, &vec![0; size]);
            assert_eq!(whole(&header), Header::Proxied(None), "{family:#x}");
        }
    }

    #[test]
    fn a_local_header_is_skipped_whatever_it_has() {
        assert_eq!(whole(LOCAL_V2), Header::Local);
        let addresses = vec![192, 0, 2, 1, 192, 0, 2, 2, 0x9c, 0x40, 1, 0xbb];
        for block in [vec![], addresses, vec![4, 0, 1, 9], vec![4, 0, 9, 0]] {
            for family in [0x00, 0x11] {
                assert_eq!(whole(&by_hand(0x20, family, &block)), Header::Local, "{family} {block:?}");
            }
            assert_eq!(whole(&by_hand(0x21, 0, &block)), Header::Proxied(None), "{block:?}");
        }
        let wrong = [TYPE_CRC32C, 0, 4, 1, 2, 3, 4];
        assert_eq!(parse(&by_hand(0x20, 0, &wrong)), Err(Malformed::Checksum));
    }

    #[test]
    fn what_the_specification_does_not_define_is_refused() {
        assert_eq!(parse(&by_hand(0x11, 0x11, &[0; 12])), Err(Malformed::Version(1)));
        assert_eq!(parse(&by_hand(0x22, 0x11, &[0; 12])), Err(Malformed::Command(2)));
        for family in [0x41, 0x13, 0xff] {
            assert_eq!(parse(&by_hand(0x21, family, &[0; 12])), Err(Malformed::Family(family)));
        }
        assert_eq!(parse(&by_hand(0x21, 0x11, &[0; 11])), Err(Malformed::Addresses));
        assert_eq!(parse(&by_hand(0x21, 0x21, &[0; 12])), Err(Malformed::Addresses));
        assert_eq!(parse(&by_hand(0x21, 0x11, &[0; 14])), Err(Malformed::Tlvs));
        // Said before any of it has come.
        let long = by_hand(0x21, 0, &vec![0; MAX_HEADER]);
        assert_eq!(parse(&long[..HEAD_V2]), Err(Malformed::TooLong(HEAD_V2 + MAX_HEADER)));
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720 appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_checksum_of_another_length_is_wrong() {
        for length in [0, 3, 5] {
            let mut block = vec![TYPE_CRC32C, 0, length];
            block.extend(vec![0; usize::from(length)]);
            assert_eq!(parse(&by_hand(0x21, 0, &block)), Err(Malformed::Checksum));
        }
    }

    fn address() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
        let v4 = any::<((Ipv4Addr, u16), (Ipv4Addr, u16))>();
        let v6 = any::<((Ipv6Addr, u16), (Ipv6Addr, u16))>();
        prop_oneof![
            v4.prop_map(|(from, to)| (SocketAddr::from(from), SocketAddr::from(to))),
            v6.prop_map(|(from, to)| (SocketAddr::from(from), SocketAddr::from(to))),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_damage_to_the_addresses_is_noticed(
            (source, destination) in address(),
            cn in proptest::option::of("[a-z]{1,20}"),
            id in "[0-9a-f]{1,20}",
            at in HEAD_V2..HEAD_V2 + INET,
            bit in 0..8u32,
        ) {
            let tls = Tls {
                version: "TLSv1.3", cipher: Some("TLS_AES_128_GCM_SHA256"), cn: cn.as_deref(),
                sig_alg: None, key_alg: None, resumed: false,
            };
            let tlvs = Tlvs { alpn: Some("h2"), authority: Some("a.example"), unique_id: &id, tls };
            let bytes = write_v2(Addresses { source, destination }, &tlvs);
            let plain = Addresses { source: canonical(source), destination: canonical(destination) };
            prop_assert_eq!(parse(&bytes), Ok(Some((Header::Proxied(Some(plain)), bytes.len()))));

            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            prop_assert_eq!(parse(&damaged), Err(Malformed::Checksum));
        }

        #[test]
        fn lines_are_read_as_they_are_written((source, destination) in address()) {
            let kind = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let line = format!(
                "PROXY {kind} {} {} {} {}\r\n",
                source.ip(), destination.ip(), source.port(), destination.port()
            );
            let plain = Addresses { source: canonical(source), destination: canonical(destination) };
            prop_assert_eq!(
                parse(line.as_bytes()),
                Ok(Some((Header::Proxied(Some(plain)), line.len())))
            );
        }

        #[test]
        fn any_bytes_give_an_answer_that_more_bytes_do_not_change(
            start in prop_oneof![
                Just(&b""[..]), Just(&b"PROXY "[..]), Just(&b"PROXY TCP4 1.2.3.4"[..]),
                Just(&SIGNATURE_V2[..]), Just(&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00"[..]),
            ],
            rest in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let bytes = [start, rest.as_slice()].concat();
            let answer = parse(&bytes);
            for end in 0..bytes.len() {
                match parse(&bytes[..end]) {
                    Ok(None) => {}
                    early => prop_assert_eq!(early, answer),
                }
            }
        }
    }
}
