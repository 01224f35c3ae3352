use proptest::prelude::*;

use super::*;
use crate::proxy_protocol::write::{ClientCert, LOCAL_V2, Tls, Tlvs, write_v2};

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
    // Families without a TCP address: the header is accepted, but its addresses are not known.
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
    // Refused before the rest has arrived.
    let long = by_hand(0x21, 0, &vec![0; MAX_HEADER]);
    assert_eq!(parse(&long[..HEAD_V2]), Err(Malformed::TooLong(HEAD_V2 + MAX_HEADER)));
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
            sig_alg: None, key_alg: None, client_cert: ClientCert::OnConnection,
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
