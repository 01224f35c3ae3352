use proptest::prelude::*;

use super::*;

/// What is known of an address just outside of a block.
type Beside = Option<AddressClass>;

fn class(address: &str) -> Beside {
    AddressClass::of(address.parse().unwrap())
}

/// The block, its class, its first and last address, and the addresses before and after it with their classes.
type Row = (AddressClass, [&'static str; 2], [(&'static str, Beside); 2]);

use AddressClass as C;

const NOTHING: (&str, Beside) = ("", None);

/// One row for each block of IANA's registries.
const BLOCKS: &[Row] = &[
    (C::ThisNetwork, ["0.0.0.0", "0.255.255.255"], [NOTHING, ("1.0.0.0", None)]),
    (C::Private, ["10.0.0.0", "10.255.255.255"], [("9.255.255.255", None), ("11.0.0.0", None)]),
    (
        C::SharedSpace,
        ["100.64.0.0", "100.127.255.255"],
        [("100.63.255.255", None), ("100.128.0.0", None)],
    ),
    (C::Loopback, ["127.0.0.0", "127.255.255.255"], [("126.255.255.255", None), ("128.0.0.0", None)]),
    (
        C::LinkLocal,
        ["169.254.0.0", "169.254.255.255"],
        [("169.253.255.255", None), ("169.255.0.0", None)],
    ),
    (C::Private, ["172.16.0.0", "172.31.255.255"], [("172.15.255.255", None), ("172.32.0.0", None)]),
    (
        C::ProtocolAssignment,
        ["192.0.0.0", "192.0.0.255"],
        [("191.255.255.255", None), ("192.0.1.0", None)],
    ),
    (C::Documentation, ["192.0.2.0", "192.0.2.255"], [("192.0.1.255", None), ("192.0.3.0", None)]),
    (C::SixToFour, ["192.88.99.0", "192.88.99.255"], [("192.88.98.255", None), ("192.88.100.0", None)]),
    (C::Private, ["192.168.0.0", "192.168.255.255"], [("192.167.255.255", None), ("192.169.0.0", None)]),
    (
        C::Benchmarking,
        ["198.18.0.0", "198.19.255.255"],
        [("198.17.255.255", None), ("198.20.0.0", None)],
    ),
    (
        C::Documentation,
        ["198.51.100.0", "198.51.100.255"],
        [("198.51.99.255", None), ("198.51.101.0", None)],
    ),
    (
        C::Documentation,
        ["203.0.113.0", "203.0.113.255"],
        [("203.0.112.255", None), ("203.0.114.0", None)],
    ),
    (
        C::Multicast,
        ["224.0.0.0", "239.255.255.255"],
        [("223.255.255.255", None), ("240.0.0.0", Some(C::Reserved))],
    ),
    (C::Reserved, ["240.0.0.0", "255.255.255.254"], [("239.255.255.255", Some(C::Multicast)), NOTHING]),
    (
        C::Broadcast,
        ["255.255.255.255", "255.255.255.255"],
        [("255.255.255.254", Some(C::Reserved)), NOTHING],
    ),
    (C::ThisNetwork, ["::", "::"], [NOTHING, ("::1", Some(C::Loopback))]),
    (C::Loopback, ["::1", "::1"], [("::", Some(C::ThisNetwork)), ("::2", Some(C::V4Compatible))]),
    (
        C::V4Compatible,
        ["::2", "::ffff:ffff"],
        [("::1", Some(C::Loopback)), ("::1:0:0", Some(C::Reserved))],
    ),
    (
        C::Nat64,
        ["64:ff9b::", "64:ff9b::ffff:ffff"],
        [
            ("64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::Reserved)),
            ("64:ff9b::1:0:0", Some(C::Reserved)),
        ],
    ),
    (
        C::Nat64,
        ["64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
        [("64:ff9b:0:ffff:ffff:ffff:ffff:ffff", Some(C::Reserved)), ("64:ff9b:2::", Some(C::Reserved))],
    ),
    (
        C::Discard,
        ["100::", "100::ffff:ffff:ffff:ffff"],
        [
            ("ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::Reserved)),
            ("100:0:0:1::", Some(C::Discard)),
        ],
    ),
    (
        C::Discard,
        ["100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"],
        [("100::ffff:ffff:ffff:ffff", Some(C::Discard)), ("100:0:0:2::", Some(C::Reserved))],
    ),
    (C::Reserved, ["1000::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], [NOTHING, ("2000::", None)]),
    (
        C::ProtocolAssignment,
        ["2001::", "2001::ffff:ffff:ffff:ffff:ffff:ffff"],
        [("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None), ("2001:1::", Some(C::ProtocolAssignment))],
    ),
    (
        C::Benchmarking,
        ["2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"],
        [
            ("2001:1:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::ProtocolAssignment)),
            ("2001:2:1::", Some(C::ProtocolAssignment)),
        ],
    ),
    (
        C::ProtocolAssignment,
        ["2001:20::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [NOTHING, ("2001:200::", None)],
    ),
    (
        C::Documentation,
        ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", None), ("2001:db9::", None)],
    ),
    (
        C::SixToFour,
        ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None), ("2003::", None)],
    ),
    (
        C::Documentation,
        ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None), ("3fff:1000::", None)],
    ),
    (
        C::Reserved,
        ["4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None), ("5f00::", Some(C::SegmentRouting))],
    ),
    (
        C::SegmentRouting,
        ["5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::Reserved)), ("5f01::", Some(C::Reserved))],
    ),
    (
        C::UniqueLocal,
        ["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::Reserved)), ("fe00::", Some(C::Reserved))],
    ),
    (
        C::LinkLocal,
        ["fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::Reserved)), ("fec0::", Some(C::SiteLocal))],
    ),
    (
        C::SiteLocal,
        ["fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [
            ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::LinkLocal)),
            ("ff00::", Some(C::Multicast)),
        ],
    ),
    (
        C::Multicast,
        ["ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        [("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(C::SiteLocal)), NOTHING],
    ),
];

/// Where clouds have the credentials of their virtual machines.
const METADATA: [&str; 8] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
];

#[test]
fn each_block_is_refused_from_its_first_address_to_its_last() {
    for (wanted, edges, beside) in BLOCKS {
        for edge in edges {
            assert_eq!(class(edge), Some(*wanted), "{edge}");
        }
        for (address, wanted) in beside.iter().filter(|(address, _)| !address.is_empty()) {
            assert_eq!(class(address), *wanted, "{address}");
        }
    }
}

#[test]
fn each_class_has_a_row_and_a_word_of_its_own() {
    for wanted in AddressClass::ALL {
        let has_row = BLOCKS.iter().any(|(class, ..)| *class == wanted) || wanted == C::CloudMetadata;
        assert!(has_row, "{wanted}");
    }
    let mut words = AddressClass::ALL.map(AddressClass::as_str);
    words.sort_unstable();
    assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "{words:?}");
}

#[test]
fn an_ipv4_address_that_is_written_as_an_ipv6_one_is_what_it_is() {
    assert_eq!(class("::ffff:127.0.0.1"), Some(C::Loopback));
    assert_eq!(class("::ffff:10.1.2.3"), Some(C::Private));
    assert_eq!(class("::ffff:169.254.169.254"), Some(C::CloudMetadata));
    assert_eq!(class("::ffff:9.9.9.9"), None);
}

fn check(networks: &[&str]) -> Result<AddressCheck, NotPrivate> {
    AddressCheck::new(networks.iter().map(|net| net.parse().unwrap()).collect())
}

fn is_allowed(check: &AddressCheck, address: &str) -> bool {
    check.check(address.parse().unwrap()).is_ok()
}

#[test]
fn a_private_network_can_be_allowed_and_nothing_beside_it() {
    let check = check(&["10.1.0.0/16", "127.0.0.1/32", "fd12:3456::/32"]).unwrap();

    for address in
        ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "127.0.0.1", "fd12:3456::1", "9.9.9.9"]
    {
        assert!(is_allowed(&check, address), "{address}");
    }
    for address in ["10.0.255.255", "10.2.0.0", "127.0.0.2", "fd12:3457::1", "::1", "192.168.1.1"] {
        assert!(!is_allowed(&check, address), "{address}");
    }
}

#[test]
fn the_metadata_of_a_cloud_are_refused_within_an_allowed_network_too() {
    let check = check(&["100.64.0.0/10", "fc00::/7", "10.0.0.0/8"]).unwrap();

    for address in METADATA {
        assert_eq!(class(address), Some(C::CloudMetadata), "{address}");
        assert!(!is_allowed(&check, address), "{address}");
    }
    assert!(is_allowed(&check, "100.100.100.201"));
}

#[test]
fn only_networks_that_are_wholly_private_can_be_allowed() {
    for net in [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/7",
        "172.0.0.0/8",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "224.0.0.0/4",
        "9.9.9.9/32",
        "192.0.2.0/24",
        "fe80::/10",
        "::ffff:10.0.0.0/104",
        "2002::/16",
        "64:ff9b::/96",
        "fd00:ec2::254/128",
    ] {
        let error = check(&["10.0.0.0/8", net]).unwrap_err();
        assert_eq!(error, NotPrivate(net.parse().unwrap()));
        assert!(error.to_string().starts_with(net), "{error}");
    }
    assert!(check(&["10.0.0.0/8", "::1/128", "100.64.0.0/10"]).is_ok());
}

fn resolved(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 443)).collect()
}

#[test]
fn of_several_addresses_only_the_public_ones_are_used() {
    let check = AddressCheck::default();
    let mixed = resolved(&["10.0.0.1", "9.9.9.9", "::ffff:127.0.0.1", "2620:fe::fe"]);

    assert_eq!(check.select(&mixed), Ok(resolved(&["9.9.9.9", "2620:fe::fe"])));
    assert_eq!(check.select(&[]), Err(AddressRefused::None));
}

#[test]
fn a_name_that_leads_elsewhere_at_the_second_try_is_refused_then() {
    let check = AddressCheck::default();

    assert!(check.select(&resolved(&["9.9.9.9"])).is_ok());
    let error = check.select(&resolved(&["127.0.0.1", "10.0.0.1"])).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the target has the address 127.0.0.1, which is not public (loopback)"
    );
    assert!(error.hint().contains("allow_private"));
}

proptest! {
    /// However an IPv4 address is written, the same is decided about it, and an IPv6 form that hides one is never public.
    #[test]
    fn no_form_of_an_ipv4_address_changes_the_decision(bits: u32) {
        let v4 = std::net::Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = v4.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        prop_assert_eq!(AddressClass::of(v4.to_ipv6_mapped().into()), AddressClass::of(v4.into()));
        for hidden in [
            std::net::Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            std::net::Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            std::net::Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
        ] {
            prop_assert!(AddressClass::of(hidden.into()).is_some(), "{}", hidden);
        }
    }

    /// The standard library calls nothing of this public.
    #[test]
    fn what_is_public_is_nothing_that_the_standard_library_calls_special(bits: u128) {
        let v6 = std::net::Ipv6Addr::from_bits(bits);
        if AddressClass::of(v6.into()).is_none() {
            prop_assert!(!v6.is_loopback() && !v6.is_multicast() && !v6.is_unicast_link_local() && !v6.is_unique_local());
        }
        let v4 = std::net::Ipv4Addr::from_bits((bits >> 64) as u32);
        if AddressClass::of(v4.into()).is_none() {
            prop_assert!(!v4.is_private() && !v4.is_loopback() && !v4.is_link_local() && !v4.is_multicast());
            prop_assert!(!v4.is_broadcast() && !v4.is_documentation() && !v4.is_unspecified());
        }
    }
}
